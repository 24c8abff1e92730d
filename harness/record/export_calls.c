#include "harness/record/export_inside.h"

#include <string.h>
#include <strings.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/record/export_check.h"

#define HANG_NS UINT64_C(2000000000) /* without an answer, then given up */
#define OPEN_PULL_NS UINT64_C(3600000000000)
#define PIECE_BYTES_MAX ((size_t)1 << 20) /* one event, one line of a pull */

void hns_story_call_free(struct story *story, struct call *call)
{
    eca_list_remove(&story->calls, &call->node);
    eca_free(call->party);
    eca_free(call->method);
    eca_free(call->path);
    eca_free(call->operation);
    eca_free(call->request);
    eca_buf_clear(&call->response);
    eca_json_splitter_clear(&call->pieces);
    eca_free(call);
}

static struct call *find_call(struct story *story, eca_json line)
{
    ECA_LIST_FOREACH(it, &story->calls)
    {
        struct call *call = eca_list_entry(it, struct call, node);

        if (call->number == (uint64_t)hns_line_number(line, "n")) {
            return call;
        }
    }
    return NULL;
}

/* The path behind host and API version. */
static const char *path_of(const char *url)
{
    const char *path = strstr(url, "://");

    path = strchr(path == NULL ? url : path + 3, '/');
    if (path == NULL) {
        return "/";
    }
    if (path[0] == '/' && path[1] == 'v' && path[2] >= '0' && path[2] <= '9') {
        const char *behind = strchr(path + 1, '/');

        path = behind == NULL ? path : behind;
    }
    return path;
}

static bool path_is(const struct call *call, const char *method, const char *before,
                    const char *behind, struct eca_buf *ret_middle)
{
    size_t path_len = strcspn(call->path, "?"), b = strlen(before), e = strlen(behind);

    if (strcmp(call->method, method) != 0 || path_len <= b + e ||
        strncmp(call->path, before, b) != 0 || strncmp(call->path + path_len - e, behind, e) != 0) {
        return false;
    }
    eca_buf_reset(ret_middle);
    eca_buf_add(ret_middle, call->path + b, path_len - b - e);
    return memchr(eca_buf_str(ret_middle), '/', ret_middle->len) == NULL;
}

static char *ecs_operation(const struct story *story, eca_json line, const char *body)
{
    eca_json headers = eca_json_get(line, "headers");
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *target = NULL, *task = NULL;

    for (eca_json pair = eca_json_first(headers); pair != NULL; pair = eca_json_next(pair)) {
        eca_json name = eca_json_first(pair);

        if (name != NULL && strcasecmp(eca_json_str(name), "X-Amz-Target") == 0) {
            target = eca_json_str(eca_json_next(name));
        }
    }
    target = target == NULL ? NULL : strrchr(target, '.');
    if (target == NULL) {
        return NULL;
    }
    if (eca_json_parse(eca_view_str(body), &doc, NULL) == ECA_OK) {
        task = hns_story_task(story, hns_line_text(eca_json_root(doc), "task"));
    }
    return task == NULL ? eca_xstrdup(target + 1) : eca_xasprintf("%s:%s", target + 1, task);
}

static void on_call(struct story *story, eca_json line)
{
    const char *party = hns_line_text(line, "party"), *method = hns_line_text(line, "method");
    const char *url = hns_line_text(line, "url");
    eca_auto_buf struct eca_buf body = {0};
    struct call *call;

    if (party == NULL || method == NULL || url == NULL) {
        story->wrong = "a call without party, method or url";
        return;
    }
    if (eca_json_get(line, "answer") != NULL) {
        return; /* it failed at once */
    }
    (void)hns_line_bytes(line, "body", &body);
    call = eca_xalloc(sizeof(*call));
    *call = (struct call){.number = (uint64_t)hns_line_number(line, "n"),
                          .start_ns = story->now_ns,
                          .before_ns = story->before_ns,
                          .party = eca_xstrdup(party),
                          .method = eca_xstrdup(method),
                          .path = eca_xstrdup(path_of(url)),
                          .request = eca_xstrdup(eca_buf_str(&body))};
    eca_json_splitter_init(&call->pieces, PIECE_BYTES_MAX);
    eca_list_push_back(&story->calls, &call->node);
    if (strcmp(party, "docker") == 0) {
        call->operation = hns_story_docker_operation(story, call, url);
    } else if (strcmp(party, "ecs") == 0 || strcmp(party, "ecr") == 0) {
        call->operation = ecs_operation(story, line, call->request);
    }
}

static void on_piece(struct story *story, struct call *call, eca_json line)
{
    eca_auto_buf struct eca_buf body = {0};

    (void)hns_line_bytes(line, "body", &body);
    if (strncmp(call->path, "/events", 7) == 0) {
        (void)eca_json_splitter_feed(&call->pieces, eca_buf_view(&body), hns_story_event, story,
                                     NULL);
    } else if (strstr(call->path, "/stats") == NULL) {
        eca_buf_add(&call->response, eca_buf_str(&body), body.len);
    }
}

/* A submission that was accepted is what the run has to show again. */
static void on_submitted(struct story *story, const struct call *call)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf text = {0};
    const char *task, *status, *container;
    uint64_t now_ns = story->now_ns;
    int64_t code;
    eca_json body;

    if (strncmp(call->operation, "Submit", 6) != 0 ||
        eca_json_parse(eca_view_str(call->request), &doc, NULL) < 0) {
        return;
    }
    body = eca_json_root(doc);
    task = hns_story_task(story, hns_line_text(body, "task"));
    status = hns_line_text(body, "status");
    container = hns_line_text(body, "containerName");
    if (task == NULL || status == NULL) {
        return;
    }
    eca_buf_addf(&text, "ecs: %s %s, ", container == NULL ? "task" : "container", status);
    hns_story_quoted(&text, "task: ", task);
    if (container != NULL) {
        hns_story_quoted(&text, ", container: ", container);
    }
    code = hns_line_number(body, "exitCode");
    if (eca_json_get(body, "exitCode") != NULL) {
        eca_buf_addf(&text, ", exitCode: %lld", (long long)code);
    }
    hns_submission_add(story->submitted, task, container, status,
                       eca_json_get(body, "exitCode") == NULL ? NULL : &code);
    eca_buf_add_str(&text, ", since: start"); /* each comes once, the order is not the point */
    story->now_ns = call->start_ns;           /* when the service heard of it */
    (void)hns_story_add(story, true, eca_buf_take(&text));
    story->now_ns = now_ns;
}

/* Equal ones in a row are one. */
static void put_fault(struct story *story, char *head, char *tail)
{
    struct fault *last = story->fault_count == 0 ? NULL : &story->faults[story->fault_count - 1];

    if (last != NULL && strcmp(last->head, head) == 0 && strcmp(last->tail, tail) == 0) {
        last->times++;
        eca_free(head);
        eca_free(tail);
        return;
    }
    story->faults =
        eca_xrealloc_array(story->faults, story->fault_count + 1, sizeof(*story->faults));
    story->faults[story->fault_count++] = (struct fault){head, tail, 1};
}

/* It stands before everything: `skip` are the calls of its kind that go well before it. */
static void add_fault(struct story *story, const struct call *call, const struct eca_err *err,
                      bool sent)
{
    eca_auto_free char *key = eca_xasprintf("%s %s", call->party, call->operation);
    bool status = call->status >= 200, hung = err->code == ECA_E_TIMEOUT;
    struct eca_buf head = {0}, tail = {0};

    eca_buf_addf(&head, "  - fault: {kind: %s, party: %s, ",
                 status ? "status"
                 : hung ? "hang"
                 : sent ? "reset"
                        : "refuse",
                 call->party);
    hns_story_quoted(&head, "what: ", call->operation);
    eca_buf_addf(&head, ", skip: %zu, times: ", (size_t)(uintptr_t)eca_map_get(story->passed, key));
    if (status) {
        eca_buf_addf(&tail, ", status: %d, content_type: application/%s, ", call->status,
                     strcmp(call->party, "docker") == 0 ? "json" : "x-amz-json-1.1");
        hns_story_quoted(&tail, "body: ", eca_buf_str(&call->response));
    }
    eca_buf_add_str(&tail, "}\n");
    put_fault(story, eca_buf_take(&head), eca_buf_take(&tail));
}

static void docker_answered(struct story *story, const struct call *call, bool went_well)
{
    eca_auto_buf struct eca_buf id = {0};
    struct container *container;

    if (strncmp(call->path, "/images/create", 14) == 0) {
        hns_story_pulled(story, call, went_well);
    } else if (path_is(call, "GET", "/containers/", "/json", &id)) {
        hns_story_inspected(story, eca_buf_str(&id), call);
    } else if (!went_well) {
        return;
    } else if (strncmp(call->path, "/containers/create", 18) == 0) {
        hns_story_created(story, call);
    } else if (path_is(call, "POST", "/containers/", "/start", &id) &&
               (container = hns_story_container(story, eca_buf_str(&id))) != NULL) {
        hns_story_runs(story, container);
    } else if (path_is(call, "POST", "/containers/", "/stop", &id) &&
               (container = hns_story_container(story, eca_buf_str(&id))) != NULL) {
        container->stop_ns = 0;
    } else if (path_is(call, "POST", "/containers/", "/kill", &id) &&
               (container = hns_story_container(story, eca_buf_str(&id))) != NULL) {
        container->killed = true;
    } else if (strcmp(call->path, "/version") == 0 && story->version.len == 0) {
        eca_buf_add(&story->version, eca_buf_str(&call->response), call->response.len);
    }
}

/* What a daemon answers to a wrong request, the fake answers as well. */
static bool is_natural(const struct call *call)
{
    return strcmp(call->party, "docker") == 0 &&
           (call->status == 304 || call->status == 404 || call->status == 409);
}

/* It hung. What hangs for ever is said of the container or the image; the rest is a fault. */
static void given_up(struct story *story, const struct call *call)
{
    struct eca_err late = {.code = ECA_E_TIMEOUT};
    struct container *container;

    if (call->operation == NULL) {
        return;
    }
    container = strncmp(call->operation, "stop:", 5) == 0
                    ? eca_map_get(story->by_name, call->operation + 5)
                    : NULL;
    if (container != NULL) {
        container->unstoppable = true;
    } else {
        add_fault(story, call, &late, true);
    }
}

/* Whatever reached the fake counts where a fault is to skip it. */
static void count_passed(struct story *story, const struct call *call)
{
    eca_auto_free char *key = eca_xasprintf("%s %s", call->party, call->operation);
    uintptr_t times = (uintptr_t)eca_map_get(story->passed, key);

    (void)eca_map_put(story->passed, key, (void *)(times + 1));
}

/* An answer that says it is well and cannot be read: given again as it was. */
static bool is_garbage(const struct call *call)
{
    static const char *const read[] = {"version", "inspect:", "create:", "image-inspect:", "list"};
    eca_auto_json struct eca_json_doc *doc = NULL;
    enum eca_json_type type;

    if (strcmp(call->party, "docker") != 0 || call->status < 200 || call->status >= 300) {
        return false;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(read); i++) {
        if (strncmp(call->operation, read[i], strlen(read[i])) == 0) {
            type = eca_json_parse(eca_buf_view(&call->response), &doc, NULL) < 0
                       ? ECA_JSON_NULL
                       : eca_json_type(eca_json_root(doc));
            return type != ECA_JSON_OBJECT && type != ECA_JSON_ARRAY;
        }
    }
    return false;
}

static void end_docker_call(struct story *story, const struct call *call, const struct eca_err *err)
{
    bool went_well = err->code == ECA_OK && call->status < 300;

    if (call->answered) {
        hns_story_docker_answered(story);
    }
    if (strncmp(call->path, "/events", 7) == 0 && call->answered) {
        hns_story_events_end(story, err);
    }
    docker_answered(story, call, went_well);
}

static void on_call_end(struct story *story, struct call *call, eca_json line)
{
    bool sent = !hns_line_truth(line, "unsent"), is_docker = strcmp(call->party, "docker") == 0;
    struct eca_err err;

    hns_line_err(line, "err", &err);
    call->status = (int)hns_line_number(line, "status");
    (void)hns_line_bytes(line, "body", &call->response);
    call->answered = call->answered || call->status > 0;
    if (is_docker) {
        end_docker_call(story, call, &err);
    } else if (strcmp(call->party, "ecr") == 0) {
        hns_story_ecr(story, call);
    }
    if (call->operation == NULL) {
        if (is_docker && err.code == ECA_E_TRANSIENT && !sent) {
            hns_story_docker_refused(story, call);
        }
    } else if (err.code == ECA_E_TIMEOUT) {
        given_up(story, call);
    } else if (is_docker && err.code == ECA_E_TRANSIENT && !sent) {
        hns_story_docker_refused(story, call);
    } else if (err.code == ECA_OK && (call->status < 300 || is_natural(call))) {
        if (is_garbage(call)) {
            add_fault(story, call, &err, sent);
        } else {
            count_passed(story, call);
        }
        if (strcmp(call->party, "ecs") == 0) {
            on_submitted(story, call);
        }
    } else if (!call->answered || strcmp(call->operation, "events") != 0) { /* a step ends those */
        add_fault(story, call, &err, sent);
    }
    hns_story_call_free(story, call);
}

/* Submissions whose answer the recording does not hold any more. */
void hns_story_expect_open(struct story *story)
{
    ECA_LIST_FOREACH(it, &story->calls)
    {
        const struct call *call = eca_list_entry(it, struct call, node);

        if (call->operation != NULL && strcmp(call->party, "ecs") == 0) {
            on_submitted(story, call);
        } else if (strncmp(call->path, "/images/create", 14) == 0) {
            struct image *image = hns_story_image(story, call);

            /* It goes on beyond the end. */
            image->takes_ns += story->now_ns - call->start_ns + OPEN_PULL_NS;
        }
    }
}

void hns_story_http(struct story *story, const char *what, eca_json line)
{
    struct call *call = find_call(story, line);

    if ((call == NULL) != (strcmp(what, "http.start") == 0)) {
        story->wrong = call == NULL
                           ? "of a call that did not begin: lines out of order or missing"
                           : "a call that is under way begins: lines out of order or missing";
    } else if (call == NULL) {
        on_call(story, line);
    } else if (strcmp(what, "http.head") == 0) {
        call->answered = true;
        if (strcmp(call->party, "docker") == 0) {
            hns_story_docker_answered(story);
        }
    } else if (strcmp(what, "http.body") == 0) {
        on_piece(story, call, line);
    } else if (strcmp(what, "http.end") == 0) {
        on_call_end(story, call, line);
    } else if (strcmp(what, "http.cancel") == 0) {
        if (strncmp(call->path, "/images/create", 14) == 0 && !story->terminated) {
            hns_story_image(story, call)->silent = true;
        }
        if (call->operation != NULL && call->answered) {
            count_passed(story, call);
        }
        if (call->operation != NULL && !call->answered && !story->terminated &&
            story->now_ns >= call->start_ns + HANG_NS) {
            given_up(story, call);
        }
        hns_story_call_free(story, call);
    }
}
