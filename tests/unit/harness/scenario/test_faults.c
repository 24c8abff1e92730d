#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/carry.h"
#include "harness/scenario/load.h"

/*
 * docs/FAULTS.md tells the truth: each scenario that a row names is there, and contains the piece
 * of the row's second column, a map of which each member fits one of some map in the scenario.
 * ci/faults.py looks after the first column.
 */
#define TABLE "docs/FAULTS.md"
#define ROWS_MIN 80 /* of all tables: a table that is not read any more is noticed */

static const struct hns_scenario *reading;

static bool fits(const struct hns_node *node, const struct hns_node *piece);

/* A scalar, or one of the values of the matrix variable that stands there. */
static bool fits_text(const struct hns_node *node, const char *pattern)
{
    size_t len = node->kind == HNS_SCALAR ? strlen(node->text) : 0;

    if (node->kind != HNS_SCALAR) {
        return false;
    }
    if (len > 3 && strncmp(node->text, "${", 2) == 0 && node->text[len - 1] == '}' &&
        reading->matrix != NULL) {
        eca_auto_free char *name = eca_xstrndup(node->text + 2, len - 3);
        const struct hns_node *values = hns_node_get(reading->matrix, name);

        for (size_t i = 0; values != NULL && i < values->count; i++) {
            if (fits_text(values->items[i], pattern)) {
                return true;
            }
        }
    }
    return fake_glob(pattern, node->text);
}

static bool fits_map(const struct hns_node *node, const struct hns_node *piece)
{
    for (size_t i = 0; i < piece->count; i++) {
        const struct hns_node *value = hns_node_get(node, piece->keys[i]->text);

        if (value == NULL || !fits(value, piece->items[i])) {
            return false;
        }
    }
    return true;
}

static bool fits(const struct hns_node *node, const struct hns_node *piece)
{
    return piece->kind == HNS_MAP ? node->kind == HNS_MAP && fits_map(node, piece)
                                  : fits_text(node, piece->text);
}

/* A bare word is the key of some map. */
static bool occurs(const struct hns_node *node, const struct hns_node *piece)
{
    if (node->kind == HNS_MAP &&
        (piece->kind == HNS_MAP ? fits_map(node, piece)
                                : hns_node_get(node, piece->text) != NULL)) {
        return true;
    }
    for (size_t i = 0; node->kind != HNS_SCALAR && i < node->count; i++) {
        if (occurs(node->items[i], piece)) {
            return true;
        }
    }
    return false;
}

/* What is wrong with the row, appended. */
static void check_scenario(const char *name, const struct hns_node *piece, const char *told,
                           struct eca_buf *wrong)
{
    eca_auto_free char *path = eca_xasprintf("scenarios/%s", name);
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    bool found = false;

    if (hns_scenario_load(path, &scenario, &problems) < 0) {
        eca_buf_addf(wrong, "%s: no such scenario\n", path);
        hns_problems_clear(&problems);
        return;
    }
    reading = scenario;
    for (size_t i = 0; i < scenario->doc_count && !found; i++) {
        found = occurs(hns_doc_root(scenario->docs[i]), piece);
    }
    if (!found) {
        eca_buf_addf(wrong, "%s: no %s\n", path, told);
    }
    hns_scenario_free(scenario);
    hns_problems_clear(&problems);
}

/* The next text between backticks; false: none is left. */
static bool next_code(struct eca_view *rest, char **ret_text)
{
    size_t from = eca_view_find(*rest, "`", 0);
    size_t to = from == SIZE_MAX ? SIZE_MAX : eca_view_find(*rest, "`", from + 1);

    if (to == SIZE_MAX) {
        return false;
    }
    *ret_text = eca_xstrndup(rest->at + from + 1, to - from - 1);
    *rest = eca_view_sub(*rest, to + 1, SIZE_MAX);
    return true;
}

/* "| fault | `piece` | `scenario`, `scenario` |"; false: no such row. */
static bool check_row(struct eca_view line, struct eca_buf *wrong)
{
    size_t second = eca_view_find(line, " | `", 0);
    size_t third = second == SIZE_MAX ? SIZE_MAX : eca_view_find(line, "` | `", second + 4);
    eca_auto_free char *told = NULL;
    struct eca_view scenarios;
    struct hns_doc *doc = NULL;
    struct eca_err err = {0};
    char *name;

    if (line.len == 0 || line.at[0] != '|' || third == SIZE_MAX) {
        return false;
    }
    told = eca_xstrndup(line.at + second + 4, third - second - 4);
    ck_assert_msg(hns_doc_parse(eca_view_str(told), TABLE, &doc, &err) == 0, "%s: %s", told,
                  err.msg);
    scenarios = eca_view_sub(line, third + 3, SIZE_MAX);
    while (next_code(&scenarios, &name)) {
        check_scenario(name, hns_doc_root(doc), told, wrong);
        eca_free(name);
    }
    hns_doc_free(doc);
    return true;
}

START_TEST(each_fault_is_shown_by_the_scenarios_of_its_row)
{
    eca_auto_buf struct eca_buf text = {0}, wrong = {0};
    struct eca_err err = {0};
    struct eca_view rest;
    size_t rows = 0;

    ck_assert_msg(hns_file_read(TABLE, &text, &err) == 0, "%s", err.msg);
    for (rest = eca_buf_view(&text); rest.len > 0;) {
        size_t end = eca_view_find(rest, "\n", 0);

        rows += check_row(eca_view_sub(rest, 0, end), &wrong);
        rest = end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, end + 1, SIZE_MAX);
    }
    ck_assert_msg(rows >= ROWS_MIN, "%zu rows", rows);
    ck_assert_msg(wrong.len == 0, "%s", eca_buf_str(&wrong));
}
END_TEST

/* The comparison itself refuses what is not there. */
START_TEST(a_piece_that_is_not_there_is_missed)
{
    static const struct {
        const char *row;
        bool fine;
    } rows[] = {
        {"| a | `fault: {kind: hang, party: ecs}` | `faults/before-the-effect.yaml` |", true},
        {"| a | `fault: {kind: drop, party: ecs}` | `faults/before-the-effect.yaml` |", false},
        {"| a | `fault: {kind: hang, party: acs}` | `faults/before-the-effect.yaml` |", false},
        {"| a | `acs.refuse` | `faults/before-the-effect.yaml` |", false},
        {"| a | `fault: {what: \"Submit*\"}` | `faults/before-the-effect.yaml` |", true},
        {"| a | `fault: {kind: hang}` | `faults/no-such-scenario.yaml` |", false},
        {"| a | `fault: {kind: hang}` | `faults/before-the-effect.yaml`, `faults/garbage.yaml` |",
         false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_buf struct eca_buf wrong = {0};

        ck_assert(check_row(eca_view_str(rows[i].row), &wrong));
        ck_assert_msg((wrong.len == 0) == rows[i].fine, "row %zu: %s", i, eca_buf_str(&wrong));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *tcase = tcase_create("faults");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, each_fault_is_shown_by_the_scenarios_of_its_row);
    tcase_add_test(tcase, a_piece_that_is_not_there_is_missed);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
