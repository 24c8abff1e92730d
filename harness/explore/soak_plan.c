#include "harness/explore/soak.h"

#include <stdarg.h>

#include "agent/base/mem.h"
#include "harness/sim/rng.h"

#define STREAM UINT64_C(0x736f616b) /* of the seed; the run itself uses others */
#define HOURS_PER_DAY 24
#define BUSY_S (40 * 60) /* of each hour; the rest is for stragglers, so that marks are alike */
#define OUTER "  "
#define INNER "      "
#define STEPS_PER_HOUR 20
#define EVENTS_MAX 2000000
#define MORE_MEMORY_KIB 16 /* a day's marks without a leak differ by less */

struct plan {
    const struct hns_soak_opts *opts;
    struct sim_rng rng;
    struct eca_buf *out;
    uint64_t hour, group;
    const char *indent; /* of steps */
};

static uint64_t below(struct plan *plan, uint64_t bound)
{
    return eca_entropy_below(sim_rng_port(&plan->rng), bound);
}

static void step(struct plan *plan, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void step(struct plan *plan, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    eca_buf_addf(plan->out, "%s- ", plan->indent);
    eca_buf_vaddf(plan->out, fmt, args);
    eca_buf_add_char(plan->out, '\n');
    va_end(args);
}

/* Tasks by the name's first word; `docker.containers` of the world says how each ends. */
static void send_tasks(struct plan *plan, uint64_t count)
{
    static const char *const kinds[] = {
        "short", "short", "long", "failing", "lost", "pair", "stopped",
    };
    const char *kind = kinds[below(plan, ECA_ARRAY_LEN(kinds))];
    const char *containers = "{name: main}";
    eca_auto_buf struct eca_buf name = {0};

    eca_buf_addf(&name, "%s-%llu-%llu", kind, (unsigned long long)plan->hour,
                 (unsigned long long)plan->group++);
    if (kind[0] == 'p') {
        containers = "{name: main, links: [side]}, {name: side, essential: false}";
    } else if (kind[1] == 'o' && kind[2] == 's') {
        containers = "{name: main, image: unknown}";
    }
    step(plan, "acs.send: {task: %s, copies: %llu, containers: [%s]}", eca_buf_str(&name),
         (unsigned long long)count, containers);
    if (kind[0] == 's' && kind[1] == 't') {
        step(plan, "advance: 30s");
        for (uint64_t i = 1; i <= count; i++) {
            step(plan, "acs.stop_task: %s-%llu", eca_buf_str(&name), (unsigned long long)i);
        }
    }
}

/* What goes wrong, or happens anyway, once. */
static void disturb(struct plan *plan)
{
    static const char *const steps[][3] = {
        {"tcs.cut:"},
        {"tcs.close: 1000"},
        {"tcs.close: 1011"},
        {"acs.cut:"},
        {"acs.close: idle"},
        {"acs.refuse: {times: 5, status: 500}", "acs.cut:"},
        {"tcs.refuse: {times: 5, status: 500}", "tcs.cut:"},
        {"docker.down:", "advance: 20s", "docker.up:"},
        {"docker.events: reset"},
        {"docker.end_stats:"},
        {"ecs.fail: {operation: \"Submit*\", preset: throttling, times: 20}"},
        {"ecs.fail: {operation: \"Submit*\", preset: server, times: 10, after_effect: true}"},
        {"fault: {kind: hang, party: ecs, times: 1}"},
        {"fault: {kind: reset, party: docker, what: \"inspect*\", times: 5}"},
        {"metadata.rotate:"},
        {"acs.credentials: keys"},
        {"acs.stage_update: one.tar"},
        {"acs.stage_update: two.tar"},
        {"acs.stage_update: {location: \"${updates.one.tar.url}\", signature: \"00\"}"},
        {"tcs.raw: '{\"type\":\"Surprise\"}'"},
        {"acs.raw: '{\"type\":\"Surprise\"}'"},
    };
    const char *const *chosen = steps[below(plan, ECA_ARRAY_LEN(steps))];

    for (size_t i = 0; i < ECA_ARRAY_LEN(steps[0]) && chosen[i] != NULL; i++) {
        step(plan, "%s", chosen[i]);
    }
}

static void hour(struct plan *plan, uint64_t tasks)
{
    uint64_t left = tasks, pause_s = BUSY_S / STEPS_PER_HOUR;
    unsigned long long pause;

    step(plan, "parallel:");
    eca_buf_add_str(plan->out, "    - [{advance: 58m}]\n    -\n");
    plan->indent = INNER;
    for (uint64_t i = 0; i < STEPS_PER_HOUR; i++) {
        uint64_t share = left / (STEPS_PER_HOUR - i);
        uint64_t count = i + 1 == STEPS_PER_HOUR ? left : below(plan, 2 * share + 1);

        if (count > 0) {
            send_tasks(plan, count < left ? count : left);
            left -= count < left ? count : left;
        }
        if (below(plan, 3) == 0) {
            disturb(plan);
        }
        pause = 1 + below(plan, 2 * pause_s);
        step(plan, "advance: %llus", pause);
    }
    step(plan, "fault.clear:");
    if (tasks > 0) {
        step(plan, "expect: {ecs: task STOPPED, count: %llu, within: 30m}",
             (unsigned long long)tasks);
    }
    step(plan, "check: {connected: true, telemetry: true, containers: 5, stats_streams: 5, "
               "unacknowledged: 0, within: 20m}");
    plan->indent = OUTER;
    step(plan, "advance: 2m");
    step(plan, "resources: {mark: hour-%llu}", (unsigned long long)plan->hour);
}

static void world(struct plan *plan)
{
    unsigned long long hours = plan->opts->days * HOURS_PER_DAY * 2;

    eca_buf_addf(plan->out,
                 "name: Nothing grows in %llu days with %llu tasks\n"
                 "modes: [sim]\nreason: made by harness soak\n"
                 "limits: {time: %lluh, events: %d}\n"
                 "world:\n"
                 "  agent:\n"
                 "    ECS_LOGLEVEL: warn\n"
                 "    ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION: 10m\n"
                 "    ECS_ENABLE_TASK_IAM_ROLE: \"true\"\n"
                 "    ECS_UPDATES_ENABLED: \"true\"\n"
                 "    ECS_UPDATE_DOWNLOAD_DIR: \"${data.dir}\"\n"
                 "    AWS_ACCESS_KEY_ID: null\n"
                 "    AWS_SECRET_ACCESS_KEY: null\n"
                 "  metadata: {key_life: 1h}\n"
                 "  updates:\n"
                 "    one.tar: {content: the first}\n"
                 "    two.tar: {content: the second}\n"
                 "  docker:\n"
                 "    images:\n"
                 "      busybox: {}\n"
                 "      unknown: {absent: true}\n"
                 "    containers:\n"
                 "      - {container: \"short-*/main\", exits_after: 20s}\n"
                 "      - {container: \"long-*/main\", exits_after: 3m}\n"
                 "      - {container: \"pair-*/main\", exits_after: 40s}\n"
                 "      - {container: \"failing-*/main\", exits_after: 2s, exit_code: 1}\n"
                 "timeline:\n",
                 (unsigned long long)plan->opts->days, (unsigned long long)plan->opts->tasks, hours,
                 EVENTS_MAX);
}

void hns_soak_generate(const struct hns_soak_opts *opts, struct eca_buf *out)
{
    struct plan plan = {.opts = opts, .out = out, .indent = OUTER};
    uint64_t hours = opts->days * HOURS_PER_DAY, sent = 0;

    sim_rng_init(&plan.rng, opts->seed, STREAM);
    world(&plan);
    step(&plan, "expect: {acs: connect}");
    step(&plan, "acs.send: {task: base, copies: 4, containers: [{name: main}]}");
    step(&plan, "acs.send: {task: keys, roleCredentials: true, containers: [{name: main}]}");
    for (plan.hour = 1; plan.hour <= hours; plan.hour++) {
        uint64_t until = opts->tasks * plan.hour / hours;

        hour(&plan, until - sent);
        sent = until;
    }
    step(&plan, "resources: {steady: \"hour-*\", more_memory_kib: %d}", MORE_MEMORY_KIB);
    step(&plan, "say: an update ends it");
    step(&plan, "acs.stage_update: one.tar");
    step(&plan, "expect: {acs: ack}");
    step(&plan, "acs.perform_update:");
    step(&plan, "expect: {agent: exit, code: 42}");
    step(&plan, "agent.start:");
    step(&plan, "check: {connected: true, containers: 5, stats_streams: 5, within: 1m}");
}
