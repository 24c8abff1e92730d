#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "harness/cmdline.h"

/* The command line as its user meets it: what a slip is called, what --help shows, and that the
 * command which a failure prints plays the same run again. */
#define WORDS_MAX 16

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
        {"soak|--days|0", "--days takes a number from 1 on, not \"0\""},
        {"soak|--tasks|0", "--tasks takes a number from 1 on, not \"0\""},
        {"fleet|--agents|0|a.yaml", "--agents takes a number from 1 on, not \"0\""},
        {"fleet|--peak|0|a.yaml", "--peak takes a number from 1 on, not \"0\""},
        {"explore|--seeds|0", "--seeds takes a number from 1 on, not \"0\""},
        {"mutations|--seeds|0", "--seeds takes a number from 1 on, not \"0\""},
        {"explore|--minutes|0", "--minutes takes a number from 1 on, not \"0\""},
        {"explore|--workers|0", "--workers takes a number from 1 on, not \"0\""},
        {"deaths|--every|0|a.yaml", "--every takes a number from 1 on, not \"0\""},
        {"explore|--seeds|-1", "--seeds takes a number, not \"-1\""},
        {"check|--seed|1|a.yaml", "check takes no --seed"},
        {"check|--live|a.yaml", "check takes no --live"},
        {"check|-v|a.yaml", "check takes no -v"},
        {"explore|--seed|1", "explore takes no --seed"},
        {"report|--trace|a|b", "report takes no --trace"},
        {"run|--seeds|1|a.yaml", "run takes no --seeds"},
        {"demo|--days|1", "demo takes no --days"},
        {"version|-v", "version takes no -v"},
        {"explore|a.yaml", "explore takes no file, have \"a.yaml\""},
        {"schema|a.yaml", "schema takes no file, have \"a.yaml\""},
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

/* What the guides and scripts say is taken. */
START_TEST(options_belong_to_their_commands)
{
    static const char *const cases[] = {
        "run|--live|--agent|a|--seed|0|--twice|-v|--keep|--log|l|a.yaml",
        "run|--trace|t|--html|h|--junit|j|--json|j|a.yaml",
        "run|--wire|--record|r|--record-kib|64|--allow|A-1|--set|a=b|a.yaml",
        "demo|--docker|real|--html|h",
        "explore|--seeds|5|--from|0|--minutes|1|--workers|2|-v",
        "mutations|--seeds|5|--from|3|--workers|2",
        "soak|--days|1|--tasks|2|--seed|3|--trace|t|--html|h",
        "deaths|--seed|1|--every|2|a.yaml",
        "fleet|--agents|5|--peak|3|--seed|2|a.yaml",
        "shrink|--seed|1|--workers|1|a.yaml",
        "report|--html|h|a",
        "serve|--port|0|--address|a|--host|h|--docker|real|--acs|u|--no-agent|-v|--log|l",
        "serve|--trace|t|--keep",
        "record|--agent|a|--out|o|--docker|real|--names|n|--|x",
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct hns_options options;
        struct eca_err err = {0};

        ck_assert_msg(parse(cases[i], &options, &err) == 0, "%s: %s", cases[i], err.msg);
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
    tcase_add_test(tcase, options_belong_to_their_commands);
    tcase_add_test(tcase, help_is_of_one_command_or_of_all);
    tcase_add_test(tcase, help_of_the_agent_is_not_ours);
    tcase_add_test(tcase, the_printed_command_plays_the_same_run);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
