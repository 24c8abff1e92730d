#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Verbs that are a client of the agent's local endpoints: http, http.idle. */

/* Pauses between two questions: an answer can be long, and whoever waits for minutes has time. */
#define HTTP_AGAIN_NS UINT64_C(100000000)
#define HTTP_AGAIN_NS_MAX UINT64_C(1000000000)
#define HTTP_LIMIT_NS (UINT64_C(10) * 1000000000)

/* Kept by the run, since the answer may come after the step is over. */
struct http_wait {
    struct hns_run *run;
    bool answered, judged; /* this answer does not fit */
    uint64_t again_until_ns, again_ns, pause_ns;
    int status;
    const char *body, *error;
};

static void on_http(void *arg, int status, struct eca_view body, const char *error)
{
    struct http_wait *wait = arg;

    wait->answered = true;
    hns_wake(wait->run);
    wait->status = status;
    wait->body = hns_keep(wait->run, eca_xstrndup(body.at == NULL ? "" : body.at, body.len));
    wait->error = hns_keep(wait->run, eca_xstrdup(error == NULL ? "" : error));
}

static uint16_t http_port(const struct hns_args *args)
{
    const char *name = hns_arg_text(args, "port", "introspection");

    if (strcmp(name, "introspection") == 0) {
        return HNS_PORT_INTROSPECTION;
    }
    if (strcmp(name, "credentials") == 0) {
        return HNS_PORT_CREDENTIALS;
    }
    return (uint16_t)hns_arg_int(args, "port", HNS_PORT_INTROSPECTION);
}

/* The first of the texts that must not be in the answer and is, or NULL. */
static const char *http_has(struct hns_run *run, const struct hns_args *args, const char *answer)
{
    const struct hns_node *lacks = hns_arg_node(args, "lacks");

    for (size_t i = 0; lacks != NULL && i < (lacks->kind == HNS_LIST ? lacks->count : 1); i++) {
        const char *text = hns_run_text(run, lacks->kind == HNS_LIST ? lacks->items[i] : lacks);

        if (strstr(answer, text) != NULL) {
            return text;
        }
    }
    return NULL;
}

/* Why the answer does not fit; false when it does. */
static bool http_differs(struct hns_run *run, const struct hns_args *args,
                         const struct http_wait *wait, struct eca_buf *why)
{
    const struct hns_node *body = hns_arg_node(args, "body");
    int status = (int)hns_arg_int(args, "status", 200);
    eca_auto_json struct eca_json_doc *want = NULL;
    eca_auto_json struct eca_json_doc *have = NULL;
    eca_auto_buf struct eca_buf json = {0};

    if (wait->status != status) {
        eca_buf_addf(why, "status %d%s%s, not %d", wait->status, wait->error[0] == '\0' ? "" : ": ",
                     wait->error, status);
        return true;
    }
    if (http_has(run, args, wait->body) != NULL) {
        eca_buf_addf(why, "body %.600s has %s in it", wait->body, http_has(run, args, wait->body));
        return true;
    }
    if (body == NULL) {
        return false;
    }
    hns_node_json(run, body, &json);
    if (eca_json_parse(eca_buf_view(&json), &want, NULL) < 0) {
        eca_buf_add_str(why, "the expected body is not usable");
        return true;
    }
    hns_need_usable(run, body, eca_json_root(want));
    if (body->kind == HNS_SCALAR) {
        const char *text = eca_json_type(eca_json_root(want)) == ECA_JSON_STRING
                               ? eca_json_str(eca_json_root(want))
                               : eca_buf_str(&json);

        if (hns_text_fits(text, wait->body)) {
            return false;
        }
    } else if (eca_json_parse(eca_view_str(wait->body), &have, NULL) == ECA_OK) {
        hns_value_difference("body", eca_json_root(want), eca_json_root(have), why);
        if (why->len > 0) {
            eca_buf_addf(why, "\n    the answer: %.600s", wait->body);
        }
        return why->len > 0;
    }
    eca_buf_addf(why, "body %.600s, not %s", wait->body, eca_buf_str(&json));
    return true;
}

static eca_json json_at(eca_json value, const char *path)
{
    while (value != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        eca_auto_free char *name = eca_xstrndup(path, len);

        if (eca_json_type(value) == ECA_JSON_ARRAY) {
            size_t index = (size_t)strtoul(name, NULL, 10);

            value = eca_json_first(value);
            for (; value != NULL && index > 0; index--) {
                value = eca_json_next(value);
            }
        } else {
            value = eca_json_type(value) == ECA_JSON_OBJECT ? eca_json_get(value, name) : NULL;
        }
        path += len + (path[len] == '.' ? 1 : 0);
    }
    return value;
}

static void http_capture(struct hns_run *run, const struct hns_args *args,
                         const struct http_wait *wait)
{
    const struct hns_node *pairs = hns_arg_node(args, "capture");
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (pairs == NULL || eca_json_parse(eca_view_str(wait->body), &doc, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        eca_auto_buf struct eca_buf text = {0};
        eca_json value = json_at(eca_json_root(doc), hns_run_text(run, pairs->items[i]));

        if (eca_json_type(value) == ECA_JSON_STRING) {
            eca_buf_add_str(&text, eca_json_str(value));
        } else if (value != NULL) {
            eca_json_print(value, &text);
        }
        hns_vars_set(run, pairs->keys[i]->text, eca_buf_str(&text));
    }
}

static int http_ask(struct hns_run *run, const struct hns_args *args, struct http_wait *wait)
{
    struct eca_err err = {0};

    wait->answered = wait->judged = false;
    if (run->stage.ops->http(run->stage.impl, hns_arg_text(args, "method", "GET"), http_port(args),
                             hns_arg_text(args, "path", "/"), on_http, wait, &err) < 0) {
        on_http(wait, 0, ECA_VIEW_NONE, err.msg);
    }
    return ECA_OK;
}

static int poll_http(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    struct http_wait *wait = *(struct http_wait **)cursor->poll_state;
    const struct hns_node *value = NULL;
    struct hns_args args = {run, hns_step_verb(NULL, cursor->step, &value), NULL};
    eca_auto_buf struct eca_buf why = {0};

    args.node = value;
    if (!wait->answered) {
        if (last) {
            hns_fail(run, cursor->step, "%s: no answer within 10s",
                     hns_arg_text(&args, "path", "/"));
        }
        return 0;
    }
    if (wait->judged) {
        if (hns_now_ns(run) >= wait->again_ns) {
            (void)http_ask(run, &args, wait);
        }
        return 0;
    }
    if (!http_differs(run, &args, wait, &why)) {
        eca_auto_buf struct eca_buf fields = {0};
        struct eca_json_writer w = eca_json_writer_to(&fields);

        eca_jw_object(&w, NULL);
        eca_jw_str(&w, "path", hns_arg_text(&args, "path", "/"));
        eca_jw_i64(&w, "status", wait->status);
        eca_jw_end_object(&w);
        (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "http", eca_buf_str(&fields));
        http_capture(run, &args, wait);
        return 1;
    }
    if (hns_now_ns(run) >= wait->again_until_ns) {
        hns_fail(run, cursor->step, "%s: %s", hns_arg_text(&args, "path", "/"), eca_buf_str(&why));
        return 0;
    }
    wait->judged = true;
    wait->again_ns = hns_now_ns(run) + wait->pause_ns;
    eca_timer_start(&cursor->timer, wait->pause_ns);
    wait->pause_ns =
        wait->pause_ns * 2 > HTTP_AGAIN_NS_MAX ? HTTP_AGAIN_NS_MAX : wait->pause_ns * 2;
    return 0;
}

static int verb_http(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct http_wait **state = eca_xalloc(sizeof(struct http_wait *));
    struct http_wait *wait = eca_xalloc(sizeof *wait);
    uint64_t within = hns_arg_ns(args, "within", 0);

    (void)hns_keep(run, (char *)wait);
    *state = wait;
    wait->run = run;
    wait->again_until_ns = hns_now_ns(run) + within;
    wait->pause_ns = HTTP_AGAIN_NS;
    hns_wait_poll(run, cursor, poll_http, state, within + HTTP_LIMIT_NS);
    return http_ask(run, args, wait);
}

static int poll_idle(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    const struct hns_node *value = NULL;
    struct hns_args args = {run, hns_step_verb(NULL, cursor->step, &value), NULL};
    size_t left = run->stage.ops->idle_count(run->stage.impl);

    args.node = value;
    if (left == hns_arg_int(&args, "left", 0)) {
        return 1;
    }
    if (last) {
        hns_fail(run, cursor->step, "%zu silent clients are still connected", left);
    }
    eca_timer_start(&cursor->timer, HTTP_AGAIN_NS);
    return 0;
}

static int verb_idle(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct eca_err err = {0};

    if (run->stage.ops->idle_open == NULL) {
        hns_fail(run, cursor->step, "\"http.idle\" works live only");
    } else if (hns_arg_node(args, "left") != NULL) {
        hns_wait_poll(run, cursor, poll_idle, NULL,
                      hns_arg_ns(args, "within", HNS_WITHIN_DEFAULT_NS));
    } else if (run->stage.ops->idle_open(run->stage.impl, http_port(args),
                                         (size_t)hns_arg_int(args, "clients", 1), &err) < 0) {
        hns_fail(run, cursor->step, "%s", err.msg);
    }
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_http[] = {
    {"http", verb_http},
    {"http.idle", verb_idle},
    {0},
};
