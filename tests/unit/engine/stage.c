#include "tests/unit/engine/stage.h"

#include <check.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/task_json.h"

struct eca_report_op {
    struct stage *stage;
    struct eca_list_node node;
    const struct eca_report *report;
    struct eca_timer timer;
    eca_report_done_fn *on_done;
    void *arg;
};

static void op_free(struct eca_report_op *op)
{
    eca_timer_stop(&op->timer);
    eca_list_remove(&op->stage->sent, &op->node);
    op->stage->open--;
    eca_free(op);
}

static void sink_answer(void *arg)
{
    struct eca_report_op *op = arg;
    struct stage *stage = op->stage;
    const struct eca_report *report = op->report;
    eca_report_done_fn *fn = op->on_done;
    void *fn_arg = op->arg;
    enum eca_report_class class = stage->answer;

    if (class == ECA_REPORT_ACCEPTED) {
        eca_buf_addf(&stage->reports, "%s%s %s", strcmp(report->task_arn, ARN2) == 0 ? "u/" : "",
                     report->container_name == NULL ? "task" : report->container_name,
                     eca_status_name(report->status));
        if (report->has_exit_code) {
            eca_buf_addf(&stage->reports, " %lld", (long long)report->exit_code);
        }
        for (size_t i = 0; i < report->binding_count; i++) {
            eca_buf_addf(&stage->reports, " %u->%u", report->bindings[i].host_port,
                         report->bindings[i].container_port);
        }
        if (report->reason[0] != '\0') {
            eca_buf_addf(&stage->reports, " (%s)", report->reason);
        }
        eca_buf_add_char(&stage->reports, '\n');
    }
    op_free(op);
    fn(fn_arg, class, "scripted");
}

static int sink_submit(void *impl, const struct eca_report *report, eca_report_done_fn *on_done,
                       void *arg, struct eca_report_op **ret_op, struct eca_err *err)
{
    struct stage *stage = impl;
    struct eca_report_op *op = eca_xalloc(sizeof(*op));

    (void)err;
    *op = (struct eca_report_op){.stage = stage, .report = report, .on_done = on_done, .arg = arg};
    eca_list_push_back(&stage->sent, &op->node);
    stage->attempts++;
    stage->open++;
    stage->open_max = stage->open > stage->open_max ? stage->open : stage->open_max;
    eca_timer_init(&op->timer, stage->clock.sched, sink_answer, op);
    if (!stage->sink_hangs &&
        (stage->sink_stuck_arn == NULL || strcmp(stage->sink_stuck_arn, report->task_arn) != 0)) {
        eca_timer_start_ms(&op->timer, 1);
    }
    *ret_op = op;
    return ECA_OK;
}

static void sink_cancel(void *impl, struct eca_report_op *op)
{
    (void)impl;
    op_free(op);
}

static const struct eca_report_sink_ops sink_ops = {sink_submit, sink_cancel};

static void log_sink(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    struct stage *stage = arg;

    (void)wall_ms;
    (void)line;
    stage->lines += level >= ECA_LOG_WARN ? 1 : 0;
}

static int64_t log_wall(void *arg)
{
    struct stage *stage = arg;

    return eca_sched_wall_ms(stage->clock.sched);
}

static void on_change(void *arg, const char *docker_id, enum eca_status status)
{
    struct stage *stage = arg;

    eca_buf_addf(&stage->changes, "%s %s\n", docker_id, eca_status_name(status));
}

void stage_init(struct stage *stage)
{
    *stage = (struct stage){.entropy = {.state = 7}};
    manual_clock_init(&stage->clock);
    script_runtime_init(&stage->docker, stage->clock.sched);
    memory_store_init(&stage->store, stage->clock.sched);
    eca_list_init(&stage->sent);
    stage->log = (struct eca_log){.level = ECA_LOG_DEBUG,
                                  .sink = log_sink,
                                  .sink_arg = stage,
                                  .wall_ms = log_wall,
                                  .wall_arg = stage};
    stage->answer = ECA_REPORT_ACCEPTED;
}

static int restore(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct stage *stage = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_task *task = NULL;

    if (record->kind == ECA_RECORD_TASK) {
        ck_assert_int_eq(eca_json_parse(record->value, &doc, err), ECA_OK);
        ck_assert_int_eq(eca_task_from_state(eca_json_root(doc), &task, err), ECA_OK);
        return eca_engine_restore(stage->engine, task, err);
    }
    if (record->kind == ECA_RECORD_IMAGE) {
        return eca_engine_restore_image(stage->engine, record->value, err);
    }
    if (record->kind == ECA_RECORD_REPORT) {
        return eca_reporter_restore(stage->reporter, record->key, record->value, err);
    }
    return ECA_OK;
}

void stage_start(struct stage *stage)
{
    struct eca_journal_opts journal = {.sched = stage->clock.sched,
                                       .store = memory_store_port(&stage->store),
                                       .entropy = manual_entropy_port(&stage->entropy),
                                       .log = &stage->log};
    struct eca_reporter_opts reporter = {.sched = stage->clock.sched,
                                         .entropy = manual_entropy_port(&stage->entropy),
                                         .log = &stage->log,
                                         .sink = {&sink_ops, stage}};
    struct eca_engine_opts opts = stage->opts;
    struct eca_err err = {0};

    stage->journal = eca_journal_new(&journal);
    reporter.journal = stage->journal;
    stage->reporter = eca_reporter_new(&reporter);
    stage->credentials = eca_credentials_store_new();
    opts.sched = stage->clock.sched;
    opts.runtime = script_runtime_port(&stage->docker);
    opts.entropy = manual_entropy_port(&stage->entropy);
    opts.log = &stage->log;
    opts.journal = stage->journal;
    opts.reporter = stage->reporter;
    opts.credentials = stage->credentials;
    opts.cluster = "default";
    stage->engine = eca_engine_new(&opts);
    eca_engine_set_listener(stage->engine, on_change, stage);
    ck_assert_int_eq(eca_store_load(memory_store_port(&stage->store), restore, stage, &err),
                     ECA_OK);
    eca_reporter_start(stage->reporter);
    eca_engine_start(stage->engine, "1.12.6");
}

void stage_crash(struct stage *stage)
{
    memory_store_drop(&stage->store);
    eca_engine_free(stage->engine);
    eca_reporter_free(stage->reporter);
    eca_journal_free(stage->journal);
    eca_credentials_store_free(stage->credentials);
    stage->engine = NULL;
    stage->docker.on_event = NULL;
}

void stage_clear(struct stage *stage)
{
    if (stage->engine != NULL) {
        stage_crash(stage);
    }
    ck_assert_uint_eq(stage->open, 0);
    ck_assert_uint_eq(stage->docker.in_flight, 0);
    script_runtime_clear(&stage->docker);
    memory_store_clear(&stage->store);
    eca_buf_clear(&stage->reports);
    eca_buf_clear(&stage->changes);
    manual_clock_clear(&stage->clock);
}

struct eca_task *stage_task(const char *arn, const char *status, const char *members)
{
    eca_auto_free char *text = eca_xasprintf(
        "{\"arn\":\"%s\",\"family\":\"fam\",\"version\":\"1\",\"desiredStatus\":\"%s\",%s}", arn,
        status, members);
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_task *task = NULL;
    struct eca_err err = {0};

    ck_assert_int_eq(eca_json_parse(eca_view_str(text), &doc, &err), ECA_OK);
    ck_assert_msg(eca_task_from_payload(eca_json_root(doc), &task, &err) == ECA_OK, "%s", err.msg);
    return task;
}

void stage_add(struct stage *stage, const char *arn, const char *status, int64_t seq,
               const char *members)
{
    struct eca_task *task = stage_task(arn, status, members);
    struct eca_err err = {0};

    if (task->desired == ECA_STATUS_STOPPED) {
        task->stop_seq = seq;
    } else {
        task->start_seq = seq;
    }
    ck_assert_int_eq(eca_engine_add(stage->engine, task, &err), ECA_OK);
}

void stage_run(struct stage *stage, uint64_t ms)
{
    manual_clock_advance_ms(&stage->clock, ms);
}

const struct eca_container *stage_container(const struct stage *stage, const char *arn,
                                            const char *name)
{
    const struct eca_task *task = eca_engine_find(stage->engine, arn);

    return task == NULL ? NULL : eca_task_find(task, name);
}

enum eca_status stage_known(const struct stage *stage, const char *arn)
{
    const struct eca_task *task = eca_engine_find(stage->engine, arn);

    ck_assert_ptr_nonnull(task);
    return task->known;
}
