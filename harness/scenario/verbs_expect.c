#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Verbs that look: expect, quiet, log, http, file, check. */
#define WITHIN_DEFAULT_NS (UINT64_C(10) * 1000000000)
#define QUIET_DEFAULT_NS (UINT64_C(5) * 1000000000)

static bool is_modifier(const char *key)
{
    for (const struct hns_member *member = hns_expect_members; member->name != NULL; member++) {
        if (strcmp(member->name, key) == 0) {
            return true;
        }
    }
    return false;
}

static void add_field(struct hns_run *run, struct hns_match *match, const struct hns_node *at,
                      const char *key, const struct hns_node *value)
{
    eca_auto_buf struct eca_buf json = {0};

    hns_node_json(run, value, &json);
    if (!hns_match_add(match, key, eca_buf_str(&json))) {
        hns_fail(run, at, "more than %d fields", HNS_FIELDS_MAX);
    }
}

void hns_match_make(struct hns_run *run, const struct hns_node *node, struct hns_match *ret_match)
{
    struct hns_pattern pattern = {0};

    *ret_match = (struct hns_match){0};
    if (hns_pattern_read(node, &pattern) < 0) {
        hns_fail(run, node, "no lane in this event");
        return;
    }
    ret_match->lane = pattern.lane;
    ret_match->name = hns_expand(run, node, pattern.name);
    if (pattern.status != NULL) {
        struct hns_node status = {.kind = HNS_SCALAR,
                                  .file = node->file,
                                  .line = node->line,
                                  .column = node->column,
                                  .quoted = true};
        eca_auto_free char *text = eca_xstrdup(pattern.status);

        status.text = text;
        add_field(run, ret_match, node, "status", &status);
    }
    for (size_t i = 0; i < node->count; i++) {
        const char *key = node->keys[i]->text;

        if (!is_modifier(key) && strcmp(key, fake_lane_name(pattern.lane)) != 0) {
            add_field(run, ret_match, node, key, node->items[i]);
        }
    }
}

static void add_expected(struct hns_run *run, struct hns_cursor *cursor,
                         const struct hns_node *node)
{
    struct hns_args args = {run, NULL, node};
    struct hns_expected *expected = &cursor->expected[cursor->expected_count++];
    const char *since = hns_arg_text(&args, "since", "match");

    *expected = (struct hns_expected){.node = node, .count = hns_arg_int(&args, "count", 1)};
    hns_match_make(run, node, &expected->match);
    if (strcmp(since, "match") == 0) {
        expected->from = run->point[expected->match.lane];
    } else if (strcmp(since, "now") == 0) {
        expected->from = fake_trace_count(run->stage.base.trace);
    }
}

static int verb_expect(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    cursor->expected = eca_xalloc(sizeof(struct hns_expected));
    add_expected(run, cursor, args->node);
    hns_wait_time(run, cursor, hns_arg_ns(args, "within", WITHIN_DEFAULT_NS));
    cursor->wait = HNS_WAIT_EVENTS;
    return ECA_OK;
}

static int verb_any_order(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    uint64_t within = 0;

    cursor->expected = eca_xalloc((args->node->count + 1) * sizeof(struct hns_expected));
    for (size_t i = 0; i < args->node->count; i++) {
        struct hns_args one = {run, NULL, args->node->items[i]};
        uint64_t ns = hns_arg_ns(&one, "within", WITHIN_DEFAULT_NS);

        add_expected(run, cursor, args->node->items[i]);
        within = ns > within ? ns : within;
    }
    hns_wait_time(run, cursor, within);
    cursor->wait = HNS_WAIT_EVENTS;
    return ECA_OK;
}

static int verb_at_most(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    uint64_t most = hns_arg_int(args, "count", 1), seen = 0;
    struct hns_match match = {0};
    eca_auto_buf struct eca_buf text = {0};

    hns_match_make(run, args->node, &match);
    for (size_t i = 0; i < fake_trace_count(run->stage.base.trace); i++) {
        seen += hns_match_event(&match, fake_trace_at(run->stage.base.trace, i), NULL) ? 1 : 0;
    }
    if (seen > most) {
        hns_match_print(&match, &text);
        hns_fail(run, cursor->step, "%s came %llu times, at most %llu were expected",
                 eca_buf_str(&text), (unsigned long long)seen, (unsigned long long)most);
    }
    hns_match_clear(&match);
    return ECA_OK;
}

static int verb_quiet(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    cursor->expected = eca_xalloc(sizeof(struct hns_expected));
    add_expected(run, cursor, args->node);
    cursor->expected[0].from = fake_trace_count(run->stage.base.trace);
    hns_wait_time(run, cursor, hns_arg_ns(args, "for", QUIET_DEFAULT_NS));
    cursor->wait = HNS_WAIT_QUIET;
    return ECA_OK;
}

/* ---- log ------------------------------------------------------------------------------------- */

static bool line_fits(const struct hns_log_line *line, const char *text, const char *level)
{
    size_t len = strlen(text);

    if (level != NULL && strncasecmp(eca_log_level_name(line->level), level, 4) != 0) {
        return false;
    }
    if (len > 2 && text[0] == '/' && text[len - 1] == '/') {
        return hns_text_fits(text, line->text);
    }
    return strstr(line->text, text) != NULL;
}

static const struct hns_log_line *nearest_line(const struct hns_run *run, const char *text)
{
    size_t best_len = 0;
    const struct hns_log_line *best = NULL;

    /* The line that holds the longest beginning of the text. */
    for (size_t i = 0; i < run->line_count; i++) {
        size_t len = strlen(text);

        for (; len > best_len && len > 3; len--) {
            eca_auto_free char *head = eca_xstrndup(text, len);

            if (strstr(run->lines[i].text, head) != NULL) {
                best = &run->lines[i];
                best_len = len;
            }
        }
    }
    return best;
}

struct log_wait {
    const char *text, *level;
    uint64_t count, seen;
    size_t scanned;
};

static int poll_log(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    struct log_wait *wait = cursor->poll_state;

    for (; wait->scanned < run->line_count && wait->seen < wait->count; wait->scanned++) {
        struct hns_log_line *line = &run->lines[wait->scanned];

        if (!line->used && line_fits(line, wait->text, wait->level)) {
            line->used = true;
            wait->seen++;
        }
    }
    if (wait->seen == wait->count) {
        return 1;
    }
    if (last) {
        const struct hns_log_line *near = nearest_line(run, wait->text);

        hns_fail(run, cursor->step,
                 "expected %llu log lines%s%s with \"%s\", seen %llu among %zu lines%s%s",
                 (unsigned long long)wait->count, wait->level == NULL ? "" : " of level ",
                 wait->level == NULL ? "" : wait->level, wait->text, (unsigned long long)wait->seen,
                 run->line_count,
                 near == NULL ? "" : "\n    nearest: ", near == NULL ? "" : near->text);
    }
    return 0;
}

static int verb_log(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct log_wait *wait = eca_xalloc(sizeof *wait);

    wait->text = hns_arg_text(args, "text", "");
    wait->level = hns_arg_text(args, "level", NULL);
    wait->count = hns_arg_int(args, "count", 1);
    hns_wait_poll(run, cursor, poll_log, wait, hns_arg_ns(args, "within", WITHIN_DEFAULT_NS));
    return ECA_OK;
}

static int verb_log_none(struct hns_run *run, struct hns_cursor *cursor,
                         const struct hns_args *args)
{
    const char *text = hns_arg_text(args, "text", "");
    const char *level = hns_arg_text(args, "level", NULL);
    uint64_t fine = hns_arg_int(args, "more_than", 0), seen = 0;

    for (size_t i = 0; i < run->line_count; i++) {
        if (line_fits(&run->lines[i], text, level) && ++seen > fine) {
            hns_fail(run, cursor->step, "the agent logged %s%s line with \"%s\":\n    %s",
                     fine == 0 ? "a" : "one more", fine == 0 ? "" : " such", text,
                     run->lines[i].text);
            return ECA_E_INVALID;
        }
    }
    return ECA_OK;
}

/* ---- http ------------------------------------------------------------------------------------ */

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

/* Why the answer does not fit; false when it does. */
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
    if (body->kind == HNS_SCALAR) {
        const char *text = eca_json_type(eca_json_root(want)) == ECA_JSON_STRING
                               ? eca_json_str(eca_json_root(want))
                               : eca_buf_str(&json);

        if (hns_text_fits(text, wait->body)) {
            return false;
        }
    } else if (eca_json_parse(eca_view_str(wait->body), &have, NULL) == ECA_OK &&
               hns_value_fits(eca_json_root(want), eca_json_root(have))) {
        return false;
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
        hns_wait_poll(run, cursor, poll_idle, NULL, hns_arg_ns(args, "within", WITHIN_DEFAULT_NS));
    } else if (run->stage.ops->idle_open(run->stage.impl, http_port(args),
                                         (size_t)hns_arg_int(args, "clients", 1), &err) < 0) {
        hns_fail(run, cursor->step, "%s", err.msg);
    }
    return ECA_OK;
}

/* ---- file ------------------------------------------------------------------------------------ */

/* A pattern instead of a path. */
static void count_files(struct hns_run *run, struct hns_cursor *cursor, const char *pattern,
                        uint64_t want)
{
    size_t count = run->stage.ops->file_count(run->stage.impl, pattern);

    if (count != want) {
        hns_fail(run, cursor->step, "%zu files %s, not %llu", count, pattern,
                 (unsigned long long)want);
    }
}

static void check_file(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args,
                       const struct eca_buf *content)
{
    const char *path = hns_arg_text(args, "path", "");
    const char *contains = hns_arg_text(args, "contains", NULL);
    const char *lacks = hns_arg_text(args, "lacks", NULL);
    const char *capture = hns_arg_text(args, "capture", NULL);

    if (contains != NULL && eca_view_find(eca_buf_view(content), contains, 0) == SIZE_MAX) {
        hns_fail(run, cursor->step, "%s does not contain \"%s\", it is: %.400s", path, contains,
                 eca_buf_str(content));
    } else if (lacks != NULL && eca_view_find(eca_buf_view(content), lacks, 0) != SIZE_MAX) {
        hns_fail(run, cursor->step, "%s contains \"%s\"", path, lacks);
    } else if (content->len > hns_arg_int(args, "bytes_max", UINT64_MAX)) {
        hns_fail(run, cursor->step, "%s has %zu bytes", path, content->len);
    } else if (capture != NULL) {
        struct eca_view trimmed = eca_view_trim(eca_buf_view(content));
        eca_auto_free char *value = eca_xstrndup(trimmed.at, trimmed.len);

        hns_vars_set(run, capture, value);
    }
}

static int verb_file(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *path = hns_arg_text(args, "path", "");
    const char *text = hns_arg_text(args, "write", NULL);
    eca_auto_buf struct eca_buf content = {0};
    struct eca_err err = {0};
    int code;

    if (text != NULL) {
        if (run->stage.ops->file_write(run->stage.impl, path, eca_view_str(text), &err) < 0) {
            hns_fail(run, cursor->step, "%s", err.msg);
        }
        return ECA_OK;
    }
    if (hns_arg_node(args, "count") != NULL) {
        count_files(run, cursor, path, hns_arg_int(args, "count", 0));
        return ECA_OK;
    }
    code = run->stage.ops->file_read(run->stage.impl, path, &content, &err);
    if (!hns_arg_bool(args, "exists", true)) {
        if (code == ECA_OK) {
            hns_fail(run, cursor->step, "%s exists", path);
        }
    } else if (code < 0) {
        hns_fail(run, cursor->step, "%s", err.msg);
    } else {
        check_file(run, cursor, args, &content);
    }
    return ECA_OK;
}

/* ---- check ----------------------------------------------------------------------------------- */

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
    if (have_text == NULL || eca_json_parse(eca_buf_view(&json), &want, NULL) < 0 ||
        eca_json_parse(eca_view_str(have_text), &have, NULL) < 0 ||
        !hns_value_fits(eca_json_root(want), eca_json_root(have))) {
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
    bool running = run->stage.ops->agent_running(run->stage.impl);

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
        hns_settled_differs(run, &why);
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
    if (last) {
        hns_fail(run, cursor->step, "%s", eca_buf_str(&why));
    }
    return 0;
}

static int verb_check(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    hns_wait_poll(run, cursor, poll_check, NULL, hns_arg_ns(args, "within", 0));
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_expect[] = {
    {"expect", verb_expect},
    {"expect.any_order", verb_any_order},
    {"expect.at_most", verb_at_most},
    {"quiet", verb_quiet},
    {"log", verb_log},
    {"log.none", verb_log_none},
    {"http", verb_http},
    {"http.idle", verb_idle},
    {"file", verb_file},
    {"check", verb_check},
    {0},
};
