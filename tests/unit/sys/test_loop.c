#include <check.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/clock.h"
#include "agent/sys/entropy.h"
#include "agent/sys/host_linux.h"
#include "agent/sys/loop.h"
#include "agent/sys/resolve.h"
#include "tests/unit/support/manual_clock.h"

/* The production loop, and the small adapters that need little more than it. */
static struct eca_loop *loop;
static struct eca_sched *sched;

static void setup(void)
{
    struct eca_err err = {0};

    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    sched = eca_loop_sched(loop);
}

static void teardown(void)
{
    eca_loop_free(loop);
}

static void count(void *arg)
{
    ++*(size_t *)arg;
}

static void stop(void *arg)
{
    eca_loop_stop(arg);
}

/* A sleeping loop wakes for its next timer, not before and not much later. */
START_TEST(timers_wake_a_sleeping_loop_in_order)
{
    struct eca_timer timers[3] = {0};
    size_t ran = 0;
    uint64_t since_ns, took_ns;

    eca_sched_update_now(sched); /* delays count from the cached now */
    since_ns = eca_sched_now_ns(sched);
    eca_timer_init(&timers[0], sched, stop, loop);
    eca_timer_init(&timers[1], sched, count, &ran);
    eca_timer_init(&timers[2], sched, count, &ran);
    eca_timer_start_ms(&timers[0], 50);
    eca_timer_start_ms(&timers[1], 10);
    eca_timer_start_ms(&timers[2], 3600000);
    eca_loop_run(loop);
    took_ns = eca_clock_mono_ns(eca_clock_system()) - since_ns;
    ck_assert_uint_eq(ran, 1);
    ck_assert_uint_ge(took_ns, 50000000);
    ck_assert_uint_lt(took_ns, 5000000000u);
    eca_timer_stop(&timers[2]);
}
END_TEST

struct watcher {
    int fd;
    size_t events;
    struct eca_fd_watch *watch, *other;
};

static void on_ready(void *arg, uint32_t events)
{
    struct watcher *watcher = arg;

    (void)events;
    watcher->events++;
    eca_loop_unwatch(eca_take(watcher->watch));
    eca_loop_unwatch(eca_take(watcher->other)); /* that one is ready as well, but gone now */
}

/* A descriptor that is not watched any more is silent, also within the round. */
START_TEST(unwatched_within_the_round_means_silent)
{
    struct watcher first = {.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};
    struct watcher second = {.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};

    first.watch = eca_loop_watch(loop, first.fd, EPOLLIN, on_ready, &first);
    second.watch = eca_loop_watch(loop, second.fd, EPOLLIN, on_ready, &second);
    first.other = second.watch;
    second.other = first.watch;
    for (int i = 0; i < 5; i++) {
        (void)eca_loop_step(loop, false);
        if (first.events > 0) {
            second.watch = NULL;
        } else {
            first.watch = NULL;
        }
    }
    ck_assert_uint_eq(first.events + second.events, 1);
    (void)close(first.fd);
    (void)close(second.fd);
}
END_TEST

static int heard;

static void on_signal(void *arg, int signal)
{
    heard = heard * 100 + signal;
    if (signal == SIGTERM) {
        eca_loop_stop(arg);
    }
}

/* SIG-107: signals are events of the loop; the process does not die of them. */
START_TEST(signals_are_events)
{
    struct eca_err err = {0};
    sigset_t signals;

    heard = 0;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGUSR1);
    ck_assert_msg(eca_loop_signals(loop, &signals, on_signal, loop, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    (void)eca_loop_step(loop, true);
    ck_assert_int_eq(heard, SIGUSR1);
    ck_assert_int_eq(raise(SIGTERM), 0);
    eca_loop_run(loop);
    ck_assert_int_eq(heard, SIGUSR1 * 100 + SIGTERM);
    (void)sigprocmask(SIG_UNBLOCK, &signals, NULL);
}
END_TEST

/* With a clock of its own the loop never sleeps, however far the next timer is. */
START_TEST(under_a_foreign_clock_it_never_sleeps)
{
    struct manual_clock clock;
    struct eca_clock port;
    struct eca_timer timer = {0};
    struct eca_loop *own;
    struct eca_err err = {0};
    size_t ran = 0;

    manual_clock_init(&clock);
    port = manual_clock_port(&clock);
    own = eca_loop_new(&(struct eca_loop_opts){.clock = &port}, &err);
    ck_assert_ptr_nonnull(own);
    eca_timer_init(&timer, eca_loop_sched(own), count, &ran);
    eca_timer_start_ms(&timer, 3600000);
    while (eca_loop_step(own, false)) {
    }
    ck_assert_uint_eq(ran, 0);
    clock.mono_ns += UINT64_C(3600000000000);
    ck_assert(eca_loop_step(own, false));
    ck_assert_uint_eq(ran, 1);
    eca_loop_free(own);
    manual_clock_clear(&clock);
}
END_TEST

struct answer {
    bool done;
    char address[64];
    char why[ECA_ERR_MSG_BYTES];
};

static void on_resolved(void *arg, const struct eca_addresses *found, const struct eca_err *err)
{
    struct answer *answer = arg;

    ck_assert(!answer->done);
    answer->done = true;
    if (found != NULL) {
        ck_assert_int_eq(getnameinfo(&found->at[0].any, sizeof(found->at[0]), answer->address,
                                     sizeof(answer->address), NULL, 0, NI_NUMERICHOST),
                         0);
    } else {
        memcpy(answer->why, err->msg, sizeof(answer->why));
    }
}

/* WS-103: names and addresses of both families; nothing is answered inside the call. */
START_TEST(names_are_resolved_off_the_loop)
{
    static const struct {
        const char *host, *address; /* NULL: an error that names the host */
    } rows[] = {
        {"127.0.0.9", "127.0.0.9"}, {"::1", "::1"}, {"localhost", "1"}, {"no such host", NULL}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer answer = {0};

        (void)eca_resolve_start(loop, rows[i].host, on_resolved, &answer);
        ck_assert(!answer.done);
        while (!answer.done) {
            (void)eca_loop_step(loop, false);
        }
        if (rows[i].address == NULL) {
            ck_assert_msg(strstr(answer.why, rows[i].host) != NULL, "%s", answer.why);
        } else {
            ck_assert_msg(strstr(answer.address, rows[i].address) != NULL, "%s: %s", rows[i].host,
                          answer.address);
        }
    }
}
END_TEST

START_TEST(a_canceled_question_is_never_answered)
{
    struct answer answers[2] = {0};
    struct answer last = {0};

    eca_resolve_cancel(eca_resolve_start(loop, "localhost", on_resolved, &answers[0]));
    eca_resolve_cancel(eca_resolve_start(loop, "127.0.0.1", on_resolved, &answers[1]));
    eca_resolve_cancel(NULL);
    (void)eca_resolve_start(loop, "localhost", on_resolved, &last);
    while (!last.done) {
        (void)eca_loop_step(loop, false);
    }
    ck_assert(!answers[0].done && !answers[1].done);
}
END_TEST

/* API-610 */
START_TEST(memory_is_read_from_lines_of_three_fields)
{
    static const struct {
        const char *text;
        uint64_t mib; /* 0 = refused */
    } rows[] = {
        {"MemTotal:        3858812 kB\nMemFree: 1 kB\n", 3768},
        {"MemFree: 9999999 kB\nMemTotal:\t2048 kB", 2},
        {"MemTotal: 2048\n", 0},
        {"MemTotal: 2048 MB\n", 0},
        {"MemTotal: 2048 kB extra\n", 0},
        {"MemTotal: -1 kB\n", 0},
        {"", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t mib = 0;
        int rc = eca_meminfo_total_mib(eca_view_str(rows[i].text), &mib, NULL);

        ck_assert_msg(rc == (rows[i].mib > 0 ? ECA_OK : ECA_E_INVALID), "row %zu: %d", i, rc);
        ck_assert_uint_eq(mib, rows[i].mib);
    }
}
END_TEST

START_TEST(this_host_has_memory_files_and_an_environment)
{
    struct eca_host host = eca_host_linux();
    eca_auto_buf struct eca_buf text = {0};
    uint64_t mib = 0;
    bool found = false;

    ck_assert_int_eq(eca_host_memory_mib(host, &mib, NULL), ECA_OK);
    ck_assert_uint_gt(mib, 16);
    ck_assert_uint_ge(eca_host_cpu_count(host), 1);
    ck_assert_int_eq(setenv("ECA_TEST_HOST", "a=b", 1), 0);
    ck_assert_str_eq(eca_host_env(host, "ECA_TEST_HOST"), "a=b");
    ck_assert_ptr_null(eca_host_env(host, "ECA_TEST_NO_SUCH"));
    for (size_t i = 0; eca_host_env_at(host, i) != NULL; i++) {
        found = found || strcmp(eca_host_env_at(host, i), "ECA_TEST_HOST=a=b") == 0;
    }
    ck_assert(found);
    ck_assert(eca_host_is_directory(host, "/tmp"));
    ck_assert(!eca_host_is_directory(host, "/proc/self/status"));
    ck_assert_int_eq(eca_host_read_file(host, "/no/such/file", 10, &text, NULL), ECA_E_NOT_FOUND);
    ck_assert_int_eq(eca_host_read_file(host, "/tmp", 10, &text, NULL), ECA_E_INVALID);
    ck_assert_int_eq(eca_host_read_file(host, "/proc/self/status", 10, &text, NULL), ECA_E_LIMIT);
    ck_assert_uint_gt(eca_host_usage(host).rss_bytes, 100000);
    ck_assert_uint_ge(eca_host_usage(host).descriptors, 3);
    ck_assert_uint_ge(eca_host_usage(host).threads, 1);
}
END_TEST

START_TEST(random_bytes_differ)
{
    unsigned char first[64] = {0}, second[64] = {0};

    eca_entropy_fill(eca_entropy_system(), first, sizeof(first));
    eca_entropy_fill(eca_entropy_system(), second, sizeof(second));
    ck_assert(memcmp(first, second, sizeof(first)) != 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/loop");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, timers_wake_a_sleeping_loop_in_order);
    tcase_add_test(tcase, unwatched_within_the_round_means_silent);
    tcase_add_test(tcase, signals_are_events);
    tcase_add_test(tcase, under_a_foreign_clock_it_never_sleeps);
    tcase_add_test(tcase, names_are_resolved_off_the_loop);
    tcase_add_test(tcase, a_canceled_question_is_never_answered);
    tcase_add_test(tcase, memory_is_read_from_lines_of_three_fields);
    tcase_add_test(tcase, this_host_has_memory_files_and_an_environment);
    tcase_add_test(tcase, random_bytes_differ);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
