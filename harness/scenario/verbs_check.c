#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* The verb `check`: how things stand, asked of the fakes. */

static void differ(struct eca_buf *why, const char *what, const char *have, const char *want)
{
    if (strcmp(have, want) != 0) {
        eca_buf_addf(why, "%s%s is %s, not %s", why->len == 0 ? "" : "; ", what, have, want);
    }
}

static void differ_count(struct eca_buf *why, const struct hns_args *args, const char *name,
                         uint64_t have)
{
    uint64_t want = hns_arg_int(args, name, have);

    if (have != want) {
        eca_buf_addf(why, "%s%s: %llu, not %llu", why->len == 0 ? "" : "; ", name,
                     (unsigned long long)have, (unsigned long long)want);
    }
}

static void check_status(struct hns_run *run, const struct hns_args *args, struct eca_buf *why)
{
    const char *want = hns_arg_text(args, "status", NULL);
    const char *task = hns_arg_text(args, "task", NULL);
    const char *container = hns_arg_text(args, "container", NULL);
    const char *slash = container == NULL ? NULL : strrchr(container, '/');
    const char *have;

    if (want == NULL) {
        return;
    }
    if (slash != NULL) {
        eca_auto_free char *name = eca_xstrndup(container, (size_t)(slash - container));

        have = fake_ecs_container_status(run->cast.ecs, hns_task_arn(run, name), slash + 1);
        differ(why, container, have == NULL ? "NONE" : have, want);
    } else if (task != NULL) {
        have = fake_ecs_task_status(run->cast.ecs, hns_task_arn(run, task));
        differ(why, task, have == NULL ? "NONE" : have, want);
    } else {
        hns_fail(run, args->node, "\"status\" needs \"task\", or \"container\" as task/name");
    }
}

static void check_json(struct hns_run *run, const struct hns_args *args, const char *name,
                       const char *have_text, struct eca_buf *why)
{
    const struct hns_node *node = hns_arg_node(args, name);
    eca_auto_json struct eca_json_doc *want = NULL;
    eca_auto_json struct eca_json_doc *have = NULL;
    eca_auto_buf struct eca_buf json = {0};

    if (node == NULL) {
        return;
    }
    hns_node_json(run, node, &json);
    if (eca_json_parse(eca_buf_view(&json), &want, NULL) == ECA_OK) {
        hns_need_usable(run, node, eca_json_root(want));
    }
    if (want != NULL && have_text != NULL &&
        eca_json_parse(eca_view_str(have_text), &have, NULL) == ECA_OK) {
        eca_auto_buf struct eca_buf first = {0};

        hns_value_difference(name, eca_json_root(want), eca_json_root(have), &first);
        eca_buf_addf(why, "%s%s", why->len == 0 || first.len == 0 ? "" : "; ", eca_buf_str(&first));
    } else {
        eca_buf_addf(why, "%s%s is %.1500s, not %s", why->len == 0 ? "" : "; ", name,
                     have_text == NULL ? "absent" : have_text, eca_buf_str(&json));
    }
}

static void check_images(const struct fake_docker *docker, const struct hns_args *args,
                         struct eca_buf *why)
{
    const char *image = hns_arg_text(args, "image", NULL);
    const char *no_image = hns_arg_text(args, "no_image", NULL);

    if (image != NULL && !fake_docker_has_image(docker, image)) {
        eca_buf_addf(why, "%simage %s is absent", why->len == 0 ? "" : "; ", image);
    }
    if (no_image != NULL && fake_docker_has_image(docker, no_image)) {
        eca_buf_addf(why, "%simage %s is there", why->len == 0 ? "" : "; ", no_image);
    }
}

/* What only the fake daemon can tell. */
static void refuse_unknown(struct hns_run *run, const struct hns_args *args)
{
    static const char *const names[] = {"event_streams", "stats_streams", "image", "no_image"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
        if (hns_arg_node(args, names[i]) != NULL) {
            hns_fail(run, hns_arg_node(args, names[i]), "a real Docker daemon does not tell \"%s\"",
                     names[i]);
        }
    }
}

static void check_docker(struct hns_run *run, const struct hns_args *args, struct eca_buf *why)
{
    static const char *const states[] = {"none", "created", "running", "paused", "exited"};
    const struct fake_docker *docker = run->cast.docker; /* NULL: a real one */
    const struct fake_docker_relay *relay = run->stage.relay;
    const char *container = hns_arg_text(args, "container", NULL);
    const char *task = hns_arg_text(args, "task", NULL);
    const char *state = hns_arg_text(args, "state", NULL);

    if (state != NULL && container != NULL) {
        differ(why, container,
               states[docker != NULL ? fake_docker_state(docker, container)
                                     : fake_docker_relay_state(relay, container)],
               state);
    }
    differ_count(why, args, "running",
                 docker != NULL ? fake_docker_running(docker, task)
                                : fake_docker_relay_running(relay, task));
    differ_count(why, args, "containers",
                 docker != NULL ? fake_docker_count(docker) : fake_docker_relay_count(relay));
    if (container != NULL) {
        check_json(run, args, "body",
                   docker != NULL ? fake_docker_body(docker, container)
                                  : fake_docker_relay_body(relay, container),
                   why);
    }
    if (docker != NULL) {
        differ_count(why, args, "event_streams", fake_docker_event_streams(docker));
        differ_count(why, args, "stats_streams", fake_docker_stats_streams(docker));
        check_images(docker, args, why);
    } else {
        refuse_unknown(run, args);
    }
}

static void check_telemetry(struct hns_run *run, const struct hns_args *args, struct eca_buf *why)
{
    const char *task = hns_arg_text(args, "task", NULL);
    const char *connected = fake_tcs_connected(run->cast.tcs) ? "true" : "false";
    const char *capture = hns_arg_text(args, "capture_metrics", NULL);
    const char *latest;

    differ(why, "telemetry", connected, hns_arg_text(args, "telemetry", connected));
    if (hns_arg_node(args, "metrics") == NULL && capture == NULL) {
        return;
    }
    if (task == NULL) {
        hns_fail(run, args->node, "\"metrics\" needs \"task\"");
        return;
    }
    latest = fake_tcs_last_of(run->cast.tcs, hns_task_arn(run, task));
    check_json(run, args, "metrics", latest, why);
    if (capture != NULL) {
        hns_vars_set(run, capture, latest);
    }
}

static int poll_check(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    const struct hns_node *value = NULL;
    struct hns_args args = {run, hns_step_verb(NULL, cursor->step, &value), NULL};
    eca_auto_buf struct eca_buf why = {0};
    bool connected = fake_acs_connected(run->cast.acs);
    bool running = run->stage.ops->agent_running(run->stage.impl), wrong = false;

    args.node = value;
    if (hns_arg_bool(&args, "settled", false)) { /* a look at everything: only when things change */
        size_t count = fake_trace_count(run->stage.base.trace);

        if (cursor->scanned == count && !last) {
            return 0;
        }
        cursor->scanned = count;
    }
    check_status(run, &args, &why);
    check_docker(run, &args, &why);
    check_telemetry(run, &args, &why);
    if (hns_arg_bool(&args, "settled", false)) {
        wrong = hns_settled_differs(run, &why);
    }
    differ(&why, "connected", connected ? "true" : "false",
           hns_arg_text(&args, "connected", connected ? "true" : "false"));
    differ(&why, "agent", running ? "running" : "ended",
           hns_arg_text(&args, "agent", running ? "running" : "ended"));
    differ_count(&why, &args, "sessions", fake_acs_sessions(run->cast.acs));
    differ_count(&why, &args, "unacknowledged", fake_acs_unacknowledged(run->cast.acs));
    differ_count(&why, &args, "acks",
                 fake_acs_acks(run->cast.acs, hns_arg_text(&args, "message", "")));
    differ_count(&why, &args, "instances", fake_ecs_instance_count(run->cast.ecs));
    check_json(run, &args, "registration", fake_ecs_registration(run->cast.ecs), &why);
    if (why.len == 0) {
        return 1;
    }
    if (last && wrong) {
        hns_fail_wrong(run, cursor->step, "%s", eca_buf_str(&why));
    } else if (last) {
        hns_fail(run, cursor->step, "%s", eca_buf_str(&why));
    }
    return 0;
}

static int verb_check(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    hns_wait_poll(run, cursor, poll_check, NULL, hns_arg_ns(args, "within", 0));
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_check[] = {
    {"check", verb_check},
    {0},
};
