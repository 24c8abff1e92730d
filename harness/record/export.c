#include "harness/record/export.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/record/export_inside.h"
#include "harness/record/yaml.h"

size_t hns_story_add(struct story *story, bool expects, char *text)
{
    if (story->count == story->cap) {
        story->cap = story->cap == 0 ? 64 : story->cap * 2;
        story->items = eca_xrealloc_array(story->items, story->cap, sizeof(*story->items));
    }
    story->items[story->count++] = (struct item){story->now_ns, expects, text};
    return story->count;
}

void hns_story_quoted(struct eca_buf *out, const char *before, const char *text)
{
    eca_buf_add_str(out, before);
    hns_yaml_text(text, out);
}

const char *hns_story_task(const struct story *story, const char *arn)
{
    return arn == NULL ? NULL : eca_map_get(story->tasks, arn);
}

/* Settings that shape what it does; where things are is the harness's business. */
static bool is_setting(const char *name)
{
    static const char *const others[] = {"ECS_BACKEND_HOST",     "ECS_DATADIR",
                                         "ECS_LOGFILE",          "ECS_AUDIT_LOGFILE",
                                         "ECS_LOGLEVEL",         "ECS_AGENT_CONFIG_FILE_PATH",
                                         "ECS_FLIGHT_RECORDING", "ECS_FLIGHT_RECORDING_MIB",
                                         "ECS_ENGINE_AUTH_DATA", "ECS_UPDATE_DOWNLOAD_DIR"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(others); i++) {
        if (strcmp(name, others[i]) == 0) {
            return false;
        }
    }
    return strncmp(name, "ECS_", 4) == 0;
}

static void on_query(struct story *story, const char *what, eca_json line)
{
    const char *name = hns_line_text(line, "name"), *value = hns_line_text(line, "value");

    if (strcmp(what, "env") == 0 && name != NULL && value != NULL && value[0] != '\0' &&
        is_setting(name)) {
        eca_free(eca_map_put(story->env, name, eca_xstrdup(value)));
    } else if (strcmp(what, "store.load") == 0) {
        for (eca_json one = eca_json_first(eca_json_get(line, "records")); one != NULL;
             one = eca_json_next(one)) {
            story->restored += hns_line_number(one, "kind") == 1;
        }
    }
}

static void read_line(struct story *story, eca_json line)
{
    const char *in = hns_line_text(line, "in"), *out = hns_line_text(line, "out");
    const char *query = hns_line_text(line, "query"), *what = in != NULL ? in : out;

    if (eca_json_get(line, "at") != NULL) {
        uint64_t at_ns = (uint64_t)hns_line_number(line, "at");

        story->before_ns = at_ns > story->now_ns ? story->now_ns : story->before_ns;
        story->now_ns = at_ns;
        story->first_ns = story->first_ns == 0 ? story->now_ns : story->first_ns;
    }
    if (query != NULL) {
        on_query(story, query, line);
    } else if (what == NULL) {
        return;
    } else if (strncmp(what, "http.", 5) == 0) {
        hns_story_http(story, what, line);
    } else if (strncmp(what, "channel.", 8) == 0) {
        hns_story_channel(story, what, line);
    } else if (strcmp(what, "terminate") == 0) {
        (void)hns_story_add(story, false, eca_xstrdup("agent.terminate: {}"));
        story->terminated = true;
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void free_values(struct eca_map *map)
{
    size_t cursor = 0;
    void *value;

    while (eca_map_next(map, &cursor, NULL, &value)) {
        eca_free(value);
    }
    eca_map_free(map);
}

static void clear(struct story *story)
{
    size_t cursor = 0;
    struct eca_list_node *node;
    void *value;

    while ((node = eca_list_pop_front(&story->conns)) != NULL) {
        eca_free(eca_list_entry(node, struct conn, node));
    }
    while (!eca_list_is_empty(&story->calls)) {
        hns_story_call_free(story, eca_list_entry(story->calls.head.next, struct call, node));
    }
    for (size_t i = 0; i < story->count; i++) {
        eca_free(story->items[i].text);
    }
    eca_free(story->items);
    while (eca_map_next(story->containers, &cursor, NULL, &value)) {
        eca_free(((struct container *)value)->name);
    }
    cursor = 0;
    while (eca_map_next(story->images, &cursor, NULL, &value)) {
        eca_free(((struct image *)value)->error);
    }
    free_values(story->env);
    free_values(story->tasks);
    eca_map_free(story->names);
    free_values(story->containers);
    eca_map_free(story->by_name);
    free_values(story->images);
    eca_map_free(story->passed);
    for (size_t i = 0; i < story->fault_count; i++) {
        eca_free(story->faults[i].head);
        eca_free(story->faults[i].tail);
    }
    eca_free(story->faults);
    eca_buf_clear(&story->version);
}

int hns_export(const char *file, struct eca_buf *ret_yaml, struct eca_err *err)
{
    struct hns_recording recording;
    struct story story = {.recording = &recording,
                          .env = eca_map_new(),
                          .tasks = eca_map_new(),
                          .names = eca_map_new(),
                          .containers = eca_map_new(),
                          .by_name = eca_map_new(),
                          .images = eca_map_new(),
                          .passed = eca_map_new()};
    int rc = hns_recording_read(file, &recording, err);

    eca_list_init(&story.calls);
    eca_list_init(&story.conns);
    for (size_t i = 1; rc == ECA_OK && i < recording.count; i++) {
        eca_auto_json struct eca_json_doc *doc = NULL;

        rc = hns_recording_line(&recording, i, &doc, err);
        if (rc == ECA_OK) {
            read_line(&story, eca_json_root(doc));
        }
    }
    if (rc == ECA_OK) {
        hns_story_expect_open(&story);
        hns_story_write(&story, ret_yaml);
    }
    clear(&story);
    hns_recording_clear(&recording);
    return rc;
}
