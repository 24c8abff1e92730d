#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

/* Writes every value and a '|' behind it; fails at the value named. */
struct sink {
    struct eca_buf seen;
    const char *refuse;
};

static int on_value(void *arg, struct eca_view value, struct eca_err *err)
{
    struct sink *sink = arg;

    if (sink->refuse != NULL && eca_view_eq_str(value, sink->refuse)) {
        return eca_err_set(err, ECA_E_CANCELED, "enough");
    }
    eca_buf_add_view(&sink->seen, value);
    eca_buf_add_char(&sink->seen, '|');
    return ECA_OK;
}

static int feed_in_chunks(const char *text, size_t chunk, size_t max, struct sink *sink,
                          bool *ret_idle)
{
    struct eca_json_splitter splitter;
    struct eca_view rest = eca_view_str(text);
    int rc = ECA_OK;

    eca_json_splitter_init(&splitter, max);
    while (rc == ECA_OK && rest.len > 0) {
        /* A copy of its own size: reading beyond the chunk is an error that asan sees. */
        struct eca_view piece = eca_view_sub(rest, 0, chunk);
        eca_auto_free char *copy = eca_xalloc(piece.len);
        memcpy(copy, piece.at, piece.len);
        rc = eca_json_splitter_feed(&splitter, eca_view_of(copy, piece.len), on_value, sink, NULL);
        rest = eca_view_sub(rest, piece.len, rest.len);
    }
    *ret_idle = eca_json_splitter_idle(&splitter);
    eca_json_splitter_clear(&splitter);
    ck_assert(eca_json_splitter_idle(&splitter));
    return rc;
}

/* STAT-202, DKR-716, DKR-801: values are found by structure, wherever the chunks end. */
START_TEST(chunks_do_not_matter)
{
    static const char text[] =
        " {\"a\":\"}{\\\"]\\\\\"}\r\n[1,[{}]]{}\t\n{\"b\":{\"c\":[\"\xc3\xa4\"]}}\n";
    static const char expected[] =
        "{\"a\":\"}{\\\"]\\\\\"}|[1,[{}]]|{}|{\"b\":{\"c\":[\"\xc3\xa4\"]}}|";

    for (size_t chunk = 1; chunk <= sizeof(text); chunk++) {
        struct sink sink = {0};
        bool idle = false;
        ck_assert_int_eq(feed_in_chunks(text, chunk, 1000, &sink, &idle), ECA_OK);
        ck_assert_str_eq(eca_buf_str(&sink.seen), expected);
        ck_assert(idle);
        eca_buf_clear(&sink.seen);
    }
}
END_TEST

/* DKR-716: a cut stream is noticed at its end. */
START_TEST(half_a_value_is_not_idle)
{
    static const char *const halves[] = {"{", "{}{\"a\"", "[[]", "{\"}", "{\"\\\"}"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(halves); i++) {
        for (size_t chunk = 1; chunk < 10; chunk++) {
            struct sink sink = {0};
            bool idle = true;
            ck_assert_int_eq(feed_in_chunks(halves[i], chunk, 1000, &sink, &idle), ECA_OK);
            ck_assert(!idle);
            eca_buf_clear(&sink.seen);
        }
    }
}
END_TEST

START_TEST(what_is_no_value_is_refused)
{
    static const char *const refused[] = {"x",   "{}1", "{} \"a\"", "{},{}", "}", "\xef\xbb\xbf{}",
                                          "null"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        for (size_t chunk = 1; chunk < 8; chunk++) {
            struct sink sink = {0};
            bool idle;
            ck_assert_int_eq(feed_in_chunks(refused[i], chunk, 1000, &sink, &idle), ECA_E_INVALID);
            eca_buf_clear(&sink.seen);
        }
    }
}
END_TEST

/* DKR-821: a value whose end was lost is told when the next one begins inside it, not after the
 * stream was deaf for the size of the limit. */
START_TEST(lost_end_is_noticed_at_the_next_value)
{
    static const char *const lost[] = {
        "{broken\n{}",
        "{\"status\":\"st\n{\"a\":1}",
        "{\"status\":\"start\"\n{\"a\":1}",
        "{\"status\":12\n{\"a\":1}",
        "{\"status\":\n{\"a\":1}\n{\"b\":1}",
        "{\"a\":{\"b\":[1]\n{\"a\":1}",
        "[\"a\" \"b\"",
        "{[",
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(lost); i++) {
        for (size_t chunk = 1; chunk < 30; chunk++) {
            struct sink sink = {0};
            bool idle;
            ck_assert_int_eq(feed_in_chunks(lost[i], chunk, 1000, &sink, &idle), ECA_E_INVALID);
            ck_assert_str_eq(eca_buf_str(&sink.seen), "");
            eca_buf_clear(&sink.seen);
        }
    }
}
END_TEST

START_TEST(value_size_is_bounded_wherever_chunks_end)
{
    for (size_t chunk = 1; chunk < 16; chunk++) {
        struct sink sink = {0};
        bool idle;
        ck_assert_int_eq(feed_in_chunks("[1234567] [1234567]", chunk, 9, &sink, &idle), ECA_OK);
        ck_assert_str_eq(eca_buf_str(&sink.seen), "[1234567]|[1234567]|");
        ck_assert_int_eq(feed_in_chunks("[12345678]", chunk, 9, &sink, &idle), ECA_E_LIMIT);
        ck_assert_int_eq(feed_in_chunks("{\"endless....", chunk, 9, &sink, &idle), ECA_E_LIMIT);
        eca_buf_clear(&sink.seen);
    }
}
END_TEST

/* DKR-716: an error object ends the pull, the rest is not read. */
START_TEST(callback_stops_the_feed)
{
    for (size_t chunk = 1; chunk < 12; chunk++) {
        struct sink sink = {.refuse = "[2]"};
        bool idle;
        ck_assert_int_eq(feed_in_chunks("[1][2][3]", chunk, 100, &sink, &idle), ECA_E_CANCELED);
        ck_assert_str_eq(eca_buf_str(&sink.seen), "[1]|");
        eca_buf_clear(&sink.seen);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/json_split");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, chunks_do_not_matter);
    tcase_add_test(tcase, half_a_value_is_not_idle);
    tcase_add_test(tcase, what_is_no_value_is_refused);
    tcase_add_test(tcase, lost_end_is_noticed_at_the_next_value);
    tcase_add_test(tcase, value_size_is_bounded_wherever_chunks_end);
    tcase_add_test(tcase, callback_stops_the_feed);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
