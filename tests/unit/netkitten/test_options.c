#include <check.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netkitten/options.h"

enum { ARGS_MAX = 9 };

struct row {
    const char *args[ARGS_MAX]; /* after the program's name, ends with NULL */
    struct nk_options expected;
};

static int parse(const char *const args[], struct nk_options *ret_options, struct nk_err *err)
{
    static char name[] = "netkitten";
    char *argv[ARGS_MAX + 2] = {name};
    int argc = 1;

    for (; args[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)(uintptr_t)args[argc - 1]; /* only read */
    }
    return nk_options_parse(argc, argv, ret_options, err);
}

static void expect(const struct row *row)
{
    struct nk_options got = {0};
    struct nk_err err;

    ck_assert_msg(parse(row->args, &got, &err) == 0, "%s refused: %s", row->args[0], err.msg);
    ck_assert_int_eq(got.listen_port, row->expected.listen_port);
    ck_assert_str_eq(got.serve_text, row->expected.serve_text);
    ck_assert_str_eq(got.write_text, row->expected.write_text);
    ck_assert_str_eq(got.target, row->expected.target);
    ck_assert_int_eq(got.loop, row->expected.loop);
}

/* NKT-111 to NKT-115, NKT-120, NKT-122 */
START_TEST(accepted_command_lines)
{
    static const struct row rows[] = {
        {{NULL}, {-1, "", "", "", false}},
        {{"-l", "80", "-serve", "X", "-write", "Y", "-loop", "h:1"}, {80, "X", "Y", "h:1", true}},
        {{"--l=80", "--serve=X", "--write=Y", "--loop"}, {80, "X", "Y", "", true}},
        {{"-l", "-5"}, {-5, "", "", "", false}},
        {{"-serve", "-loop"}, {-1, "-loop", "", "", false}},
        {{"-serve=a=b"}, {-1, "a=b", "", "", false}},
        {{"-serve="}, {-1, "", "", "", false}},
        {{"-serve", "a\\n\n"}, {-1, "a\\n\n", "", "", false}},
        {{"-loop", "x"}, {-1, "", "", "x", true}},
        {{"-loop=F", "-l", "1"}, {1, "", "", "", false}},
        {{"-loop=true", "-loop=0"}, {-1, "", "", "", false}},
        {{"-l", "1", "-l=2"}, {2, "", "", "", false}},
        {{"h:1", "-l", "80", "more"}, {-1, "", "", "h:1", false}},
        {{"-", "-l", "80"}, {-1, "", "", "-", false}},
        {{"--", "-l"}, {-1, "", "", "-l", false}},
        {{"--"}, {-1, "", "", "", false}},
        {{"", "h:1"}, {-1, "", "", "", false}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(&rows[i]);
    }
}
END_TEST

/* NKT-120: these twelve spellings and no other */
START_TEST(boolean_values)
{
    static const char *const yes[] = {"-loop=1",    "-loop=t",    "-loop=T",
                                      "-loop=true", "-loop=TRUE", "-loop=True"};
    static const char *const no[] = {"-loop=0",     "-loop=f",     "-loop=F",
                                     "-loop=false", "-loop=FALSE", "-loop=False"};
    static const char *const bad[] = {"-loop=", "-loop=yes", "-loop=tRUE", "-loop=2",
                                      "-loop=true "};

    for (size_t i = 0; i < 6; i++) {
        expect(&(struct row){{yes[i], "h:1"}, {-1, "", "", "h:1", true}});
        expect(&(struct row){{"-loop", no[i], "h:1"}, {-1, "", "", "h:1", false}});
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *args[] = {bad[i], NULL};
        struct nk_options options;
        struct nk_err err;

        ck_assert_int_eq(parse(args, &options, &err), -1);
        ck_assert_ptr_nonnull(strstr(err.msg, "-loop"));
    }
}
END_TEST

/* NKT-121 */
START_TEST(integers)
{
    static const struct {
        const char *text;
        long long value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"+8", 8},
        {"24751", 24751},
        {"0x1F", 31},
        {"0Xff", 255},
        {"-0x10", -16},
        {"010", 8},
        {"-017", -15},
        {"00", 0},
        {"9223372036854775807", LLONG_MAX},
        {"-9223372036854775808", LLONG_MIN},
        {"0x7fffffffffffffff", LLONG_MAX},
    };
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "abc",
                                      "8o",
                                      "1 ",
                                      " 1",
                                      "0x",
                                      "-0x",
                                      "0xg",
                                      "08",
                                      "1.5",
                                      "1e3",
                                      "--1",
                                      "+-1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        expect(&(struct row){{"-l", good[i].text}, {good[i].value, "", "", "", false}});
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *args[] = {"-l", bad[i], NULL};
        struct nk_options options;
        struct nk_err err;

        ck_assert_msg(parse(args, &options, &err) == -1, "%s accepted", bad[i]);
        ck_assert_ptr_nonnull(strstr(err.msg, "option -l"));
    }
}
END_TEST

/* NKT-123: one line that names the problem; none when help was asked for */
START_TEST(refused_command_lines_leave_the_result_alone)
{
    static const struct {
        const char *args[3];
        const char *problem;
    } rows[] = {
        {{"-x", "1", NULL}, "unknown option: -x"},
        {{"-listen=1", NULL}, "unknown option: -listen=1"},
        {{"-L", NULL}, "unknown option: -L"},
        {{"-serve", NULL}, "option needs a value: -serve"},
        {{"-loop", "-write", NULL}, "option needs a value: -write"},
        {{"---loop", NULL}, "bad option syntax: ---loop"},
        {{"-=1", NULL}, "bad option syntax: -=1"},
        {{"--=1", NULL}, "bad option syntax: --=1"},
        {{"-h", NULL}, ""},
        {{"-help", NULL}, ""},
        {{"-l=1", "--h", NULL}, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nk_options options = {.listen_port = 77};
        struct nk_err err;

        ck_assert_int_eq(parse(rows[i].args, &options, &err), -1);
        ck_assert_str_eq(err.msg, rows[i].problem);
        ck_assert_int_eq(options.listen_port, 77);
    }
}
END_TEST

/* NKT-123: a value of any length gives one short line */
START_TEST(long_values_are_cut_in_the_message)
{
    char text[4096];
    const char *args[] = {"-l", text, NULL};
    struct nk_options options;
    struct nk_err err;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(parse(args, &options, &err), -1);
    ck_assert_uint_lt(strlen(err.msg), 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netkitten options");
    TCase *options = tcase_create("options");
    SRunner *runner = NULL;
    int failed = 0;

    tcase_add_test(options, accepted_command_lines);
    tcase_add_test(options, boolean_values);
    tcase_add_test(options, integers);
    tcase_add_test(options, refused_command_lines_leave_the_result_alone);
    tcase_add_test(options, long_values_are_cut_in_the_message);
    suite_add_tcase(suite, options);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
