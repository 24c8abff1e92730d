#include "fakes/docker/observe.h"

#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#define LABEL "com.amazonaws.ecs."

struct fake_docker_observer {
    struct fake_hub *hub;
    struct fake_trace *trace;
    bool verbose;
    struct eca_map *names;  /* Docker name or id -> owned "task/name" */
    struct eca_map *ids;    /* "task/name" -> owned id of the latest create that worked */
    struct eca_map *bodies; /* "task/name" -> owned body of that create */
    struct eca_buf what;    /* the namer's answer */
};

static const char *const op_names[] = {
    [FAKE_DOCKER_OP_OTHER] = "other",
    [FAKE_DOCKER_OP_PING] = "ping",
    [FAKE_DOCKER_OP_VERSION] = "version",
    [FAKE_DOCKER_OP_EVENTS] = "events",
    [FAKE_DOCKER_OP_INFO] = "info",
    [FAKE_DOCKER_OP_PULL] = "pull",
    [FAKE_DOCKER_OP_IMPORT] = "import",
    [FAKE_DOCKER_OP_IMAGE_INSPECT] = "image-inspect",
    [FAKE_DOCKER_OP_IMAGE_REMOVE] = "image-remove",
    [FAKE_DOCKER_OP_IMAGE_LIST] = "image-list",
    [FAKE_DOCKER_OP_CREATE] = "create",
    [FAKE_DOCKER_OP_START] = "start",
    [FAKE_DOCKER_OP_STOP] = "stop",
    [FAKE_DOCKER_OP_KILL] = "kill",
    [FAKE_DOCKER_OP_PAUSE] = "pause",
    [FAKE_DOCKER_OP_UNPAUSE] = "unpause",
    [FAKE_DOCKER_OP_REMOVE] = "remove",
    [FAKE_DOCKER_OP_INSPECT] = "inspect",
    [FAKE_DOCKER_OP_LIST] = "list",
    [FAKE_DOCKER_OP_STATS] = "stats",
};

const char *fake_docker_op_name(enum fake_docker_op op)
{
    return op_names[op];
}

/* ---- routes ---------------------------------------------------------------------------------- */

static bool is_version(struct eca_view text)
{
    if (text.len < 2 || text.at[0] != 'v') {
        return false;
    }
    for (size_t i = 1; i < text.len; i++) {
        if ((text.at[i] < '0' || text.at[i] > '9') && text.at[i] != '.') {
            return false;
        }
    }
    return true;
}

/* The part before the next '/', cut off the front of *path (which begins with '/'). */
static struct eca_view next_part(struct eca_view *path)
{
    struct eca_view rest = eca_view_sub(*path, 1, SIZE_MAX);
    size_t end = eca_view_find(rest, "/", 0);
    struct eca_view part = eca_view_sub(rest, 0, end);

    *path = end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, end, SIZE_MAX);
    return part;
}

static bool is(const struct fake_request *request, const char *method)
{
    return strcmp(request->method, method) == 0;
}

/* "/<ref>/<verb>": the verb is the last part, references may contain '/'. */
static enum fake_docker_op container_op(const struct fake_request *request, struct eca_view rest,
                                        struct eca_view *ret_ref)
{
    static const struct {
        const char *method, *verb;
        enum fake_docker_op op;
    } verbs[] = {
        {"GET", "/json", FAKE_DOCKER_OP_INSPECT},     {"POST", "/start", FAKE_DOCKER_OP_START},
        {"POST", "/stop", FAKE_DOCKER_OP_STOP},       {"POST", "/kill", FAKE_DOCKER_OP_KILL},
        {"POST", "/unpause", FAKE_DOCKER_OP_UNPAUSE}, {"POST", "/pause", FAKE_DOCKER_OP_PAUSE},
        {"GET", "/stats", FAKE_DOCKER_OP_STATS},
    };

    if (is(request, "DELETE") && rest.len > 1) {
        *ret_ref = eca_view_sub(rest, 1, SIZE_MAX);
        return FAKE_DOCKER_OP_REMOVE;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(verbs); i++) {
        size_t len = strlen(verbs[i].verb);
        if (is(request, verbs[i].method) && eca_view_ends(rest, verbs[i].verb) &&
            rest.len > len + 1) {
            *ret_ref = eca_view_sub(rest, 1, rest.len - len - 1);
            return verbs[i].op;
        }
    }
    return FAKE_DOCKER_OP_OTHER;
}

static enum fake_docker_op image_op(const struct fake_request *request, struct eca_view rest,
                                    struct eca_view *ret_ref)
{
    eca_auto_buf struct eca_buf from = {0};

    if (is(request, "POST") && eca_view_eq_str(rest, "/create")) {
        return fake_request_param(request, "fromSrc", &from) && from.len > 0 ? FAKE_DOCKER_OP_IMPORT
                                                                             : FAKE_DOCKER_OP_PULL;
    }
    if (is(request, "GET") && eca_view_eq_str(rest, "/json")) {
        return FAKE_DOCKER_OP_IMAGE_LIST;
    }
    if (is(request, "GET") && eca_view_ends(rest, "/json") && rest.len > 6) {
        *ret_ref = eca_view_sub(rest, 1, rest.len - 6);
        return FAKE_DOCKER_OP_IMAGE_INSPECT;
    }
    if (is(request, "DELETE") && rest.len > 1) {
        *ret_ref = eca_view_sub(rest, 1, SIZE_MAX);
        return FAKE_DOCKER_OP_IMAGE_REMOVE;
    }
    return FAKE_DOCKER_OP_OTHER;
}

void fake_docker_route(const struct fake_request *request, struct fake_docker_route *ret_route)
{
    struct eca_view path = eca_view_str(request->path);
    struct eca_view part = next_part(&path);

    *ret_route = (struct fake_docker_route){.op = FAKE_DOCKER_OP_OTHER};
    if (is_version(part)) {
        ret_route->version = eca_view_sub(part, 1, SIZE_MAX);
        part = next_part(&path);
    }
    if (eca_view_eq_str(part, "containers")) {
        if (is(request, "POST") && eca_view_eq_str(path, "/create")) {
            ret_route->op = FAKE_DOCKER_OP_CREATE;
        } else if (is(request, "GET") && eca_view_eq_str(path, "/json")) {
            ret_route->op = FAKE_DOCKER_OP_LIST;
        } else {
            ret_route->op = container_op(request, path, &ret_route->ref);
        }
    } else if (eca_view_eq_str(part, "images")) {
        ret_route->op = image_op(request, path, &ret_route->ref);
    } else if (is(request, "GET") && path.len == 0) {
        if (eca_view_eq_str(part, "_ping")) {
            ret_route->op = FAKE_DOCKER_OP_PING;
        } else if (eca_view_eq_str(part, "version")) {
            ret_route->op = FAKE_DOCKER_OP_VERSION;
        } else if (eca_view_eq_str(part, "events")) {
            ret_route->op = FAKE_DOCKER_OP_EVENTS;
        } else if (eca_view_eq_str(part, "info")) {
            ret_route->op = FAKE_DOCKER_OP_INFO;
        }
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *label(eca_json labels, const char *key)
{
    eca_json value = eca_json_get(labels, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

void fake_docker_label_name(const struct fake_trace *trace, eca_json labels, struct eca_buf *out)
{
    const char *arn = label(labels, LABEL "task-arn");
    const char *name = label(labels, LABEL "container-name");

    if (arn != NULL && name != NULL) {
        eca_buf_addf(out, "%s/%s", fake_trace_name_of(trace, arn), name);
    }
}

const char *fake_docker_observer_name(const struct fake_docker_observer *observer,
                                      const char *name_or_id)
{
    const char *name = eca_map_get(observer->names, name_or_id);

    return name == NULL ? name_or_id : name;
}

const char *fake_docker_observer_id(const struct fake_docker_observer *observer, const char *name)
{
    return eca_map_get(observer->ids, name);
}

const char *fake_docker_observer_body(const struct fake_docker_observer *observer, const char *name)
{
    return eca_map_get(observer->bodies, name);
}

/* Image of a pull or import: the reference, or repo:tag. */
static void image_param(const struct fake_request *request, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf tag = {0};

    if (!fake_request_param(request, "fromImage", out)) {
        (void)fake_request_param(request, "repo", out);
    }
    if (fake_request_param(request, "tag", &tag) && tag.len > 0) {
        eca_buf_addf(out, ":%s", eca_buf_str(&tag));
    }
}

static bool is_about_version(enum fake_docker_op op)
{
    return op == FAKE_DOCKER_OP_PING || op == FAKE_DOCKER_OP_VERSION;
}

/* What the request is about: container, image or API version, in the words of the scenario. */
static void subject(const struct fake_docker_observer *observer, const struct fake_request *request,
                    const struct fake_docker_route *route, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf ref = {0};

    if (route->op == FAKE_DOCKER_OP_PULL || route->op == FAKE_DOCKER_OP_IMPORT) {
        image_param(request, out);
    } else if (route->op == FAKE_DOCKER_OP_CREATE) {
        eca_auto_json struct eca_json_doc *doc = NULL;
        if (eca_json_parse(request->body, &doc, NULL) == 0) {
            fake_docker_label_name(observer->trace, eca_json_get(eca_json_root(doc), "Labels"),
                                   out);
        }
        if (out->len == 0) {
            (void)fake_request_param(request, "name", out);
        }
    } else if (is_about_version(route->op)) {
        eca_buf_add_view(out, route->version);
    } else if (route->ref.len > 0) {
        eca_percent_decode(route->ref, false, &ref);
        eca_buf_add_str(out, fake_docker_observer_name(observer, eca_buf_str(&ref)));
    }
}

static const char *on_name(void *arg, const struct fake_request *request)
{
    struct fake_docker_observer *observer = arg;
    struct fake_docker_route route;
    eca_auto_buf struct eca_buf about = {0};

    fake_docker_route(request, &route);
    if (route.op == FAKE_DOCKER_OP_OTHER) {
        return NULL;
    }
    subject(observer, request, &route, &about);
    eca_buf_reset(&observer->what);
    eca_buf_add_str(&observer->what, op_names[route.op]);
    if (about.len > 0) {
        eca_buf_addf(&observer->what, ":%s", eca_buf_str(&about));
    }
    return eca_buf_str(&observer->what);
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool is_quiet(enum fake_docker_op op)
{
    switch (op) {
    case FAKE_DOCKER_OP_PULL:
    case FAKE_DOCKER_OP_IMPORT:
    case FAKE_DOCKER_OP_IMAGE_REMOVE:
    case FAKE_DOCKER_OP_CREATE:
    case FAKE_DOCKER_OP_START:
    case FAKE_DOCKER_OP_STOP:
    case FAKE_DOCKER_OP_KILL:
    case FAKE_DOCKER_OP_PAUSE:
    case FAKE_DOCKER_OP_UNPAUSE:
    case FAKE_DOCKER_OP_REMOVE:
        return false;
    case FAKE_DOCKER_OP_OTHER:
    case FAKE_DOCKER_OP_PING:
    case FAKE_DOCKER_OP_VERSION:
    case FAKE_DOCKER_OP_EVENTS:
    case FAKE_DOCKER_OP_INFO:
    case FAKE_DOCKER_OP_IMAGE_INSPECT:
    case FAKE_DOCKER_OP_IMAGE_LIST:
    case FAKE_DOCKER_OP_INSPECT:
    case FAKE_DOCKER_OP_LIST:
    case FAKE_DOCKER_OP_STATS:
        return true;
    }
    return true;
}

static bool is_about_image(enum fake_docker_op op)
{
    return op == FAKE_DOCKER_OP_PULL || op == FAKE_DOCKER_OP_IMPORT ||
           op == FAKE_DOCKER_OP_IMAGE_INSPECT || op == FAKE_DOCKER_OP_IMAGE_REMOVE;
}

static void put_param(const struct fake_request *request, const char *param, const char *key,
                      struct eca_json_writer *w)
{
    eca_auto_buf struct eca_buf value = {0};

    if (fake_request_param(request, param, &value)) {
        eca_jw_str(w, key, eca_buf_str(&value));
    }
}

static void put_subject(const struct fake_docker_observer *observer,
                        const struct fake_request *request, const struct fake_docker_route *route,
                        struct eca_json_writer *w)
{
    eca_auto_buf struct eca_buf about = {0};

    subject(observer, request, route, &about);
    if (about.len > 0 && !is_about_version(route->op)) {
        eca_jw_str(w, is_about_image(route->op) ? "image" : "container", eca_buf_str(&about));
    }
    if (observer->verbose && route->version.len > 0) {
        eca_jw_view(w, "api", route->version);
    }
}

static void on_arrive(void *arg, const struct fake_request *request)
{
    struct fake_docker_observer *observer = arg;
    struct fake_docker_route route;
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    fake_docker_route(request, &route);
    if (is_quiet(route.op) && !observer->verbose) {
        return;
    }
    eca_jw_object(&w, NULL);
    put_subject(observer, request, &route, &w);
    if (route.op == FAKE_DOCKER_OP_STOP) {
        put_param(request, "t", "timeout", &w);
    } else if (route.op == FAKE_DOCKER_OP_KILL) {
        put_param(request, "signal", "signal", &w);
    } else if (route.op == FAKE_DOCKER_OP_EVENTS) {
        put_param(request, "since", "since", &w);
    } else if (route.op == FAKE_DOCKER_OP_STATS) {
        put_param(request, "stream", "stream", &w);
    } else if (route.op == FAKE_DOCKER_OP_CREATE) {
        eca_auto_json struct eca_json_doc *doc = NULL;
        put_param(request, "name", "name", &w);
        if (eca_json_parse(request->body, &doc, NULL) == 0) {
            const char *image = label(eca_json_root(doc), "Image");
            if (image != NULL) {
                eca_jw_str(&w, "image", image);
            }
        }
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(observer->trace, FAKE_LANE_DOCKER, op_names[route.op],
                         eca_buf_str(&fields));
}

static void remember(struct eca_map *map, const char *key, struct eca_view value)
{
    eca_free(eca_map_put(map, key, eca_xstrndup(value.at, value.len)));
}

void fake_docker_observer_know(struct fake_docker_observer *observer, const char *name_or_id,
                               const char *name)
{
    remember(observer->names, name_or_id, eca_view_str(name));
}

/* A create that worked: id and Docker name stand for the labels from now on. */
static void learn(struct fake_docker_observer *observer, const struct fake_request *request,
                  const struct fake_docker_route *route, struct eca_view answer)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf about = {0}, name = {0};
    const char *id;

    if (eca_json_parse(answer, &doc, NULL) < 0) {
        return;
    }
    id = label(eca_json_root(doc), "Id");
    subject(observer, request, route, &about);
    if (id == NULL || about.len == 0) {
        return;
    }
    fake_docker_observer_know(observer, id, eca_buf_str(&about));
    if (fake_request_param(request, "name", &name)) {
        fake_docker_observer_know(observer, eca_buf_str(&name), eca_buf_str(&about));
    }
    remember(observer->ids, eca_buf_str(&about), eca_view_str(id));
    remember(observer->bodies, eca_buf_str(&about), request->body);
}

#define ERROR_MEMBER "\"error\":"

/* Of a stream the line that says why it failed, otherwise the whole answer. */
static struct eca_view failed_line(struct eca_view answer)
{
    size_t from = 0, error = eca_view_find(answer, ERROR_MEMBER, 0), end;

    if (error == SIZE_MAX) {
        return answer;
    }
    while ((end = eca_view_find(answer, "\n", from)) < error) {
        from = end + 1;
    }
    return eca_view_trim(eca_view_sub(answer, from, end == SIZE_MAX ? end : end - from));
}

/* Error text of an answer: {"message":"..."}, {"error":"..."} at the end of a stream, plain text.
 */
static void put_message(struct eca_view answer, struct eca_json_writer *w)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *text = NULL;

    answer = failed_line(answer);
    if (eca_json_parse(answer, &doc, NULL) == 0) {
        text = label(eca_json_root(doc), "message");
        text = text == NULL ? label(eca_json_root(doc), "error") : text;
    }
    if (text != NULL) {
        eca_jw_str(w, "message", text);
    } else {
        eca_jw_view(w, "message", eca_view_trim(eca_view_sub(answer, 0, 512)));
    }
}

static bool stream_failed(enum fake_docker_op op, struct eca_view answer)
{
    return op == FAKE_DOCKER_OP_PULL && eca_view_find(answer, ERROR_MEMBER, 0) != SIZE_MAX;
}

static void on_end(void *arg, const struct fake_request *request, int status,
                   struct eca_view answer)
{
    struct fake_docker_observer *observer = arg;
    struct fake_docker_route route;
    eca_auto_buf struct eca_buf fields = {0}, name = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    fake_docker_route(request, &route);
    if (route.op == FAKE_DOCKER_OP_CREATE && status == 201) {
        learn(observer, request, &route, answer);
    }
    if (is_quiet(route.op) && !observer->verbose) {
        return;
    }
    if (status >= 200 && status < 400 && !stream_failed(route.op, answer)) {
        return;
    }
    eca_jw_object(&w, NULL);
    put_subject(observer, request, &route, &w);
    eca_jw_i64(&w, "status", status);
    put_message(answer, &w);
    eca_jw_end_object(&w);
    eca_buf_addf(&name, "%s.failed", op_names[route.op]);
    (void)fake_trace_add(observer->trace, FAKE_LANE_DOCKER, eca_buf_str(&name),
                         eca_buf_str(&fields));
}

struct fake_docker_observer *fake_docker_observe(struct fake_hub *hub, const char *party,
                                                 struct fake_trace *trace, bool verbose)
{
    struct fake_docker_observer *observer = eca_xalloc(sizeof(*observer));

    observer->hub = hub;
    observer->trace = trace;
    observer->verbose = verbose;
    observer->names = eca_map_new();
    observer->ids = eca_map_new();
    observer->bodies = eca_map_new();
    fake_hub_set_namer(hub, party, on_name, observer);
    fake_hub_on_arrive(hub, party, on_arrive, observer);
    fake_hub_observe(hub, party, on_end, observer);
    return observer;
}

static void free_texts(struct eca_map *map)
{
    size_t cursor = 0;
    void *text;

    while (eca_map_next(map, &cursor, NULL, &text)) {
        eca_free(text);
    }
    eca_map_free(map);
}

void fake_docker_observer_free(struct fake_docker_observer *observer)
{
    if (observer == NULL) {
        return;
    }
    free_texts(observer->names);
    free_texts(observer->ids);
    free_texts(observer->bodies);
    eca_buf_clear(&observer->what);
    eca_free(observer);
}
