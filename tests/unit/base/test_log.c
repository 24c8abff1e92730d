#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"

struct capture {
    struct eca_log log;
    struct eca_buf lines;
    size_t calls;
    enum eca_log_level last_level;
};

static void catch_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    struct capture *capture = arg;

    ck_assert_int_eq(wall_ms, 1479198600999);
    capture->calls++;
    capture->last_level = level;
    eca_buf_add_view(&capture->lines, line);
}

static int64_t fixed_wall(void *arg)
{
    (void)arg;
    return 1479198600999;
}

static void capture_init(struct capture *capture, enum eca_log_level level)
{
    *capture = (struct capture){.log = {.level = level, .sink = catch_line, .wall_ms = fixed_wall}};
    capture->log.sink_arg = capture;
}

/* LOG-104, LOG-105 */
START_TEST(line_has_time_level_message_module_and_fields)
{
    struct capture c;

    capture_init(&c, ECA_LOG_DEBUG);
    ECA_INFO(&c.log, "acs client", ECA_KV("task", "arn:1", "to", "RUNNING"), "Task %d of %s", 3,
             "x");
    ECA_CRIT(&c.log, NULL, ECA_NO_KV, "end");
    ck_assert_str_eq(eca_buf_str(&c.lines),
                     "2016-11-15T08:30:00Z [INFO] Task 3 of x module=\"acs client\" "
                     "task=\"arn:1\" to=\"RUNNING\"\n"
                     "2016-11-15T08:30:00Z [CRITICAL] end\n");
    ck_assert_int_eq(c.last_level, ECA_LOG_CRIT);
    eca_buf_clear(&c.lines);
}
END_TEST

/* A recorded core must answer the same without its adapters: their records are not its own. */
START_TEST(a_log_beside_follows_the_level_and_is_counted_apart)
{
    struct capture c;
    struct eca_log beside;

    capture_init(&c, ECA_LOG_INFO);
    beside = eca_log_beside(&c.log);
    ECA_DEBUG(&beside, NULL, ECA_NO_KV, "unheard");
    ECA_INFO(&beside, NULL, ECA_NO_KV, "heard");
    c.log.level = ECA_LOG_ERROR;
    ECA_WARN(&beside, NULL, ECA_NO_KV, "unheard");
    ECA_ERROR(&beside, NULL, ECA_NO_KV, "heard");
    ck_assert_str_eq(eca_buf_str(&c.lines), "2016-11-15T08:30:00Z [INFO] heard\n"
                                            "2016-11-15T08:30:00Z [ERROR] heard\n");
    ck_assert_uint_eq(c.log.counts[ECA_LOG_INFO] + c.log.counts[ECA_LOG_ERROR], 0);
    ck_assert_uint_eq(beside.counts[ECA_LOG_INFO], 1);
    eca_buf_clear(&c.lines);
}
END_TEST

/* LOG-102 */
START_TEST(records_below_the_level_are_dropped)
{
    for (int level = ECA_LOG_DEBUG; level <= ECA_LOG_NONE; level++) {
        struct capture c;
        capture_init(&c, (enum eca_log_level)level);
        ECA_DEBUG(&c.log, NULL, ECA_NO_KV, "m");
        ECA_INFO(&c.log, NULL, ECA_NO_KV, "m");
        ECA_WARN(&c.log, NULL, ECA_NO_KV, "m");
        ECA_ERROR(&c.log, NULL, ECA_NO_KV, "m");
        ECA_CRIT(&c.log, NULL, ECA_NO_KV, "m");
        ck_assert_uint_eq(c.calls, (size_t)(ECA_LOG_NONE - level));
        for (int each = ECA_LOG_DEBUG; each < ECA_LOG_NONE; each++) {
            ck_assert_uint_eq(c.log.counts[each], each >= level);
        }
        eca_buf_clear(&c.lines);
    }
    struct eca_log *none = NULL;
    ECA_CRIT(none, NULL, ECA_NO_KV, "nobody listens");
    eca_log_write(NULL, ECA_LOG_CRIT, NULL, ECA_NO_KV, "nobody listens");
}
END_TEST

/* LOG-102: any case, not trimmed; unknown names change nothing. */
START_TEST(level_names)
{
    static const char *const names[] = {"debug", "Info", "WARN", "eRRor", "crit", "NONE"};
    static const char *const refused[] = {"", " info", "info ", "critical", "warning", "trace"};
    enum eca_log_level level;

    for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
        ck_assert(eca_log_level_parse(names[i], &level));
        ck_assert_uint_eq((size_t)level, i);
    }
    level = ECA_LOG_WARN;
    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert(!eca_log_level_parse(refused[i], &level));
    }
    ck_assert(!eca_log_level_parse(NULL, &level));
    ck_assert_int_eq(level, ECA_LOG_WARN);
    ck_assert_str_eq(eca_log_level_name(ECA_LOG_CRIT), "CRITICAL");
}
END_TEST

/* LOG-108 */
START_TEST(record_is_one_line_whatever_peers_send)
{
    struct capture c;

    capture_init(&c, ECA_LOG_DEBUG);
    ECA_WARN(&c.log, "m", ECA_KV("k", "a\"b\\\nc"), "%s", "x\ny\t\x1b[31m \"q\"");
    ck_assert_str_eq(eca_buf_str(&c.lines), "2016-11-15T08:30:00Z [WARN] x\\ny\\t\\x1b[31m \"q\" "
                                            "module=\"m\" k=\"a\\\"b\\\\\\nc\"\n");
    eca_buf_clear(&c.lines);
}
END_TEST

/* LOG-108: the message is cut at 8 KiB, its fields stay. */
START_TEST(long_message_is_cut_and_keeps_its_fields)
{
    eca_auto_buf struct eca_buf text = {0};
    struct capture c;
    size_t stamp = strlen("2016-11-15T08:30:00Z [INFO] ");

    eca_buf_add_char(&text, 'x');
    while (text.len < 20000) {
        eca_buf_add_str(&text, "\xc3\xa4");
    }
    capture_init(&c, ECA_LOG_DEBUG);
    ECA_INFO(&c.log, NULL, ECA_KV("task", "arn"), "%s", eca_buf_str(&text));
    ck_assert_uint_eq(c.lines.len, stamp + 8191 + strlen(" task=\"arn\"\n"));
    ck_assert(eca_view_ends(eca_buf_view(&c.lines), "\xc3\xa4 task=\"arn\"\n"));
    eca_buf_reset(&c.lines);
    ECA_INFO(&c.log, NULL, ECA_KV("task", eca_buf_str(&text)), "m");
    ck_assert_uint_lt(c.lines.len, 8192 + 60);
    ck_assert(eca_view_ends(eca_buf_view(&c.lines), "\xc3\xa4\"\n"));
    eca_buf_clear(&c.lines);
}
END_TEST

/* LOG-105 */
START_TEST(key_without_value_is_marked)
{
    struct capture c;

    capture_init(&c, ECA_LOG_INFO);
    ECA_INFO(&c.log, "util", ECA_KV("a", "1", "b"), "m");
    ck_assert_uint_eq(c.calls, 2);
    ck_assert_int_eq(c.last_level, ECA_LOG_WARN);
    ck_assert(eca_view_starts(eca_buf_view(&c.lines), "2016-11-15T08:30:00Z [INFO] m "
                                                      "module=\"util\" a=\"1\" "
                                                      "[malformed ctx omitted]\n"));
    eca_buf_clear(&c.lines);
}
END_TEST

/* STATE-122, FB-04.3: once, then at most once per interval. */
START_TEST(limit_passes_once_per_interval)
{
    struct eca_log_limit limit = {0};

    ck_assert(eca_log_limit_pass(&limit, 100, 60));
    ck_assert(!eca_log_limit_pass(&limit, 100, 60));
    ck_assert(!eca_log_limit_pass(&limit, 159, 60));
    ck_assert_uint_eq(limit.dropped, 2);
    ck_assert(eca_log_limit_pass(&limit, 160, 60));
    ck_assert_uint_eq(limit.dropped, 0);
    ck_assert(!eca_log_limit_pass(&limit, 219, 60));
    ck_assert(eca_log_limit_pass(&limit, 1000, 60));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, line_has_time_level_message_module_and_fields);
    tcase_add_test(tcase, records_below_the_level_are_dropped);
    tcase_add_test(tcase, level_names);
    tcase_add_test(tcase, record_is_one_line_whatever_peers_send);
    tcase_add_test(tcase, long_message_is_cut_and_keeps_its_fields);
    tcase_add_test(tcase, key_without_value_is_marked);
    tcase_add_test(tcase, limit_passes_once_per_interval);
    tcase_add_test(tcase, a_log_beside_follows_the_level_and_is_counted_apart);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
