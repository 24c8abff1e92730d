#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#include <string.h>

/* Verbs that speak as the agent communication service. */
#define LIFE_DEFAULT_MS UINT64_C(21600000)

static const struct hns_node *world_task(struct hns_run *run, const char *name)
{
    return hns_node_get(hns_run_world(run, "tasks", NULL), name);
}

static bool describes_task(const struct hns_node *node)
{
    static const char *const members[] = {"containers", "definition", "json"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(members); i++) {
        if (hns_node_get(node, members[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* One task of a send step: described here, or in world.tasks with desiredStatus from here. */
static int add_task(struct hns_run *run, const struct hns_node *node, const char *task,
                    const char *name, struct eca_buf *out)
{
    struct hns_args args = {run, NULL, node};
    const struct hns_node *known = world_task(run, task);
    const char *desired = node->kind == HNS_MAP ? hns_arg_text(&args, "desiredStatus", NULL) : NULL;

    eca_buf_add_str(out, out->len > 1 ? "," : "");
    if (desired != NULL && strcmp(desired, "STOPPED") == 0) {
        (void)eca_map_put(run->stops, name, run);
    }
    if (node->kind == HNS_MAP && describes_task(node)) {
        (void)eca_map_put(run->sent, name, (void *)(uintptr_t)node);
        return hns_payload_task(run, node, name, desired, out);
    }
    if (known == NULL) {
        const char *names[64];
        const struct hns_node *tasks = hns_run_world(run, "tasks", NULL);
        size_t count = 0;
        const char *near;

        for (; tasks != NULL && count < tasks->count && count < ECA_ARRAY_LEN(names); count++) {
            names[count] = tasks->keys[count]->text;
        }
        near = hns_nearest(task, names, count);
        hns_fail(run, node, "no task \"%s\" in world.tasks, and no containers here%s%s%s", task,
                 near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                 near == NULL ? "" : "\"?");
        return ECA_E_NOT_FOUND;
    }
    (void)eca_map_put(run->sent, name, (void *)(uintptr_t)known);
    return hns_payload_task(run, known, name, desired, out);
}

static void send_tasks(struct hns_run *run, const struct hns_args *args, const char *tasks)
{
    struct fake_acs_payload payload = {
        .tasks = tasks,
        .message_id = hns_arg_text(args, "message_id", NULL),
        .seq_num = hns_arg_bool(args, "no_seq", false) ? -1 : (int64_t)hns_arg_int(args, "seq", 0),
        .once = hns_arg_bool(args, "once", false),
    };

    if (!run->failed) {
        hns_vars_set(run, "message_id", fake_acs_send_payload(run->cast.acs, &payload));
    }
}

static int send_copies(struct hns_run *run, const struct hns_args *args, const char *task,
                       uint64_t copies, struct eca_buf *out)
{
    for (uint64_t i = 1; i <= copies; i++) {
        eca_auto_free char *name = eca_xasprintf("%s-%llu", task, (unsigned long long)i);

        if (add_task(run, args->node, task, name, out) < 0) {
            return ECA_E_INVALID;
        }
    }
    return ECA_OK;
}

static int verb_send(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const struct hns_node *list = hns_arg_node(args, "tasks");
    const struct hns_node *payload = hns_arg_node(args, "payload");
    const char *task = hns_arg_text(args, "task", NULL);
    uint64_t copies = hns_arg_int(args, "copies", 0);
    eca_auto_buf struct eca_buf out = {0};

    if (payload != NULL) {
        hns_node_json(run, payload, &out);
        send_tasks(run, args, eca_buf_str(&out));
        return ECA_OK;
    }
    if (task == NULL && list == NULL) {
        hns_fail(run, cursor->step, "acs.send needs \"task\", \"tasks\" or \"payload\"");
        return ECA_E_INVALID;
    }
    eca_buf_add_char(&out, '[');
    if (task != NULL && copies > 0) {
        (void)send_copies(run, args, task, copies, &out);
    } else if (task != NULL) {
        (void)add_task(run, args->node, task, task, &out);
    }
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        struct hns_args one = {run, NULL, list->items[i]};
        const char *name = hns_arg_text(&one, "task", "");

        (void)add_task(run, list->items[i], name, name, &out);
    }
    eca_buf_add_char(&out, ']');
    send_tasks(run, args, eca_buf_str(&out));
    return ECA_OK;
}

static int verb_stop_task(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    const char *task = hns_arg_text(args, "task", "");
    const struct hns_node *known = world_task(run, task);
    eca_auto_buf struct eca_buf out = {0};
    struct hns_node nothing = {.kind = HNS_MAP, .file = args->node->file};
    const struct hns_node *description = known;
    const char *status = fake_ecs_task_status(run->cast.ecs, hns_task_arn(run, task));

    (void)cursor;
    if (hns_arg_bool(args, "maybe", false) && status != NULL && strcmp(status, "STOPPED") == 0) {
        return ECA_OK;
    }
    (void)eca_map_put(run->stops, task, run);
    if (known == NULL) { /* described in an earlier acs.send; without any, the ARN is enough */
        description = eca_map_get(run->sent, task);
    }
    eca_buf_add_char(&out, '[');
    (void)hns_payload_task(run, description == NULL ? &nothing : description, task, "STOPPED",
                           &out);
    eca_buf_add_char(&out, ']');
    send_tasks(run, args, eca_buf_str(&out));
    return ECA_OK;
}

static int verb_credentials(struct hns_run *run, struct hns_cursor *cursor,
                            const struct hns_args *args)
{
    const char *task = hns_arg_text(args, "task", "");
    struct fake_acs_credentials made;
    char expiration[21];
    int64_t wall = eca_sched_wall_ms(run->stage.base.sched);

    (void)cursor;
    hns_role_credentials(run, task, &made);
    eca_time_rfc3339(wall + (int64_t)hns_arg_ms(args, "expires", LIFE_DEFAULT_MS), expiration);
    made.credentials_id = hns_arg_text(args, "id", made.credentials_id);
    made.role_arn = hns_arg_text(args, "role_arn", made.role_arn);
    made.access_key_id = hns_arg_text(args, "access_key_id", made.access_key_id);
    made.secret_access_key = hns_arg_text(args, "secret_access_key", made.secret_access_key);
    made.session_token = hns_arg_text(args, "session_token", made.session_token);
    made.message_id = hns_arg_text(args, "message_id", NULL);
    made.expiration = expiration;
    hns_secret(run, made.secret_access_key);
    hns_secret(run, made.session_token);
    if (hns_arg_bool(args, "remember_only", false)) {
        fake_acs_remember_credentials(run->cast.acs, &made);
    } else {
        (void)fake_acs_send_credentials(run->cast.acs, &made);
    }
    return ECA_OK;
}

static int verb_message(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    eca_auto_buf struct eca_buf json = {0};

    (void)cursor;
    hns_node_json(run, hns_arg_node(args, "message"), &json);
    fake_acs_send_message(run->cast.acs, hns_arg_text(args, "type", ""), eca_buf_str(&json));
    return ECA_OK;
}

char *hns_odd_of(const struct hns_args *args, struct fake_odd *ret_odd)
{
    const char *text = hns_arg_text(args, "text", "");
    size_t padded_to = (size_t)hns_arg_int(args, "padded_to", 0);
    struct eca_buf out = {0};

    *ret_odd = (struct fake_odd){.piece = (size_t)hns_arg_int(args, "fragments_of", 0),
                                 .binary = hns_arg_bool(args, "binary", false),
                                 .bytewise = hns_arg_bool(args, "bytewise", false)};
    eca_buf_add_str(&out, text);
    if (padded_to > out.len) {
        size_t more = padded_to - out.len;
        char *room = eca_buf_room(&out, more);

        if (room == NULL) {
            hns_fail(args->run, args->node, "\"padded_to\": more than a message can have");
            return eca_buf_take(&out);
        }
        memset(room, ' ', more);
        room[more] = '\0';
        out.len += more;
    }
    return eca_buf_take(&out);
}

static int verb_raw(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *broken = hns_arg_text(args, "broken", NULL);
    struct fake_odd odd = {0};
    eca_auto_free char *text = hns_odd_of(args, &odd);

    if (broken != NULL) {
        if (!fake_acs_send_broken(run->cast.acs, broken)) {
            hns_fail(run, cursor->step, "no broken frame \"%s\"", broken);
        }
    } else if (hns_arg_node(args, "text") == NULL) {
        hns_fail(run, cursor->step, "acs.raw needs \"text\" or \"broken\"");
    } else if (fake_odd_is_plain(&odd)) {
        fake_acs_send_text(run->cast.acs, text);
    } else {
        fake_acs_send_odd(run->cast.acs, text, &odd);
    }
    return ECA_OK;
}

static int verb_glue(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const struct hns_node *node = args->node;

    (void)cursor;
    for (size_t i = 0; i < (node->kind == HNS_LIST ? node->count : 1); i++) {
        fake_acs_glue(run->cast.acs,
                      hns_run_text(run, node->kind == HNS_LIST ? node->items[i] : node));
    }
    return ECA_OK;
}

static int verb_close(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *preset = hns_arg_text(args, "preset", NULL);

    hns_points_to_now(run, FAKE_LANE_ACS);
    if (preset == NULL) {
        fake_acs_close(run->cast.acs, (int)hns_arg_int(args, "code", 1000),
                       hns_arg_text(args, "reason", ""));
    } else if (!fake_acs_close_preset(run->cast.acs, preset)) {
        hns_fail(run, cursor->step, "no close \"%s\"", preset);
    }
    return ECA_OK;
}

static int verb_cut(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    hns_points_to_now(run, FAKE_LANE_ACS);
    (void)fake_acs_close_preset(run->cast.acs, "cut");
    return ECA_OK;
}

void hns_refusal_of(const struct hns_args *args, struct eca_http_header *headers,
                    struct fake_refusal *ret_refusal)
{
    const struct hns_node *pairs = hns_arg_node(args, "headers");

    *ret_refusal = (struct fake_refusal){.status = (int)hns_arg_int(args, "status", 400),
                                         .content_type =
                                             hns_arg_text(args, "content_type", "application/json"),
                                         .body = hns_arg_text(args, "body", ""),
                                         .headers = headers,
                                         .unended = hns_arg_bool(args, "unended", false)};
    for (size_t i = 0; pairs != NULL && i < pairs->count && i < FAKE_REFUSAL_HEADERS_MAX; i++) {
        headers[i] = (struct eca_http_header){pairs->keys[i]->text,
                                              hns_run_text(args->run, pairs->items[i])};
        ret_refusal->header_count++;
    }
}

static int verb_refuse(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *preset = hns_arg_text(args, "preset", NULL);
    uint32_t times = (uint32_t)hns_arg_int(args, "times", 0);

    if (preset == NULL) {
        struct eca_http_header headers[FAKE_REFUSAL_HEADERS_MAX];
        struct fake_refusal refusal;

        hns_refusal_of(args, headers, &refusal);
        fake_acs_refuse(run->cast.acs, times, &refusal);
    } else if (!fake_acs_refuse_preset(run->cast.acs, times, preset)) {
        hns_fail(run, cursor->step, "no refusal \"%s\"", preset);
    }
    return ECA_OK;
}

static int verb_accept(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    fake_acs_accept(run->cast.acs, false);
    return ECA_OK;
}

static int verb_hold(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    fake_acs_accept(run->cast.acs, true);
    return ECA_OK;
}

static int verb_close_at_once(struct hns_run *run, struct hns_cursor *cursor,
                              const struct hns_args *args)
{
    (void)cursor;
    fake_acs_close_at_once(run->cast.acs, (int)hns_arg_int(args, "code", 0),
                           hns_arg_text(args, "reason", ""));
    return ECA_OK;
}

static int verb_heartbeats(struct hns_run *run, struct hns_cursor *cursor,
                           const struct hns_args *args)
{
    const char *text = hns_run_text(run, args->node);

    (void)cursor;
    fake_acs_set_heartbeat(run->cast.acs, strcmp(text, "off") == 0
                                              ? UINT64_MAX
                                              : hns_run_duration_ns(run, args->node, 0) / 1000000);
    return ECA_OK;
}

static int verb_heartbeat(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    fake_acs_heartbeat(run->cast.acs);
    return ECA_OK;
}

static int verb_ping(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_acs_ping(run->cast.acs, hns_node_is_null(args->node) ? "" : hns_run_text(run, args->node));
    return ECA_OK;
}

uint64_t hns_reading_of(const struct hns_args *args)
{
    return hns_arg_node(args, "only") != NULL    ? hns_arg_int(args, "only", 0)
           : hns_arg_bool(args, "reading", true) ? UINT64_MAX
                                                 : 0;
}

static int verb_reading(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_acs_read_only(run->cast.acs, hns_reading_of(args));
    return ECA_OK;
}

static int verb_resend(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_acs_set_resend(run->cast.acs, true, hns_run_duration_ns(run, args->node, 0) / 1000000);
    return ECA_OK;
}

static int verb_stage_update(struct hns_run *run, struct hns_cursor *cursor,
                             const struct hns_args *args)
{
    const char *file = hns_arg_text(args, "file", NULL);
    const char *location = NULL, *signature = NULL;
    eca_auto_free char *url = NULL;

    if (file != NULL) {
        url = hns_update_url(file);
        location = url;
        signature = fake_updates_sha256(run->cast.updates, file);
        if (signature == NULL) {
            hns_fail(run, cursor->step, "no file \"%s\" in world.updates", file);
            return ECA_E_NOT_FOUND;
        }
    }
    (void)fake_acs_send_stage_update(run->cast.acs, hns_arg_text(args, "location", location),
                                     hns_arg_text(args, "signature", signature));
    return ECA_OK;
}

static int verb_perform_update(struct hns_run *run, struct hns_cursor *cursor,
                               const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    (void)fake_acs_send_perform_update(run->cast.acs);
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_acs[] = {
    {"acs.send", verb_send},
    {"acs.stop_task", verb_stop_task},
    {"acs.credentials", verb_credentials},
    {"acs.message", verb_message},
    {"acs.raw", verb_raw},
    {"acs.glue", verb_glue},
    {"acs.close", verb_close},
    {"acs.cut", verb_cut},
    {"acs.refuse", verb_refuse},
    {"acs.accept", verb_accept},
    {"acs.hold", verb_hold},
    {"acs.close_at_once", verb_close_at_once},
    {"acs.heartbeats", verb_heartbeats},
    {"acs.heartbeat", verb_heartbeat},
    {"acs.ping", verb_ping},
    {"acs.reading", verb_reading},
    {"acs.resend", verb_resend},
    {"acs.stage_update", verb_stage_update},
    {"acs.perform_update", verb_perform_update},
    {0},
};
