#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/config/cmdline.h"

#define WORDS_MAX 8
struct words {
    const char *at[WORDS_MAX];
};

static struct eca_cmdline parse(const struct words *words)
{
    char *argv[WORDS_MAX + 2] = {NULL};
    struct eca_cmdline cmdline;
    int argc = 0;

    argv[argc++] = eca_xstrdup("ecs-agent");
    while (argc <= WORDS_MAX && words->at[argc - 1] != NULL) {
        memcpy(&argv[argc], &words->at[argc - 1], sizeof(char *));
        argc++;
    }
    eca_cmdline_parse(argc, argv, &cmdline);
    eca_free(argv[0]);
    return cmdline;
}

/* PROC-101, PROC-102, PROC-103 */
START_TEST(words_give_the_expected_action)
{
    static const struct {
        struct words words;
        enum eca_action action;
        bool insecure, blackhole;
        const char *log_level;
    } cases[] = {
        {{{NULL}}, ECA_ACTION_RUN, false, false, NULL},
        {{{"-k"}}, ECA_ACTION_RUN, true, false, NULL},
        {{{"--k"}}, ECA_ACTION_RUN, true, false, NULL},
        {{{"-k=false"}}, ECA_ACTION_RUN, false, false, NULL},
        {{{"-k", "-k=0"}}, ECA_ACTION_RUN, false, false, NULL},
        {{{"-k", "false"}}, ECA_ACTION_RUN, true, false, NULL},
        {{{"-k=T"}}, ECA_ACTION_RUN, true, false, NULL},
        {{{"-blackhole-ec2-metadata"}}, ECA_ACTION_RUN, false, true, NULL},
        {{{"-loglevel", "warn"}}, ECA_ACTION_RUN, false, false, "warn"},
        {{{"--loglevel=warn"}}, ECA_ACTION_RUN, false, false, "warn"},
        {{{"-loglevel=a", "-loglevel", "b"}}, ECA_ACTION_RUN, false, false, "b"},
        {{{"-loglevel", "-k"}}, ECA_ACTION_RUN, false, false, "-k"},
        {{{"-loglevel="}}, ECA_ACTION_RUN, false, false, ""},
        {{{"-version"}}, ECA_ACTION_VERSION, false, false, NULL},
        {{{"-license"}}, ECA_ACTION_LICENSE, false, false, NULL},
        {{{"-version", "-license"}}, ECA_ACTION_LICENSE, false, false, NULL},
        {{{"-version=0"}}, ECA_ACTION_RUN, false, false, NULL},
        {{{"-print-config"}}, ECA_ACTION_PRINT_CONFIG, false, false, NULL}, /* PROC-106 */
        {{{"-healthcheck"}}, ECA_ACTION_HEALTHCHECK, false, false, NULL},
        {{{"-h"}}, ECA_ACTION_HELP, false, false, NULL},
        {{{"--help"}}, ECA_ACTION_HELP, false, false, NULL},
        {{{"--", "-bogus"}}, ECA_ACTION_RUN, false, false, NULL},
        {{{"-", "-bogus"}}, ECA_ACTION_RUN, false, false, NULL},
        {{{"word", "-bogus"}}, ECA_ACTION_RUN, false, false, NULL},
        {{{"-k", "state", "show"}}, ECA_ACTION_RUN, true, false, NULL},
        {{{"-print-settings"}}, ECA_ACTION_PRINT_SETTINGS, false, false, NULL},
        {{{"state", "show"}}, ECA_ACTION_STATE_SHOW, false, false, NULL}, /* STATE-128 */
        {{{"state", "check"}}, ECA_ACTION_STATE_CHECK, false, false, NULL},
        {{{"state", "export"}}, ECA_ACTION_STATE_EXPORT, false, false, NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_cmdline got = parse(&cases[i].words);
        ck_assert_msg(got.action == cases[i].action, "case %zu: %s", i, got.error);
        ck_assert(got.insecure == cases[i].insecure);
        ck_assert(got.blackhole_metadata == cases[i].blackhole);
        ck_assert_pstr_eq(got.log_level, cases[i].log_level);
    }
}
END_TEST

/* PROC-103 */
START_TEST(the_first_ignored_word_is_known)
{
    static const struct {
        struct words words;
        const char *ignored;
    } cases[] = {
        {{{NULL}}, NULL},
        {{{"foo"}}, "foo"},
        {{{"-k", "-loglevel", "warn", "foo", "bar"}}, "foo"},
        {{{"foo", "-bogus"}}, "foo"},
        {{{"-loglevel", "foo"}}, NULL},
        {{{"-k", "--"}}, NULL},
        {{{"--", "-k"}}, "-k"},
        {{{"-", "foo"}}, "foo"},
        {{{""}}, ""},
        {{{"state", "show"}}, NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        ck_assert_pstr_eq(parse(&cases[i].words).ignored, cases[i].ignored);
    }
}
END_TEST

/* PROC-104 */
START_TEST(a_bad_word_is_named)
{
    static const struct {
        struct words words;
        const char *named;
    } cases[] = {
        {{{"-bogus"}}, "-bogus"},
        {{{"-k", "--nope=1"}}, "--nope=1"},
        {{{"-k=maybe"}}, "-k"},
        {{{"-k="}}, "-k"},
        {{{"-version=yes"}}, "-version"},
        {{{"-loglevel"}}, "-loglevel"},
        {{{"---k"}}, "---k"},
        {{{"-=x"}}, "-=x"},
        {{{"-K"}}, "-K"},
        {{{"-a\nb\x1b[2J"}}, "-a\\nb\\x1b[2J"},
        {{{"state"}}, "show, check or export"},
        {{{"state", "drop"}}, "drop"},
        {{{"state", "show", "x"}}, "too many words"},
        {{{"state", "export", "f", "x"}}, "too many words"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_cmdline got = parse(&cases[i].words);
        ck_assert_msg(got.action == ECA_ACTION_USAGE_ERROR, "case %zu", i);
        ck_assert_msg(strstr(got.error, cases[i].named) != NULL, "case %zu: %s", i, got.error);
        ck_assert_ptr_null(strchr(got.error, '\n'));
    }
}
END_TEST

/* STATE-128 */
START_TEST(export_takes_a_file)
{
    const struct words words = {{"state", "export", "/tmp/x"}};
    struct eca_cmdline got = parse(&words);

    ck_assert_int_eq(got.action, ECA_ACTION_STATE_EXPORT);
    ck_assert_str_eq(got.state_file, "/tmp/x");
}
END_TEST

/* PROC-105 */
START_TEST(usage_lists_all_options_in_order)
{
    static const char *const names[] = {"blackhole-ec2-metadata",
                                        "h",
                                        "healthcheck",
                                        "help",
                                        "k",
                                        "license",
                                        "loglevel",
                                        "print-config",
                                        "print-settings",
                                        "version"};
    eca_auto_buf struct eca_buf out = {0};
    size_t at = 0;

    eca_cmdline_usage(&out);
    ck_assert(eca_view_starts(eca_buf_view(&out), "Amazon ECS Agent\n"));
    for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
        eca_auto_free char *line = eca_xasprintf("\n  -%s ", names[i]);
        at = eca_view_find(eca_buf_view(&out), line, at);
        ck_assert_msg(at != SIZE_MAX, "-%s", names[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cmdline");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, words_give_the_expected_action);
    tcase_add_test(tcase, the_first_ignored_word_is_known);
    tcase_add_test(tcase, a_bad_word_is_named);
    tcase_add_test(tcase, export_takes_a_file);
    tcase_add_test(tcase, usage_lists_all_options_in_order);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
