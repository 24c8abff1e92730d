#include "harness/scenario/schema.h"

#include "agent/base/json.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "harness/scenario/grammar.h"

#include <string.h>

/*
 * The language as a JSON Schema, for editors: completion, and marks under what `harness check`
 * would refuse. It is laxer than the check where a schema cannot say it. Some readers of YAML (1.1)
 * take on, off, yes and no for true and false: where one of these is a word of ours, so is its
 * truth.
 */

static void value_schema(struct eca_json_writer *w, enum hns_type type, const char *const *words,
                         const struct hns_member *members);

static void refer(struct eca_json_writer *w, const char *key, const char *definition)
{
    eca_auto_free char *path = eca_xasprintf("#/$defs/%s", definition);

    eca_jw_object(w, key);
    eca_jw_str(w, "$ref", path);
    eca_jw_end_object(w);
}

/* A type, or text with variables, whose value is not known yet. */
static void typed(struct eca_json_writer *w, const char *type)
{
    eca_jw_array(w, "anyOf");
    eca_jw_object(w, NULL);
    eca_jw_str(w, "type", type);
    if (strcmp(type, "integer") == 0) {
        eca_jw_u64(w, "minimum", 0);
    }
    eca_jw_end_object(w);
    refer(w, NULL, "variable");
    eca_jw_end_array(w);
}

static void add_truth(struct eca_json_writer *w, const char *const *words, bool truth)
{
    static const char *const names[2][3] = {{"false", "off", "no"}, {"true", "on", "yes"}};

    for (size_t i = 0; words[i] != NULL; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (strcmp(words[i], names[truth ? 1 : 0][j]) == 0) {
                eca_jw_bool(w, NULL, truth);
                return;
            }
        }
    }
}

static void enumerate(struct eca_json_writer *w, const char *const *words)
{
    eca_jw_array(w, "anyOf");
    eca_jw_object(w, NULL);
    eca_jw_array(w, "enum");
    for (size_t i = 0; words[i] != NULL; i++) {
        eca_jw_str(w, NULL, words[i]);
    }
    add_truth(w, words, true);
    add_truth(w, words, false);
    eca_jw_end_array(w);
    eca_jw_end_object(w);
    refer(w, NULL, "variable");
    eca_jw_end_array(w);
}

static void object_schema(struct eca_json_writer *w, const struct hns_member *members)
{
    eca_jw_str(w, "type", "object");
    eca_jw_bool(w, "additionalProperties", false);
    eca_jw_array(w, "required");
    for (const struct hns_member *m = members; m->name != NULL; m++) {
        if (m->required) {
            eca_jw_str(w, NULL, m->name);
        }
    }
    eca_jw_end_array(w);
    eca_jw_object(w, "properties");
    for (const struct hns_member *m = members; m->name != NULL; m++) {
        eca_jw_object(w, m->name);
        eca_jw_str(w, "description", m->doc);
        value_schema(w, m->type, m->words, m->members);
        eca_jw_end_object(w);
    }
    eca_jw_end_object(w);
}

static void text_or_word(struct eca_json_writer *w, const char *const *words)
{
    if (words == NULL) {
        eca_jw_str(w, "$ref", "#/$defs/text");
    } else {
        enumerate(w, words);
    }
}

/* One text, or one of the words; or a list of them. */
static void one_or_list(struct eca_json_writer *w, const char *const *words)
{
    eca_jw_array(w, "anyOf");
    eca_jw_object(w, NULL);
    text_or_word(w, words);
    eca_jw_end_object(w);
    eca_jw_object(w, NULL);
    eca_jw_str(w, "type", "array");
    eca_jw_object(w, "items");
    text_or_word(w, words);
    eca_jw_end_object(w);
    eca_jw_end_object(w);
    eca_jw_end_array(w);
}

static void named(struct eca_json_writer *w, const struct hns_member *members)
{
    eca_jw_array(w, "anyOf");
    eca_jw_object(w, NULL);
    eca_jw_str(w, "type", "array");
    refer(w, "items", "text");
    eca_jw_end_object(w);
    eca_jw_object(w, NULL);
    eca_jw_str(w, "type", "object");
    eca_jw_object(w, "additionalProperties");
    eca_jw_array(w, "anyOf");
    eca_jw_object(w, NULL);
    eca_jw_str(w, "type", "null");
    eca_jw_end_object(w);
    eca_jw_object(w, NULL);
    object_schema(w, members);
    eca_jw_end_object(w);
    eca_jw_end_array(w);
    eca_jw_end_object(w);
    eca_jw_end_object(w);
    eca_jw_end_array(w);
}

static void list_of(struct eca_json_writer *w, const char *definition)
{
    eca_jw_str(w, "type", "array");
    refer(w, "items", definition);
}

static void map_of(struct eca_json_writer *w, bool lists)
{
    eca_jw_str(w, "type", "object");
    if (lists) {
        eca_jw_object(w, "additionalProperties");
        eca_jw_str(w, "type", "array");
        eca_jw_u64(w, "minItems", 1);
        eca_jw_end_object(w);
    } else {
        refer(w, "additionalProperties", "text");
    }
}

static void value_schema(struct eca_json_writer *w, enum hns_type type, const char *const *words,
                         const struct hns_member *members)
{
    switch (type) {
    case HNS_T_NONE:
        eca_jw_str(w, "type", "null");
        break;
    case HNS_T_TEXT:
    case HNS_T_PATTERN:
        eca_jw_str(w, "$ref", "#/$defs/text");
        break;
    case HNS_T_WORD:
        enumerate(w, words);
        break;
    case HNS_T_INT:
        typed(w, "integer");
        break;
    case HNS_T_BOOL:
        typed(w, "boolean");
        break;
    case HNS_T_DURATION:
        eca_jw_str(w, "$ref", "#/$defs/duration");
        break;
    case HNS_T_TEXTS:
        one_or_list(w, NULL);
        break;
    case HNS_T_WORDS:
        one_or_list(w, words);
        break;
    case HNS_T_PAIRS:
    case HNS_T_LISTS:
        map_of(w, type == HNS_T_LISTS);
        break;
    case HNS_T_OBJECT:
        object_schema(w, members);
        break;
    case HNS_T_OBJECTS:
        eca_jw_str(w, "type", "array");
        eca_jw_object(w, "items");
        object_schema(w, members);
        eca_jw_end_object(w);
        break;
    case HNS_T_NAMED:
        named(w, members);
        break;
    case HNS_T_EVENT:
        eca_jw_str(w, "$ref", "#/$defs/event");
        break;
    case HNS_T_EVENTS:
        list_of(w, "event");
        break;
    case HNS_T_STEPS:
        eca_jw_str(w, "$ref", "#/$defs/steps");
        break;
    case HNS_T_BRANCHES:
        list_of(w, "steps");
        break;
    case HNS_T_ANY:
    case HNS_T_FIT:
    case HNS_TYPES:
        break; /* anything */
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void scalar_schema(struct eca_json_writer *w, const struct hns_verb *verb)
{
    for (const struct hns_member *m = verb->members; m != NULL && m->name != NULL; m++) {
        if (strcmp(m->name, verb->scalar) == 0) {
            value_schema(w, m->type, m->words, m->members);
        }
    }
}

/* The long form; the short one, a scalar; and nothing: whichever the verb has. */
static void verb_schema(struct eca_json_writer *w, const struct hns_verb *verb)
{
    eca_jw_object(w, verb->name);
    eca_jw_str(w, "description", verb->doc);
    eca_jw_array(w, "anyOf");
    eca_jw_object(w, NULL);
    value_schema(w, verb->type, verb->words, verb->members);
    eca_jw_end_object(w);
    if (verb->scalar != NULL) {
        eca_jw_object(w, NULL);
        scalar_schema(w, verb);
        eca_jw_end_object(w);
    }
    if (verb->may_be_empty) {
        eca_jw_object(w, NULL);
        eca_jw_str(w, "type", "null");
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
    eca_jw_end_object(w);
}

static void step_schema(struct eca_json_writer *w)
{
    eca_jw_object(w, "step");
    eca_jw_str(w, "type", "object");
    eca_jw_bool(w, "additionalProperties", false);
    eca_jw_object(w, "properties");
    for (const struct hns_member *m = hns_step_members; m->name != NULL; m++) {
        eca_jw_object(w, m->name);
        eca_jw_str(w, "description", m->doc);
        value_schema(w, m->type, m->words, m->members);
        eca_jw_end_object(w);
    }
    for (const struct hns_verb *verb = hns_verbs; verb->name != NULL; verb++) {
        verb_schema(w, verb);
    }
    eca_jw_end_object(w);
    eca_jw_array(w, "oneOf"); /* one verb */
    for (const struct hns_verb *verb = hns_verbs; verb->name != NULL; verb++) {
        eca_jw_object(w, NULL);
        eca_jw_array(w, "required");
        eca_jw_str(w, NULL, verb->name);
        eca_jw_end_array(w);
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
    eca_jw_end_object(w);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* A lane's events by name, their short forms, and patterns on names. */
static void lane_schema(struct eca_json_writer *w, enum fake_lane lane)
{
    static const char *const aliases[] = {"task CREATED",      "task RUNNING",
                                          "task STOPPED",      "container CREATED",
                                          "container RUNNING", "container STOPPED"};

    eca_jw_object(w, fake_lane_name(lane));
    eca_jw_array(w, "anyOf");
    eca_jw_object(w, NULL);
    eca_jw_array(w, "enum");
    for (const struct hns_event_def *def = hns_events; def->name != NULL; def++) {
        if (def->lane == lane) {
            eca_jw_str(w, NULL, def->name);
        }
    }
    for (size_t i = 0; lane == FAKE_LANE_ECS && i < ECA_ARRAY_LEN(aliases); i++) {
        eca_jw_str(w, NULL, aliases[i]);
    }
    eca_jw_end_array(w);
    eca_jw_end_object(w);
    eca_jw_object(w, NULL);
    eca_jw_str(w, "type", "string");
    eca_jw_str(w, "pattern", "[*]|\\$\\{|[.]failed$");
    eca_jw_end_object(w);
    eca_jw_end_array(w);
    eca_jw_end_object(w);
}

/* Each name once: several events have it. */
static void field_schemas(struct eca_json_writer *w)
{
    struct eca_map *known = eca_map_new();

    for (const struct hns_event_def *def = hns_events; def->name != NULL; def++) {
        eca_auto_free char *words = eca_xstrdup(def->fields);
        char *rest = NULL;

        for (char *word = strtok_r(words, " ", &rest); word != NULL;
             word = strtok_r(NULL, " ", &rest)) {
            if (eca_map_put(known, word, known) == NULL) {
                eca_jw_object(w, word);
                eca_jw_end_object(w);
            }
        }
    }
    eca_map_free(known);
}

static void event_schema(struct eca_json_writer *w)
{
    eca_jw_object(w, "event");
    eca_jw_str(w, "type", "object");
    eca_jw_bool(w, "additionalProperties", false);
    eca_jw_object(w, "properties");
    for (int lane = 0; lane < FAKE_LANES; lane++) {
        lane_schema(w, (enum fake_lane)lane);
    }
    for (const struct hns_member *m = hns_expect_members; m->name != NULL; m++) {
        eca_jw_object(w, m->name);
        eca_jw_str(w, "description", m->doc);
        value_schema(w, m->type, m->words, m->members);
        eca_jw_end_object(w);
    }
    field_schemas(w);
    eca_jw_end_object(w);
    eca_jw_array(w, "oneOf"); /* one lane */
    for (int lane = 0; lane < FAKE_LANES; lane++) {
        eca_jw_object(w, NULL);
        eca_jw_array(w, "required");
        eca_jw_str(w, NULL, fake_lane_name((enum fake_lane)lane));
        eca_jw_end_array(w);
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
    eca_jw_end_object(w);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void scalar_schemas(struct eca_json_writer *w)
{
    static const char *const types[] = {"string", "number", "boolean", "null"};

    eca_jw_object(w, "variable");
    eca_jw_str(w, "type", "string");
    eca_jw_str(w, "pattern", "\\$\\{");
    eca_jw_end_object(w);
    eca_jw_object(w, "duration");
    eca_jw_str(w, "type", "string");
    eca_jw_str(w, "pattern", "^[0-9].*(h|m|s)$|\\$\\{");
    eca_jw_end_object(w);
    eca_jw_object(w, "text");
    eca_jw_array(w, "type");
    for (size_t i = 0; i < ECA_ARRAY_LEN(types); i++) {
        eca_jw_str(w, NULL, types[i]);
    }
    eca_jw_end_array(w);
    eca_jw_end_object(w);
}

void hns_schema_print(struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);
    const struct hns_member *const files[] = {hns_file_members, hns_include_members};

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    eca_jw_str(&w, "title", "Scenario of the ECS agent harness, or a part of one");
    eca_jw_array(&w, "anyOf");
    for (size_t i = 0; i < ECA_ARRAY_LEN(files); i++) {
        eca_jw_object(&w, NULL);
        object_schema(&w, files[i]);
        eca_jw_end_object(&w);
    }
    eca_jw_end_array(&w);
    eca_jw_object(&w, "$defs");
    scalar_schemas(&w);
    event_schema(&w);
    step_schema(&w);
    eca_jw_object(&w, "steps");
    list_of(&w, "step");
    eca_jw_end_object(&w);
    eca_jw_end_object(&w);
    eca_jw_end_object(&w);
    eca_buf_add_char(out, '\n');
}
