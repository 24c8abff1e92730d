#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The agent's lives: starts, deaths, exits, and what it says meanwhile. */
#define EXIT_UPDATED 42 /* a new version is staged (PROC-301) */

static int start_agent(struct hns_run *run)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_err err = {0};

    run->exited = false;
    run->restart_at_ns = 0;
    eca_timer_stop(&run->restart_timer);
    eca_buf_addf(&fields, "{\"life\":%zu}", ++run->lives);
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "start", eca_buf_str(&fields));
    if (run->stage.ops->agent_start(run->stage.impl, &err) < 0) {
        hns_fail(run, NULL, "the agent does not start: %s", err.msg);
        return err.code;
    }
    return ECA_OK;
}

int hns_agent_start(struct hns_run *run)
{
    hns_points_to_now(run, FAKE_LANES);
    return start_agent(run);
}

/* What it was told and could not write down may be submitted again. */
static void ecs_agent_gone(struct hns_run *run)
{
    if (run->disk_broke) {
        fake_ecs_agent_crashed(run->cast.ecs);
    } else {
        fake_ecs_agent_ended(run->cast.ecs);
    }
}

static void kill_agent(struct hns_run *run)
{
    if (run->stage.ops->agent_running(run->stage.impl)) {
        (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "killed", NULL);
        run->stage.ops->agent_kill(run->stage.impl);
        ecs_agent_gone(run);
    }
}

void hns_agent_kill(struct hns_run *run)
{
    kill_agent(run);
    hns_points_to_now(run, FAKE_LANES);
}

void hns_agent_die_and_rise(struct hns_run *run)
{
    if (run->stage.ops->agent_running(run->stage.impl)) {
        kill_agent(run);
        (void)start_agent(run);
    }
}

void hns_agent_terminate(struct hns_run *run)
{
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "terminate", NULL);
    run->stage.ops->agent_terminate(run->stage.impl);
}

void hns_run_agent_exit(struct hns_run *run, int code)
{
    eca_auto_buf struct eca_buf fields = {0};

    uint64_t restarts_ns = hns_run_duration_ns(run, hns_run_world(run, "restarts", NULL), 0);

    run->exited = true;
    run->exit_code = code;
    ecs_agent_gone(run);
    eca_buf_addf(&fields, "{\"code\":%d}", code);
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "exit", eca_buf_str(&fields));
    if (restarts_ns > 0 && (code == EXIT_FAILURE || code == EXIT_UPDATED)) {
        hns_use_exit(run);
        run->restart_at_ns = hns_now_ns(run) + restarts_ns;
        eca_timer_start_at(&run->restart_timer, run->start_ns + run->restart_at_ns);
    }
}

void hns_use_exit(struct hns_run *run)
{
    for (size_t i = fake_trace_count(run->stage.base.trace); i > 0; i--) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, i - 1);

        if (event->lane == FAKE_LANE_AGENT && strcmp(event->name, "exit") == 0) {
            hns_event_use(run, i - 1);
            return;
        }
    }
}

void hns_check_exits(struct hns_run *run)
{
    for (size_t i = 0; i < fake_trace_count(run->stage.base.trace); i++) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, i);

        if (event->lane == FAKE_LANE_AGENT && strcmp(event->name, "exit") == 0 &&
            !hns_event_is_used(run, i)) {
            eca_auto_buf struct eca_buf line = {0};

            hns_event_line(event, &line);
            hns_fail_wrong(run, NULL, "the agent ended, and no step expects it:\n    %s",
                           eca_buf_str(&line));
        }
    }
}

void hns_run_log(struct hns_run *run, enum eca_log_level level, struct eca_view line)
{
    eca_auto_free char *text = eca_xstrndup(line.at, line.len);

    if (run->opts->log_file != NULL) {
        (void)fprintf(run->opts->log_file, "%10.3f %s\n", (double)hns_now_ns(run) / 1e9, text);
    }
    if (run->line_count == HNS_LOG_LINES_MAX) {
        hns_fail(run, NULL, "the agent wrote more than %d log lines", HNS_LOG_LINES_MAX);
        return;
    }
    if (run->line_count == run->line_cap) {
        run->line_cap = run->line_cap == 0 ? 256 : run->line_cap * 2;
        run->lines = eca_xrealloc_array(run->lines, run->line_cap, sizeof(struct hns_log_line));
    }
    run->lines[run->line_count++] =
        (struct hns_log_line){level, hns_now_ns(run), eca_xstrdup(text), false};
    if (level >= ECA_LOG_WARN) {
        (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_AGENT, "log", "level",
                              eca_log_level_name(level), "text", text, NULL);
    }
}
