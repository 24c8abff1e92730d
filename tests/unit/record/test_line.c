#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/record/line.h"

#define LONG_BYTES 5000 /* more than is escaped at once */

static void swap(struct eca_buf *text, char from, char to)
{
    for (size_t i = 0; i < text->len; i++) {
        text->at[i] = text->at[i] == from ? to : text->at[i];
    }
}

/* A line reads back as what was put in, whatever stands where in it. */
static void check_reads_back(struct eca_view bytes)
{
    eca_auto_buf struct eca_buf out = {0}, back = {0};
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_mask mask;
    struct eca_line line = {.out = &out, .mask = &mask};
    eca_json plain, swapped;

    eca_mask_init(&mask);
    eca_line_open(&line, "in", "test");
    eca_line_i64(&line, "n", INT64_MIN);
    eca_line_bytes(&line, "body", bytes);
    eca_line_u64(&line, "m", UINT64_MAX);
    eca_line_bool(&line, "last", true);
    eca_line_close(&line);
    eca_mask_clear(&mask);
    ck_assert_int_eq(eca_json_parse(eca_buf_view(&out), &doc, NULL), ECA_OK);
    plain = eca_json_get(eca_json_root(doc), "body");
    swapped = eca_json_get(eca_json_root(doc), "body'");
    eca_buf_add_str(&back, eca_json_str(plain != NULL ? plain : swapped));
    if (plain == NULL) {
        swap(&back, '\'', '"');
    }
    ck_assert(eca_view_eq(eca_buf_view(&back), bytes));
    ck_assert(eca_json_bool(eca_json_get(eca_json_root(doc), "last")));
    ck_assert(strstr(eca_buf_str(&out), "\"n\":-9223372036854775808,") != NULL);
    ck_assert(strstr(eca_buf_str(&out), "\"m\":18446744073709551615,") != NULL);
}

START_TEST(any_character_at_any_place)
{
    static const char *const odd[] = {"\"",   "'",    "\\",       "\n",  "\t",
                                      "\x01", "\x7f", "\xC3\xA4", "\r\n"};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        for (size_t at = 0; at < 40; at++) {
            eca_auto_buf struct eca_buf text = {0};

            for (size_t k = 0; k < 40; k++) {
                eca_buf_add_str(&text, k == at ? odd[i] : k % 7 == 3 ? "\"" : "x");
            }
            check_reads_back(eca_buf_view(&text));
        }
    }
}
END_TEST

START_TEST(long_text)
{
    for (size_t len = LONG_BYTES; len < LONG_BYTES + 20; len++) {
        eca_auto_buf struct eca_buf text = {0};

        while (text.len < len) {
            eca_buf_add_char(&text, "\\\"'x\x1f"[text.len % 5]);
        }
        check_reads_back(eca_buf_view(&text));
    }
}
END_TEST

/* What is written of masked text is what a replay, which has no other, writes of it: the recording
 * and the replay know different secrets. */
START_TEST(masked_text_is_written_as_itself)
{
    static const char *const texts[][2] = {
        {"{\"error\":\"denied for top-secret\"}\r\n", "{\"error\":\"denied for masked-1\"}\r\n"},
        {"{\"it\":\"'top-secret'\"}", "{\"it\":\"'masked-1'\"}"},
        {"\xC3\xA4 top-secret", "\xC3\xA4 masked-1"},
        {"\xFF top-secret", "\xFF masked-1"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        eca_auto_buf struct eca_buf recorded = {0}, replayed = {0};
        struct eca_mask knows, ignorant;
        struct eca_line first = {.out = &recorded, .mask = &knows};
        struct eca_line second = {.out = &replayed, .mask = &ignorant};

        eca_mask_init(&knows);
        eca_mask_init(&ignorant);
        (void)eca_mask_secret(&knows, eca_view_str("top-secret"));
        eca_line_open(&first, "in", "test");
        eca_line_bytes(&first, "body", eca_view_str(texts[i][0]));
        eca_line_own_bytes(&first, "own", eca_view_str(texts[i][0]));
        eca_line_text(&first, "text", texts[i][0]);
        eca_line_close(&first);
        eca_line_open(&second, "in", "test");
        eca_line_bytes(&second, "body", eca_view_str(texts[i][1]));
        eca_line_own_bytes(&second, "own", eca_view_str(texts[i][1]));
        eca_line_text(&second, "text", texts[i][1]);
        eca_line_close(&second);
        ck_assert_str_eq(eca_buf_str(&recorded), eca_buf_str(&replayed));
        eca_mask_clear(&knows);
        eca_mask_clear(&ignorant);
    }
}
END_TEST

START_TEST(numbers_of_every_length)
{
    uint64_t value = 0;

    for (size_t digits = 1; digits <= 20; digits++) {
        eca_auto_buf struct eca_buf out = {0};
        struct eca_line line = {.out = &out};
        eca_auto_free char *expected = NULL;

        value = value * 10 + (digits > 19 ? 0 : digits % 10);
        expected = eca_xasprintf("{\"in\":\"x\",\"n\":%llu,\"m\":%llu}", (unsigned long long)value,
                                 (unsigned long long)(value - 1));
        eca_line_open(&line, "in", "x");
        eca_line_u64(&line, "n", value);
        eca_line_u64(&line, "m", value - 1);
        eca_line_close(&line);
        ck_assert_str_eq(eca_buf_str(&out), expected);
    }
}
END_TEST

/* FB-INV.6: a secret is masked wherever in a text it stands, and wherever it is repeated. */
START_TEST(no_secret_is_written)
{
    for (size_t before = 0; before < 40; before++) {
        eca_auto_buf struct eca_buf out = {0}, text = {0}, echo = {0}, end = {0};
        struct eca_mask mask;
        struct eca_line line = {.out = &out, .mask = &mask};

        for (size_t i = 0; i < before; i++) {
            eca_buf_add_char(&text, 'x');
            eca_buf_add_char(&echo, 'y');
            eca_buf_add_char(&end, 'z');
        }
        eca_buf_add_str(&text, "{\"password\":\"top-secret\"}");
        eca_buf_add_str(&echo, "denied for top-secret");
        eca_mask_init(&mask);
        eca_line_open(&line, "in", "test");
        eca_line_bytes(&line, "body", eca_buf_view(&text));
        eca_line_bytes(&line, "echo", eca_buf_view(&echo));
        eca_line_text(&line, "text", eca_buf_str(&echo));
        eca_buf_add_str(&end, "{\"Token\":\"q7z\"}"); /* few bytes before the end */
        eca_line_bytes(&line, "end", eca_buf_view(&end));
        eca_line_close(&line);
        ck_assert(strstr(eca_buf_str(&out), "q7z") == NULL);
        ck_assert(eca_mask_concerns_own(&mask, eca_buf_view(&echo)));
        eca_mask_clear(&mask);
        ck_assert_msg(strstr(eca_buf_str(&out), "top-secret") == NULL, "%s", eca_buf_str(&out));
        ck_assert(strstr(eca_buf_str(&out), "denied for masked-1\",\"text\":") != NULL);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record/line");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, any_character_at_any_place);
    tcase_add_test(tcase, long_text);
    tcase_add_test(tcase, masked_text_is_written_as_itself);
    tcase_add_test(tcase, numbers_of_every_length);
    tcase_add_test(tcase, no_secret_is_written);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
