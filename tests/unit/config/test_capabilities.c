#include <check.h>
#include <stdlib.h>

#include "agent/base/mem.h"
#include "agent/config/capabilities.h"

static char json_file[] = "json-file", awslogs[] = "awslogs";
static char *drivers[] = {json_file, awslogs};

static void expect(const struct eca_config_values *config, const char *const *versions,
                   size_t version_count, const char *const *want, size_t want_count)
{
    struct eca_capabilities have;

    eca_capabilities_build(config, versions, version_count, NULL, &have);
    ck_assert_uint_eq(have.count, want_count);
    for (size_t i = 0; i < want_count; i++) {
        ck_assert_str_eq(have.names[i], want[i]);
    }
    eca_capabilities_clear(&have);
}

#define P "com.amazonaws.ecs.capability."

/* DKR-130, DKR-131, API-601: names and their order. */
START_TEST(all_capabilities_in_the_order_of_the_service)
{
    struct eca_config_values config = {.logging_drivers = {drivers, 2},
                                       .selinux_capable = true,
                                       .apparmor_capable = true,
                                       .task_iam_role = true,
                                       .task_iam_role_network_host = true};
    const char *versions[] = {"1.17", "1.18", "1.19", "1.21"};
    const char *want[] = {P "privileged-container",
                          P "docker-remote-api.1.17",
                          P "docker-remote-api.1.18",
                          P "docker-remote-api.1.19",
                          P "docker-remote-api.1.21",
                          P "logging-driver.json-file",
                          P "logging-driver.awslogs",
                          P "selinux",
                          P "apparmor",
                          P "ecr-auth",
                          P "task-iam-role",
                          P "task-iam-role-network-host"};

    expect(&config, versions, 4, want, ECA_ARRAY_LEN(want));
}
END_TEST

/* DKR-130, DKR-132: an old daemon lacks what needs a newer one; a newer one lacks nothing. */
START_TEST(minimum_versions_decide)
{
    struct eca_config_values config = {
        .logging_drivers = {drivers, 2}, .task_iam_role = true, .privileged_disabled = true};
    const char *old[] = {"1.17", "1.18"};
    const char *old_want[] = {P "docker-remote-api.1.17", P "docker-remote-api.1.18",
                              P "logging-driver.json-file"};
    const char *new[] = {"1.23"};
    const char *new_want[] = {P "docker-remote-api.1.23", P "logging-driver.json-file",
                              P "logging-driver.awslogs", P "ecr-auth", P "task-iam-role"};

    expect(&config, old, 2, old_want, ECA_ARRAY_LEN(old_want));
    expect(&config, new, 1, new_want, ECA_ARRAY_LEN(new_want));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config/capabilities");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, all_capabilities_in_the_order_of_the_service);
    tcase_add_test(tcase, minimum_versions_decide);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
