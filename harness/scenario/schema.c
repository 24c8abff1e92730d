#include "harness/scenario/schema.h"

#include <string.h>

#include "agent/base/json.h"
#include "harness/scenario/grammar.h"

/* ---- Markdown ------------------------------------------------------------------------------- */

static void print_words(const char *const *words, struct eca_buf *out)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        eca_buf_addf(out, "%s`%s`", i == 0 ? "" : ", ", words[i]);
    }
}

static void print_type(enum hns_type type, const char *const *words, struct eca_buf *out)
{
    if (words != NULL) {
        eca_buf_add_str(out, type == HNS_T_WORDS ? "one or several of " : "");
        print_words(words, out);
    } else {
        eca_buf_add_str(out, hns_type_name(type));
    }
}

/* The rows of a table; members of members follow under "outer.inner". */
static void print_rows(const char *prefix, const struct hns_member *members, struct eca_buf *out)
{
    for (const struct hns_member *m = members; m->name != NULL; m++) {
        bool deeper = m->members != NULL && m->members != hns_task_members &&
                      m->members != hns_container_members;

        eca_buf_addf(out, "| `%s%s`%s | ", prefix, m->name, m->required ? " (required)" : "");
        print_type(m->type, m->words, out);
        eca_buf_addf(out, " | %s |\n", m->doc);
        if (deeper) {
            eca_auto_buf struct eca_buf inner = {0};

            eca_buf_addf(&inner, "%s%s.", prefix, m->name);
            print_rows(eca_buf_str(&inner), m->members, out);
        }
    }
}

static void print_table(const char *title, const struct hns_member *members, struct eca_buf *out)
{
    eca_buf_addf(out, "\n### %s\n\n| key | value | meaning |\n|---|---|---|\n", title);
    print_rows("", members, out);
}

static void print_verb(const struct hns_verb *verb, struct eca_buf *out)
{
    eca_buf_addf(out, "\n#### `%s`\n\n%s. Value: ", verb->name, verb->doc);
    print_type(verb->type, verb->words, out);
    if (verb->scalar != NULL) {
        eca_buf_addf(out, "; a bare value stands for `%s`", verb->scalar);
    }
    eca_buf_add_str(out, ".\n");
    if (verb->members != NULL) {
        eca_buf_add_str(out, "\n| key | value | meaning |\n|---|---|---|\n");
        print_rows("", verb->members, out);
    }
}

void hns_reference_print(struct eca_buf *out)
{
    eca_buf_add_str(out, "## Reference\n");
    print_table("A scenario file", hns_file_members, out);
    print_table("A task", hns_task_members, out);
    print_table("A container", hns_container_members, out);
    eca_buf_add_str(out, "\n### Steps\n\nA step is a map with one of these verbs, and may have:\n\n"
                         "| key | value | meaning |\n|---|---|---|\n");
    print_rows("", hns_step_members, out);
    for (const struct hns_verb *verb = hns_verbs; verb->name != NULL; verb++) {
        print_verb(verb, out);
    }
    print_table("Beside the fields of an event pattern", hns_expect_members, out);
    eca_buf_add_str(out,
                    "\n### Events\n\n| lane | event | fields | meaning |\n|---|---|---|---|\n");
    for (const struct hns_event_def *def = hns_events; def->name != NULL; def++) {
        eca_buf_addf(out, "| %s | `%s` | %s | %s |\n", fake_lane_name(def->lane), def->name,
                     def->fields, def->doc);
    }
}

/* ---- JSON Schema ---------------------------------------------------------------------------- */

static void value_schema(struct eca_json_writer *w, enum hns_type type, const char *const *words,
                         const struct hns_member *members);

/* A value with variables is text whatever its type. */
static void typed(struct eca_json_writer *w, const char *name)
{
    eca_jw_array(w, "type");
    eca_jw_str(w, NULL, name);
    eca_jw_str(w, NULL, "string");
    eca_jw_end_array(w);
}

static void enumerate(struct eca_json_writer *w, const char *const *words)
{
    eca_jw_array(w, "enum");
    for (size_t i = 0; words[i] != NULL; i++) {
        eca_jw_str(w, NULL, words[i]);
    }
    eca_jw_end_array(w);
}

static void object_schema(struct eca_json_writer *w, const struct hns_member *members)
{
    eca_jw_str(w, "type", "object");
    eca_jw_bool(w, "additionalProperties", false);
    eca_jw_object(w, "properties");
    for (const struct hns_member *m = members; m->name != NULL; m++) {
        eca_jw_object(w, m->name);
        eca_jw_str(w, "description", m->doc);
        value_schema(w, m->type, m->words, m->members);
        eca_jw_end_object(w);
    }
    eca_jw_end_object(w);
}

static void list_of(struct eca_json_writer *w, const char *reference)
{
    eca_jw_str(w, "type", "array");
    eca_jw_object(w, "items");
    eca_jw_str(w, "$ref", reference);
    eca_jw_end_object(w);
}

static void value_schema(struct eca_json_writer *w, enum hns_type type, const char *const *words,
                         const struct hns_member *members)
{
    switch (type) {
    case HNS_T_WORD:
        enumerate(w, words);
        break;
    case HNS_T_INT:
        typed(w, "integer");
        break;
    case HNS_T_BOOL:
        typed(w, "boolean");
        break;
    case HNS_T_PAIRS:
    case HNS_T_LISTS:
    case HNS_T_EVENT:
        eca_jw_str(w, "type", "object");
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
    case HNS_T_EVENTS:
        eca_jw_str(w, "type", "array");
        break;
    case HNS_T_STEPS:
        list_of(w, "#/$defs/step");
        break;
    case HNS_T_NONE:
    case HNS_T_TEXT:
    case HNS_T_DURATION:
    case HNS_T_TEXTS:
    case HNS_T_WORDS:
    case HNS_T_ANY:
    case HNS_T_PATTERN:
    case HNS_T_FIT:
    case HNS_T_NAMED:
    case HNS_T_BRANCHES:
    case HNS_TYPES:
        break; /* several shapes: `harness check` says more */
    }
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
        eca_jw_end_object(w);
    }
    for (const struct hns_verb *verb = hns_verbs; verb->name != NULL; verb++) {
        eca_jw_object(w, verb->name);
        eca_jw_str(w, "description", verb->doc);
        if (verb->scalar == NULL && !verb->may_be_empty) {
            value_schema(w, verb->type, verb->words, verb->members);
        }
        eca_jw_end_object(w);
    }
    eca_jw_end_object(w);
    eca_jw_end_object(w);
}

void hns_schema_print(struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    eca_jw_str(&w, "title", "Scenario of the ECS agent harness");
    object_schema(&w, hns_file_members);
    eca_jw_object(&w, "$defs");
    step_schema(&w);
    eca_jw_end_object(&w);
    eca_jw_end_object(&w);
    eca_buf_add_char(out, '\n');
}
