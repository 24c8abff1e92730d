#include "harness/record/export_inside.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/docker/observe.h"

/* The daemon as a whole: what it is asked, in the words of faults, and when it is not there. */

/* Who a call is about: a container by its name, an image, an API version. False: nobody known. */
static bool add_subject(struct story *story, const struct fake_docker_route *route,
                        struct eca_buf *out)
{
    eca_auto_buf struct eca_buf ref = {0};
    const struct container *container;

    if (route->op == FAKE_DOCKER_OP_PING || route->op == FAKE_DOCKER_OP_VERSION) {
        eca_buf_addf(out, "%s%.*s", route->version.len > 0 ? ":" : "", (int)route->version.len,
                     route->version.len > 0 ? route->version.at : "");
        return true;
    }
    if (route->ref.len == 0) {
        return true;
    }
    eca_percent_decode(route->ref, false, &ref);
    if (route->op == FAKE_DOCKER_OP_IMAGE_INSPECT || route->op == FAKE_DOCKER_OP_IMAGE_REMOVE) {
        eca_buf_addf(out, ":%s", eca_buf_str(&ref));
        return true;
    }
    container = hns_story_container(story, eca_buf_str(&ref));
    eca_buf_addf(out, ":%s", container == NULL ? "" : container->name);
    return container != NULL;
}

static void note_order(struct story *story, const struct fake_docker_route *route)
{
    eca_auto_buf struct eca_buf ref = {0};
    struct container *container;

    eca_percent_decode(route->ref, false, &ref);
    container = hns_story_container(story, eca_buf_str(&ref));
    if (container != NULL && route->op == FAKE_DOCKER_OP_STOP) {
        container->stop_ns = story->now_ns;
    } else if (container != NULL && route->op == FAKE_DOCKER_OP_REMOVE) {
        container->removed = true;
    }
}

static char *create_operation(const struct story *story, const struct call *call)
{
    eca_auto_json struct eca_json_doc *request = NULL;
    const char *task, *name;
    eca_json labels;

    if (eca_json_parse(eca_view_str(call->request), &request, NULL) < 0) {
        return NULL;
    }
    labels = eca_json_get(eca_json_root(request), "Labels");
    task = hns_story_task(story, hns_line_text(labels, HNS_STORY_LABEL "task-arn"));
    name = hns_line_text(labels, HNS_STORY_LABEL "container-name");
    return task == NULL || name == NULL ? NULL : eca_xasprintf("create:%s/%s", task, name);
}

char *hns_story_docker_operation(struct story *story, const struct call *call, const char *url)
{
    const char *path = strstr(url, "://");
    eca_auto_buf struct eca_buf name = {0};
    eca_auto_free char *target = NULL;
    struct fake_request request = {.method = call->method};
    struct fake_docker_route route;

    path = strchr(path == NULL ? url : path + 3, '/');
    target = eca_xstrdup(path == NULL ? "/" : path);
    target[strcspn(target, "?")] = '\0';
    request.path = target;
    fake_docker_route(&request, &route);
    note_order(story, &route);
    if (route.op == FAKE_DOCKER_OP_CREATE) {
        return create_operation(story, call);
    }
    /* What pulls do is said of their images, and statistics end no task. */
    if (route.op == FAKE_DOCKER_OP_OTHER || route.op == FAKE_DOCKER_OP_PULL ||
        route.op == FAKE_DOCKER_OP_STATS) {
        return NULL;
    }
    eca_buf_add_str(&name, fake_docker_op_name(route.op));
    return add_subject(story, &route, &name) ? eca_buf_take(&name) : NULL;
}

/* ---- away ----------------------------------------------------------------------------------- */

static void add_at(struct story *story, uint64_t at_ns, const char *text)
{
    uint64_t now_ns = story->now_ns;

    story->now_ns = at_ns;
    (void)hns_story_add(story, false, eca_xstrdup(text));
    story->now_ns = now_ns;
}

void hns_story_events_end(struct story *story, const struct eca_err *err)
{
    story->events_item = hns_story_add(
        story, false, eca_xasprintf("docker.events: %s", err->code == ECA_OK ? "end" : "reset"));
}

/* Nobody took the connection: since the stream of events ended, or since its last answer. */
void hns_story_docker_refused(struct story *story, const struct call *call)
{
    uint64_t from_ns = story->docker_ns + 1;

    story->refused_ns = call->start_ns;
    if (story->down) {
        return;
    }
    story->down = true;
    if (story->docker_ns == 0) {
        story->down_at_start = true;
        return;
    }
    if (story->events_item > 0) {
        struct item *item = &story->items[story->events_item - 1];

        from_ns = item->at_ns >= story->docker_ns ? item->at_ns : from_ns;
        item->text[0] = '\0';
    }
    add_at(story, from_ns, "docker.down: live");
}

void hns_story_docker_answered(struct story *story)
{
    story->docker_ns = story->now_ns;
    if (story->down) {
        story->down = false;
        story->up_ns = story->refused_ns + 2;
        add_at(story, story->up_ns, "docker.up:");
    }
}
