#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/ports/sched.h"

struct bench {
    uint64_t mono_ns;
    int64_t wall_ms;
    struct eca_sched *sched;
    struct eca_buf order; /* names of the callbacks that ran */
};

static uint64_t bench_mono(void *impl)
{
    return ((struct bench *)impl)->mono_ns;
}

static int64_t bench_wall(void *impl)
{
    return ((struct bench *)impl)->wall_ms;
}

static void bench_init(struct bench *bench)
{
    static const struct eca_clock_ops ops = {.mono_ns = bench_mono, .wall_ms = bench_wall};

    *bench = (struct bench){.mono_ns = 1000, .wall_ms = 5};
    bench->sched = eca_sched_new((struct eca_clock){.ops = &ops, .impl = bench});
}

static void bench_clear(struct bench *bench)
{
    eca_sched_free(bench->sched);
    eca_buf_clear(&bench->order);
}

/* Runs one round and gives the names that ran. */
static const char *bench_run(struct bench *bench)
{
    eca_buf_reset(&bench->order);
    (void)eca_sched_run(bench->sched);
    return eca_buf_str(&bench->order);
}

struct actor {
    struct bench *bench;
    char name;
    struct eca_timer timer;
    struct eca_deferred work;
    /* What the callback does besides writing its name. */
    struct actor *stop, *queue, *cancel;
    struct actor *start;
    uint64_t start_ns;
    uint64_t clock_ns; /* moves the clock */
};

static void act(void *arg)
{
    struct actor *actor = arg;

    eca_buf_add_char(&actor->bench->order, actor->name);
    actor->bench->mono_ns += actor->clock_ns;
    if (actor->stop != NULL) {
        eca_timer_stop(&actor->stop->timer);
    }
    if (actor->cancel != NULL) {
        eca_deferred_cancel(&actor->cancel->work);
    }
    if (actor->queue != NULL) {
        eca_deferred_queue(&actor->queue->work);
    }
    if (actor->start != NULL) {
        eca_timer_start(&actor->start->timer, actor->start_ns);
    }
}

static void actors_init(struct bench *bench, struct actor *actors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        actors[i] = (struct actor){.bench = bench, .name = (char)('a' + i)};
        eca_timer_init(&actors[i].timer, bench->sched, act, &actors[i]);
        eca_deferred_init(&actors[i].work, bench->sched, act, &actors[i]);
    }
}

START_TEST(timers_run_by_deadline_then_by_arming)
{
    struct bench bench;
    struct actor a[4];
    uint64_t deadline;

    bench_init(&bench);
    actors_init(&bench, a, 4);
    ck_assert(!eca_sched_next_deadline(bench.sched, &deadline));
    eca_timer_start(&a[0].timer, 20);
    eca_timer_start(&a[1].timer, 10);
    eca_timer_start(&a[2].timer, 20);
    eca_timer_start(&a[3].timer, 10);
    ck_assert_uint_eq(eca_sched_timer_count(bench.sched), 4);
    ck_assert(eca_sched_next_deadline(bench.sched, &deadline));
    ck_assert_uint_eq(deadline, 1010);
    bench.mono_ns = 1009;
    ck_assert_str_eq(bench_run(&bench), "");
    bench.mono_ns = 1010;
    ck_assert_str_eq(bench_run(&bench), "bd");
    ck_assert(!eca_timer_is_armed(&a[1].timer) && eca_timer_is_armed(&a[0].timer));
    bench.mono_ns = 5000;
    ck_assert_str_eq(bench_run(&bench), "ac");
    ck_assert_str_eq(bench_run(&bench), "");
    bench_clear(&bench);
}
END_TEST

START_TEST(rearming_moves_and_stopping_is_harmless)
{
    struct bench bench;
    struct actor a[2];
    struct eca_timer zeroed = {0};
    uint64_t deadline;

    bench_init(&bench);
    actors_init(&bench, a, 2);
    eca_timer_stop(&zeroed);
    ck_assert(!eca_timer_is_armed(&zeroed));
    eca_timer_stop(&a[0].timer);
    eca_timer_start(&a[0].timer, 10);
    eca_timer_start_ms(&a[0].timer, 1);
    ck_assert_uint_eq(eca_sched_timer_count(bench.sched), 1);
    ck_assert(eca_sched_next_deadline(bench.sched, &deadline));
    ck_assert_uint_eq(deadline, 1001000);
    eca_timer_start(&a[1].timer, UINT64_MAX); /* never, instead of long ago */
    bench.mono_ns = 1001000;
    ck_assert_str_eq(bench_run(&bench), "a");
    ck_assert(eca_timer_is_armed(&a[1].timer));
    eca_timer_stop(&a[1].timer);
    ck_assert(!eca_sched_next_deadline(bench.sched, &deadline));
    bench_clear(&bench);
}
END_TEST

START_TEST(callbacks_of_a_round_see_one_now)
{
    struct bench bench;
    struct actor a[2];

    bench_init(&bench);
    actors_init(&bench, a, 2);
    a[0].clock_ns = 1000000;
    a[0].start = &a[0];
    a[0].start_ns = 7;
    eca_timer_start(&a[0].timer, 0);
    eca_timer_start(&a[1].timer, 500);
    bench.wall_ms = 77;
    ck_assert_str_eq(bench_run(&bench), "a"); /* b became due only while a ran */
    ck_assert_uint_eq(eca_sched_now_ns(bench.sched), 1000);
    ck_assert_int_eq(eca_sched_wall_ms(bench.sched), 77);
    ck_assert_uint_eq(a[0].timer.deadline_ns, 1007);
    eca_sched_update_now(bench.sched);
    ck_assert_uint_eq(eca_sched_now_ns(bench.sched), 1001000);
    bench_clear(&bench);
}
END_TEST

START_TEST(deferred_work_runs_first_in_its_order_and_once)
{
    struct bench bench;
    struct actor a[3];
    uint64_t deadline;

    bench_init(&bench);
    actors_init(&bench, a, 3);
    eca_timer_start(&a[0].timer, 0);
    eca_deferred_queue(&a[2].work);
    eca_deferred_queue(&a[1].work);
    eca_deferred_queue(&a[2].work);
    ck_assert(eca_sched_next_deadline(bench.sched, &deadline));
    ck_assert_uint_eq(deadline, 1000);
    ck_assert_str_eq(bench_run(&bench), "cba");
    ck_assert_str_eq(bench_run(&bench), "");
    ck_assert(!eca_sched_next_deadline(bench.sched, &deadline));
    bench_clear(&bench);
}
END_TEST

START_TEST(work_added_in_a_round_waits_for_the_next)
{
    struct bench bench;
    struct actor a[4];

    bench_init(&bench);
    actors_init(&bench, a, 4);
    a[0].queue = &a[1];
    a[0].start = &a[2]; /* deferred work arms a timer without delay */
    a[3].start = &a[3]; /* a timer arms itself without delay */
    eca_deferred_queue(&a[0].work);
    eca_timer_start(&a[3].timer, 0);
    ck_assert_str_eq(bench_run(&bench), "ad");
    a[3].start = NULL;
    ck_assert_str_eq(bench_run(&bench), "bcd");
    ck_assert_str_eq(bench_run(&bench), "");
    bench_clear(&bench);
}
END_TEST

/* A newcomer whose moment passed long ago must not hold up what is due in this round. */
START_TEST(deadline_in_the_past_means_now)
{
    struct bench bench;
    struct actor a[3];

    bench_init(&bench);
    actors_init(&bench, a, 3);
    a[0].queue = NULL;
    eca_timer_start_at(&a[0].timer, 1500);
    eca_timer_start_at(&a[1].timer, 1800);
    eca_timer_start_at(&a[2].timer, 3);
    ck_assert_uint_eq(a[2].timer.deadline_ns, 1000);
    bench.mono_ns = 2000;
    a[2].start = &a[2];
    ck_assert_str_eq(bench_run(&bench), "cab");
    a[2].start = NULL;
    ck_assert_str_eq(bench_run(&bench), "c");
    bench_clear(&bench);
}
END_TEST

START_TEST(callbacks_cancel_others_of_the_same_round)
{
    struct bench bench;
    struct actor a[4];

    bench_init(&bench);
    actors_init(&bench, a, 4);
    a[0].cancel = &a[1];
    a[0].stop = &a[3];
    a[2].cancel = &a[2]; /* itself, while it runs */
    a[2].stop = &a[2];
    for (size_t i = 0; i < 3; i++) {
        eca_deferred_queue(&a[i].work);
    }
    eca_timer_start(&a[3].timer, 0);
    eca_timer_start(&a[2].timer, 0);
    ck_assert_str_eq(bench_run(&bench), "ac"); /* c stopped its own timer */
    ck_assert_uint_eq(eca_sched_timer_count(bench.sched), 0);
    ck_assert_str_eq(bench_run(&bench), "");
    eca_timer_start(&a[2].timer, 0);
    ck_assert_str_eq(bench_run(&bench), "c");
    bench_clear(&bench);
}
END_TEST

struct owned {
    struct eca_timer timer;
    struct eca_deferred work;
    int *runs;
};

static void free_owner(void *arg)
{
    struct owned *owned = arg;

    (*owned->runs)++;
    eca_timer_stop(&owned->timer);
    eca_deferred_cancel(&owned->work);
    eca_free(owned);
}

/* Objects end themselves in their own callbacks. */
START_TEST(callback_may_free_its_own_memory)
{
    struct bench bench;
    int runs = 0;

    bench_init(&bench);
    for (int i = 0; i < 10; i++) {
        struct owned *owned = eca_xalloc(sizeof(*owned));
        owned->runs = &runs;
        eca_timer_init(&owned->timer, bench.sched, free_owner, owned);
        eca_deferred_init(&owned->work, bench.sched, free_owner, owned);
        eca_timer_start(&owned->timer, 0);
        if (i % 2 == 0) {
            eca_deferred_queue(&owned->work);
        }
    }
    ck_assert_uint_eq(eca_sched_run(bench.sched), 10);
    ck_assert_int_eq(runs, 10);
    ck_assert_uint_eq(eca_sched_timer_count(bench.sched), 0);
    bench_clear(&bench);
}
END_TEST

#define MANY 500

struct many {
    struct eca_timer timer;
    struct many_log {
        uint64_t last_deadline, last_seq;
        size_t ran;
    } * log;
};

static void check_order(void *arg)
{
    struct many *many = arg;
    struct many_log *log = many->log;

    ck_assert(many->timer.deadline_ns > log->last_deadline ||
              (many->timer.deadline_ns == log->last_deadline && many->timer.seq > log->last_seq));
    log->last_deadline = many->timer.deadline_ns;
    log->last_seq = many->timer.seq;
    log->ran++;
}

START_TEST(heap_stays_sorted_under_random_stops)
{
    static struct many many[MANY];
    struct bench bench;
    struct many_log log = {0};
    uint32_t random = 12345;
    size_t armed = 0;

    bench_init(&bench);
    for (size_t i = 0; i < MANY; i++) {
        many[i].log = &log;
        eca_timer_init(&many[i].timer, bench.sched, check_order, &many[i]);
    }
    for (size_t i = 0; i < 20 * MANY; i++) {
        random = random * 1664525 + 1013904223;
        struct eca_timer *timer = &many[(random >> 8) % MANY].timer;
        if (random >> 30 == 0) {
            eca_timer_stop(timer);
        } else {
            eca_timer_start(timer, (random >> 4) % 97);
        }
    }
    for (size_t i = 0; i < MANY; i++) {
        armed += eca_timer_is_armed(&many[i].timer);
    }
    ck_assert_uint_eq(eca_sched_timer_count(bench.sched), armed);
    bench.mono_ns += 1000;
    ck_assert_uint_eq(eca_sched_run(bench.sched), armed);
    ck_assert_uint_eq(log.ran, armed);
    ck_assert_uint_gt(armed, MANY / 2);
    bench_clear(&bench);
}
END_TEST

struct witness {
    struct eca_sched *sched;
    struct eca_timer timer;
    struct eca_deferred work;
    uint64_t seen; /* the cause in the callback */
};

static void see_cause(void *arg)
{
    struct witness *witness = arg;

    witness->seen = eca_sched_cause(witness->sched);
    eca_sched_set_cause(witness->sched, 99); /* the next callback has its own */
}

START_TEST(causes_go_along_with_what_was_started)
{
    struct bench bench;
    struct witness w[4];

    bench_init(&bench);
    for (size_t i = 0; i < 4; i++) {
        w[i] = (struct witness){.sched = bench.sched};
        eca_timer_init(&w[i].timer, bench.sched, see_cause, &w[i]);
        eca_deferred_init(&w[i].work, bench.sched, see_cause, &w[i]);
    }
    eca_sched_set_cause(bench.sched, 7);
    eca_timer_start(&w[0].timer, 10);
    eca_deferred_queue(&w[1].work);
    eca_sched_set_cause(bench.sched, 8);
    eca_timer_start(&w[2].timer, 10);
    eca_deferred_queue(&w[3].work);
    eca_deferred_queue(&w[1].work); /* queued already: by the first */
    (void)eca_sched_run(bench.sched);
    ck_assert_uint_eq(w[1].seen, 7);
    ck_assert_uint_eq(w[3].seen, 8);
    ck_assert_uint_eq(eca_sched_cause(bench.sched), 0);
    bench.mono_ns = 5000;
    (void)eca_sched_run(bench.sched);
    ck_assert_uint_eq(w[0].seen, 7);
    ck_assert_uint_eq(w[2].seen, 8);
    ck_assert_uint_eq(eca_sched_cause(bench.sched), 0);
    bench_clear(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ports/sched");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, timers_run_by_deadline_then_by_arming);
    tcase_add_test(tcase, rearming_moves_and_stopping_is_harmless);
    tcase_add_test(tcase, callbacks_of_a_round_see_one_now);
    tcase_add_test(tcase, deferred_work_runs_first_in_its_order_and_once);
    tcase_add_test(tcase, work_added_in_a_round_waits_for_the_next);
    tcase_add_test(tcase, deadline_in_the_past_means_now);
    tcase_add_test(tcase, callbacks_cancel_others_of_the_same_round);
    tcase_add_test(tcase, callback_may_free_its_own_memory);
    tcase_add_test(tcase, heap_stays_sorted_under_random_stops);
    tcase_add_test(tcase, causes_go_along_with_what_was_started);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
