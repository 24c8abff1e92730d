#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* Verbs that act on the Docker daemon from outside the agent. */
#define ORDER_NS (UINT64_C(30) * 1000000000)

/* The fake daemon; a real one takes only what an operator can do (on_container). */
static struct fake_docker *daemon_of(struct hns_run *run, struct hns_cursor *cursor)
{
    if (run->cast.docker == NULL) {
        hns_fail(run, cursor->step, "a real Docker daemon cannot be steered by \"%s\"",
                 cursor->verb->name);
    }
    return run->cast.docker;
}

/* ---- a real daemon --------------------------------------------------------------------------- */

/* Kept by the run, since the answer may come after the step is over. */
struct order {
    struct hns_run *run;
    bool answered, maybe;
    int status;
    const char *text;
};

static void on_ordered(void *arg, int status, struct eca_view text)
{
    struct order *order = arg;

    order->answered = true;
    hns_wake(order->run);
    order->status = status;
    order->text = hns_keep(order->run, eca_xstrndup(text.at == NULL ? "" : text.at, text.len));
}

static int poll_order(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    const struct order *order = *(struct order **)cursor->poll_state;

    if (!order->answered) {
        if (last) {
            hns_fail(run, cursor->step, "%s: the daemon does not answer", cursor->verb->name);
        }
        return 0;
    }
    if ((order->status < 200 || order->status >= 400) && !order->maybe) {
        hns_fail(run, cursor->step, "%s: the daemon says %d: %s", cursor->verb->name, order->status,
                 order->text);
    }
    return 1;
}

/* method and path, which has the container's id for %s and is owned here */
static int order_real(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args,
                      const char *method, char *path)
{
    struct order **state = eca_xalloc(sizeof(struct order *));
    struct order *order = eca_xalloc(sizeof *order);
    struct eca_err err = {0};

    (void)hns_keep(run, (char *)order);
    (void)hns_keep(run, path);
    *state = order;
    *order = (struct order){.run = run, .maybe = hns_arg_bool(args, "maybe", false)};
    if (fake_docker_relay_ask(run->stage.relay, method, path, on_ordered, order, &err) < 0) {
        on_ordered(order, 0, eca_view_str(err.msg));
    }
    hns_wait_poll(run, cursor, poll_order, state, ORDER_NS);
    return ECA_OK;
}

/* ---- containers ------------------------------------------------------------------------------ */

typedef bool ref_fn(struct fake_docker *docker, const char *ref);

/* The fake daemon does it by fn; a real one is asked by method and what follows the id in the path.
 */
static int on_container(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args,
                        ref_fn *fn, const char *method, const char *what)
{
    static const char *const states[] = {"does not exist", "is created", "is running", "is paused",
                                         "has exited"};
    const char *ref = hns_arg_text(args, "container", "");
    const char *id;

    if (run->cast.docker == NULL) {
        id = fake_docker_relay_id(run->stage.relay, ref);
        return order_real(run, cursor, args, method,
                          eca_xasprintf("/containers/%s%s", id == NULL ? ref : id, what));
    }
    if (!fn(run->cast.docker, ref) && !hns_arg_bool(args, "maybe", false)) {
        hns_fail(run, cursor->step, "%s: container %s %s", cursor->verb->name, ref,
                 states[fake_docker_state(run->cast.docker, ref)]);
    }
    return ECA_OK;
}

#define CONTAINER_VERB(name, fn, method, what)                                                     \
    static int name(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)   \
    {                                                                                              \
        return on_container(run, cursor, args, fn, method, what);                                  \
    }
CONTAINER_VERB(verb_stop, fake_docker_stop, "POST", "/stop?t=10")
CONTAINER_VERB(verb_remove, fake_docker_remove, "DELETE", "?force=1")
CONTAINER_VERB(verb_restart, fake_docker_restart_container, "POST", "/restart?t=1")
CONTAINER_VERB(verb_pause, fake_docker_pause, "POST", "/pause")
CONTAINER_VERB(verb_unpause, fake_docker_unpause, "POST", "/unpause")

static int verb_oom(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    return daemon_of(run, cursor) == NULL
               ? ECA_OK
               : on_container(run, cursor, args, fake_docker_oom, NULL, NULL);
}

/* A signal that the container may live through: the fake one's always does. */
static bool signal_container(struct fake_docker *docker, const char *ref)
{
    return fake_docker_state(docker, ref) == FAKE_DOCKER_RUNNING &&
           fake_docker_emit(docker, ref, "kill");
}

static int verb_kill(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *signal = hns_arg_text(args, "signal", "KILL");
    eca_auto_free char *what = eca_xasprintf("/kill?signal=%s", signal);
    bool kills = strcmp(signal, "KILL") == 0;

    return on_container(run, cursor, args, kills ? fake_docker_kill : signal_container, "POST",
                        what);
}

static int verb_exit(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);
    const char *ref = hns_arg_text(args, "container", "");

    if (docker != NULL && !fake_docker_exit(docker, ref, (int)hns_arg_int(args, "code", 0)) &&
        !hns_arg_bool(args, "maybe", false)) {
        hns_fail(run, cursor->step, "docker.exit: container %s does not run", ref);
    }
    return ECA_OK;
}

static int verb_exec(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);
    const char *ref = hns_arg_text(args, "container", "");

    if (docker != NULL && !fake_docker_exec(docker, ref, hns_arg_text(args, "command", "sh"))) {
        hns_fail(run, cursor->step, "docker.exec: container %s does not run", ref);
    }
    return ECA_OK;
}

static int verb_event(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);
    const char *ref = hns_arg_text(args, "container", NULL);
    const char *text = hns_arg_text(args, "text", NULL);

    if (docker == NULL) {
        return ECA_OK;
    }
    if (ref != NULL && !fake_docker_emit(docker, ref, hns_arg_text(args, "status", "rename"))) {
        hns_fail(run, cursor->step, "docker.event: no container %s", ref);
    }
    if (text != NULL) {
        fake_docker_inject(docker, text);
    }
    return ECA_OK;
}

static int verb_events(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);
    const char *word = hns_run_text(run, args->node);

    if (docker == NULL) {
        return ECA_OK;
    }
    if (strcmp(word, "mute") == 0 || strcmp(word, "unmute") == 0) {
        fake_docker_mute(docker, word[0] == 'm');
    } else if (strcmp(word, "hold") == 0) {
        fake_docker_hold_events(docker);
    } else if (strncmp(word, "release", 7) == 0) {
        fake_docker_release_events(docker, word[7] != '\0');
    } else {
        (void)fake_docker_end_events(docker, strcmp(word, "reset") == 0);
    }
    return ECA_OK;
}

static int verb_end_stats(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);

    if (docker != NULL) {
        (void)fake_docker_end_stats(
            docker, hns_node_is_null(args->node) ? NULL : hns_run_text(run, args->node));
    }
    return ECA_OK;
}

static int verb_down(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);
    const char *fate = hns_arg_text(args, "containers", "live");

    if (docker != NULL) {
        hns_points_to_now(run, FAKE_LANE_DOCKER);
        fake_docker_down(docker, strcmp(fate, "live") == 0      ? FAKE_DOCKER_LIVE
                                 : strcmp(fate, "stopped") == 0 ? FAKE_DOCKER_STOPPED
                                                                : FAKE_DOCKER_GONE);
    }
    return ECA_OK;
}

static int verb_up(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);

    (void)args;
    if (docker != NULL) {
        fake_docker_up(docker);
    }
    return ECA_OK;
}

static int verb_image(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    if (daemon_of(run, cursor) != NULL) {
        hns_cast_image(run, args, hns_arg_text(args, "image", ""));
    }
    return ECA_OK;
}

static int verb_remove_image(struct hns_run *run, struct hns_cursor *cursor,
                             const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);
    const char *name = hns_arg_text(args, "image", "");

    if (docker != NULL && !fake_docker_delete_image(docker, name) &&
        !hns_arg_bool(args, "maybe", false)) {
        hns_fail(run, cursor->step, "docker.remove_image: no image %s", name);
    }
    return ECA_OK;
}

static int verb_behave(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    if (daemon_of(run, cursor) != NULL) {
        hns_cast_behaviour(run, args);
    }
    return ECA_OK;
}

static int verb_version(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct fake_docker *docker = daemon_of(run, cursor);

    if (docker != NULL) {
        fake_docker_set_versions(docker, hns_arg_text(args, "version", NULL),
                                 hns_arg_text(args, "api", NULL),
                                 hns_arg_text(args, "min_api", NULL));
    }
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_docker[] = {
    {"docker.exit", verb_exit},
    {"docker.oom", verb_oom},
    {"docker.kill", verb_kill},
    {"docker.stop", verb_stop},
    {"docker.remove", verb_remove},
    {"docker.restart", verb_restart},
    {"docker.pause", verb_pause},
    {"docker.unpause", verb_unpause},
    {"docker.exec", verb_exec},
    {"docker.event", verb_event},
    {"docker.events", verb_events},
    {"docker.end_stats", verb_end_stats},
    {"docker.down", verb_down},
    {"docker.up", verb_up},
    {"docker.image", verb_image},
    {"docker.remove_image", verb_remove_image},
    {"docker.behave", verb_behave},
    {"docker.version", verb_version},
    {0},
};
