#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

/*
 * What must hold at every moment of every run of our own agent, whatever is broken: looked at as
 * the events come. The fakes watch more of this kind (FB-INV.1, .2, .3, .8) and report violations.
 * A live run of any binary is not judged here.
 */
#define HOUR_NS (UINT64_C(3600) * 1000000000)
/* An attempt that fails at once waits 250 ms first, 2 min in the end (ACS-212); sessions that the
 * service closes as planned may follow each other faster. */
#define CONNECTS_PER_HOUR_MAX 1500
/* Submissions that fail: 1 s first, 30 s in the end (SEND-105), of ten tasks at a time. */
#define FAILURES_PER_HOUR_MAX 1500

struct rate {
    uint64_t since_ns, count;
};

struct hns_invariants {
    struct eca_map *exits; /* "task/container" -> owned text of its exit codes: " 0 137 " */
    struct rate connects[FAKE_LANES], failures;
};

struct hns_invariants *hns_invariants_new(void)
{
    struct hns_invariants *invariants = eca_xalloc(sizeof *invariants);

    invariants->exits = eca_map_new();
    return invariants;
}

void hns_invariants_free(struct hns_invariants *invariants)
{
    size_t cursor = 0;
    void *value;

    if (invariants == NULL) {
        return;
    }
    while (eca_map_next(invariants->exits, &cursor, NULL, &value)) {
        eca_free(value);
    }
    eca_map_free(invariants->exits);
    eca_free(invariants);
}

static const char *text_of(eca_json fields, const char *key)
{
    eca_json value = eca_json_get(fields, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : "";
}

static bool is_allowed(const struct hns_run *run, const char *rule)
{
    return hns_node_get(run->scenario->allow, rule) != NULL;
}

static void count_attempt(struct hns_run *run, struct rate *rate, const struct fake_event *event,
                          uint64_t max)
{
    if (rate->count == 0 || event->at_ns - rate->since_ns >= HOUR_NS) {
        *rate = (struct rate){.since_ns = event->at_ns};
    }
    if (++rate->count > max && !is_allowed(run, "FB-INV.8")) {
        hns_fail_wrong(run, NULL, "FB-INV.8: more than %llu attempts (%s) within an hour",
                       (unsigned long long)max, event->name);
    }
}

static void exited(struct hns_invariants *invariants, eca_json fields)
{
    const char *container = text_of(fields, "container");
    const char *before = eca_map_get(invariants->exits, container);
    eca_auto_buf struct eca_buf codes = {0};

    eca_buf_add_str(&codes, before == NULL ? " " : before);
    eca_json_print(eca_json_get(fields, "exitCode"), &codes);
    eca_buf_add_char(&codes, ' ');
    eca_free(eca_map_put(invariants->exits, container, eca_buf_take(&codes)));
}

/* TASKM-157, ENG-418: the exit code of a container is one that it had; it is there when it had one.
 */
static void check_exit_code(struct hns_run *run, eca_json fields)
{
    eca_auto_free char *ref =
        eca_xasprintf("%s/%s", text_of(fields, "task"), text_of(fields, "container"));
    const char *codes = eca_map_get(run->invariants->exits, ref);
    eca_auto_buf struct eca_buf code = {0};

    if (codes == NULL) { /* it ended before this run, or never ran */
        return;
    }
    if (eca_json_get(fields, "exitCode") == NULL) {
        /* Nothing went wrong, and Docker still knows the one end that there was. */
        if (text_of(fields, "reason")[0] == '\0' && strchr(codes + 1, ' ')[1] == '\0' &&
            fake_docker_state(run->cast.docker, ref) == FAKE_DOCKER_EXITED) {
            hns_fail_wrong(run, NULL,
                           "ENG-418 is broken: %s is reported without exit code and ended with%s",
                           ref, codes);
        }
        return;
    }
    eca_buf_add_char(&code, ' ');
    eca_json_print(eca_json_get(fields, "exitCode"), &code);
    eca_buf_add_char(&code, ' ');
    if (strstr(codes, eca_buf_str(&code)) == NULL) {
        hns_fail_wrong(run, NULL,
                       "TASKM-157 is broken: %s is reported with exit code%s and ended with%s", ref,
                       eca_buf_str(&code), codes);
    }
}

static const struct hns_node *containers_of(const struct hns_node *task)
{
    const struct hns_node *containers = hns_node_get(task, "containers");

    return containers != NULL && containers->kind == HNS_LIST ? containers : NULL;
}

/* ENG-605: all containers' STOPPED before the task's. */
static void check_order(struct hns_run *run, const char *task)
{
    const struct hns_node *containers = containers_of(eca_map_get(run->sent, task));

    for (size_t i = 0; containers != NULL && i < containers->count; i++) {
        const char *name = hns_node_get(containers->items[i], "name")->text;
        const char *status =
            fake_ecs_container_status(run->cast.ecs, hns_task_arn(run, task), name);

        if (status != NULL && strcmp(status, "RUNNING") == 0) {
            hns_fail_wrong(run, NULL, "ENG-605 is broken: %s is STOPPED before its container %s",
                           task, name);
        }
    }
}

static void submitted(struct hns_run *run, const struct fake_event *event, eca_json fields)
{
    bool task = strcmp(event->name, "SubmitTaskStateChange") == 0;

    if (strcmp(text_of(fields, "status"), "STOPPED") != 0) {
        return;
    }
    if (task && !is_allowed(run, "ENG-605")) {
        check_order(run, text_of(fields, "task"));
    } else if (!task && run->cast.docker != NULL && !is_allowed(run, "TASKM-157")) {
        check_exit_code(run, fields);
    }
}

static bool is_stopped(struct hns_run *run, const char *task)
{
    const char *status = fake_ecs_task_status(run->cast.ecs, hns_task_arn(run, task));

    return status != NULL && strcmp(status, "STOPPED") == 0;
}

/* IMG-202: what a container of a task that has not ended was made from stays. */
static void check_image(struct hns_run *run, const char *image)
{
    size_t cursor = 0;
    const char *task;
    void *value;

    while (run->cast.docker != NULL && eca_map_next(run->sent, &cursor, &task, &value)) {
        const struct hns_node *containers = is_stopped(run, task) ? NULL : containers_of(value);

        for (size_t i = 0; containers != NULL && i < containers->count; i++) {
            const struct hns_node *own = hns_node_get(containers->items[i], "image");
            eca_auto_free char *ref =
                eca_xasprintf("%s/%s", task, hns_node_get(containers->items[i], "name")->text);

            if (own != NULL && strcmp(own->text, image) == 0 &&
                fake_docker_state(run->cast.docker, ref) != FAKE_DOCKER_NONE) {
                hns_fail_wrong(run, NULL, "IMG-202 is broken: %s is to be removed, %s uses it",
                               image, ref);
            }
        }
    }
}

void hns_invariants_event(struct hns_run *run, const struct fake_event *event)
{
    bool submits = event->lane == FAKE_LANE_ECS && strncmp(event->name, "Submit", 6) == 0;
    bool connects = (event->lane == FAKE_LANE_ACS || event->lane == FAKE_LANE_TCS) &&
                    (strcmp(event->name, "connect") == 0 || strcmp(event->name, "refused") == 0);
    bool exits = event->lane == FAKE_LANE_DOCKER && strcmp(event->name, "exited") == 0;
    bool removes = event->lane == FAKE_LANE_DOCKER && strcmp(event->name, "image-remove") == 0;
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (run->opts->mode == HNS_LIVE || !(submits || connects || exits || removes)) {
        return;
    }
    if (connects) {
        count_attempt(run, &run->invariants->connects[event->lane], event, CONNECTS_PER_HOUR_MAX);
        return;
    }
    if (eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    if (submits) {
        if (strchr(event->name, '.') == NULL) {
            submitted(run, event, eca_json_root(doc));
        } else {
            count_attempt(run, &run->invariants->failures, event, FAILURES_PER_HOUR_MAX);
        }
    } else if (exits) {
        exited(run->invariants, eca_json_root(doc));
    } else if (!is_allowed(run, "IMG-202")) {
        check_image(run, text_of(eca_json_root(doc), "image"));
    }
}

/* ---- credentials ----------------------------------------------------------------------------- */

#define PORT_CREDENTIALS 51679
#define ENDS_WITHIN_NS (UINT64_C(1) * 1000000000) /* from STOPPED at ECS to their removal */

struct ask {
    struct hns_run *run;
    const struct hns_node *step;
    const char *task;
    bool served;
};

/* For ECS a task runs until it hears of its end; the keys go with its last container. */
static bool runs(struct hns_run *run, const char *task)
{
    return fake_ecs_stopped_ns(run->cast.ecs, hns_task_arn(run, task)) == 0 &&
           (run->cast.docker == NULL || fake_docker_running(run->cast.docker, task) > 0);
}

static void on_credentials(void *arg, int status, struct eca_view body, const char *error)
{
    struct ask *ask = arg;
    struct hns_run *run = ask->run;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_free char *key = eca_xasprintf("AKIDROLE%s", ask->task);
    const char *have = "";
    uint64_t stopped_ns = fake_ecs_stopped_ns(run->cast.ecs, hns_task_arn(run, ask->task));

    (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_AGENT, "credentials", "task", ask->task,
                          "status", status == 200 ? "served" : "none", NULL);
    if (status != 200) {
        if (ask->served && runs(run, ask->task)) {
            hns_fail_wrong(run, ask->step, "%s runs and has no credentials: status %d %s",
                           ask->task, status, error == NULL ? "" : error);
        }
        return;
    }
    if (eca_json_parse(body, &doc, NULL) == ECA_OK) {
        have = text_of(eca_json_root(doc), "AccessKeyId");
    }
    if (strcmp(have, key) != 0) {
        hns_fail_wrong(run, ask->step, "CRED-101 is broken: the id of %s leads to the keys %s",
                       ask->task, have);
    } else if (stopped_ns != 0 &&
               eca_sched_now_ns(run->stage.base.sched) - stopped_ns > ENDS_WITHIN_NS) {
        hns_fail_wrong(run, ask->step,
                       "CRED-111 is broken: %s is STOPPED and its keys are handed out", ask->task);
    }
}

static int verb_credentials(struct hns_run *run, struct hns_cursor *cursor,
                            const struct hns_args *args)
{
    size_t map_cursor = 0;
    const char *task;
    void *value;

    while (eca_map_next(run->sent, &map_cursor, &task, &value)) {
        struct ask *ask;
        eca_auto_free char *path = NULL;
        struct eca_err err = {0};

        if (hns_node_get(value, "roleCredentials") == NULL) {
            continue;
        }
        ask = eca_xalloc(sizeof *ask);
        (void)hns_keep(run, (char *)ask);
        *ask = (struct ask){run, cursor->step, task, hns_arg_bool(args, "served", false)};
        path = eca_xasprintf("/v2/credentials/credentials-of-%s", task);
        if (run->stage.ops->http(run->stage.impl, "GET", PORT_CREDENTIALS, path, on_credentials,
                                 ask, &err) < 0) {
            hns_fail(run, cursor->step, "%s", err.msg);
        }
    }
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_invariants[] = {
    {"credentials.check", verb_credentials},
    {0},
};
