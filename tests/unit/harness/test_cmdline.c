#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "harness/cmdline.h"

/* The command line as its user meets it: what a slip is called, what --help shows, and that the
 * command which a failure prints plays the same run again. */
#define WORDS_MAX 12

static char text[256];
static char *argv[WORDS_MAX + 1];

/* The words follow "build/harness" and are parted by '|'. */
static int parse(const char *words, struct hns_options *ret_options, struct eca_err *err)
{
    char *rest = text;
    int argc = 0;

    (void)snprintf(text, sizeof text, "build/harness%s%s", words[0] == '\0' ? "" : "|", words);
    while (rest != NULL && argc < WORDS_MAX) {
        argv[argc++] = strsep(&rest, "|");
    }
    ck_assert_ptr_null(rest);
    argv[argc] = NULL;
    *ret_options = (struct hns_options){0};
    return hns_options_parse(ret_options, argc, argv, err);
}

START_TEST(a_slip_is_named)
{
    static const struct {
        const char *words, *message;
    } cases[] = {
        {"", "want a command"},
        {"rum|a.yaml", "unknown command \"rum\", did you mean \"run\"?"},
        {"--seed|1", "unknown command \"--seed\""},
        {"help|shrunk", "unknown command \"shrunk\", did you mean \"shrink\"?"},
        {"run|--nonsense|a.yaml", "unknown option --nonsense"},
        {"run|a.yaml|--nonsense", "unknown option --nonsense"},
        {"run|a.yaml|--log", "--log needs a value"},
        {"run|--seed|one", "--seed takes a number, not \"one\""},
        {"run|--set|name", "--set takes NAME=VALUE, at most 16 times, not \"name\""},
        {"run|--docker|/var/run/docker.sock",
         "--docker takes real or real=SOCKET, not \"/var/run/docker.sock\""},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct hns_options options;
        struct eca_err err = {0};

        ck_assert_int_eq(parse(cases[i].words, &options, &err), ECA_E_INVALID);
        ck_assert_str_eq(err.msg, cases[i].message);
        hns_options_clear(&options);
    }
}
END_TEST

START_TEST(help_is_of_one_command_or_of_all)
{
    static const struct {
        const char *words, *has, *lacks;
    } cases[] = {
        {"--help", "harness shrink ", "\t"},
        {"-h", "harness run ", "\t"},
        {"help", "harness COMMAND --help", "\t"},
        {"help|fleet", "--peak PERCENT", "harness run"},
        {"run|--help", "--twice", "harness explore"},
        {"run|--seed|1|-h|--nonsense", "--twice", "harness explore"},
        {"record|--help", "--names HOST,HOST", "harness export"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct hns_options options;
        struct eca_err err = {0};
        char *help = NULL;
        size_t len;
        FILE *to = open_memstream(&help, &len);

        ck_assert_msg(parse(cases[i].words, &options, &err) == 0, "case %zu: %s", i, err.msg);
        ck_assert_msg(options.help, "case %zu", i);
        hns_usage(to, options.command);
        ck_assert_int_eq(fclose(to), 0);
        ck_assert_msg(strstr(help, cases[i].has) != NULL, "case %zu: %s", i, help);
        ck_assert_msg(strstr(help, cases[i].lacks) == NULL, "case %zu: %s", i, help);
        free(help);
        hns_options_clear(&options);
    }
}
END_TEST

/* What follows "--" is the agent's. */
START_TEST(help_of_the_agent_is_not_ours)
{
    static const char words[] = "record|--agent|a|--out|b|--|--help";
    struct hns_options options;
    struct eca_err err = {0};

    ck_assert_int_eq(parse(words, &options, &err), 0);
    ck_assert(!options.help);
    ck_assert_str_eq(options.arguments[0], "--help");
    hns_options_clear(&options);
}
END_TEST

START_TEST(the_printed_command_plays_the_same_run)
{
    static const struct {
        const char *words, *command;
    } cases[] = {
        {"run|a.yaml", "build/harness run"},
        {"run|--wire|-v|a.yaml", "build/harness run --wire"},
        {"run|--live|--agent|/opt/an agent|--docker|real|a.yaml",
         "build/harness run --live --agent '/opt/an agent' --docker real=/var/run/docker.sock"},
        {"run|--set|a=b|--set|c=it's; $x|--allow|DKR-1,FB-2|a.yaml",
         "build/harness run --allow DKR-1,FB-2 --set a=b --set 'c=it'\\''s; $x'"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        eca_auto_buf struct eca_buf command = {0};
        struct hns_options options;
        struct eca_err err = {0};

        ck_assert_int_eq(parse(cases[i].words, &options, &err), 0);
        hns_options_command(&options, &command);
        ck_assert_str_eq(eca_buf_str(&command), cases[i].command);
        hns_options_clear(&options);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("harness/cmdline");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, a_slip_is_named);
    tcase_add_test(tcase, help_is_of_one_command_or_of_all);
    tcase_add_test(tcase, help_of_the_agent_is_not_ours);
    tcase_add_test(tcase, the_printed_command_plays_the_same_run);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
