#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/acs/outcome.h"

/* ACS-210, FB-22.1, FB-22.2, FB-22.3: the decision table, row by row. */
START_TEST(delay_follows_the_table)
{
    static const struct {
        const char *name;
        struct eca_channel_end end;
        bool none, idle, opened;
        uint64_t lived_ms;
        enum eca_acs_delay delay;
    } rows[] = {
        {.name = "a discovery failed", .none = true, .delay = ECA_ACS_DELAY_BACKOFF},
        {.name = "b dial failed",
         .end = {.how = ECA_CHANNEL_CONNECT_FAILED},
         .delay = ECA_ACS_DELAY_BACKOFF},
        {.name = "b refused",
         .end = {.how = ECA_CHANNEL_REFUSED, .status = 400},
         .delay = ECA_ACS_DELAY_BACKOFF},
        {.name = "e 1000 after a life",
         .end = {.how = ECA_CHANNEL_CLOSED_BY_PEER, .close_code = 1000},
         .opened = true,
         .lived_ms = 60000,
         .delay = ECA_ACS_DELAY_PLANNED_CLOSE},
        {.name = "e empty after a life",
         .end = {.how = ECA_CHANNEL_CLOSED_BY_PEER, .close_code = 1005},
         .opened = true,
         .lived_ms = 10000,
         .delay = ECA_ACS_DELAY_PLANNED_CLOSE},
        {.name = "e 1001 at once",
         .end = {.how = ECA_CHANNEL_CLOSED_BY_PEER, .close_code = 1001},
         .opened = true,
         .lived_ms = 9999,
         .delay = ECA_ACS_DELAY_BACKOFF},
        {.name = "f 1011",
         .end = {.how = ECA_CHANNEL_CLOSED_BY_PEER, .close_code = 1011},
         .opened = true,
         .lived_ms = 60000,
         .delay = ECA_ACS_DELAY_BACKOFF},
        {.name = "f lost",
         .end = {.how = ECA_CHANNEL_LOST},
         .opened = true,
         .lived_ms = 60000,
         .delay = ECA_ACS_DELAY_BACKOFF},
        {.name = "f stalled",
         .end = {.how = ECA_CHANNEL_STALLED},
         .opened = true,
         .lived_ms = 60000,
         .delay = ECA_ACS_DELAY_BACKOFF},
        {.name = "g idle",
         .end = {.how = ECA_CHANNEL_CLOSED_BY_US},
         .idle = true,
         .opened = true,
         .lived_ms = 400000,
         .delay = ECA_ACS_DELAY_BACKOFF},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_acs_ending ending = {.opened = rows[i].opened,
                                        .lived_ms = rows[i].lived_ms,
                                        .idle = rows[i].idle,
                                        .end = rows[i].none ? NULL : &rows[i].end};

        ck_assert_msg(eca_acs_decide_delay(&ending) == rows[i].delay, "%s", rows[i].name);
    }
}
END_TEST

/* ACS-103, FB-23.1: every form of the inactive-instance refusal, and what is none. */
START_TEST(inactive_instance_is_recognised_in_every_form)
{
    static const struct {
        const char *body;
        bool inactive;
    } rows[] = {
        {"{\"InactiveInstanceException\":\"gone\"}", true},
        {"{\"InactiveInstanceException\":null}", true},
        {"{\"type\":\"InactiveInstanceException\",\"message\":{\"message\":\"gone\"}}", true},
        {"InactiveInstanceException: gone", true},
        {"{\"__type\":\"InactiveInstanceException\",\"message\":\"gone\"}", true},
        {"{\"__type\":\"com.amazonaws.ecs#InactiveInstanceException\"}", true},
        {"{\"InvalidInstanceException\":\"InactiveInstanceException: no\"}", false},
        {"{\"__type\":\"InactiveInstanceExceptional\"}", false},
        {"<html>InactiveInstanceException</html>", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_channel_end end = {
            .how = ECA_CHANNEL_REFUSED, .status = 400, .body = eca_view_str(rows[i].body)};
        struct eca_acs_ending ending = {.end = &end};

        ck_assert_msg(eca_acs_refusal_is_inactive(end.body) == rows[i].inactive, "%s",
                      rows[i].body);
        ck_assert_int_eq(eca_acs_decide_delay(&ending) == ECA_ACS_DELAY_INACTIVE, rows[i].inactive);
    }
}
END_TEST

/* WS-131: typed text, or the body verbatim, cut and with its controls escaped. */
START_TEST(refusal_text_is_one_clean_line)
{
    eca_auto_buf struct eca_buf out = {0}, body = {0};

    eca_acs_refusal_text(eca_view_str("{\"InvalidClusterException\":null}"), 400, &out);
    ck_assert_str_eq(eca_buf_str(&out), "InvalidClusterException: null");
    eca_buf_reset(&out);
    eca_acs_refusal_text(eca_view_str("{\"ServerException\":\"a\\nb\"}"), 500, &out);
    ck_assert_str_eq(eca_buf_str(&out), "ServerException: a\\nb");
    eca_buf_reset(&out);
    for (int i = 0; i < 100; i++) {
        eca_buf_add_str(&body, "%s%n\x1b");
    }
    eca_acs_refusal_text(eca_buf_view(&body), 503, &out);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&out), "HTTP status 503: %s%n\\x1b"));
    ck_assert_uint_lt(out.len, 600);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acs/outcome");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, delay_follows_the_table);
    tcase_add_test(tcase, inactive_instance_is_recognised_in_every_form);
    tcase_add_test(tcase, refusal_text_is_one_clean_line);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
