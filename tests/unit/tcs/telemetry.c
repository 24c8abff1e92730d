#include "tests/unit/tcs/telemetry.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

struct tele tele;

/* ---- the daemon ----------------------------------------------------------------------------- */

static struct tele_container *find(const char *id)
{
    for (size_t i = 0; i < tele.container_count; i++) {
        if (strcmp(tele.containers[i].id, id) == 0) {
            return &tele.containers[i];
        }
    }
    return NULL;
}

static void end_poll(struct tele_container *container)
{
    tele.polls -= container->polled;
    container->polled = false;
}

static void tick(void *arg)
{
    struct tele_container *container = arg;
    eca_auto_buf struct eca_buf json = {0}, read = {0};
    bool one_shot = container->polled;

    end_poll(container);
    if (container->refused) {
        struct eca_err err = {0};

        (void)eca_err_set(&err, ECA_E_TRANSIENT, "connection refused");
        container->events->on_end(container->arg, ECA_OUTCOME_FAILED, &err);
        return;
    }
    container->ticks++;
    if (!container->silent) {
        eca_time_rfc3339_nano(eca_sched_wall_ms(tele.stage.base.sched) * ECA_NS_PER_MS, &read);
        eca_buf_addf(&json,
                     "{\"read\":\"%s\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":%llu},"
                     "\"online_cpus\":1},\"memory_stats\":{\"usage\":%u}}",
                     eca_buf_str(&read),
                     (unsigned long long)eca_sched_now_ns(tele.stage.base.sched) / 4, 10U << 20);
        container->events->on_sample(container->arg, eca_buf_view(&json));
    }
    if (one_shot) {
        container->events->on_end(container->arg,
                                  container->silent ? ECA_OUTCOME_TIMEOUT : ECA_OUTCOME_DONE, NULL);
        return;
    }
    eca_timer_start_ms(&container->timer, 1000);
}

static int start_stats(void *impl, const char *id, bool one_shot,
                       const struct eca_stats_stream_events *events, void *arg,
                       struct eca_op **ret_op, struct eca_err *err)
{
    struct tele_container *container = find(id);

    (void)impl;
    ck_assert_ptr_nonnull(container);
    if (tele.no_descriptors) {
        return eca_err_set(err, ECA_E_LIMIT, "too many open files");
    }
    container->events = events;
    container->arg = arg;
    container->streams++;
    container->canceled = false;
    ck_assert_int_eq(one_shot, tele.poll_ms > 0);
    ck_assert(!container->polled);
    container->polled = one_shot;
    container->polled_ms = manual_clock_elapsed_ms(&tele.stage.clock);
    tele.polls += one_shot;
    tele.polls_max = tele.polls > tele.polls_max ? tele.polls : tele.polls_max;
    eca_timer_start_ms(&container->timer, !one_shot || container->refused ? 10
                                          : container->silent             ? TELE_HANG_MS
                                                                          : TELE_POLL_MS);
    *ret_op = (struct eca_op *)(void *)container;
    return ECA_OK;
}

static void answer_list(void *arg)
{
    struct eca_list_entry_info entries[TELE_CONTAINERS_MAX];
    struct eca_err err = {0};
    size_t count = 0;

    (void)arg;
    if (tele.list_hangs) {
        return;
    }
    if (tele.list_fails) {
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "the daemon is away");
        tele.on_list(tele.list_arg, ECA_OUTCOME_FAILED, &err, NULL, 0);
        return;
    }
    for (size_t i = 0; i < tele.container_count; i++) {
        entries[count++] = (struct eca_list_entry_info){
            .id = tele.containers[i].id, .name = "", .running = tele.containers[i].running};
    }
    tele.on_list(tele.list_arg, ECA_OUTCOME_DONE, NULL, entries, count);
}

static int start_list(void *impl, bool all, eca_runtime_list_fn *on_done, void *arg,
                      struct eca_op **ret_op, struct eca_err *err)
{
    (void)impl;
    (void)err;
    ck_assert_msg(!all, "only running containers are of interest");
    tele.on_list = on_done;
    tele.list_arg = arg;
    tele.lists++;
    eca_timer_start_ms(&tele.list_timer, 10);
    *ret_op = (struct eca_op *)(void *)&tele.list_timer;
    return ECA_OK;
}

static void cancel(void *impl, struct eca_op *op)
{
    (void)impl;
    if ((void *)op == (void *)&tele.list_timer) {
        eca_timer_stop(&tele.list_timer);
        return;
    }
    struct tele_container *container = (struct tele_container *)(void *)op;

    container->canceled = true;
    end_poll(container);
    eca_timer_stop(&container->timer);
}

/* ---- the task engine ------------------------------------------------------------------------ */

static bool look_up(void *impl, const char *id, struct eca_stats_identity *ret)
{
    const struct tele_container *container = find(id);

    (void)impl;
    if (container == NULL || !container->known) {
        return false;
    }
    *ret = (struct eca_stats_identity){.task_arn = container->task,
                                       .family = container->family,
                                       .version = container->version,
                                       .task_stopped = container->task_stopped,
                                       .container_stopped = container->stopped};
    return true;
}

struct tele_container *tele_add(const char *id, const char *task)
{
    struct tele_container *container = &tele.containers[tele.container_count++];

    ck_assert_uint_le(tele.container_count, TELE_CONTAINERS_MAX);
    (void)snprintf(container->id, sizeof(container->id), "%s", id);
    (void)snprintf(container->task, sizeof(container->task), "arn:task/%s", task);
    container->known = container->running = true;
    container->family = "family";
    container->version = "1";
    eca_timer_init(&container->timer, tele.stage.base.sched, tick, container);
    return container;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void on_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)arg;
    (void)level;
    (void)wall_ms;
    eca_buf_add_view(&tele.lines, line);
}

static int64_t stamp(void *arg)
{
    (void)arg;
    return eca_sched_wall_ms(tele.stage.base.sched);
}

static void open_fakes(void)
{
    struct fake_ecs_opts ecs_opts = {.base = tele.stage.base,
                                     .auth = tele.auth,
                                     .endpoint = "https://acs.test",
                                     .telemetry_endpoint = "https://tcs.test"};
    struct fake_tcs_opts tcs_opts = {.base = tele.stage.base, .auth = tele.auth};

    tele.ecs = fake_ecs_new(&ecs_opts);
    fake_ecs_add_instance(tele.ecs, "arn:ci", "default", "");
    tele.tcs = fake_tcs_new(&tcs_opts);
    fake_memory_map(tele.stage.memory, "ecs.us-west-2.amazonaws.com", "ecs");
    fake_memory_map(tele.stage.memory, "tcs.test", "tcs");
}

void tele_open(void)
{
    struct eca_imds_opts imds_opts = {.endpoint = "http://nobody.test"};
    struct eca_aws_creds_opts creds_opts = {0};
    struct eca_ecs_opts client_opts = {.endpoint = "", .region = "us-west-2"};
    struct eca_sched *sched;
    struct eca_err err = {0};

    memset(&tele, 0, sizeof(tele));
    stage_open(&tele.stage);
    sched = tele.stage.base.sched;
    tele.auth = fake_auth_new(sched);
    fake_auth_add(tele.auth, "AKIDEXAMPLE", "secret", "", 0);
    open_fakes();
    manual_host_init(&tele.host);
    manual_host_setenv(&tele.host, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    manual_host_setenv(&tele.host, "AWS_SECRET_ACCESS_KEY", "secret");
    tele.log = (struct eca_log){.level = ECA_LOG_INFO, .sink = on_line, .wall_ms = stamp};
    tele.imds =
        eca_imds_new(sched, tele.stage.http, tele.stage.base.entropy, &tele.log, &imds_opts);
    tele.creds =
        eca_aws_creds_new(sched, manual_host_port(&tele.host), tele.imds, &tele.log, &creds_opts);
    ck_assert_int_eq(eca_ecs_new(sched, tele.stage.http, tele.stage.base.entropy, tele.creds,
                                 &tele.log, &client_opts, &tele.client, &err),
                     ECA_OK);
    eca_timer_init(&tele.list_timer, sched, answer_list, NULL);
}

void tele_start(void)
{
    static const struct eca_runtime_ops ops = {
        .list = start_list, .stats = start_stats, .cancel = cancel};
    struct eca_stats_opts stats_opts = {.sched = tele.stage.base.sched,
                                        .runtime = {&ops, NULL},
                                        .entropy = tele.stage.base.entropy,
                                        .log = &tele.log,
                                        .lookup = {look_up, NULL},
                                        .limits = {.cores = 1, .cpu_percent_max = 105},
                                        .poll_ms = tele.poll_ms};
    struct eca_tcs_opts opts = {.sched = tele.stage.base.sched,
                                .channel = tele.stage.channel,
                                .entropy = tele.stage.base.entropy,
                                .log = &tele.log,
                                .ecs = tele.client,
                                .creds = tele.creds,
                                .cluster = "default",
                                .instance_arn = "arn:ci",
                                .region = "us-west-2"};

    tele.stats = eca_stats_new(&stats_opts);
    opts.stats = tele.stats;
    tele.session = eca_tcs_session_new(&opts);
    eca_stats_start(tele.stats);
    eca_tcs_session_start(tele.session);
}

void tele_close(void)
{
    eca_tcs_session_free(tele.session);
    eca_stats_free(tele.stats);
    eca_ecs_free(tele.client);
    eca_aws_creds_free(tele.creds);
    eca_imds_free(tele.imds);
    for (size_t i = 0; i < tele.container_count; i++) {
        eca_timer_stop(&tele.containers[i].timer);
    }
    eca_timer_stop(&tele.list_timer);
    if (fake_trace_violations(tele.stage.base.trace) > 0) {
        for (size_t i = 0; i < fake_trace_count(tele.stage.base.trace); i++) {
            const struct fake_event *event = fake_trace_at(tele.stage.base.trace, i);

            ck_assert_msg(strcmp(event->name, "violation") != 0, "%s", event->fields);
        }
    }
    stage_drop_carrier(&tele.stage);
    fake_tcs_free(tele.tcs);
    fake_ecs_free(tele.ecs);
    fake_auth_free(tele.auth);
    manual_host_clear(&tele.host);
    eca_buf_clear(&tele.lines);
    stage_close(&tele.stage);
}

void tele_run_ms(uint64_t ms)
{
    manual_clock_advance_ms(&tele.stage.clock, ms);
}

size_t tele_logged(const char *part)
{
    size_t times = 0, at = 0;

    while ((at = eca_view_find(eca_buf_view(&tele.lines), part, at)) != SIZE_MAX) {
        times++;
        at++;
    }
    return times;
}

size_t tele_events(const char *name, const char *part)
{
    return stage_events(&tele.stage, FAKE_LANE_TCS, name, part);
}
