#include "harness/explore/plan.h"

#include "agent/base/mem.h"

/*
 * The healthy phase: everything is mended; within a bound all tasks are where they belong; then the
 * agent is tried once more with small things, each of which has to go right at once: a session that
 * is cut, a new task, an end that nobody saw, what is left over afterwards.
 */
#define SETTLES_WITHIN "30m"
/* Every container's pull of every task may take its 5 minutes, one by one (DKR-712). */
#define SETTLES_AFTER_HANGING_PULLS_WITHIN "150m"
/* Latencies, pauses between tries, and what takes a moment beside the calls themselves. */
#define CALM_MS UINT64_C(60000)

static bool is_calm(const struct hns_plan *plan)
{
    for (int i = 0; i < HNS_FAMILIES; i++) {
        if (plan->weight[i] > 0) {
            return false;
        }
    }
    return true;
}

/* The slowest one, and another one that it waits for (FB-12). */
static uint64_t slowest_ms(const struct hns_plan *plan)
{
    uint64_t first = 0, second = 0;

    for (unsigned i = 0; i < plan->task_count; i++) {
        uint64_t ms = plan->task_ms[i];

        second = ms > first ? first : ms > second ? ms : second;
        first = ms > first ? ms : first;
    }
    return first + second;
}

/* Where nothing is broken no task waits for another one (FB-16, FB-29). */
static void check_settled(struct hns_plan *plan)
{
    eca_auto_buf struct eca_buf within = {0};
    unsigned long long calm_ms = slowest_ms(plan) + CALM_MS;

    if (is_calm(plan) && !plan->serial_pulls) {
        eca_buf_addf(&within, "%llums", calm_ms);
    } else {
        eca_buf_add_str(&within, plan->pulls_hang || plan->serial_pulls
                                     ? SETTLES_AFTER_HANGING_PULLS_WITHIN
                                     : SETTLES_WITHIN);
    }
    hns_plan_step(plan, "check: {settled: true, connected: true, agent: running, within: %s}",
                  eca_buf_str(&within));
}

static void mend(struct hns_plan *plan)
{
    static const char *const steps[] = {
        "say: everything is mended",
        "fault.clear:",
        "docker.up:",
        "docker.events: unmute",
        "docker.events: release",
        "disk: ok",
        "metadata.tokens: on",
        "acs.close_at_once: 0",
        "acs.reading: true",
        "acs.accept:",
        "acs.resend: 30s",
        "acs.heartbeats: 20s",
        "ecs.endpoint:",
        "tcs.acks: all",
        "tcs.reading: true",
        "tcs.accept:",
        "agent.ensure:",
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(steps); i++) {
        hns_plan_step(plan, "%s", steps[i]);
    }
}

/* A planned close resets the back-off, so the next end is followed by a try at once (ACS-212). */
static void try_sessions(struct hns_plan *plan)
{
    hns_plan_step(plan, "advance: 15s"); /* so long a session has to live for that */
    hns_plan_step(plan, "acs.close: expired");
    hns_plan_step(plan, "expect: {acs: connect, within: 5s}");
    hns_plan_step(plan, "acs.cut:");
    hns_plan_step(plan, "expect: {acs: connect, within: 5s}");
}

/* What ends while the event stream is away is told all the same, with its exit code (FB-01). */
static void try_task(struct hns_plan *plan)
{
    hns_plan_step(plan, "acs.send: probe");
    /* An image's removal that hangs holds up pulls for as long as it may take (IMG-203, IMG-209).
     */
    hns_plan_step(plan, "expect: {ecs: task RUNNING, task: probe, within: %s}",
                  plan->weight[HNS_FAM_IMAGES] > 0 ? "4m" : "30s");
    hns_plan_step(plan, "credentials.check: {served: true}");
    hns_plan_step(plan, "docker.events: %s", hns_plan_chance(plan, 50) ? "end" : "reset");
    hns_plan_step(plan, "docker.exit: {container: probe/c1, code: 7}");
    hns_plan_step(plan, "expect: {ecs: container STOPPED, task: probe, exitCode: 7, within: 20s}");
    hns_plan_step(plan, "expect: {ecs: task STOPPED, task: probe, within: 20s}");
    hns_plan_step(plan, "advance: 3s");
    hns_plan_step(plan, "credentials.check:");
    hns_plan_step(plan, "http: {path: /metrics, body: \"*ecs_agent_submission_queues 0*\", "
                        "within: 30s}");
}

/* All is stopped: containers go after the wait (CLN-102), then the images nobody uses (IMG-202). */
static void check_leftovers(struct hns_plan *plan)
{
    static const char *const kinds[] = {"reset-answer", "reset-answer", "status", "reset"};
    bool images = false, stepped = plan->weight[HNS_FAM_CLOCK] > 0;

    for (unsigned i = 0; i < plan->task_count; i++) {
        hns_plan_step(plan, "acs.stop_task: {task: t%u, maybe: true}", i + 1);
    }
    check_settled(plan);
    if (hns_plan_chance(plan, 50)) { /* no clean-up waits for an hour to come again */
        stepped = true;
        hns_plan_step(plan, "clock.step: \"-1h\"");
        hns_plan_step(plan, "agent.restart:");
    } else {
        images = plan->image_interval != NULL && !stepped;
    }
    if (hns_plan_chance(plan, 50)) {
        hns_plan_step(plan, "fault: {kind: %s, party: docker, what: remove, times: 2}",
                      hns_plan_pick(plan, kinds));
    }
    if (!stepped && hns_plan_chance(plan, 40)) { /* else the wait would begin anew */
        hns_plan_step(plan, "agent.kill_at: {docker: remove}");
    }
    hns_plan_step(plan, "advance: %s", plan->cleanup);
    hns_plan_step(plan, "advance: 2s");
    hns_plan_step(plan, "agent.ensure:");
    hns_plan_step(plan, "check: {containers: 0, within: 3m}");
    if (images) {
        if (hns_plan_chance(plan, 70)) {
            hns_plan_step(plan, "fault: {kind: %s, party: docker, what: image-remove, times: 1}",
                          hns_plan_pick(plan, kinds));
        }
        hns_plan_step(plan, "expect: {docker: image-remove, image: \"probe*\", within: 100m, "
                            "since: start}");
        hns_plan_step(plan, "acs.send: late"); /* made from it: pulled again (IMG-209) */
        hns_plan_step(plan, "expect: {ecs: task RUNNING, task: late, within: 30s}");
    }
}

void hns_plan_end(struct hns_plan *plan)
{
    bool looks_after = plan->cleanup != NULL && hns_plan_chance(plan, 50);

    mend(plan);
    check_settled(plan);
    hns_plan_step(plan, "http: {path: /v1/tasks, within: 30s}");
    hns_plan_step(plan, "advance: 1m");
    check_settled(plan);
    try_sessions(plan);
    if (looks_after) { /* its pull is repeated */
        hns_plan_step(
            plan, "fault: {kind: reset-answer, party: docker, what: \"pull:probe*\", times: 1}");
    }
    try_task(plan);
    if (looks_after) {
        check_leftovers(plan);
    }
}
