#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/tcs/telemetry.h"

static void start_with(size_t tasks)
{
    for (size_t i = 0; i < tasks; i++) {
        eca_auto_free char *id = eca_xasprintf("id%zu", i);
        eca_auto_free char *task = eca_xasprintf("t%zu", i);

        (void)tele_add(id, task);
    }
    tele_start();
    tele_run_ms(1000);
    ck_assert_msg(fake_tcs_connected(tele.tcs), "%s", eca_buf_str(&tele.lines));
}

/* Sessions so far; the time until the next one. */
static uint64_t until_next_session(uint64_t limit_ms)
{
    uint64_t sessions = fake_tcs_sessions(tele.tcs), waited = 0;

    while (fake_tcs_sessions(tele.tcs) == sessions && waited < limit_ms) {
        tele_run_ms(10);
        waited += 10;
    }
    return waited;
}

/* TCS-201, TCS-301, TCS-306: the fake refuses a URL or signature that is not exactly right. */
START_TEST(a_session_stands_after_one_question)
{
    start_with(0);
    ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), 1);
    ck_assert_uint_eq(stage_events(&tele.stage, FAKE_LANE_ECS, "DiscoverPollEndpoint", NULL), 1);
}
END_TEST

/* TCS-604, TCS-601: an idle instance says so at once and every 20 s. */
START_TEST(an_idle_instance_says_so_every_20_s)
{
    start_with(0);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 1);
    ck_assert_ptr_nonnull(strstr(fake_tcs_last(tele.tcs), "\"fin\":true,\"idle\":true"));
    ck_assert_ptr_null(strstr(fake_tcs_last(tele.tcs), "taskMetrics"));
    tele_run_ms(18900);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 1);
    tele_run_ms(200);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 2);
    tele_run_ms(10 * 20000);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 12);
}
END_TEST

/* TCS-605, TCS-603: ten tasks a message, one id a cycle (the fake checks both). */
START_TEST(messages_hold_ten_tasks_at_most)
{
    static const struct {
        size_t tasks, messages;
    } rows[] = {{1, 1}, {10, 1}, {11, 2}, {20, 2}, {21, 3}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (i > 0) {
            tele_close();
            tele_open();
        }
        start_with(rows[i].tasks);
        ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 0); /* no data yet (TCS-606) */
        tele_run_ms(20000);
        ck_assert_msg(fake_tcs_messages(tele.tcs) == rows[i].messages, "%zu tasks: %llu messages",
                      rows[i].tasks, (unsigned long long)fake_tcs_messages(tele.tcs));
        ck_assert_ptr_nonnull(strstr(fake_tcs_last(tele.tcs), "\"fin\":true,\"idle\":false"));
    }
    ck_assert_uint_eq(tele_logged("No metrics to report"), 0); /* usual in a first cycle */
}
END_TEST

/* STAT-411, STAT-412: intervals do not overlap; each loses one CPU difference. */
START_TEST(each_interval_is_told_once)
{
    start_with(1);
    tele_run_ms(20000);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 1);
    tele_run_ms(20000);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 2);
    ck_assert_msg(
        strstr(fake_tcs_last_of(tele.tcs, "arn:task/t0"),
               "\"cpuStatsSet\":{\"max\":25,\"min\":25,\"sampleCount\":19,\"sum\":475}") != NULL ||
            strstr(fake_tcs_last_of(tele.tcs, "arn:task/t0"), "\"sampleCount\":19") != NULL,
        "%s", fake_tcs_last_of(tele.tcs, "arn:task/t0"));
    ck_assert_ptr_nonnull(strstr(fake_tcs_last_of(tele.tcs, "arn:task/t0"), "\"sampleCount\":20"));
}
END_TEST

/* STAT-410, STAT-412: a container without enough samples keeps what it has. */
START_TEST(a_skipped_container_keeps_its_samples)
{
    struct tele_container *slow;

    start_with(1);
    slow = tele_add("slow", "slow");
    eca_stats_running(tele.stats, "slow");
    tele_run_ms(1100);
    slow->silent = true; /* two samples at most so far, later one per interval */
    tele_run_ms(40000);
    ck_assert_str_ne(fake_tcs_last_of(tele.tcs, "arn:task/slow"), "null");
    ck_assert_ptr_null(strstr(fake_tcs_last(tele.tcs), "arn:task/slow")); /* nothing new since */
    ck_assert_ptr_nonnull(strstr(fake_tcs_last(tele.tcs), "arn:task/t0"));
    slow->silent = false;
    tele_run_ms(1000);
    slow->silent = true;
    tele_run_ms(20000);
    slow->silent = false;
    tele_run_ms(1000);
    slow->silent = true;
    tele_run_ms(20000);
    ck_assert_ptr_nonnull(strstr(fake_tcs_last_of(tele.tcs, "arn:task/slow"), "\"sampleCount\":2"));
}
END_TEST

/* TCS-609: no session, windows keep filling; the next session tells what they hold. */
START_TEST(without_a_session_windows_fill)
{
    start_with(1);
    tele_run_ms(20000);
    fake_tcs_refuse(tele.tcs, 0, &(struct fake_refusal){.status = 503, .body = ""});
    fake_tcs_cut(tele.tcs);
    tele_run_ms(50000);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 1);
    fake_tcs_accept(tele.tcs, false);
    (void)until_next_session(80000);
    tele_run_ms(200);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 2);
    ck_assert_ptr_null(strstr(fake_tcs_last_of(tele.tcs, "arn:task/t0"), "\"sampleCount\":20,"));
    ck_assert_ptr_nonnull(strstr(fake_tcs_last(tele.tcs), "\"idle\":false"));
}
END_TEST

/* TCS-610: no false "idle" before the first listing; after 10 s it is said all the same. */
START_TEST(the_first_cycle_waits_for_the_first_listing)
{
    tele.list_hangs = true;
    tele_start();
    tele_run_ms(9000);
    ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), 1);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 0);
    tele_run_ms(2000);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 1);
}
END_TEST

/* TCS-708, TCS-709, TCS-710, TCS-712: who is reconnected at once, and who waits. */
START_TEST(ends_are_clean_or_not)
{
    static const struct {
        const char *what;
        int code; /* 0 = cut */
        bool answered, at_once;
    } rows[] = {
        {"1000", 1000, true, true},
        {"1001", 1001, true, true},
        {"no code", 1005, true, true},
        {"1011", 1011, true, false},
        {"cut", 0, true, false},
        {"1000 unanswered", 1000, false, false},
        {"1001 unanswered", 1001, false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t waited;

        if (i > 0) {
            tele_close();
            tele_open();
        }
        fake_tcs_set_acks(tele.tcs, rows[i].answered ? FAKE_TCS_ACK_ALL : FAKE_TCS_ACK_NONE, 0, 0);
        start_with(0);
        if (rows[i].code == 0) {
            fake_tcs_cut(tele.tcs);
        } else {
            fake_tcs_close(tele.tcs, rows[i].code, "x");
        }
        waited = until_next_session(5000);
        ck_assert_msg(rows[i].at_once ? waited < 300 : waited >= 1000 && waited <= 1300,
                      "%s: %llu ms", rows[i].what, (unsigned long long)waited);
    }
}
END_TEST

/* TCS-710: 1, 2, 4 ... 60 s, each plus up to a fifth; TCS-711: an answer resets it. */
START_TEST(the_pause_grows_and_an_answer_resets_it)
{
    static const uint64_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

    fake_tcs_set_acks(tele.tcs, FAKE_TCS_ACK_NONE, 0, 0);
    start_with(0);
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        uint64_t waited;

        fake_tcs_cut(tele.tcs);
        waited = until_next_session(100000);
        ck_assert_msg(waited >= pauses_ms[i] && waited <= pauses_ms[i] * 6 / 5 + 100,
                      "pause %zu: %llu ms", i, (unsigned long long)waited);
        tele_run_ms(100);
    }
    fake_tcs_set_acks(tele.tcs, FAKE_TCS_ACK_ALL, 0, 0);
    tele_run_ms(21000);
    fake_tcs_cut(tele.tcs);
    ck_assert_uint_le(until_next_session(100000), 1300);
}
END_TEST

/* TCS-702, TCS-703, TCS-704, TCS-406: only acks and heartbeats are a sign of life. */
START_TEST(silence_ends_the_session_and_pings_are_silence)
{
    uint64_t lived = 0;

    fake_tcs_set_acks(tele.tcs, FAKE_TCS_ACK_NONE, 0, 0);
    start_with(0);
    while (fake_tcs_sessions(tele.tcs) == 1 && lived < 600000) {
        fake_tcs_ping(tele.tcs, "there?");
        fake_tcs_send_text(tele.tcs,
                           "{\"type\":\"ServerException\",\"message\":{\"message\":\"m\"}}");
        tele_run_ms(5000);
        lived += 5000;
    }
    ck_assert_uint_ge(lived, 300000 - 5000);
    ck_assert_uint_le(lived, 480000 + 5000);
    fake_tcs_set_heartbeat(tele.tcs, 60000);
    tele_run_ms(3600000);
    ck_assert(fake_tcs_connected(tele.tcs));
    ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), 2);
}
END_TEST

/* TCS-505, TCS-506, TCS-502, TCS-503: what comes in, and what is dropped with one line. */
START_TEST(messages_of_the_service)
{
    static const struct {
        const char *text;
        const char *line; /* NULL = none */
    } rows[] = {
        {"{\"type\":\"HeartbeatMessage\",\"message\":{\"healthy\":true}}", NULL},
        {"{\"type\":\"HeartbeatMessage\"}", NULL},
        {"{\"type\":\"AckPublishMetric\",\"message\":{\"message\":\"ok\"}}", NULL},
        {"{\"AckPublishMetric\":\"x\"}", NULL},
        {"{\"type\":\"AckPublishMetric\",\"message\":{\"message\":7}}", "Unable to handle message"},
        {"{\"type\":\"Nothing\"}", "Unable to handle message"},
        {"[]", "Unable to handle message"},
        {"{}", "Unable to handle message"},
        {"not json", "Unable to handle message"},
        {"{\"type\":\"BadRequestException\",\"message\":{\"message\":\"no such cluster\"}}",
         "BadRequestException: no such cluster"},
    };

    start_with(0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_buf_reset(&tele.lines);
        fake_tcs_send_text(tele.tcs, rows[i].text);
        tele_run_ms(100);
        ck_assert_msg(rows[i].line == NULL ? tele_logged("[WARN]") == 0
                                           : tele_logged(rows[i].line) == 1,
                      "%s: %s", rows[i].text, eca_buf_str(&tele.lines));
        ck_assert(fake_tcs_connected(tele.tcs));
    }
    eca_buf_reset(&tele.lines); /* at most one line a minute */
    fake_tcs_send_text(tele.tcs, rows[9].text);
    tele_run_ms(100);
    ck_assert_uint_eq(tele_logged("BadRequestException"), 0);
    tele_run_ms(60000);
    fake_tcs_send_text(tele.tcs, rows[9].text);
    tele_run_ms(100);
    ck_assert_uint_eq(tele_logged("BadRequestException"), 1);
}
END_TEST

/* TCS-504 */
START_TEST(a_stop_message_is_a_clean_end)
{
    start_with(0);
    fake_tcs_send_text(
        tele.tcs, "{\"type\":\"StopTelemetrySessionMessage\",\"message\":{\"message\":\"bye\"}}");
    ck_assert_uint_lt(until_next_session(5000), 1000);
    ck_assert_uint_eq(tele_logged("bye"), 1);
}
END_TEST

/* TCS-405: more than 1 MiB ends the session, with the pause. */
START_TEST(an_oversize_message_ends_the_session)
{
    eca_auto_buf struct eca_buf big = {0};

    eca_buf_add_str(&big, "{\"type\":\"HeartbeatMessage\",\"message\":{\"x\":\"");
    for (size_t i = 0; i < (size_t)1 << 20; i++) {
        eca_buf_add_char(&big, 'x');
    }
    eca_buf_add_str(&big, "\"}}");
    start_with(0);
    fake_tcs_send_text(tele.tcs, eca_buf_str(&big));
    tele_run_ms(500);
    ck_assert(!fake_tcs_connected(tele.tcs));
    ck_assert_uint_ge(until_next_session(5000), 400);
}
END_TEST

/* TCS-304, TCS-308, TCS-309: no answer, or another one than 101. */
START_TEST(refusals_and_silence_lead_to_the_pause)
{
    fake_tcs_refuse(tele.tcs, 1,
                    &(struct fake_refusal){
                        .status = 400, .body = "{\"InvalidParameterException\":\"100%s of it\"}"});
    tele_start();
    tele_run_ms(500);
    ck_assert(!fake_tcs_connected(tele.tcs));
    ck_assert_msg(tele_logged("InvalidParameterException: 100%s of it") == 1, "%s",
                  eca_buf_str(&tele.lines));
    tele_run_ms(1500);
    ck_assert(fake_tcs_connected(tele.tcs));
    tele_close();
    tele_open();
    fake_tcs_refuse(
        tele.tcs, 1,
        &(struct fake_refusal){.status = 403, .body = "{\"InactiveInstanceException\":\"gone\"}"});
    tele_start();
    tele_run_ms(2000);
    ck_assert(fake_tcs_connected(tele.tcs)); /* not terminal for telemetry (TCS-721) */
    tele_close();
    tele_open();
    fake_tcs_accept(tele.tcs, true); /* the upgrade is never answered */
    tele_start();
    tele_run_ms(29000);
    ck_assert_uint_eq(tele_logged("Telemetry session ended"), 0);
    tele_run_ms(2000);
    ck_assert_uint_eq(tele_logged("Telemetry session ended"), 1);
}
END_TEST

/* TCS-202, TCS-203, TCS-204 */
START_TEST(without_an_endpoint_it_asks_again)
{
    static const char *const endpoints[] = {NULL, ""};

    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        if (i > 0) {
            tele_close();
            tele_open();
        }
        fake_ecs_set_endpoints(tele.ecs, "https://acs.test", endpoints[i]);
        tele_start();
        tele_run_ms(10000);
        ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), 0);
        ck_assert_uint_ge(tele_logged("Telemetry session ended"), 2);
        fake_ecs_set_endpoints(tele.ecs, "https://acs.test", "https://tcs.test/");
        tele_run_ms(20000);
        ck_assert_msg(fake_tcs_connected(tele.tcs), "%s", eca_buf_str(&tele.lines));
    }
}
END_TEST

/* TCS-307: never unsigned; the session goes on when keys are back. */
START_TEST(without_credentials_nothing_is_sent)
{
    manual_host_setenv(&tele.host, "AWS_ACCESS_KEY_ID", NULL);
    tele_start();
    tele_run_ms(60000);
    ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), 0);
    ck_assert_uint_eq(tele_events("refused", NULL), 0);
    manual_host_setenv(&tele.host, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    tele_run_ms(150000);
    ck_assert_msg(fake_tcs_connected(tele.tcs), "%s", eca_buf_str(&tele.lines));
}
END_TEST

/* TCS-706, TCS-704, TCS-607: a service that does not read. */
START_TEST(a_stuck_write_ends_the_session)
{
    for (int i = 0; i < 60; i++) {
        eca_auto_free char *id = eca_xasprintf("c%d", i);
        eca_auto_free char *task = eca_xasprintf("%d", i / 6);

        (void)tele_add(id, task);
    }
    tele_start();
    tele_run_ms(1000);
    fake_tcs_read_only(tele.tcs, 0);
    for (int i = 0; i < 6000 && tele_logged("Telemetry session ended") == 0; i++) {
        tele_run_ms(100);
    }
    ck_assert_msg(tele_logged("Telemetry session ended") == 1, "%s", eca_buf_str(&tele.lines));
    fake_tcs_read_only(tele.tcs, UINT64_MAX); /* and only now sees that the agent has left */
    tele_run_ms(30000);
    ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), 2);
    ck_assert(fake_tcs_connected(tele.tcs));
}
END_TEST

/* TCS-720, TCS-721, TCS-722 */
START_TEST(a_deregistered_instance_is_quiet_until_accepted)
{
    start_with(1);
    eca_tcs_session_deregistered(tele.session);
    tele_run_ms(1000);
    ck_assert(!fake_tcs_connected(tele.tcs));
    tele_run_ms(600000);
    ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), 1);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 1); /* collectors keep running */
    eca_tcs_session_accepted(tele.session);
    tele_run_ms(1000);
    ck_assert(fake_tcs_connected(tele.tcs));
    fake_tcs_accept(tele.tcs, true);
    fake_tcs_cut(tele.tcs);
    tele_run_ms(5000); /* an attempt is under way */
    eca_tcs_session_deregistered(tele.session);
    tele_run_ms(1000);
    fake_tcs_accept(tele.tcs, false);
    tele_run_ms(60000);
    ck_assert(!fake_tcs_connected(tele.tcs));
    ck_assert_uint_eq(tele_events("metrics", "\"session\":3"), 0);
}
END_TEST

/* STAT-103: the listing is repeated until it succeeds, never again afterwards. */
START_TEST(the_listing_is_repeated_until_it_succeeds)
{
    (void)tele_add("a", "t");
    tele.list_fails = true;
    tele_start();
    tele_run_ms(8000);
    ck_assert_uint_eq(tele.lists, 4); /* 0, 1, 3, 7 s, each with up to a fifth */
    tele.list_fails = false;
    tele_run_ms(30000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 1);
    tele.lists = 0;
    tele_run_ms(300000);
    ck_assert_uint_eq(tele.lists, 0);
}
END_TEST

/* STAT-104: foreign, stopped and nameless ones are not measured, nobody twice. */
START_TEST(only_live_containers_of_ours_are_watched)
{
    (void)tele_add("ours", "t");
    tele_add("foreign", "t")->known = false;
    tele_add("stopped", "t")->stopped = true;
    tele_add("of stopped", "s")->task_stopped = true;
    tele_add("no family", "f")->family = "";
    tele_add("not running", "t")->running = false;
    tele_start();
    tele_run_ms(1000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 1);
    eca_stats_running(tele.stats, "ours");
    eca_stats_running(tele.stats, "");
    eca_stats_running(tele.stats, "nobody");
    tele_run_ms(1000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 1);
    ck_assert_uint_eq(tele.containers[0].streams, 1);
}
END_TEST

/* STAT-105, STAT-106, STAT-207, STAT-111: running adds, stopped removes at once; then it is idle.
 */
START_TEST(changes_add_and_remove)
{
    start_with(0);
    (void)tele_add("a", "t");
    (void)tele_add("b", "t");
    eca_stats_running(tele.stats, "a");
    eca_stats_running(tele.stats, "b");
    tele_run_ms(1000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 2);
    tele.containers[0].stopped = true;
    eca_stats_stopped(tele.stats, "a");
    ck_assert(tele.containers[0].canceled);
    eca_stats_running(tele.stats, "a"); /* late and out of order (STAT-107) */
    eca_stats_stopped(tele.stats, "a");
    eca_stats_stopped(tele.stats, "never seen");
    tele_run_ms(20000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 1);
    ck_assert_ptr_nonnull(strstr(fake_tcs_last(tele.tcs), "\"idle\":false"));
    eca_stats_stopped(tele.stats, "b");
    tele_run_ms(20000);
    ck_assert_ptr_nonnull(strstr(fake_tcs_last(tele.tcs), "\"idle\":true"));
    ck_assert_uint_eq(tele.containers[0].streams, 1);
}
END_TEST

/* STAT-108, STAT-109, FB-33.4: also without a session. */
START_TEST(dead_entries_are_found_every_20_s)
{
    fake_tcs_refuse(tele.tcs, 0, &(struct fake_refusal){.status = 503, .body = ""});
    for (int i = 0; i < 12; i++) {
        eca_auto_free char *id = eca_xasprintf("c%d", i);

        (void)tele_add(id, "t");
    }
    tele_start();
    tele_run_ms(5000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 12);
    for (size_t i = 0; i < 12; i += 2) {
        tele.containers[i].known = i % 4 == 0;
        tele.containers[i].stopped = true;
    }
    tele_run_ms(21000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 6);
    for (size_t i = 0; i < 12; i++) {
        ck_assert_msg(tele.containers[i].canceled == (i % 2 == 0), "container %zu", i);
    }
}
END_TEST

/* STAT-204, STAT-205, FB-33.1, FB-33.2, FB-33.3: a stream that ends again and again. */
START_TEST(a_refused_stream_is_asked_for_at_a_bounded_rate)
{
    struct tele_container *container = tele_add("a", "t");

    container->refused = true;
    tele_start();
    tele_run_ms(600000);
    /* 1, 2, 4, 8, 16, then 30 s and up to a fifth more */
    ck_assert_uint_ge(container->streams, 18);
    ck_assert_uint_le(container->streams, 26);
    ck_assert_uint_le(tele_logged("Stats stream ended"), 10);
    container->refused = false;
    tele_run_ms(60000);
    ck_assert_uint_ge(container->ticks, 20);
    container->refused = true; /* the pause starts anew after a sample */
    container->streams = 0;
    tele_run_ms(4500);
    ck_assert_uint_ge(container->streams, 2);
    container->known = false;
    tele_run_ms(60000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 0);
    container->streams = 0;
    tele_run_ms(60000);
    ck_assert_uint_eq(container->streams, 0);
}
END_TEST

/* STAT-113: the end of the agent closes every stream. */
START_TEST(the_end_cancels_all_streams)
{
    start_with(5);
    eca_tcs_session_free(tele.session);
    tele.session = NULL;
    eca_stats_free(tele.stats);
    tele.stats = NULL;
    for (size_t i = 0; i < 5; i++) {
        ck_assert(tele.containers[i].canceled);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcs/session");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, tele_open, tele_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_session_stands_after_one_question);
    tcase_add_test(tcase, an_idle_instance_says_so_every_20_s);
    tcase_add_test(tcase, messages_hold_ten_tasks_at_most);
    tcase_add_test(tcase, each_interval_is_told_once);
    tcase_add_test(tcase, a_skipped_container_keeps_its_samples);
    tcase_add_test(tcase, without_a_session_windows_fill);
    tcase_add_test(tcase, the_first_cycle_waits_for_the_first_listing);
    tcase_add_test(tcase, ends_are_clean_or_not);
    tcase_add_test(tcase, the_pause_grows_and_an_answer_resets_it);
    tcase_add_test(tcase, silence_ends_the_session_and_pings_are_silence);
    tcase_add_test(tcase, messages_of_the_service);
    tcase_add_test(tcase, a_stop_message_is_a_clean_end);
    tcase_add_test(tcase, an_oversize_message_ends_the_session);
    tcase_add_test(tcase, refusals_and_silence_lead_to_the_pause);
    tcase_add_test(tcase, without_an_endpoint_it_asks_again);
    tcase_add_test(tcase, without_credentials_nothing_is_sent);
    tcase_add_test(tcase, a_stuck_write_ends_the_session);
    tcase_add_test(tcase, a_deregistered_instance_is_quiet_until_accepted);
    tcase_add_test(tcase, the_listing_is_repeated_until_it_succeeds);
    tcase_add_test(tcase, only_live_containers_of_ours_are_watched);
    tcase_add_test(tcase, changes_add_and_remove);
    tcase_add_test(tcase, dead_entries_are_found_every_20_s);
    tcase_add_test(tcase, a_refused_stream_is_asked_for_at_a_bounded_rate);
    tcase_add_test(tcase, the_end_cancels_all_streams);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
