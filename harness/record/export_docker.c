#include "harness/record/export_inside.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define PIECE_BYTES_MAX ((size_t)1 << 20) /* one event, one line of a pull */
/* Around what the agent got no event of. */
#define UNSEEN "docker.events: mute\n  - "
#define SEEN "\n  - docker.events: unmute"

/* ---- containers ----------------------------------------------------------------------------- */

struct container *hns_story_container(struct story *story, const char *id)
{
    struct container *container = id == NULL ? NULL : eca_map_get(story->containers, id);

    return container != NULL || id == NULL ? container : eca_map_get(story->by_name, id);
}

static void set_exit_step(struct story *story, struct container *container)
{
    eca_auto_buf struct eca_buf text = {0};

    hns_story_quoted(
        &text,
        container->oom ? "docker.oom: {container: " : "docker.exit: {container: ", container->name);
    if (!container->oom) {
        eca_buf_addf(&text, ", code: %d", container->code);
    }
    eca_buf_add_char(&text, '}');
    if (container->exit_item == 0) {
        container->exit_item = hns_story_add(story, false, eca_buf_take(&text));
    } else {
        struct item *item = &story->items[container->exit_item - 1];

        eca_free(item->text);
        item->text = eca_buf_take(&text);
    }
}

static void ended(struct story *story, struct container *container, eca_json event)
{
    eca_json attributes = eca_json_get(eca_json_get(event, "Actor"), "Attributes");
    const char *code = hns_line_text(attributes, "exitCode");

    container->code = code == NULL ? 0 : (int)strtol(code, NULL, 10);
    container->runs = false;
    if (container->stop_ns > 0) {
        container->stopped = true;
        container->term_ns = story->now_ns - container->stop_ns;
    } else if (!container->killed && container->exit_item == 0) {
        set_exit_step(story, container);
    }
}

void hns_story_runs(struct story *story, struct container *container)
{
    container->runs = true;
    container->exit_item = 0;
    container->seen_ns = story->now_ns;
}

/*
 * Something that no event told of: while the agent was not there, while the daemon was not, or just
 * before the answer that revealed it, with events lost. The index + 1 of the step comes back.
 */
static size_t add_unseen(struct story *story, const struct container *container, char *step)
{
    uint64_t now_ns = story->now_ns;
    bool muted = false;
    size_t item;

    if (container->seen_ns < story->life_ns) {
        story->now_ns = story->life_ns - 1;
    } else if (container->seen_ns < story->up_ns) {
        story->now_ns = story->up_ns - 1;
    } else {
        story->now_ns = story->before_ns + 1;
        muted = true;
    }
    item = hns_story_add(story, false,
                         muted ? eca_xasprintf(UNSEEN "%s" SEEN, step) : eca_xstrdup(step));
    eca_free(step);
    story->now_ns = now_ns;
    return item;
}

/* By somebody else. */
static void removed(struct story *story, struct container *container, bool seen)
{
    eca_auto_buf struct eca_buf text = {0};

    if (container->removed) {
        return;
    }
    container->removed = true;
    container->runs = false;
    hns_story_quoted(&text, "docker.remove: {container: ", container->name);
    eca_buf_add_char(&text, '}');
    if (seen) {
        (void)hns_story_add(story, false, eca_buf_take(&text));
    } else {
        (void)add_unseen(story, container, eca_buf_take(&text));
    }
}

static void exited_unseen(struct story *story, struct container *container)
{
    eca_auto_buf struct eca_buf text = {0};

    container->runs = false;
    hns_story_quoted(&text, "docker.exit: {container: ", container->name);
    eca_buf_addf(&text, ", code: %d}", container->code);
    (void)add_unseen(story, container, eca_buf_take(&text));
}

int hns_story_event(void *arg, struct eca_view value, struct eca_err *err)
{
    struct story *story = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct container *container;
    const char *status;

    (void)err;
    if (eca_json_parse(value, &doc, NULL) < 0) {
        return ECA_OK;
    }
    status = hns_line_text(eca_json_root(doc), "status");
    container = hns_story_container(story, hns_line_text(eca_json_root(doc), "id"));
    if (container == NULL || status == NULL) {
        return ECA_OK;
    }
    if (strcmp(status, "destroy") == 0) {
        removed(story, container, true);
    } else if (strcmp(status, "die") == 0) {
        ended(story, container, eca_json_root(doc));
    } else if (strcmp(status, "oom") == 0) {
        container->oom = true;
    } else if (strcmp(status, "start") == 0) {
        hns_story_runs(story, container);
    }
    container->seen_ns = story->now_ns;
    return ECA_OK;
}

/* The exit code, where the event did not say it. */
void hns_story_inspected(struct story *story, const char *id, const struct call *call)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct container *container = hns_story_container(story, id);
    eca_json state;

    if (container != NULL && call->status == 404) {
        removed(story, container, false);
    }
    if (container == NULL || eca_json_parse(eca_buf_view(&call->response), &doc, NULL) < 0) {
        return;
    }
    state = eca_json_get(eca_json_root(doc), "State");
    if (hns_line_truth(state, "Running")) {
        hns_story_runs(story, container);
        return;
    }
    if (eca_json_get(state, "ExitCode") == NULL) {
        return;
    }
    container->code = (int)hns_line_number(state, "ExitCode");
    if (container->exit_item > 0 && !container->oom) {
        set_exit_step(story, container);
    } else if (container->runs && container->stop_ns == 0 && !container->killed) {
        exited_unseen(story, container);
    }
    container->seen_ns = story->now_ns;
}

/* Docker adds the tag that a task leaves out. */
static struct image *pulled_image(struct story *story, const char *name)
{
    eca_auto_free char *latest = eca_xasprintf("%s:latest", name == NULL ? "" : name);
    struct image *image = name == NULL ? NULL : eca_map_get(story->images, name);

    return image != NULL ? image : eca_map_get(story->images, latest);
}

void hns_story_created(struct story *story, const struct call *call)
{
    eca_auto_json struct eca_json_doc *request = NULL, *response = NULL;
    struct container *container;
    struct image *image;
    eca_json labels;
    const char *task, *name, *id, *docker_name = strstr(call->path, "?name=");

    if (eca_json_parse(eca_view_str(call->request), &request, NULL) < 0 ||
        eca_json_parse(eca_buf_view(&call->response), &response, NULL) < 0) {
        return;
    }
    labels = eca_json_get(eca_json_root(request), "Labels");
    task = hns_story_task(story, hns_line_text(labels, HNS_STORY_LABEL "task-arn"));
    name = hns_line_text(labels, HNS_STORY_LABEL "container-name");
    id = hns_line_text(eca_json_root(response), "Id");
    image = pulled_image(story, hns_line_text(eca_json_root(request), "Image"));
    if (image != NULL && image->failed_last) {
        image->present = true; /* it was there without that pull */
    }
    if (task == NULL || name == NULL || id == NULL || hns_story_container(story, id) != NULL) {
        return;
    }
    container = eca_xalloc(sizeof(*container));
    container->name = eca_xasprintf("%s/%s", task, name);
    (void)eca_map_put(story->containers, id, container);
    (void)eca_map_put(story->by_name, container->name, container);
    if (docker_name != NULL) {
        eca_auto_free char *alias = eca_xstrdup(docker_name + strlen("?name="));

        alias[strcspn(alias, "&")] = '\0';
        (void)eca_map_put(story->by_name, alias, container);
    }
}

/* ---- images --------------------------------------------------------------------------------- */

static int on_pull_line(void *arg, struct eca_view value, struct eca_err *err)
{
    struct image *image = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *error = NULL;

    (void)err;
    if (eca_json_parse(value, &doc, NULL) == ECA_OK) {
        error = hns_line_text(eca_json_root(doc), "error");
    }
    if (error != NULL) {
        eca_free(image->error);
        image->error = eca_xstrdup(error);
    }
    return ECA_OK;
}

/* Of a pull; made when new. */
struct image *hns_story_image(struct story *story, const struct call *call)
{
    const char *from = strstr(call->path, "fromImage=");
    eca_auto_buf struct eca_buf name = {0};
    struct image *image;

    from = from == NULL ? "" : from + strlen("fromImage=");
    eca_percent_decode(eca_view_of(from, strcspn(from, "&")), true, &name);
    image = eca_map_get(story->images, eca_buf_str(&name));
    if (image == NULL) {
        image = eca_xalloc(sizeof(*image));
        (void)eca_map_put(story->images, eca_buf_str(&name), image);
    }
    return image;
}

void hns_story_pulled(struct story *story, const struct call *call, bool went_well)
{
    struct image *image = hns_story_image(story, call);
    struct eca_json_splitter lines;
    char *had_error;

    had_error = eca_take(image->error);
    eca_json_splitter_init(&lines, PIECE_BYTES_MAX);
    (void)eca_json_splitter_feed(&lines, eca_buf_view(&call->response), on_pull_line, image, NULL);
    eca_json_splitter_clear(&lines);
    if (call->status >= 400) {
        eca_auto_json struct eca_json_doc *doc = NULL;
        const char *message = NULL;

        if (eca_json_parse(eca_buf_view(&call->response), &doc, NULL) == ECA_OK) {
            message = hns_line_text(eca_json_root(doc), "message");
        }
        eca_free(image->error);
        image->error = eca_xstrdup(message == NULL ? eca_buf_str(&call->response) : message);
        image->error_status = call->status;
    }
    image->failed_last = image->error != NULL;
    if (image->error != NULL) {
        image->failures++;
        eca_free(had_error);
    } else {
        image->error = had_error;
        image->takes_ns = went_well ? story->now_ns - call->start_ns : image->takes_ns;
    }
}
