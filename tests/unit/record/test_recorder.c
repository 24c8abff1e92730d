#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/record/record.h"
#include "tests/unit/support/manual_clock.h"

/* The recorder alone, before ports that are as small as can be. */

static const char *const environment[] = {"ECS_CLUSTER=prod",
                                          "AWS_SECRET_ACCESS_KEY=first-secret",
                                          "AWS_SECRET_KEY=second-secret",
                                          "HTTPS_PROXY=http://someone:third-secret@proxy:3128",
                                          "SOMEBODYS_TOKEN=fourth-secret",
                                          "EMPTY="};

static const char *env_at(void *impl, size_t index)
{
    (void)impl;
    return index < ECA_ARRAY_LEN(environment) ? environment[index] : NULL;
}

static const char *env(void *impl, const char *name)
{
    (void)impl;
    for (size_t i = 0; i < ECA_ARRAY_LEN(environment); i++) {
        size_t len = strlen(name);

        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=') {
            return environment[i] + len + 1;
        }
    }
    return NULL;
}

static struct {
    struct manual_clock clock;
    struct eca_mask mask;
    struct eca_buf lines;
    struct eca_recorder *recorder;
} rig;

static void on_line(void *impl, struct eca_view line)
{
    (void)impl;
    eca_buf_add_view(&rig.lines, line);
    eca_buf_add_char(&rig.lines, '\n');
}

static void setup(void)
{
    static const struct eca_host_ops host = {.env = env, .env_at = env_at};
    struct eca_agent_ports outer = {.host = {&host, NULL}};

    memset(&rig, 0, sizeof(rig));
    manual_clock_init(&rig.clock);
    eca_mask_init(&rig.mask);
    outer.sched = rig.clock.sched;
    rig.recorder = eca_recorder_new(&outer, &rig.mask, (struct eca_record_sink){on_line, NULL});
}

static void teardown(void)
{
    eca_recorder_free(rig.recorder);
    eca_mask_clear(&rig.mask);
    eca_buf_clear(&rig.lines);
    manual_clock_clear(&rig.clock);
}

/* FB-INV.6: the core asks for the names of all variables; a recording has no values of those that
 * it did not ask for by name, and no key under either of its names. */
START_TEST(no_secret_of_the_environment_is_recorded)
{
    struct eca_host host = eca_recorder_ports(rig.recorder)->host;
    const char *pair;
    size_t count = 0;

    while ((pair = eca_host_env_at(host, count)) != NULL) {
        ck_assert_str_eq(pair, environment[count]); /* the core sees what is there */
        count++;
    }
    ck_assert_uint_eq(count, ECA_ARRAY_LEN(environment));
    ck_assert_str_eq(eca_host_env(host, "AWS_SECRET_ACCESS_KEY"), "first-secret");
    ck_assert_str_eq(eca_host_env(host, "AWS_SECRET_KEY"), "second-secret");
    ck_assert_str_eq(eca_host_env(host, "ECS_CLUSTER"), "prod");
    ck_assert_ptr_null(strstr(eca_buf_str(&rig.lines), "-secret"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.lines), "\"ECS_CLUSTER\",\"value\":\"prod\""));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.lines), "SOMEBODYS_TOKEN"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record/recorder");
    TCase *tcase = tcase_create("recorder");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, no_secret_of_the_environment_is_recorded);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
