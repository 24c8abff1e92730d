#include "tests/unit/support/script_runtime.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"

enum verb {
    PULL,
    IMPORT,
    IMAGE_INSPECT,
    IMAGE_REMOVE,
    CREATE,
    START,
    STOP,
    KILL,
    REMOVE,
    INSPECT,
    LIST,
    PING
};
static const char *const verbs[] = {"pull",   "import",  "image-inspect", "image-remove",
                                    "create", "start",   "stop",          "kill",
                                    "remove", "inspect", "list",          "ping"};

struct eca_op {
    struct script_runtime *docker;
    enum verb verb;
    char *target; /* id, name or image */
    struct script_container *container;
    struct eca_list_node node;
    struct eca_timer timer;
    eca_runtime_fn *on_done;
    eca_runtime_list_fn *on_list;
    void *arg;
    struct script_rule rule;
    bool has_rule;
    /* create */
    char *name, *task_arn, *label, *cluster;
    struct eca_port_binding bindings[4];
    size_t binding_count;
    char *mounts[8];
    size_t mount_count;
};

struct event {
    struct eca_list_node node;
    struct eca_runtime_event event;
    char *id;
};

static void op_free(struct eca_op *op)
{
    struct script_runtime *docker = op->docker;

    eca_timer_stop(&op->timer);
    eca_list_remove(&docker->flying, &op->node);
    docker->in_flight--;
    docker->pulls_in_flight -= op->verb == PULL ? 1 : 0;
    docker->looks_in_flight -= op->verb == INSPECT ? 1 : 0;
    for (size_t i = 0; i < op->mount_count; i++) {
        eca_free(op->mounts[i]);
    }
    eca_free(op->target);
    eca_free(op->name);
    eca_free(op->task_arn);
    eca_free(op->label);
    eca_free(op->cluster);
    eca_free(op);
}

static struct script_container *by_id_or_name(struct script_runtime *docker, const char *text)
{
    for (size_t i = docker->container_count; i-- > 0;) {
        struct script_container *c = &docker->containers[i];

        if (c->state != SCRIPT_REMOVED &&
            (strcmp(c->id, text) == 0 || strcmp(c->name, text) == 0)) {
            return c;
        }
    }
    return NULL;
}

struct script_container *script_runtime_find(struct script_runtime *docker, const char *label)
{
    for (size_t i = docker->container_count; i-- > 0;) {
        if (docker->containers[i].label != NULL &&
            strcmp(docker->containers[i].label, label) == 0) {
            return &docker->containers[i];
        }
    }
    return NULL;
}

/* ---- answers -------------------------------------------------------------------------------- */

struct shown {
    struct eca_container_info info;
    struct eca_container_mount mounts[8];
    char host[8][64];
};

static void show(const struct script_container *c, struct shown *shown)
{
    *shown =
        (struct shown){.info = {.id = c->id,
                                .name = c->name,
                                .image_id = "sha256:img",
                                .running = c->state == SCRIPT_RUNNING,
                                .never_started = c->state == SCRIPT_CREATED,
                                .has_exit_code = c->state == SCRIPT_EXITED,
                                .exit_code = c->exit_code,
                                .oom_killed = c->oom,
                                .state_error = c->state_error == NULL ? "" : c->state_error,
                                .has_bindings = true,
                                .bindings = c->state == SCRIPT_RUNNING ? c->bindings : NULL,
                                .binding_count = c->state == SCRIPT_RUNNING ? c->binding_count : 0,
                                .label_task_arn = c->task_arn,
                                .label_container_name = c->label,
                                .label_cluster = c->cluster}};
    for (size_t i = 0; i < c->mount_count; i++) {
        (void)snprintf(shown->host[i], sizeof(shown->host[i]), "/var/volumes/%zu", i);
        shown->mounts[i] = (struct eca_container_mount){c->mount_paths[i], shown->host[i]};
    }
    shown->info.mounts = shown->mounts;
    shown->info.mount_count = c->mount_count;
}

static struct script_container *put(struct script_runtime *docker)
{
    assert(docker->container_count < SCRIPT_CONTAINERS_MAX);
    return &docker->containers[docker->container_count++];
}

static void push_event(struct script_runtime *docker, enum eca_event_kind kind, const char *id,
                       bool has_code, int64_t code)
{
    struct event *event = eca_xalloc(sizeof(*event));

    event->id = eca_xstrdup(id);
    event->event = (struct eca_runtime_event){
        .kind = kind, .container_id = event->id, .has_exit_code = has_code, .exit_code = code};
    eca_list_push_back(&docker->events, &event->node);
    eca_deferred_queue(&docker->event_work);
}

static void end_container(struct script_runtime *docker, struct script_container *c, int64_t code)
{
    c->state = SCRIPT_EXITED;
    c->exit_code = code;
    push_event(docker, ECA_EVENT_DIE, c->id, true, code);
}

/* What the daemon does; the outcome if no rule says otherwise. */
static enum eca_outcome effect(struct eca_op *op)
{
    struct script_runtime *docker = op->docker;
    struct script_container *c = NULL;

    if (op->verb == CREATE) {
        if (by_id_or_name(docker, op->name) != NULL) {
            return ECA_OUTCOME_CONFLICT;
        }
        c = put(docker);
        c->id = eca_xasprintf("id-%s-%u", op->label, ++docker->next_id);
        c->name = eca_take(op->name);
        c->task_arn = eca_take(op->task_arn);
        c->label = eca_take(op->label);
        c->cluster = eca_take(op->cluster);
        memcpy(c->bindings, op->bindings, sizeof(c->bindings));
        c->binding_count = op->binding_count;
        memcpy(c->mount_paths, op->mounts, sizeof(c->mount_paths));
        c->mount_count = op->mount_count;
        op->mount_count = 0;
        op->container = c;
        return ECA_OUTCOME_DONE;
    }
    if (op->verb == IMAGE_INSPECT) {
        return docker->images_present ? ECA_OUTCOME_DONE : ECA_OUTCOME_NOT_FOUND;
    }
    if (op->verb == PULL || op->verb == IMPORT) {
        docker->images_present = true;
        return ECA_OUTCOME_DONE;
    }
    if (op->verb == PING || op->verb == LIST || op->verb == IMAGE_REMOVE) {
        return ECA_OUTCOME_DONE;
    }
    c = op->container = by_id_or_name(docker, op->target);
    if (c == NULL) {
        return ECA_OUTCOME_NOT_FOUND;
    }
    switch (op->verb) {
    case START:
        if (c->state == SCRIPT_RUNNING) {
            return ECA_OUTCOME_ALREADY;
        }
        if (strstr(c->label, "internal") != NULL &&
            !docker->internal_starts) { /* its command does not exist (DKR-531) */
            return ECA_OUTCOME_FAILED;
        }
        c->state = SCRIPT_RUNNING;
        push_event(docker, ECA_EVENT_START, c->id, false, 0);
        if (docker->start_exits) {
            end_container(docker, c, 0);
        }
        return ECA_OUTCOME_DONE;
    case STOP:
    case KILL:
        if (c->state != SCRIPT_RUNNING) {
            return ECA_OUTCOME_ALREADY;
        }
        if (docker->stop_ends || op->verb == KILL) {
            end_container(docker, c, op->verb == KILL ? 137 : 143);
        }
        return ECA_OUTCOME_DONE;
    case REMOVE:
        if (c->state == SCRIPT_RUNNING) {
            return ECA_OUTCOME_CONFLICT;
        }
        c->state = SCRIPT_REMOVED;
        return ECA_OUTCOME_DONE;
    default:
        return ECA_OUTCOME_DONE;
    }
}

static void error_of(enum verb verb, enum eca_outcome outcome, struct eca_named_error *error)
{
    static const char *const names[] = {[PULL] = "CannotPullContainerError",
                                        [CREATE] = "CannotCreateContainerError",
                                        [START] = "CannotStartContainerError",
                                        [STOP] = "CannotStopContainerError",
                                        [KILL] = "CannotStopContainerError",
                                        [INSPECT] = "CannotInspectContainerError",
                                        [PING] = NULL};
    const char *name = verb < ECA_ARRAY_LEN(names) ? names[verb] : NULL;

    if (outcome == ECA_OUTCOME_TIMEOUT) {
        eca_named_error_set(error, "DockerTimeoutError",
                            "Could not transition to %s; timed out after waiting 1m0s",
                            verb == START  ? "started"
                            : verb == STOP ? "stopped"
                                           : "created");
    } else {
        eca_named_error_set(error, name == NULL ? "CannotRemoveContainerError" : name,
                            "scripted %s", eca_outcome_name(outcome));
    }
}

static void answer_list(struct eca_op *op)
{
    struct script_runtime *docker = op->docker;
    struct eca_list_entry_info *entries =
        eca_xalloc((docker->container_count + 1) * sizeof(*entries));
    eca_runtime_list_fn *fn = op->on_list;
    void *arg = op->arg;
    enum eca_outcome outcome = op->has_rule ? op->rule.outcome : ECA_OUTCOME_DONE;
    size_t count = 0;

    for (size_t i = 0; i < docker->container_count; i++) {
        const struct script_container *c = &docker->containers[i];

        if (c->state != SCRIPT_REMOVED) {
            entries[count++] = (struct eca_list_entry_info){
                .id = c->id,
                .name = c->name,
                .running = c->state == SCRIPT_RUNNING,
                .label_task_arn = docker->list_labels ? c->task_arn : NULL,
                .label_container_name = docker->list_labels ? c->label : NULL,
                .label_cluster = docker->list_labels ? c->cluster : NULL};
        }
    }
    op_free(op);
    fn(arg, outcome, NULL, outcome == ECA_OUTCOME_DONE ? entries : NULL,
       outcome == ECA_OUTCOME_DONE ? count : 0);
    eca_free(entries);
}

static void answer(void *arg)
{
    struct eca_op *op = arg;
    struct script_runtime *docker = op->docker;
    struct eca_runtime_result result = {.image_id = docker->image_id, .image_bytes = 1000};
    struct shown shown;
    eca_runtime_fn *fn = op->on_done;
    void *fn_arg = op->arg;
    bool with_facts = false;
    enum verb verb = op->verb;

    if (op->verb == LIST) {
        answer_list(op);
        return;
    }
    if (op->has_rule && !op->rule.effect) {
        result.outcome = op->rule.outcome;
    } else {
        result.outcome = effect(op);
        if (op->has_rule) {
            result.outcome = op->rule.outcome;
        }
        with_facts = (verb == CREATE || verb == START || verb == STOP || verb == INSPECT) &&
                     op->container != NULL && !(op->has_rule && op->rule.no_facts) &&
                     (result.outcome == ECA_OUTCOME_DONE || result.outcome == ECA_OUTCOME_ALREADY);
    }
    if (verb == CREATE && op->container != NULL && result.outcome == ECA_OUTCOME_DONE) {
        result.id = op->container->id;
    }
    if (with_facts) {
        show(op->container, &shown);
        result.info = &shown.info;
    }
    if (result.outcome != ECA_OUTCOME_DONE || (op->has_rule && op->rule.no_facts)) {
        error_of(op->has_rule && op->rule.no_facts ? INSPECT : verb, result.outcome, &result.error);
    }
    op_free(op);
    fn(fn_arg, &result);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static bool take_rule(struct script_runtime *docker, const char *verb, const char *target,
                      struct script_rule *ret)
{
    for (size_t i = 0; i < docker->rule_count; i++) {
        struct script_rule *rule = &docker->rules[i];

        if (rule->times > 0 && strcmp(rule->verb, verb) == 0 &&
            (rule->target == NULL || strcmp(rule->target, target) == 0)) {
            rule->times -= rule->times == UINT32_MAX ? 0 : 1;
            *ret = *rule;
            return true;
        }
    }
    return false;
}

static struct eca_op *begin(struct script_runtime *docker, enum verb verb, const char *target,
                            const char *shown, void *on_done_arg, struct eca_op **ret_op)
{
    struct eca_op *op = eca_xalloc(sizeof(*op));

    op->docker = docker;
    op->verb = verb;
    op->target = eca_xstrdup(target);
    op->arg = on_done_arg;
    eca_buf_addf(&docker->log, "%s %s\n", verbs[verb], shown);
    eca_buf_addf(&docker->asked, "%s %s\n", verbs[verb], target);
    op->has_rule = take_rule(docker, verbs[verb], shown, &op->rule);
    eca_list_push_back(&docker->flying, &op->node);
    docker->in_flight++;
    docker->pulls_in_flight += verb == PULL ? 1 : 0;
    docker->looks_in_flight += verb == INSPECT ? 1 : 0;
    docker->pulls_max =
        docker->pulls_in_flight > docker->pulls_max ? docker->pulls_in_flight : docker->pulls_max;
    docker->looks_max =
        docker->looks_in_flight > docker->looks_max ? docker->looks_in_flight : docker->looks_max;
    eca_timer_init(&op->timer, docker->sched, answer, op);
    if (!(op->has_rule && op->rule.hang)) {
        eca_timer_start_ms(&op->timer, docker->call_ms);
    }
    *ret_op = op;
    return op;
}

static const char *label_of(struct script_runtime *docker, const char *target)
{
    const struct script_container *c = by_id_or_name(docker, target);

    return c == NULL || c->label == NULL ? target : c->label;
}

static int do_pull(void *impl, const struct eca_pull_opts *opts, eca_runtime_fn *on_done, void *arg,
                   struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    begin(impl, PULL, opts->image, opts->image, arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_import(void *impl, const char *repo, const char *tag, eca_runtime_fn *on_done,
                     void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    (void)tag;
    begin(impl, IMPORT, repo, repo, arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_image_inspect(void *impl, const char *name, eca_runtime_fn *on_done, void *arg,
                            struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    begin(impl, IMAGE_INSPECT, name, name, arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_image_remove(void *impl, const char *name, eca_runtime_fn *on_done, void *arg,
                           struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    begin(impl, IMAGE_REMOVE, name, name, arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_create(void *impl, const struct eca_container_spec *spec, eca_runtime_fn *on_done,
                     void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_op *op =
        begin(impl, CREATE, spec->docker_name, spec->labels.container_name, arg, ret_op);

    (void)err;
    eca_buf_addf(&op->docker->asked, "create version %s\n",
                 spec->api_version == NULL ? "newest" : spec->api_version);
    op->on_done = on_done;
    op->name = eca_xstrdup(spec->docker_name);
    op->task_arn = eca_xstrdup(spec->labels.task_arn);
    op->label = eca_xstrdup(spec->labels.container_name);
    op->cluster = eca_xstrdup(spec->labels.cluster);
    for (size_t i = 0; i < spec->port_count && i < 4; i++) {
        op->bindings[op->binding_count++] = (struct eca_port_binding){
            .container_port = spec->ports[i].container_port,
            .host_port =
                spec->ports[i].host_port == 0 ? (uint16_t)(32768 + i) : spec->ports[i].host_port,
            .bind_ip = "0.0.0.0",
            .udp = spec->ports[i].udp};
    }
    for (size_t i = 0; i < spec->volume_count && i < 8; i++) {
        op->mounts[op->mount_count++] = eca_xstrdup(spec->volumes[i]);
    }
    return ECA_OK;
}

static int do_start(void *impl, const char *id, const char *version, eca_runtime_fn *on_done,
                    void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct script_runtime *docker = impl;

    (void)err;
    begin(docker, START, id, label_of(docker, id), arg, ret_op)->on_done = on_done;
    eca_buf_addf(&docker->asked, "start version %s\n", version == NULL ? "newest" : version);
    return ECA_OK;
}

static int do_stop(void *impl, const char *id, uint64_t timeout_s, eca_runtime_fn *on_done,
                   void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    (void)timeout_s;
    begin(impl, STOP, id, label_of(impl, id), arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_kill(void *impl, const char *id, eca_runtime_fn *on_done, void *arg,
                   struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    begin(impl, KILL, id, label_of(impl, id), arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_remove(void *impl, const char *id, eca_runtime_fn *on_done, void *arg,
                     struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    begin(impl, REMOVE, id, label_of(impl, id), arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_inspect(void *impl, const char *id, eca_runtime_fn *on_done, void *arg,
                      struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    begin(impl, INSPECT, id, label_of(impl, id), arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_ping(void *impl, uint64_t limit_ms, eca_runtime_fn *on_done, void *arg,
                   struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    (void)limit_ms;
    begin(impl, PING, "", "", arg, ret_op)->on_done = on_done;
    return ECA_OK;
}

static int do_list(void *impl, bool all, eca_runtime_list_fn *on_done, void *arg,
                   struct eca_op **ret_op, struct eca_err *err)
{
    (void)err;
    (void)all;
    begin(impl, LIST, "", "", arg, ret_op)->on_list = on_done;
    return ECA_OK;
}

static int do_events(void *impl, eca_runtime_event_fn *on_event, void *arg, struct eca_err *err)
{
    struct script_runtime *docker = impl;

    (void)err;
    docker->on_event = on_event;
    docker->event_arg = arg;
    return ECA_OK;
}

static void do_cancel(void *impl, struct eca_op *op)
{
    struct script_runtime *docker = impl;

    eca_buf_addf(&docker->log, "cancel %s\n", verbs[op->verb]);
    if (docker->cancel_effect && op->verb != LIST && !op->has_rule) {
        (void)effect(op);
    }
    op_free(op);
}

static const struct eca_runtime_ops ops = {.ping = do_ping,
                                           .pull = do_pull,
                                           .import_empty = do_import,
                                           .image_inspect = do_image_inspect,
                                           .image_remove = do_image_remove,
                                           .create = do_create,
                                           .start = do_start,
                                           .stop = do_stop,
                                           .kill = do_kill,
                                           .remove = do_remove,
                                           .inspect = do_inspect,
                                           .list = do_list,
                                           .events = do_events,
                                           .cancel = do_cancel};

struct eca_runtime script_runtime_port(struct script_runtime *docker)
{
    return (struct eca_runtime){.ops = &ops, .impl = docker};
}

/* ---- the test's side ------------------------------------------------------------------------ */

static void send_events(void *arg)
{
    struct script_runtime *docker = arg;
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&docker->events)) != NULL) {
        struct event *event = eca_container_of(node, struct event, node);

        if (docker->on_event != NULL) {
            docker->on_event(docker->event_arg, &event->event);
        }
        eca_free(event->id);
        eca_free(event);
    }
}

void script_runtime_init(struct script_runtime *docker, struct eca_sched *sched)
{
    *docker = (struct script_runtime){.sched = sched,
                                      .call_ms = 1,
                                      .list_labels = true,
                                      .stop_ends = true,
                                      .image_id = "sha256:img"};
    docker->containers = eca_xalloc(SCRIPT_CONTAINERS_MAX * sizeof(*docker->containers));
    eca_list_init(&docker->flying);
    eca_list_init(&docker->events);
    eca_deferred_init(&docker->event_work, sched, send_events, docker);
}

void script_runtime_clear(struct script_runtime *docker)
{
    struct eca_list_node *node;

    while ((node = eca_list_first(&docker->flying)) != NULL) {
        op_free(eca_container_of(node, struct eca_op, node));
    }
    docker->on_event = NULL;
    send_events(docker);
    eca_deferred_cancel(&docker->event_work);
    for (size_t i = 0; i < docker->container_count; i++) {
        struct script_container *c = &docker->containers[i];

        for (size_t j = 0; j < c->mount_count; j++) {
            eca_free(c->mount_paths[j]);
        }
        eca_free(c->id);
        eca_free(c->name);
        eca_free(c->task_arn);
        eca_free(c->label);
        eca_free(c->cluster);
        eca_free(c->state_error);
    }
    eca_free(docker->containers);
    eca_buf_clear(&docker->log);
    eca_buf_clear(&docker->asked);
}

struct script_rule *script_runtime_rule(struct script_runtime *docker, const char *verb,
                                        const char *target, enum eca_outcome outcome,
                                        uint32_t times)
{
    struct script_rule *rule = &docker->rules[docker->rule_count++];

    assert(docker->rule_count <= SCRIPT_RULES_MAX);
    *rule =
        (struct script_rule){.verb = verb, .target = target, .outcome = outcome, .times = times};
    return rule;
}

void script_runtime_hang(struct script_runtime *docker, const char *verb, const char *target)
{
    script_runtime_rule(docker, verb, target, ECA_OUTCOME_DONE, UINT32_MAX)->hang = true;
}

void script_runtime_unrule(struct script_runtime *docker)
{
    docker->rule_count = 0;
}

void script_runtime_release(struct script_runtime *docker)
{
    ECA_LIST_FOREACH(node, &docker->flying)
    {
        struct eca_op *op = eca_container_of(node, struct eca_op, node);

        if (!eca_timer_is_armed(&op->timer)) {
            op->has_rule = false;
            eca_timer_start_ms(&op->timer, docker->call_ms);
        }
    }
}

struct script_container *script_runtime_put(struct script_runtime *docker, const char *id,
                                            const char *name, const char *task_arn,
                                            const char *label)
{
    struct script_container *c = put(docker);

    c->id = eca_xstrdup(id);
    c->name = eca_xstrdup(name);
    c->task_arn = eca_xstrdup(task_arn);
    c->label = eca_xstrdup(label);
    c->cluster = eca_xstrdup("default");
    return c;
}

void script_runtime_exit_quietly(struct script_runtime *docker, const char *label, int64_t code)
{
    struct script_container *c = script_runtime_find(docker, label);

    assert(c != NULL);
    c->state = SCRIPT_EXITED;
    c->exit_code = code;
}

void script_runtime_die(struct script_runtime *docker, const char *label, int64_t code)
{
    struct script_container *c = script_runtime_find(docker, label);

    assert(c != NULL);
    end_container(docker, c, code);
}

void script_runtime_event(struct script_runtime *docker, enum eca_event_kind kind, const char *id)
{
    push_event(docker, kind, id, false, 0);
}

size_t script_runtime_count(const struct script_runtime *docker, const char *text)
{
    const char *at = eca_buf_str(&docker->log);
    size_t count = 0, len = strlen(text);

    while (*at != '\0') {
        const char *end = strchr(at, '\n');

        count += strncmp(at, text, len) == 0 ? 1 : 0;
        if (end == NULL) {
            break;
        }
        at = end + 1;
    }
    return count;
}

size_t script_runtime_alive(const struct script_runtime *docker)
{
    size_t count = 0;

    for (size_t i = 0; i < docker->container_count; i++) {
        count += docker->containers[i].state == SCRIPT_RUNNING ? 1 : 0;
    }
    return count;
}
