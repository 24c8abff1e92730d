#include "harness/scenario/schema.h"

#include <string.h>

#include "harness/scenario/grammar.h"

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
