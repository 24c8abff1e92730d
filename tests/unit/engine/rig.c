#include "tests/unit/engine/rig.h"

#include <check.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/task_json.h"

struct eca_report_op {
    struct rig *rig;
    struct eca_list_node node;
    const struct eca_report *report;
    struct eca_timer timer;
    eca_report_done_fn *on_done;
    void *arg;
};

static void op_free(struct eca_report_op *op)
{
    eca_timer_stop(&op->timer);
    eca_list_remove(&op->rig->sent, &op->node);
    op->rig->open--;
    eca_free(op);
}

static void sink_answer(void *arg)
{
    struct eca_report_op *op = arg;
    struct rig *rig = op->rig;
    const struct eca_report *report = op->report;
    eca_report_done_fn *fn = op->on_done;
    void *fn_arg = op->arg;
    enum eca_report_class class = rig->answer;

    if (class == ECA_REPORT_ACCEPTED) {
        eca_buf_addf(&rig->reports, "%s%s %s", strcmp(report->task_arn, ARN2) == 0 ? "u/" : "",
                     report->container_name == NULL ? "task" : report->container_name,
                     eca_status_name(report->status));
        if (report->has_exit_code) {
            eca_buf_addf(&rig->reports, " %lld", (long long)report->exit_code);
        }
        for (size_t i = 0; i < report->binding_count; i++) {
            eca_buf_addf(&rig->reports, " %u->%u", report->bindings[i].host_port,
                         report->bindings[i].container_port);
        }
        if (report->reason[0] != '\0') {
            eca_buf_addf(&rig->reports, " (%s)", report->reason);
        }
        eca_buf_add_char(&rig->reports, '\n');
    }
    op_free(op);
    fn(fn_arg, class, "scripted");
}

static int sink_submit(void *impl, const struct eca_report *report, eca_report_done_fn *on_done,
                       void *arg, struct eca_report_op **ret_op, struct eca_err *err)
{
    struct rig *rig = impl;
    struct eca_report_op *op = eca_xalloc(sizeof(*op));

    (void)err;
    *op = (struct eca_report_op){.rig = rig, .report = report, .on_done = on_done, .arg = arg};
    eca_list_push_back(&rig->sent, &op->node);
    rig->attempts++;
    rig->open++;
    rig->open_max = rig->open > rig->open_max ? rig->open : rig->open_max;
    eca_timer_init(&op->timer, rig->clock.sched, sink_answer, op);
    if (!rig->sink_hangs &&
        (rig->sink_stuck_arn == NULL || strcmp(rig->sink_stuck_arn, report->task_arn) != 0)) {
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
    struct rig *rig = arg;

    (void)wall_ms;
    eca_buf_add(&rig->said, line.at, line.len);
    rig->lines += level >= ECA_LOG_WARN ? 1 : 0;
}

static int64_t log_wall(void *arg)
{
    struct rig *rig = arg;

    return eca_sched_wall_ms(rig->clock.sched);
}

static void on_change(void *arg, const char *docker_id, enum eca_status status)
{
    struct rig *rig = arg;

    eca_buf_addf(&rig->changes, "%s %s\n", docker_id, eca_status_name(status));
}

void rig_init(struct rig *rig)
{
    *rig = (struct rig){.entropy = {.state = 7}};
    manual_clock_init(&rig->clock);
    script_runtime_init(&rig->docker, rig->clock.sched);
    memory_store_init(&rig->store, rig->clock.sched);
    eca_list_init(&rig->sent);
    rig->log = (struct eca_log){.level = ECA_LOG_DEBUG,
                                .sink = log_sink,
                                .sink_arg = rig,
                                .wall_ms = log_wall,
                                .wall_arg = rig};
    rig->answer = ECA_REPORT_ACCEPTED;
}

static int restore(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct rig *rig = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_task *task = NULL;

    if (record->kind == ECA_RECORD_TASK) {
        ck_assert_int_eq(eca_json_parse(record->value, &doc, err), ECA_OK);
        ck_assert_int_eq(eca_task_from_state(eca_json_root(doc), &task, err), ECA_OK);
        return eca_engine_restore(rig->engine, task, err);
    }
    if (record->kind == ECA_RECORD_IMAGE) {
        return eca_engine_restore_image(rig->engine, record->value, err);
    }
    if (record->kind == ECA_RECORD_REPORT) {
        return eca_reporter_restore(rig->reporter, record->key, record->value, err);
    }
    return ECA_OK;
}

void rig_start(struct rig *rig)
{
    struct eca_journal_opts journal = {.sched = rig->clock.sched,
                                       .store = memory_store_port(&rig->store),
                                       .entropy = manual_entropy_port(&rig->entropy),
                                       .log = &rig->log};
    struct eca_reporter_opts reporter = {.sched = rig->clock.sched,
                                         .entropy = manual_entropy_port(&rig->entropy),
                                         .log = &rig->log,
                                         .sink = {&sink_ops, rig}};
    struct eca_engine_opts opts = rig->opts;
    struct eca_err err = {0};

    rig->journal = eca_journal_new(&journal);
    reporter.journal = rig->journal;
    rig->reporter = eca_reporter_new(&reporter);
    rig->credentials = eca_credentials_store_new();
    opts.sched = rig->clock.sched;
    opts.runtime = script_runtime_port(&rig->docker);
    opts.entropy = manual_entropy_port(&rig->entropy);
    opts.log = &rig->log;
    opts.journal = rig->journal;
    opts.reporter = rig->reporter;
    opts.credentials = rig->credentials;
    opts.cluster = "default";
    rig->engine = eca_engine_new(&opts);
    eca_engine_set_listener(rig->engine, on_change, rig);
    ck_assert_int_eq(eca_store_load(memory_store_port(&rig->store), restore, rig, &err), ECA_OK);
    eca_reporter_start(rig->reporter);
    eca_engine_start(rig->engine, "1.12.6");
}

void rig_crash(struct rig *rig)
{
    memory_store_drop(&rig->store);
    eca_engine_free(rig->engine);
    eca_reporter_free(rig->reporter);
    eca_journal_free(rig->journal);
    eca_credentials_store_free(rig->credentials);
    rig->engine = NULL;
    rig->docker.on_event = NULL;
}

void rig_clear(struct rig *rig)
{
    if (rig->engine != NULL) {
        rig_crash(rig);
    }
    ck_assert_uint_eq(rig->open, 0);
    ck_assert_uint_eq(rig->docker.in_flight, 0);
    script_runtime_clear(&rig->docker);
    memory_store_clear(&rig->store);
    eca_buf_clear(&rig->reports);
    eca_buf_clear(&rig->changes);
    eca_buf_clear(&rig->said);
    manual_clock_clear(&rig->clock);
}

struct eca_task *rig_task(const char *arn, const char *status, const char *members)
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

void rig_add(struct rig *rig, const char *arn, const char *status, int64_t seq, const char *members)
{
    struct eca_task *task = rig_task(arn, status, members);
    struct eca_err err = {0};

    if (task->desired == ECA_STATUS_STOPPED) {
        task->stop_seq = seq;
    } else {
        task->start_seq = seq;
    }
    ck_assert_int_eq(eca_engine_add(rig->engine, task, &err), ECA_OK);
}

void rig_run(struct rig *rig, uint64_t ms)
{
    manual_clock_advance_ms(&rig->clock, ms);
}

void rig_one_running(struct rig *rig)
{
    rig_start(rig);
    rig_add(rig, ARN, "RUNNING", 0, ONE);
    rig_run(rig, 100);
    rig_reports_are(rig, "web RUNNING\ntask RUNNING\n");
}

const struct eca_container *rig_container(const struct rig *rig, const char *arn, const char *name)
{
    const struct eca_task *task = eca_engine_find(rig->engine, arn);

    return task == NULL ? NULL : eca_task_find(task, name);
}

enum eca_status rig_known(const struct rig *rig, const char *arn)
{
    const struct eca_task *task = eca_engine_find(rig->engine, arn);

    ck_assert_ptr_nonnull(task);
    return task->known;
}

size_t rig_asked(const struct rig *rig, const char *line)
{
    return script_runtime_count(&rig->docker, line);
}

void rig_reports_are(const struct rig *rig, const char *want)
{
    ck_assert_str_eq(eca_buf_str(&rig->reports), want);
}

size_t rig_said(const struct rig *rig, const char *level, const char *text)
{
    eca_auto_free char *mark = eca_xasprintf("[%s]", level);
    const char *at = eca_buf_str(&rig->said);
    size_t count = 0;

    while (*at != '\0') {
        size_t len = strcspn(at, "\n");

        count += memmem(at, len, mark, strlen(mark)) != NULL &&
                         memmem(at, len, text, strlen(text)) != NULL
                     ? 1
                     : 0;
        at += len + (at[len] == '\n' ? 1 : 0);
    }
    return count;
}
