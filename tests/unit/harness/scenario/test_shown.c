#include <check.h>
#include <ftw.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/scenario/grammar.h"
#include "harness/scenario/load.h"
#include "harness/scenario/names.h"

/*
 * What the language offers is shown by a scenario: each verb, and each word that a verb or one of
 * its members can take, so each kind of fault too. A fault that nobody uses rots unseen.
 */

/* "fault", "fault.kind=delay", ... of all scenarios; the values say nothing. */
static struct eca_map *shown;
static const struct hns_scenario *reading;

/* "verb", "verb.member", "verb=word" or "verb.member=word"; the caller owns it. */
static char *name_of(const char *verb, const char *member, const char *word)
{
    struct eca_buf text = {0};

    eca_buf_add_str(&text, verb);
    if (member != NULL) {
        eca_buf_addf(&text, ".%s", member);
    }
    if (word != NULL) {
        eca_buf_addf(&text, "=%s", word);
    }
    return eca_buf_take(&text);
}

static void note(const char *verb, const char *member, const char *value)
{
    eca_auto_free char *text = name_of(verb, member, value);

    (void)eca_map_put(shown, text, shown);
}

/* The values of a scalar: itself, or those of the matrix variable that stands there. */
static void note_value(const char *verb, const char *member, const struct hns_node *value)
{
    size_t len;

    note(verb, member, NULL);
    if (value->kind == HNS_LIST) {
        for (size_t i = 0; i < value->count; i++) {
            note_value(verb, member, value->items[i]);
        }
        return;
    }
    if (value->kind != HNS_SCALAR) {
        return;
    }
    note(verb, member, value->text);
    len = strlen(value->text);
    if (strncmp(value->text, "${", 2) == 0 && value->text[len - 1] == '}') {
        eca_auto_free char *name = eca_xstrndup(value->text + 2, len - 3);
        const struct hns_node *values =
            reading->matrix == NULL ? NULL : hns_node_get(reading->matrix, name);

        for (size_t i = 0; values != NULL && i < values->count; i++) {
            note(verb, member, values->items[i]->text);
        }
    }
}

static void note_step(const struct hns_verb *verb, const struct hns_node *value)
{
    note(verb->name, NULL, NULL);
    if (value->kind == HNS_SCALAR) {
        note_value(verb->name, verb->scalar, value);
    }
    for (size_t i = 0; value->kind == HNS_MAP && i < value->count; i++) {
        note_value(verb->name, value->keys[i]->text, value->items[i]);
    }
}

static void walk(const struct hns_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct hns_verb *verb =
            node->kind == HNS_MAP ? hns_verb_find(node->keys[i]->text) : NULL;

        if (verb != NULL) {
            note_step(verb, node->items[i]);
        }
        walk(node->items[i]);
    }
}

static int read_file(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    size_t len = strlen(path);
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;

    (void)info;
    if (kind != FTW_F || path[where->base] == '_' || len < 5 ||
        strcmp(path + len - 5, ".yaml") != 0) {
        return 0;
    }
    ck_assert_msg(hns_scenario_load(path, &scenario, &problems) == 0, "%s",
                  eca_buf_str(&problems.text));
    reading = scenario;
    for (size_t i = 0; i < scenario->doc_count; i++) {
        walk(hns_doc_root(scenario->docs[i]));
    }
    hns_scenario_free(scenario);
    hns_problems_clear(&problems);
    return 0;
}

static void demand(struct eca_buf *missing, const char *verb, const char *member, const char *word)
{
    eca_auto_free char *text = name_of(verb, member, word);

    if (eca_map_get(shown, text) == NULL) {
        eca_buf_addf(missing, " %s", text);
    }
}

/* What a step looks for need not occur in every form; what it does is shown in every form. */
static bool acts(const char *verb)
{
    return strncmp(verb, "log", 3) != 0 && strcmp(verb, "check") != 0;
}

static void demand_words(struct eca_buf *missing, const struct hns_verb *verb)
{
    for (const struct hns_member *m = verb->members; m != NULL && m->name != NULL; m++) {
        for (size_t i = 0; m->words != NULL && m->words[i] != NULL; i++) {
            demand(missing, verb->name, m->name, m->words[i]);
        }
    }
}

START_TEST(each_verb_and_each_word_has_a_scenario)
{
    eca_auto_buf struct eca_buf missing = {0};

    shown = eca_map_new();
    ck_assert_int_eq(nftw("scenarios", read_file, 16, FTW_PHYS), 0);
    for (const struct hns_verb *verb = hns_verbs; verb->name != NULL; verb++) {
        demand(&missing, verb->name, NULL, NULL);
        for (size_t i = 0; verb->words != NULL && verb->words[i] != NULL; i++) {
            demand(&missing, verb->name, NULL, verb->words[i]);
        }
        if (acts(verb->name)) {
            demand_words(&missing, verb);
        }
    }
    for (const struct hns_member *m = hns_verb_find("fault")->members; m->name != NULL; m++) {
        demand(&missing, "fault", m->name, NULL);
    }
    eca_map_free(shown);
    ck_assert_msg(missing.len == 0, "no scenario shows:%s", eca_buf_str(&missing));
}
END_TEST

/* ---- rules -----------------------------------------------------------------------------------*/

static regex_t rule_form;

static int read_source(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    eca_auto_buf struct eca_buf text = {0};
    regmatch_t at[2];
    size_t len = strlen(path);

    (void)info;
    (void)where;
    if (kind != FTW_F || strcmp(path + len - 2, ".c") != 0 || strstr(path, "/names.c") != NULL) {
        return 0;
    }
    ck_assert_int_eq(hns_file_read(path, &text, NULL), ECA_OK);
    for (const char *rest = eca_buf_str(&text); regexec(&rule_form, rest, 2, at, 0) == 0;
         rest += at[0].rm_eo) {
        eca_auto_free char *rule =
            eca_xstrndup(rest + at[1].rm_so, (size_t)(at[1].rm_eo - at[1].rm_so));

        (void)eca_map_put(shown, rule, shown);
    }
    return 0;
}

/* `allow` knows the rules that the fakes and the runs watch, and no others. */
START_TEST(each_rule_that_is_watched_can_be_allowed)
{
    size_t cursor = 0;
    const char *rule;
    void *value;

    shown = eca_map_new();
    ck_assert_int_eq(
        regcomp(&rule_form, "\"(FB-INV\\.[0-9]+|[A-Z][A-Z0-9]*-[A-Z]?[0-9]+)\"", REG_EXTENDED), 0);
    ck_assert_int_eq(nftw("fakes", read_source, 16, FTW_PHYS), 0);
    ck_assert_int_eq(nftw("harness/scenario", read_source, 16, FTW_PHYS), 0);
    (void)eca_map_remove(shown, "P-256"); /* a curve */
    for (size_t i = 0; hns_rules[i] != NULL; i++) {
        ck_assert_msg(eca_map_remove(shown, hns_rules[i]) != NULL, "nobody watches %s",
                      hns_rules[i]);
    }
    while (eca_map_next(shown, &cursor, &rule, &value)) {
        ck_abort_msg("hns_rules lacks %s", rule);
    }
    eca_map_free(shown);
    regfree(&rule_form);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shown");
    TCase *tcase = tcase_create("shown");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, each_verb_and_each_word_has_a_scenario);
    tcase_add_test(tcase, each_rule_that_is_watched_can_be_allowed);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
