#include "harness/record/export_inside.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define STATE_FILE "ecs_agent_data.json"

/*
 * Several segments, one after the other, are lives of one agent on one data directory: what a core
 * learns of before it has in its state, and the story has it from the segments before.
 */

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

/* A later life with another environment: said once, before its start. */
static void changed_setting(struct story *story, const char *name, const char *value)
{
    struct item *item = &story->items[story->env_item - 1];
    eca_auto_buf struct eca_buf text = {0};

    if (item->text[0] == '\0') {
        eca_buf_add_str(&text, "agent.env: {");
    } else {
        eca_buf_add(&text, item->text, strlen(item->text) - 1);
        eca_buf_add_str(&text, ", ");
    }
    eca_buf_addf(&text, "%s: ", name);
    if (value[0] == '\0') {
        eca_buf_add_str(&text, "null");
    } else {
        hns_story_quoted(&text, "", value);
    }
    eca_buf_add_char(&text, '}');
    eca_free(item->text);
    item->text = eca_buf_take(&text);
}

static void on_setting(struct story *story, const char *name, const char *value)
{
    const char *before = eca_map_get(story->set, name);

    if (!is_setting(name) || strcmp(value, before == NULL ? "" : before) == 0) {
        return;
    }
    if (story->lives > 1) {
        changed_setting(story, name, value);
    } else {
        eca_free(eca_map_put(story->env, name, eca_xstrdup(value)));
    }
    eca_free(eca_map_put(story->set, name, eca_xstrdup(value)));
}

/* The state of agent v1.13.1, which ours takes over. */
static void on_file(struct story *story, const char *path, eca_json line)
{
    eca_auto_buf struct eca_buf content = {0};

    (void)hns_line_bytes(line, "value", &content);
    if (path != NULL && strstr(path, STATE_FILE) != NULL && content.len > 0) {
        hns_story_note(story, "the state file %s that it began with", STATE_FILE);
    }
}

void hns_story_query(struct story *story, const char *what, eca_json line)
{
    const char *name = hns_line_text(line, "name"), *value = hns_line_text(line, "value");

    if (strcmp(what, "env") == 0 && name != NULL) {
        on_setting(story, name, value == NULL ? "" : value);
    } else if (strcmp(what, "file") == 0) {
        on_file(story, hns_line_text(line, "path"), line);
    } else if (strcmp(what, "store.load") == 0 && story->lives == 1) {
        for (eca_json one = eca_json_first(eca_json_get(line, "records")); one != NULL;
             one = eca_json_next(one)) {
            story->restored += hns_line_number(one, "kind") == 1;
        }
    }
}

void hns_story_exit(struct story *story, eca_json line)
{
    story->ended = true;
    if (!story->terminated) {
        (void)hns_story_add(
            story, true,
            eca_xasprintf("agent: exit, code: %lld", (long long)hns_line_number(line, "code")));
    }
}

/* It died with these under way; at which of them exactly, a step cannot say. */
static void forget_open(struct story *story)
{
    struct eca_list_node *node;

    while (!eca_list_is_empty(&story->calls)) {
        struct call *call = eca_list_entry(story->calls.head.next, struct call, node);

        if (!story->ended && call->operation != NULL && strcmp(call->operation, "events") != 0) {
            hns_story_note(story, "the agent was killed with \"%s\" under way at %s",
                           call->operation, call->party);
        }
        hns_story_call_free(story, call);
    }
    while ((node = eca_list_pop_front(&story->conns)) != NULL) {
        eca_free(eca_list_entry(node, struct conn, node));
    }
}

void hns_story_begin_life(struct story *story)
{
    size_t cursor = 0;
    void *value;

    story->lives++;
    if (story->lives == 1) {
        return;
    }
    if (!story->ended) {
        (void)hns_story_add(story, false, eca_xstrdup("agent.kill:"));
    }
    if (story->unseen) {
        hns_story_note(story, "what the agent did while it recorded nothing");
    }
    forget_open(story);
    while (eca_map_next(story->containers, &cursor, NULL, &value)) {
        ((struct container *)value)->stop_ns = 0;
    }
    story->ended = story->terminated = story->unseen = false;
    story->starts = true; /* with the time of the next line */
}

void hns_story_start(struct story *story)
{
    if (story->starts) {
        story->starts = false;
        story->acs_free_ns = story->now_ns;
        story->life_ns = story->now_ns;
        story->env_item = hns_story_add(story, false, eca_xstrdup(""));
        (void)hns_story_add(story, false, eca_xstrdup("agent.start:"));
    }
}
