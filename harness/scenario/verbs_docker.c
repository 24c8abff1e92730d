#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* Verbs that act on the Docker daemon from outside the agent. */

/* The fake daemon; a real one cannot be steered by scenarios. */
static struct fake_docker *daemon_of(struct hns_run *run, struct hns_cursor *cursor)
{
    if (run->cast.docker == NULL) {
        hns_fail(run, cursor->step, "a real Docker daemon cannot be steered by a scenario");
    }
    return run->cast.docker;
}

typedef bool ref_fn(struct fake_docker *docker, const char *ref);

static int on_container(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args,
                        ref_fn *fn)
{
    static const char *const states[] = {"does not exist", "is created", "is running", "is paused",
                                         "has exited"};
    struct fake_docker *docker = daemon_of(run, cursor);
    const char *ref = hns_arg_text(args, "container", "");

    if (docker != NULL && !fn(docker, ref) && !hns_arg_bool(args, "maybe", false)) {
        hns_fail(run, cursor->step, "%s: container %s %s", cursor->verb->name, ref,
                 states[fake_docker_state(docker, ref)]);
    }
    return ECA_OK;
}

#define CONTAINER_VERB(name, fn)                                                                   \
    static int name(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)   \
    {                                                                                              \
        return on_container(run, cursor, args, fn);                                                \
    }
CONTAINER_VERB(verb_oom, fake_docker_oom)
CONTAINER_VERB(verb_kill, fake_docker_kill)
CONTAINER_VERB(verb_stop, fake_docker_stop)
CONTAINER_VERB(verb_remove, fake_docker_remove)
CONTAINER_VERB(verb_restart, fake_docker_restart_container)
CONTAINER_VERB(verb_pause, fake_docker_pause)
CONTAINER_VERB(verb_unpause, fake_docker_unpause)

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
    const char *name = hns_run_text(run, args->node);

    if (docker != NULL && !fake_docker_delete_image(docker, name)) {
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
