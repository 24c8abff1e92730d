#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/stats/sample.h"
#include "agent/stats/window.h"

#define MIB UINT64_C(1048576)
#define S INT64_C(1000000000)

struct raw {
    int64_t ns;
    uint64_t cpu, memory;
};

struct vector {
    const char *name;
    uint32_t cores;
    bool limit_off;
    struct raw samples[6];
    size_t count;
    bool left_out;
    struct eca_stats_set cpu, memory;
};

static void check_set(const char *name, const struct eca_stats_set *have,
                      const struct eca_stats_set *want)
{
    ck_assert_msg(have->min <= want->min && have->min >= want->min && have->max <= want->max &&
                      have->max >= want->max && have->sum <= want->sum && have->sum >= want->sum &&
                      have->sample_count == want->sample_count,
                  "%s: min %.17g max %.17g sum %.17g n %u", name, have->min, have->max, have->sum,
                  have->sample_count);
}

/* STAT-402, STAT-403, STAT-404, STAT-405, STAT-406, STAT-407, STAT-408, STAT-409, STAT-601,
 * FB-34.1, FB-34.2, FB-34.3: the numeric vectors of spec 05, tolerance 0. */
START_TEST(vectors_come_out_exactly)
{
    static const struct vector vectors[] = {
        {"V1",
         4,
         false,
         {{131117533, 22400435, 18350080}, {S + 135291187, 1226499979, 36700160}},
         2,
         false,
         {29.977375030517578, 29.977375030517578, 29.977375030517578, 1},
         {17, 35, 52, 2}},
        {"V2",
         4,
         false,
         {{131117533, 22400435, 18350080},
          {S + 135291187, 1226499979, 36700160},
          {2 * S + 137776335, 1428503503, 37748735}},
         3,
         false,
         {5.037569046020508, 29.977375030517578, 35.014944076538086, 2},
         {17, 35, 87, 3}},
        {"V3", 4, false, {{S, 100, MIB}, {S, 200, MIB}}, 2, true, {0}, {0}},
        {"V4",
         1,
         false,
         {{5 * S + 131117533, 22400432, 3649536},
          {5 * S + 131117533, 116499979, 3649536},
          {5 * S + 333776335, 248503503, 3649536}},
         3,
         false,
         {65.13584899902344, 65.13584899902344, 65.13584899902344, 1},
         {3, 3, 9, 3}},
        {"V5",
         4,
         false,
         {{10 * S, 4000000000, 18350080}, {11 * S, 0, 18350080}, {12 * S, 4000000000, 18350080}},
         3,
         true,
         {0},
         {0}},
        {"V6",
         2,
         false,
         {{10 * S, 10000000000, 104857600}, {11 * S, 10500000000, 115343360}},
         2,
         false,
         {25, 25, 25, 1},
         {100, 110, 210, 2}},
        {"V9",
         2,
         false,
         {{10 * S, 1000000000, MIB}, {9 * S, 2000000000, MIB}, {11 * S, 3000000000, MIB}},
         3,
         true,
         {0},
         {0}},
        {"V10",
         1,
         false,
         {{10 * S, UINT64_C(9223372036854775809), MIB},
          {11 * S, UINT64_C(9223372036864775810), MIB}},
         2,
         false,
         {1.0000001192092896, 1.0000001192092896, 1.0000001192092896, 1},
         {1, 1, 2, 2}},
        {"V11",
         1,
         true,
         {{5 * S + 131117533, 22400432, 3649536},
          {5 * S + 232291187, 116499979, 3649536},
          {5 * S + 333776335, 248503503, 3649536},
          {5 * S + 434753595, 372167097, 3649536}},
         4,
         false,
         {93.0079574584961, 130.07176208496094, 345.54649353027344, 3},
         {3, 3, 12, 4}},
        {"V12", 4, false, {{S, 4000000000, MIB}}, 1, true, {0}, {0}},
    };

    for (size_t v = 0; v < sizeof(vectors) / sizeof(vectors[0]); v++) {
        const struct vector *want = &vectors[v];
        struct eca_stats_window window = {0};
        struct eca_stats_limits limits = {want->cores, want->limit_off ? 0 : 105};
        struct eca_stats_set cpu = {0}, memory = {0};
        bool has;

        for (size_t i = 0; i < want->count; i++) {
            struct eca_stats_sample sample = {.read_ns = want->samples[i].ns,
                                              .cpu_total_ns = want->samples[i].cpu,
                                              .memory_bytes = want->samples[i].memory};
            (void)eca_stats_window_add(&window, &sample, limits);
        }
        has = eca_stats_window_sets(&window, &cpu, &memory);
        ck_assert_msg(has == !want->left_out, "%s", want->name);
        if (has) {
            check_set(want->name, &cpu, &want->cpu);
            check_set(want->name, &memory, &want->memory);
        }
    }
}
END_TEST

/* STAT-401, STAT-601 (V7, V8): the window keeps the newest 120. */
START_TEST(window_keeps_the_newest_samples)
{
    struct eca_stats_window window = {0};
    struct eca_stats_set cpu, memory;

    for (int i = 0; i < 125; i++) {
        struct eca_stats_sample sample = {.read_ns = (10 + i) * S,
                                          .cpu_total_ns = (uint64_t)i * 1000000000u,
                                          .memory_bytes = 104857600};
        ck_assert_int_eq(eca_stats_window_add(&window, &sample, (struct eca_stats_limits){2, 105}),
                         ECA_STATS_STORED);
    }
    ck_assert(eca_stats_window_sets(&window, &cpu, &memory));
    check_set("V8 cpu", &cpu, &(struct eca_stats_set){50, 50, 6000, 120});
    check_set("V8 memory", &memory, &(struct eca_stats_set){100, 100, 12000, 120});
    eca_stats_window_hand_over(&window);
    eca_stats_window_settle(&window, true);
    ck_assert(!eca_stats_window_sets(&window, &cpu, &memory));
}
END_TEST

/* STAT-303, STAT-305, STAT-409, STAT-411: per-sample cores, dropped baseline, limit, emptying. */
START_TEST(baseline_is_dropped_by_what_cannot_be)
{
    struct eca_stats_window window = {0};
    struct eca_stats_limits limits = {1, 105};
    struct eca_stats_sample one = {.read_ns = S, .cpu_total_ns = 0, .memory_bytes = MIB};
    struct eca_stats_sample wild = {
        .read_ns = 2 * S, .cpu_total_ns = 2000000000, .memory_bytes = MIB};
    struct eca_stats_sample four = {
        .read_ns = 4 * S, .cpu_total_ns = 4000000000, .memory_bytes = MIB, .online_cpus = 4};
    struct eca_stats_sample five = {
        .read_ns = 5 * S, .cpu_total_ns = 6000000000, .memory_bytes = MIB, .online_cpus = 4};
    struct eca_stats_set cpu, memory;

    ck_assert_int_eq(eca_stats_window_add(&window, &one, limits), ECA_STATS_STORED);
    ck_assert_int_eq(eca_stats_window_add(&window, &wild, limits), ECA_STATS_DISCARDED);
    ck_assert_int_eq(eca_stats_window_add(&window, &four, limits), ECA_STATS_STORED);
    ck_assert(!eca_stats_window_sets(&window, &cpu, &memory)); /* no sample with a CPU value */
    ck_assert_int_eq(eca_stats_window_add(&window, &five, limits), ECA_STATS_STORED);
    ck_assert(eca_stats_window_sets(&window, &cpu, &memory));
    check_set("four cores", &cpu, &(struct eca_stats_set){50, 50, 50, 1});
}
END_TEST

/* The newest n samples, the newest first (STAT-414). */
static size_t newest(const struct eca_stats_window *window, struct eca_stats_point *ret, size_t n)
{
    size_t count = n < window->count ? n : window->count;

    for (size_t i = 0; i < count; i++) {
        ret[i] = window->points[(window->first + window->count - 1 - i) % ECA_STATS_WINDOW_SAMPLES];
    }
    return count;
}

/* STAT-414, STAT-403, STAT-401: the single values of V11, and the order in a ring gone round. */
START_TEST(raw_samples_can_be_read)
{
    static const struct raw samples[] = {{5 * S + 131117533, 22400432, 3649536},
                                         {5 * S + 232291187, 116499979, 3649536},
                                         {5 * S + 333776335, 248503503, 3649536},
                                         {5 * S + 434753595, 372167097, 3649536}};
    static const double percents[] = {122.4667739868164, 130.07176208496094, 93.00795745849609};
    struct eca_stats_window window = {0};
    struct eca_stats_point points[8];

    for (size_t i = 0; i < 4; i++) {
        struct eca_stats_sample sample = {.read_ns = samples[i].ns,
                                          .cpu_total_ns = samples[i].cpu,
                                          .memory_bytes = samples[i].memory};
        (void)eca_stats_window_add(&window, &sample, (struct eca_stats_limits){1, 0});
    }
    ck_assert_uint_eq(newest(&window, points, 8), 4);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_double_eq((double)points[i].cpu_percent, percents[i]);
        ck_assert_uint_eq(points[i].memory_mib, 3);
    }
    ck_assert(isnan(points[3].cpu_percent));
    for (uint64_t i = 1; i <= 200; i++) {
        struct eca_stats_sample sample = {
            .read_ns = (10 + (int64_t)i) * S, .cpu_total_ns = S, .memory_bytes = i * MIB};
        (void)eca_stats_window_add(&window, &sample, (struct eca_stats_limits){1, 0});
    }
    ck_assert_uint_eq(newest(&window, points, 2), 2);
    ck_assert_uint_eq(points[0].memory_mib, 200);
    ck_assert_uint_eq(points[1].memory_mib, 199);
}
END_TEST

static uint64_t noise(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> (*state >> 58); /* of every magnitude */
}

/* TCS-407, STAT-409, FB-34.2: whatever Docker sends, no set has a number that cannot be written. */
START_TEST(sets_are_finite_whatever_comes)
{
    uint64_t state = 7, sets = 0;

    for (int run = 0; run < 20000; run++) {
        struct eca_stats_window window = {0};
        struct eca_stats_limits limits = {(uint32_t)noise(&state) % 5, run % 2 == 0 ? 105 : 0};
        struct eca_stats_set cpu, memory;
        int64_t at = (int64_t)(noise(&state) >> 2);
        uint64_t total = noise(&state) >> 1;

        for (int i = 0; i < 6; i++) {
            struct eca_stats_sample sample = {.read_ns = at,
                                              .cpu_total_ns = total,
                                              .online_cpus = (uint32_t)noise(&state) % 3,
                                              .memory_bytes = noise(&state)};

            (void)eca_stats_window_add(&window, &sample, limits);
            at += (int64_t)(noise(&state) >> 8) * (noise(&state) % 9 == 0 ? 0 : 1);
            total += noise(&state) >> 4;
        }
        if (!eca_stats_window_sets(&window, &cpu, &memory)) {
            continue;
        }
        sets++;
        ck_assert(isfinite(cpu.min) && isfinite(cpu.max) && isfinite(cpu.sum));
        ck_assert(cpu.sample_count >= 1 && memory.sample_count >= 2);
        ck_assert(cpu.min >= 0 && cpu.min <= cpu.max && memory.min <= memory.max);
        ck_assert(limits.cpu_percent_max <= 0 || cpu.max <= limits.cpu_percent_max);
    }
    ck_assert_uint_ge(sets, 1000);
}
END_TEST

/* STAT-411, STAT-412, STAT-413: samples leave when they have arrived, those that came meanwhile and
 * those of a message that was lost stay; a full window drops the oldest either way. */
START_TEST(samples_stay_until_they_have_arrived)
{
    static const struct {
        int before, meanwhile;
        bool arrived;
        uint32_t left;
    } rows[] = {{20, 0, true, 0},     {20, 0, false, 20},  {20, 5, true, 5},
                {20, 5, false, 25},   {120, 0, true, 0},   {120, 5, true, 5},
                {120, 5, false, 120}, {100, 30, true, 30}, {100, 30, false, 120},
                {3, 150, true, 120},  {3, 150, false, 120}};

    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct eca_stats_window window = {0};
        struct eca_stats_limits limits = {1, 105};
        struct eca_stats_point points[2];

        for (int i = 0; i < rows[r].before + rows[r].meanwhile; i++) {
            struct eca_stats_sample sample = {
                .read_ns = (10 + i) * S, .cpu_total_ns = 5, .memory_bytes = (uint64_t)i * MIB};

            if (i == rows[r].before) {
                eca_stats_window_hand_over(&window);
            }
            (void)eca_stats_window_add(&window, &sample, limits);
            ck_assert(i != rows[r].before ||
                      (newest(&window, points, 1) == 1 && isnan(points[0].cpu_percent)));
        }
        if (rows[r].meanwhile == 0) {
            eca_stats_window_hand_over(&window);
        }
        eca_stats_window_settle(&window, rows[r].arrived);
        ck_assert_msg(window.count == rows[r].left, "row %zu: %u", r, window.count);
        if (window.count > 0) {
            (void)newest(&window, points, 1);
            ck_assert_uint_eq(points[0].memory_mib,
                              (uint32_t)(rows[r].before + rows[r].meanwhile - 1));
        }
    }
}
END_TEST

static int parse(const char *text, struct eca_stats_sample *sample, struct eca_err *err)
{
    return eca_stats_sample_parse(eca_view_str(text), sample, err);
}

/* STAT-301, STAT-302, STAT-304, STAT-209, FB-34.4, DKR-1002: the fields, exact, cache taken off. */
START_TEST(sample_fields_are_read_exactly)
{
    static const struct {
        const char *text;
        struct eca_stats_sample sample;
    } rows[] = {
        {"{\"read\":\"2016-11-16T10:00:00.131117533Z\",\"memory_stats\":{\"usage\":18350080,"
         "\"stats\":{}},"
         "\"cpu_stats\":{\"cpu_usage\":{\"percpu_usage\":[5600109,1],\"total_usage\":22400435}}}",
         {INT64_C(1479290400131117533), 22400435, 0, 18350080}},
        {"{\"cpu_stats\":{\"online_cpus\":4,\"cpu_usage\":{\"total_usage\":18446744073709551615}},"
         "\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":1}},\"memory_stats\":{\"usage\":100,"
         "\"stats\":"
         "{\"inactive_file\":40}},\"read\":\"2016-11-16T11:00:00+01:00\"}",
         {INT64_C(1479290400000000000), UINT64_MAX, 4, 60}},
        {"{\"a\":[{\"read\":\"x\"}],\"read\":\"2016-11-16T10:00:00Z\",\"memory_stats\":{\"stats\":{"
         "\"cache\":30,"
         "\"inactive_file\":40},\"usage\":100},\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":7,"
         "\"percpu_usage\":[7]}}}",
         {INT64_C(1479290400000000000), 7, 0, 70}},
        {"{\"read\":\"2016-11-16T10:00:00Z\",\"memory_stats\":{\"usage\":100,\"stats\":{\"cache\":"
         "100}},"
         "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":7,\"percpu_usage\":[7]}}}",
         {INT64_C(1479290400000000000), 7, 0, 100}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_stats_sample sample = {0};
        struct eca_err err = {0};

        ck_assert_msg(parse(rows[i].text, &sample, &err) == 0, "row %zu: %s", i, err.msg);
        ck_assert_int_eq(sample.read_ns, rows[i].sample.read_ns);
        ck_assert_uint_eq(sample.cpu_total_ns, rows[i].sample.cpu_total_ns);
        ck_assert_uint_eq(sample.online_cpus, rows[i].sample.online_cpus);
        ck_assert_uint_eq(sample.memory_bytes, rows[i].sample.memory_bytes);
    }
}
END_TEST

/* STAT-206, STAT-301, STAT-307: what ends the stream, what only loses one sample. */
START_TEST(unusable_samples_are_told_from_broken_json)
{
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"{\"read\":\"2016-11-16T10:00:00Z\"", ECA_E_INVALID},
        {"[]", ECA_E_INVALID},
        {"{\"a\":}", ECA_E_INVALID},
        {"{\"a\":1}}", ECA_E_INVALID},
        {"", ECA_E_INVALID},
        {"{\"a\":\"\x01\"}", ECA_E_INVALID},
        {"{}", ECA_E_NOT_FOUND},
        {"{\"read\":\"0001-01-01T00:00:00Z\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":0,"
         "\"percpu_usage\":[1]}}}",
         ECA_E_NOT_FOUND},
        {"{\"read\":\"soon\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":0,\"percpu_usage\":[1]}}"
         "}",
         ECA_E_NOT_FOUND},
        {"{\"read\":\"2016-11-16T10:00:00Z\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":-1,"
         "\"percpu_usage\":[1]}}}",
         ECA_E_NOT_FOUND},
        {"{\"read\":\"2016-11-16T10:00:00Z\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":"
         "18446744073709551616,\"percpu_usage\":[1]}}}",
         ECA_E_NOT_FOUND},
        {"{\"read\":\"2016-11-16T10:00:00Z\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":1,"
         "\"percpu_usage\":[]}}}",
         ECA_E_NOT_FOUND},
        {"{\"read\":\"2016-11-16T10:00:00Z\",\"cpu_stats\":{\"online_cpus\":0,\"cpu_usage\":"
         "{\"total_usage\":1,\"percpu_usage\":null}}}",
         ECA_E_NOT_FOUND},
        {"{\"read\":\"2016-11-16T10:00:00Z\",\"memory_stats\":{\"usage\":\"1\"},\"cpu_stats\":"
         "{\"cpu_usage\":{\"total_usage\":1,\"percpu_usage\":[1]}}}",
         ECA_E_NOT_FOUND},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_stats_sample sample;
        struct eca_err err = {0};

        ck_assert_msg(parse(rows[i].text, &sample, &err) == rows[i].code, "%s: %s", rows[i].text,
                      err.msg);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, vectors_come_out_exactly);
    tcase_add_test(tcase, window_keeps_the_newest_samples);
    tcase_add_test(tcase, baseline_is_dropped_by_what_cannot_be);
    tcase_add_test(tcase, raw_samples_can_be_read);
    tcase_add_test(tcase, samples_stay_until_they_have_arrived);
    tcase_add_test(tcase, sets_are_finite_whatever_comes);
    tcase_add_test(tcase, sample_fields_are_read_exactly);
    tcase_add_test(tcase, unusable_samples_are_told_from_broken_json);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
