#include "harness/explore/plan.h"

#include <string.h>

#include "agent/base/mem.h"

/* Steps before everything is mended: tasks are sent and stopped, and things go wrong. */

/* ---- work ------------------------------------------------------------------------------------ */

static unsigned some_task(struct hns_plan *plan)
{
    return (unsigned)hns_plan_below(plan, plan->task_count);
}

static void send(struct hns_plan *plan)
{
    unsigned i = some_task(plan), other = some_task(plan);

    if (plan->sent[i]) {
        if (plan->role[i] && hns_plan_chance(plan, 50)) {
            hns_plan_step(plan, "acs.credentials: t%u", i + 1);
            if (hns_plan_chance(plan, 50)) {
                hns_plan_step(plan, "credentials.check:");
            }
        } else if (!plan->stopped[i] && hns_plan_chance(plan, 45)) {
            hns_plan_step(plan, "acs.stop_task: {task: t%u, maybe: true}", i + 1);
            plan->stopped[i] = true;
        }
        return;
    }
    plan->sent[i] = true;
    if (other == i || !plan->sent[other] || plan->stopped[other] || plan->forgets_soon ||
        hns_plan_chance(plan, 50)) {
        hns_plan_step(plan, "acs.send: t%u", i + 1);
        return;
    }
    plan->stopped[other] = true; /* a start and a stop in one payload (FB-12) */
    hns_plan_step(plan, "acs.send: {tasks: [{task: t%u}, {task: t%u, desiredStatus: STOPPED}]}",
                  i + 1, other + 1);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void fault(struct hns_plan *plan, const char *kind, const char *party, const char *what)
{
    static const char *const delays[] = {"50ms", "3s", "40s", "3m"};
    /* no 404: a daemon that denies what it has is believed (DKR-402, FB-03) */
    static const unsigned statuses[] = {500, 500, 500, 503, 409};
    eca_auto_buf struct eca_buf more = {0};

    if (strncmp(kind, "delay", 5) == 0) {
        eca_buf_addf(&more, ", delay: %s", hns_plan_pick(plan, delays));
    }
    if (strcmp(kind, "status") == 0 && strcmp(party, "docker") != 0) {
        eca_buf_addf(&more, ", status: %u", 500 + (unsigned)hns_plan_below(plan, 4));
    } else if (strcmp(kind, "status") == 0) {
        eca_buf_addf(&more, ", status: %u, body: \"it broke\"", hns_plan_pick(plan, statuses));
    }
    if (hns_plan_chance(plan, 50)) {
        eca_buf_addf(&more, ", times: %u", 1 + (unsigned)hns_plan_below(plan, 4));
    } else {
        eca_buf_addf(&more, ", chance: %u", 20 + (unsigned)hns_plan_below(plan, 500));
    }
    hns_plan_step(plan, "fault: {kind: %s, party: %s, what: \"%s\"%s}", kind, party, what,
                  eca_buf_str(&more));
}

static const char *const exchange_kinds[] = {
    "delay", "delay-answer", "hang",     "hang-answer", "refuse",
    "reset", "reset-answer", "cut-body", "garbage",     "status"};

static bool is_all_sent(const struct hns_plan *plan)
{
    for (unsigned i = 0; i < plan->task_count; i++) {
        if (!plan->sent[i]) {
            return false;
        }
    }
    return true;
}

/* Something that leads to a call of this kind. */
static void provoke(struct hns_plan *plan, const char *call)
{
    unsigned i = some_task(plan);

    if (strcmp(call, "list") == 0 || strcmp(call, "version") == 0) {
        hns_plan_step(plan, "agent.restart:");
    } else if (strcmp(call, "stop") == 0) {
        if (plan->sent[i] && !plan->stopped[i]) {
            plan->stopped[i] = true;
            hns_plan_step(plan, "acs.stop_task: {task: t%u, maybe: true}", i + 1);
        }
    } else {
        send(plan);
    }
}

static void docker_call(struct hns_plan *plan)
{
    static const char *const calls[] = {"create", "start",  "stop", "stop",    "inspect",
                                        "stop",   "remove", "list", "version", "stats"};
    const char *kind = hns_plan_pick(plan, exchange_kinds);
    const char *call = hns_plan_pick(plan, calls);

    if (hns_plan_chance(plan, 10)) { /* no stop works, until nothing is left but a kill (FB-06) */
        hns_plan_step(plan, "fault: {kind: status, party: docker, what: stop, status: 500}");
        provoke(plan, "stop");
        hns_plan_step(plan, "advance: %us", 10 + 30 * (unsigned)hns_plan_below(plan, 4));
        return;
    }
    if (is_all_sent(plan)) {
        call = strcmp(call, "create") == 0 || strcmp(call, "start") == 0 ? "stop" : call;
    }
    fault(plan, kind, "docker", call);
    if (hns_plan_chance(plan, 70)) {
        provoke(plan, call);
    }
}

static void pull(struct hns_plan *plan)
{
    const char *kind = hns_plan_pick(plan, exchange_kinds);

    fault(plan, kind, "docker", hns_plan_chance(plan, 80) ? "pull" : "image-inspect");
}

static void docker_events(struct hns_plan *plan)
{
    static const char *const words[] = {"end",  "reset", "hold", "release", "release-reversed",
                                        "mute", "unmute"};
    static const char *const kinds[] = {"drop", "duplicate", "delay"};
    static const char *const what[] = {"event:die", "event:start", "event:*"};

    if (hns_plan_chance(plan, 60)) {
        hns_plan_step(plan, "docker.events: %s", hns_plan_pick(plan, words));
    } else if (hns_plan_chance(plan, 20)) {
        hns_plan_step(plan, "docker.event: \"{broken\"");
    } else {
        const char *kind = hns_plan_pick(plan, kinds);

        fault(plan, kind, "docker", hns_plan_pick(plan, what));
    }
}

static void docker_daemon(struct hns_plan *plan)
{
    static const char *const fates[] = {"live", "live", "stopped", "gone"};

    if (plan->docker_is_down) {
        hns_plan_step(plan, "docker.up:");
    } else {
        hns_plan_step(plan, "docker.down: %s", hns_plan_pick(plan, fates));
    }
    plan->docker_is_down = !plan->docker_is_down;
}

static void ecs(struct hns_plan *plan)
{
    static const char *const operations[] = {"Submit*", "SubmitTaskStateChange",
                                             "SubmitContainerStateChange", "DiscoverPollEndpoint"};
    static const char *const presets[] = {"throttling", "server"};

    const char *operation = hns_plan_pick(plan, operations);

    if (hns_plan_chance(plan, 30)) {
        const char *preset = hns_plan_pick(plan, presets);
        unsigned times = 1 + (unsigned)hns_plan_below(plan, 5);

        hns_plan_step(plan,
                      "ecs.fail: {operation: \"%s\", preset: %s, times: %u, after_effect: %s}",
                      operation, preset, times, hns_plan_chance(plan, 30) ? "true" : "false");
    } else {
        fault(plan, hns_plan_pick(plan, exchange_kinds), "ecs", operation);
    }
}

static void acs(struct hns_plan *plan)
{
    static const char *const steps[] = {
        "acs.cut:",
        "acs.cut:",
        "acs.close: expired",
        "acs.close: idle",
        "acs.close: internal",
        "acs.close: going-away",
        "acs.hold:",
        "acs.accept:",
        "acs.refuse: {times: 2, status: 500}",
        "acs.refuse: {status: 503}",
        "acs.reading: false",
        "acs.reading: true",
        "acs.heartbeats: off",
        "acs.heartbeats: 20s",
        "acs.close_at_once: 1011",
        "acs.close_at_once: 0",
        "acs.raw: \"{not json\"",
        "acs.ping: x",
    };
    static const char *const kinds[] = {"drop", "duplicate", "delay", "reset"};
    static const char *const messages[] = {"PayloadMessage", "AckRequest",
                                           "IAMRoleCredentialsMessage", "HeartbeatMessage"};

    if (hns_plan_chance(plan, 55)) {
        hns_plan_step(plan, "%s", hns_plan_pick(plan, steps));
    } else if (hns_plan_chance(plan, 15)) { /* away for longer than silence is borne (ACS-231) */
        hns_plan_step(plan, "acs.refuse: {status: 503}");
        hns_plan_step(plan, "acs.cut:");
        hns_plan_step(plan, "advance: 10m");
        hns_plan_step(plan, "acs.accept:");
    } else if (hns_plan_chance(plan, 20)) { /* an answer that is wrong for a while */
        hns_plan_step(plan, "say: ACS moves");
        hns_plan_step(plan, "ecs.endpoint: \"https://gone.us-west-2.amazonaws.com/\"");
        hns_plan_step(plan, "acs.cut:");
    } else {
        const char *kind = hns_plan_pick(plan, kinds);

        fault(plan, kind, "acs", hns_plan_pick(plan, messages));
    }
}

static void tcs(struct hns_plan *plan)
{
    static const char *const steps[] = {
        "tcs.cut:",           "tcs.close: 1000",
        "tcs.hold:",          "tcs.accept:",
        "tcs.acks: none",     "tcs.acks: all",
        "tcs.reading: false", "tcs.reading: true",
        "docker.end_stats:",  "tcs.refuse: {times: 3, status: 500}",
    };

    hns_plan_step(plan, "%s", hns_plan_pick(plan, steps));
}

static void metadata(struct hns_plan *plan)
{
    static const char *const steps[] = {"metadata.rotate:", "metadata.tokens: silent",
                                        "metadata.tokens: off", "metadata.tokens: on"};

    if (hns_plan_chance(plan, 50)) {
        hns_plan_step(plan, "%s", hns_plan_pick(plan, steps));
    } else {
        fault(plan, hns_plan_pick(plan, exchange_kinds), "metadata", "*");
    }
}

static void disk(struct hns_plan *plan)
{
    static const char *const steps[] = {"disk: {state: fail, times: 3}", "disk: full", "disk: fail",
                                        "disk: ok", "disk: {state: ok, takes: 2s}"};

    hns_plan_step(plan, "%s", hns_plan_pick(plan, steps));
}

/* ---- deaths, operators, time ----------------------------------------------------------------- */

static void advance(struct hns_plan *plan, uint32_t ms_max)
{
    uint64_t ms = hns_plan_below(plan, 4) == 0 ? hns_plan_below(plan, 50)
                                               : hns_plan_below(plan, (uint64_t)ms_max + 1);

    hns_plan_step(plan, "advance: %llums", (unsigned long long)ms);
}

static void death(struct hns_plan *plan)
{
    static const char *const events[] = {
        "{docker: create}",
        "{docker: created}",
        "{docker: start}",
        "{docker: running}",
        "{docker: exited}",
        "{docker: stop}",
        "{docker: pull}",
        "{docker: remove}",
        "{acs: ack}",
        "{acs: sent, type: PayloadMessage}",
        "{ecs: task RUNNING}",
        "{ecs: task STOPPED}",
        "{ecs: container RUNNING}",
        "{ecs: container STOPPED}",
        "{acs: connect}",
    };

    if (hns_plan_chance(plan, 50)) {
        hns_plan_step(plan, "agent.kill_at: %s", hns_plan_pick(plan, events));
        send(plan);
    } else if (hns_plan_chance(plan, 70)) {
        hns_plan_step(plan, "agent.kill:");
    } else {
        hns_plan_step(plan, "agent.ensure:");
        hns_plan_step(plan, "agent.terminate: {within: 1m}");
    }
    advance(plan, 20000);
    hns_plan_step(plan, "agent.ensure:");
}

static void operators(struct hns_plan *plan)
{
    static const char *const verbs[] = {"kill", "stop", "remove", "exit", "oom", "restart"};
    unsigned task = some_task(plan);
    /* Nobody stops what an operator starts again unseen: while the events are away, or the daemon
     * was. */
    unsigned count = plan->weight[HNS_FAM_EVENTS] > 0 || plan->weight[HNS_FAM_DAEMON] > 0 ? 5 : 6;
    const char *verb = verbs[hns_plan_below(plan, count)];
    unsigned container = (unsigned)hns_plan_below(plan, plan->containers[task]);

    if (strcmp(verb, "restart") == 0) { /* what comes back twice is left alone (TASKM-161) */
        verb = plan->restarted[task][container] ? "kill" : verb;
        plan->restarted[task][container] = true;
    }
    hns_plan_step(plan, "docker.%s: {container: t%u/c%u, maybe: true}", verb, task + 1,
                  container + 1);
}

static void clock_step(struct hns_plan *plan)
{
    static const char *const steps[] = {"1h", "-1h", "4m", "-4m", "26h"};
    const char *by = hns_plan_pick(plan, steps);

    unsigned hours = strcmp(by, "1h") == 0 ? 1 : strcmp(by, "26h") == 0 ? 26 : 0;

    /* A task is cleaned up 3 h after its end by default; what ECS sends of it after that is new to
     * any agent, which reports its end once more. ECS that loses messages sends so late only when
     * the clock jumped. */
    if (plan->weight[HNS_FAM_ACS] > 0 && plan->hours_ahead + hours >= 3) {
        by = "4m";
        hours = 0;
    }
    plan->hours_ahead += hours;
    plan->forgets_soon = plan->forgets_soon || plan->hours_ahead >= 3;
    hns_plan_step(plan, "clock.step: \"%s\"", by);
}

static void update(struct hns_plan *plan)
{
    if (hns_plan_chance(plan, 60)) {
        hns_plan_step(plan, "acs.stage_update: agent.tar");
    } else {
        hns_plan_step(plan, "acs.perform_update:");
    }
}

/* The image of a name changes, an operator makes room, removals fail. */
static void images(struct hns_plan *plan)
{
    unsigned number = (unsigned)hns_plan_below(plan, HNS_IMAGES);

    switch (hns_plan_below(plan, 3)) {
    case 0:
        hns_plan_step(plan, "docker.image: {image: image%u, id: \"sha256:%064llx\"}", number,
                      (unsigned long long)hns_plan_below(plan, 1000000));
        break;
    case 1:
        hns_plan_step(plan, "docker.remove_image: {image: image%u, maybe: true}", number);
        break;
    default:
        fault(plan, hns_plan_pick(plan, exchange_kinds), "docker", "image-remove");
        break;
    }
}

static void clear(struct hns_plan *plan)
{
    hns_plan_step(plan, "fault.clear:");
}

/* ---- all together ---------------------------------------------------------------------------- */

typedef void trouble_fn(struct hns_plan *plan);
static trouble_fn *const troubles[HNS_FAMILIES] = {
    [HNS_FAM_DOCKER] = docker_call,
    [HNS_FAM_PULL] = pull,
    [HNS_FAM_EVENTS] = docker_events,
    [HNS_FAM_DAEMON] = docker_daemon,
    [HNS_FAM_ECS] = ecs,
    [HNS_FAM_ACS] = acs,
    [HNS_FAM_TCS] = tcs,
    [HNS_FAM_METADATA] = metadata,
    [HNS_FAM_DISK] = disk,
    [HNS_FAM_DEATH] = death,
    [HNS_FAM_OPERATOR] = operators,
    [HNS_FAM_CLOCK] = clock_step,
    [HNS_FAM_UPDATE] = update,
    [HNS_FAM_IMAGES] = images,
};

static void one(struct hns_plan *plan)
{
    unsigned sum = 8; /* work */

    for (int i = 0; i < HNS_FAMILIES; i++) {
        sum += plan->weight[i];
    }
    sum = (unsigned)hns_plan_below(plan, sum);
    for (int i = 0; i < HNS_FAMILIES; i++) {
        if (sum < plan->weight[i]) {
            troubles[i](plan);
            return;
        }
        sum -= plan->weight[i];
    }
    if (sum == 0) {
        clear(plan);
    } else {
        send(plan);
    }
}

void hns_plan_trouble(struct hns_plan *plan)
{
    if (hns_plan_chance(plan, 80)) {
        hns_plan_step(plan, "expect: {acs: connect, within: 1m}");
    }
    for (unsigned i = 0; i < plan->step_count; i++) {
        one(plan);
        if (hns_plan_chance(plan, 70)) {
            advance(plan, 2 * plan->phase_ms / plan->step_count);
        }
    }
    for (unsigned i = 0; i < plan->task_count; i++) {
        if (!plan->sent[i]) {
            hns_plan_step(plan, "acs.send: t%u", i + 1);
        }
    }
}
