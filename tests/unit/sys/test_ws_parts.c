#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/sys/ws_answer.h"
#include "agent/sys/ws_walk.h"

/* What the relay reads of a server: the answer to the upgrade, the headers of frames. */

/* WS-145: how far a server's bytes keep the protocol, in pieces of every size. */
START_TEST(a_servers_frames_are_walked)
{
    static const struct {
        const char *bytes;
        size_t len, fine;
        const char *why;
    } rows[] = {
        {"\x81\x02hi\x82\x00\x89\x01p\x8a\x00", 11, 11, NULL},
        {"\x01\x01h\x89\x00\x00\x00\x80\x01i\x81\x00", 12, 12, NULL},
        {"\x81\x7e\x00\x02hi\xc1", 7, 6, "reserved bits set"},
        {"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x02hi\x80\x00", 14, 12, "wrong continuation"},
        {"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x02hi", 12, 2, "length beyond 63 bits"},
        {"\x81\x7e\x80\x00", 4, 4, NULL}, /* 32768 bytes to come */
        {"\x01\x00\x02\x00", 4, 2, "wrong continuation"},
        {"\x80\x00", 2, 0, "wrong continuation"},
        {"\x87\x00", 2, 0, "unknown opcode"},
        {"\x8f\x00", 2, 0, "unknown opcode"},
        {"\x89\x7e\x00\x80", 4, 1, "bad control frame"},
        {"\x89\x7d", 2, 2, NULL},
        {"\x08\x00", 2, 0, "bad control frame"},
        {"\x81\x80....", 6, 1, "masked frame from the server"},
        {"\x88\x02\x03\xe8\xff\xff\xff", 7, 7, NULL}, /* nothing is wrong behind a Close */
        {"\x88\x00\xff", 3, 3, NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        for (size_t piece = 1; piece <= rows[i].len; piece++) {
            struct eca_ws_walk walk = {0};
            struct eca_view left = eca_view_of(rows[i].bytes, rows[i].len);
            const char *why = NULL;
            size_t fine = 0;

            while (left.len > 0 && why == NULL) {
                struct eca_view part = eca_view_sub(left, 0, piece);

                fine += eca_ws_walk_server(&walk, part, &why);
                left = eca_view_sub(left, part.len, left.len);
            }
            ck_assert_msg(fine == rows[i].fine, "row %zu/%zu: %zu bytes", i, piece, fine);
            ck_assert_msg((why == NULL) == (rows[i].why == NULL) &&
                              (why == NULL || strcmp(why, rows[i].why) == 0),
                          "row %zu/%zu: %s", i, piece, why);
        }
    }
}
END_TEST

/* Long payloads cost no memory and no steps of their own. */
START_TEST(a_payload_is_passed_over)
{
    static const char header[] = "\x82\x7f\x00\x00\x00\x10\x00\x00\x00\x00"; /* 64 GiB */
    static char bytes[65536];
    struct eca_ws_walk walk = {0};
    uint64_t passed = 0;
    const char *why;

    ck_assert_uint_eq(eca_ws_walk_server(&walk, eca_view_of(header, 10), &why), 10);
    memset(bytes, 0xff, sizeof(bytes));
    while (!eca_ws_walk_is_between(&walk)) {
        passed += eca_ws_walk_server(&walk, eca_view_of(bytes, sizeof(bytes)), &why);
    }
    ck_assert_uint_eq(passed, UINT64_C(64) << 30);
    ck_assert_uint_eq(eca_ws_walk_server(&walk, eca_view_of(bytes, 1), &why), 0);
    ck_assert_str_eq(why, "reserved bits set");
}
END_TEST

/* WS-149: a client's frames end where they end, in pieces of every size. */
START_TEST(a_clients_frames_are_walked)
{
    static const char bytes[] = "\x81\x82mask12\x81\xfe\x00\x03maskabc\x89\x80mask";
    static const size_t ends[] = {8, 19, 25};

    for (size_t had = 0; had < sizeof(bytes) - 1; had++) {
        struct eca_ws_walk walk = {0};
        size_t end = 0;

        ck_assert_uint_eq(eca_ws_walk_client(&walk, eca_view_of(bytes, had), false), had);
        for (size_t i = 0; i < ECA_ARRAY_LEN(ends) && end < had; i++) {
            end = ends[i];
        }
        ck_assert_msg(eca_ws_walk_client(&walk, eca_view_of(bytes + had, sizeof(bytes) - 1 - had),
                                         true) == end - had,
                      "after %zu bytes", had);
        ck_assert(eca_ws_walk_is_between(&walk));
    }
}
END_TEST

/* WS-140, WS-145: the Close is one whole masked frame, its reason not longer than may be. */
START_TEST(a_close_is_masked_and_short_enough)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    char reason[301];

    memset(reason, 'r', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    for (size_t len = 0; len < sizeof(reason); len += 50) {
        size_t kept = len > ECA_WS_REASON_BYTES_MAX ? ECA_WS_REASON_BYTES_MAX : len;
        eca_auto_buf struct eca_buf out = {0};
        struct eca_ws_walk walk = {0};

        eca_ws_close_frame(&out, 1002, reason + sizeof(reason) - 1 - len, mask);
        ck_assert_uint_eq(out.len, 2 + 4 + 2 + kept);
        ck_assert_uint_eq((unsigned char)out.at[0], 0x88);
        ck_assert_uint_eq((unsigned char)out.at[1], 0x80 | (2 + kept));
        ck_assert_uint_eq((unsigned char)out.at[6] ^ mask[0], 1002 >> 8);
        ck_assert_uint_eq((unsigned char)out.at[7] ^ mask[1], 1002 & 0xff);
        for (size_t i = 0; i < kept; i++) {
            ck_assert_uint_eq((unsigned char)out.at[8 + i] ^ mask[(2 + i) & 3], 'r');
        }
        ck_assert_uint_eq(eca_ws_walk_client(&walk, eca_buf_view(&out), false), out.len);
        ck_assert(walk.closed && eca_ws_walk_is_between(&walk));
    }
}
END_TEST

#define BODY_BYTES_MAX 16

/* WS-131, WS-132, WS-105: answers of every form, in pieces of every size. */
START_TEST(answers_are_read_or_refused)
{
    static const struct {
        const char *text;
        enum eca_ws_answer_state state;
        int status;
        const char *head, *body;
        size_t rest; /* bytes behind it */
    } rows[] = {
        {"HTTP/1.1 101 x\r\nA: b\r\n\r\nframes", ECA_WS_ANSWER_UPGRADED, 101,
         "HTTP/1.1 101 x\r\nA: b\r\n\r\n", "", 6},
        {"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 101 x\r\n\r\n",
         ECA_WS_ANSWER_UPGRADED, 101, "HTTP/1.1 101 x\r\n\r\n", "", 0},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         ECA_WS_ANSWER_UPGRADED, 101,
         "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "", 0},
        {"HTTP/1.1 400 no\r\nContent-Length: 3\r\n\r\nabc", ECA_WS_ANSWER_REFUSED, 400, "", "abc",
         0},
        {"HTTP/1.1 400\r\nContent-Length: 0\r\n\r\n", ECA_WS_ANSWER_REFUSED, 400, "", "", 0},
        {"HTTP/1.1 204 no\r\n\r\n", ECA_WS_ANSWER_REFUSED, 204, "", "", 0},
        {"HTTP/1.1 400 no\r\nContent-Length: 4\r\n\r\nabc", ECA_WS_ANSWER_BODY, 400, "", "abc", 0},
        {"HTTP/1.0 400 no\r\n\r\nabc", ECA_WS_ANSWER_BODY, 400, "", "abc", 0},
        {"HTTP/1.1 400 no\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: "
         "u\r\n\r\n",
         ECA_WS_ANSWER_REFUSED, 400, "", "abcde", 0},
        {"HTTP/1.1 500 no\r\n\r\n0123456789abcdef", ECA_WS_ANSWER_REFUSED, 500, "",
         "0123456789abcdef", 0},
        {"HTTP/1.1 101", ECA_WS_ANSWER_HEAD, 0, "HTTP/1.1 101", "", 0},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_view text = eca_view_str(rows[i].text);

        for (size_t piece = 1; piece <= text.len; piece++) {
            struct eca_ws_answer answer;
            size_t taken = 0;

            eca_ws_answer_init(&answer, BODY_BYTES_MAX);
            for (size_t at = 0; at < text.len && taken == at; at += piece) {
                taken += eca_ws_answer_feed(&answer, eca_view_sub(text, at, piece));
            }
            ck_assert_msg(answer.state == rows[i].state && answer.status == rows[i].status,
                          "row %zu/%zu: %d %d", i, piece, (int)answer.state, answer.status);
            ck_assert_msg(strcmp(eca_buf_str(&answer.head), rows[i].head) == 0, "row %zu/%zu: %s",
                          i, piece, eca_buf_str(&answer.head));
            ck_assert_msg(strcmp(eca_buf_str(&answer.body), rows[i].body) == 0, "row %zu/%zu: %s",
                          i, piece, eca_buf_str(&answer.body));
            ck_assert_msg(taken == text.len - rows[i].rest, "row %zu/%zu: %zu bytes", i, piece,
                          taken);
            eca_ws_answer_clear(&answer);
        }
    }
}
END_TEST

START_TEST(what_is_no_answer_is_told)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is not HTTP"},
        {"nonsense\r\n\r\n", "the answer is not HTTP"},
        {"HTTP/1.1 abc\r\n\r\n", "the answer is not HTTP"},
        {"GET / HTTP/1.1\r\n\r\n", "the answer is not HTTP"},
        {"HTTP/1.1 400 no\r\nContent-Length: x\r\n\r\n", "the answer is not HTTP"},
    };
    eca_auto_buf struct eca_buf long_head = {0};
    struct eca_ws_answer answer;

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_ws_answer_init(&answer, BODY_BYTES_MAX);
        (void)eca_ws_answer_feed(&answer, eca_view_str(rows[i].text));
        ck_assert_msg(answer.state == ECA_WS_ANSWER_BROKEN, "row %zu: %d", i, (int)answer.state);
        ck_assert_str_eq(answer.why, rows[i].why);
        eca_ws_answer_clear(&answer);
    }
    eca_buf_add_str(&long_head, "HTTP/1.1 101 x\r\n");
    while (long_head.len <= ECA_WS_HEAD_BYTES_MAX) {
        eca_buf_add_str(&long_head, "X: y\r\n");
    }
    eca_ws_answer_init(&answer, BODY_BYTES_MAX);
    for (size_t at = 0; at < long_head.len; at += 1000) {
        (void)eca_ws_answer_feed(&answer, eca_view_sub(eca_buf_view(&long_head), at, 1000));
    }
    ck_assert_int_eq(answer.state, ECA_WS_ANSWER_BROKEN);
    ck_assert_str_eq(answer.why, "the answer's head is too long");
    ck_assert_uint_eq(answer.head.len, 0);
    eca_ws_answer_clear(&answer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/ws parts");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, a_servers_frames_are_walked);
    tcase_add_test(tcase, a_payload_is_passed_over);
    tcase_add_test(tcase, a_clients_frames_are_walked);
    tcase_add_test(tcase, a_close_is_masked_and_short_enough);
    tcase_add_test(tcase, answers_are_read_or_refused);
    tcase_add_test(tcase, what_is_no_answer_is_told);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
