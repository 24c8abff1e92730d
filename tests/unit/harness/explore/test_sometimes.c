#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/explore/sometimes.h"

#define MS UINT64_C(1000000)

static unsigned index_of(const char *name)
{
    for (unsigned i = 0; i < hns_sometimes_count(); i++) {
        if (strcmp(hns_sometimes_name(i), name) == 0) {
            return i;
        }
    }
    ck_abort_msg("no situation \"%s\"", name);
}

static void happens(struct hns_sometimes *sometimes, uint64_t at_ns, enum fake_lane lane,
                    const char *name, const char *fields)
{
    struct fake_event event = {.at_ns = at_ns, .lane = lane, .name = name, .fields = fields};

    hns_sometimes_event(sometimes, &event);
}

static bool reached(const struct hns_sometimes *sometimes, const char *name)
{
    struct hns_reached bits = hns_sometimes_reached(sometimes);

    return hns_has_reached(&bits, index_of(name));
}

START_TEST(death_counts_only_inside_its_window)
{
    static const char name[] = "killed while a start is under way";
    struct hns_sometimes *sometimes = hns_sometimes_new();

    happens(sometimes, 1 * MS, FAKE_LANE_AGENT, "killed", "{}");
    happens(sometimes, 2 * MS, FAKE_LANE_DOCKER, "start", "{\"container\":\"a/x\"}");
    happens(sometimes, 3 * MS, FAKE_LANE_DOCKER, "running", "{\"container\":\"a/x\"}");
    happens(sometimes, 4 * MS, FAKE_LANE_AGENT, "killed", "{}");
    ck_assert(!reached(sometimes, name));
    happens(sometimes, 5 * MS, FAKE_LANE_DOCKER, "start", "{\"container\":\"a/x\"}");
    happens(sometimes, 6 * MS, FAKE_LANE_DOCKER, "running", "{\"container\":\"b/x\"}");
    happens(sometimes, 7 * MS, FAKE_LANE_AGENT, "killed", "{}");
    ck_assert(reached(sometimes, name));
    hns_sometimes_free(sometimes);
}
END_TEST

START_TEST(short_windows_end_by_themselves)
{
    static const char name[] = "killed right after an acknowledgement";
    struct hns_sometimes *sometimes = hns_sometimes_new();

    happens(sometimes, 10 * MS, FAKE_LANE_ACS, "ack", "{\"messageId\":\"p\"}");
    happens(sometimes, 13 * MS, FAKE_LANE_AGENT, "killed", "{}");
    ck_assert(!reached(sometimes, name));
    happens(sometimes, 20 * MS, FAKE_LANE_ACS, "ack", "{\"messageId\":\"q\"}");
    happens(sometimes, 21 * MS, FAKE_LANE_AGENT, "killed", "{}");
    ck_assert(reached(sometimes, name));
    hns_sometimes_free(sometimes);
}
END_TEST

START_TEST(fault_counts_by_kind_and_call)
{
    struct hns_sometimes *sometimes = hns_sometimes_new();

    happens(sometimes, 1, FAKE_LANE_SCENARIO, "fault",
            "{\"kind\":\"reset\",\"party\":\"docker\",\"what\":\"stop:t1/c1\"}");
    ck_assert(!reached(sometimes, "stop: answer lost"));
    happens(sometimes, 2, FAKE_LANE_SCENARIO, "fault",
            "{\"kind\":\"reset-answer\",\"party\":\"docker\",\"what\":\"start:t1/c1\"}");
    ck_assert(!reached(sometimes, "stop: answer lost"));
    happens(sometimes, 3, FAKE_LANE_SCENARIO, "fault",
            "{\"kind\":\"reset-answer\",\"party\":\"docker\",\"what\":\"stop:t1/c1\"}");
    ck_assert(reached(sometimes, "stop: answer lost"));
    hns_sometimes_free(sometimes);
}
END_TEST

START_TEST(names_are_told_apart)
{
    for (unsigned i = 0; i < hns_sometimes_count(); i++) {
        ck_assert_uint_eq(index_of(hns_sometimes_name(i)), i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("harness/explore/sometimes");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, death_counts_only_inside_its_window);
    tcase_add_test(tcase, short_windows_end_by_themselves);
    tcase_add_test(tcase, fault_counts_by_kind_and_call);
    tcase_add_test(tcase, names_are_told_apart);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
