#include "harness/explore/plan.h"

#include "agent/base/mem.h"

/* The world of a generated scenario: settings, images, how containers act, tasks. */

static void agent(struct hns_plan *plan)
{
    static const char *const cleanup[] = {"1m", "2m", "10m"};
    static const struct hns_takes stop[] = {
        {"1s", 1000}, {"5s", 5000}, {"30s", 30000}, {"2m", 120000}};
    static const char *const image_interval[] = {"10m", "30m"};
    struct eca_buf *out = plan->out;

    eca_buf_add_str(out, "  agent:\n    ECS_ENABLE_TASK_IAM_ROLE: \"true\"\n");
    /* A payload that ECS sends again after the clean-up is a new task to any agent. */
    if (hns_plan_chance(plan, 50) && plan->weight[HNS_FAM_ACS] == 0) {
        plan->forgets_soon = true;
        plan->cleanup = hns_plan_pick(plan, cleanup);
        eca_buf_addf(out, "    ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION: %s\n", plan->cleanup);
    }
    plan->stop_ms = 30000;
    if (hns_plan_chance(plan, 50)) {
        const struct hns_takes *takes = &hns_plan_pick(plan, stop);

        plan->stop_ms = takes->ms;
        eca_buf_addf(out, "    ECS_CONTAINER_STOP_TIMEOUT: %s\n", takes->text);
    }
    if (hns_plan_chance(plan, 40)) {
        plan->image_interval = hns_plan_pick(plan, image_interval);
        eca_buf_addf(out,
                     "    ECS_IMAGE_CLEANUP_INTERVAL: %s\n"
                     "    ECS_IMAGE_MINIMUM_CLEANUP_AGE: 1m\n",
                     plan->image_interval);
    }
    if (plan->weight[HNS_FAM_UPDATE] > 0) {
        eca_buf_add_str(out, "    ECS_UPDATES_ENABLED: \"true\"\n"
                             "    ECS_UPDATE_DOWNLOAD_DIR: \"${data.dir}\"\n"
                             "    HTTP_PROXY: \"${updates.proxy}\"\n");
    }
    if (hns_plan_chance(plan, 30)) {
        eca_buf_add_str(out, "    ECS_DISABLE_METRICS: \"true\"\n");
    }
}

static void image(struct hns_plan *plan, unsigned number)
{
    static const struct hns_takes takes[] = {
        {"0s", 0}, {"200ms", 200}, {"3s", 3000}, {"45s", 45000}};
    struct eca_buf *out = plan->out;
    const struct hns_takes *pull = &hns_plan_pick(plan, takes);

    plan->image_ms[number] = pull->ms;
    eca_buf_addf(out, "      image%u: {pull_takes: %s", number, pull->text);
    if (hns_plan_chance(plan, 20)) {
        eca_buf_add_str(out, ", present: true");
    }
    if (hns_plan_chance(plan, 15)) {
        plan->image_ms[number] = 5 * (pull->ms + 6000);
        eca_buf_addf(out, ", pull_error: \"registry is busy\", pull_error_times: %u",
                     1 + (unsigned)hns_plan_below(plan, 6));
    } else if (hns_plan_chance(plan, 5)) {
        plan->image_ms[number] = 5 * (pull->ms + 6000);
        eca_buf_add_str(out, ", pull_error: \"manifest unknown\"");
    } else if (plan->weight[HNS_FAM_PULL] > 1 && hns_plan_chance(plan, 10)) {
        plan->pulls_hang = true;
        eca_buf_add_str(out,
                        hns_plan_chance(plan, 50) ? ", pull_stalls: true" : ", pull_silent: true");
    }
    eca_buf_add_str(out, "}\n");
}

static void docker(struct hns_plan *plan)
{
    static const char *const versions[] = {
        "version: 1.12.6, api: \"1.24\", events: both",
        "version: 1.12.6, api: \"1.24\", events: both",
        "version: 1.10.3, api: \"1.22\", events: both",
        "version: 1.9.1, api: \"1.21\", events: old",
        "version: 17.03.2-ce, api: \"1.27\", events: both",
        "version: 24.0.7, api: \"1.43\", min_api: \"1.24\", events: both",
    };
    static const char *const images[] = {"image0", "image1", "image2", "image3", "image4"};
    const char *versions_of = hns_plan_pick(plan, versions);

    eca_buf_add_str(plan->out, "  docker:\n");
    for (const char *at = versions_of; *at != '\0'; at++) { /* one member a line */
        if (at == versions_of) {
            eca_buf_add_str(plan->out, "    ");
        }
        if (at[0] == ',' && at[1] == ' ') {
            eca_buf_add_str(plan->out, "\n    ");
            at++;
        } else {
            eca_buf_add_char(plan->out, *at);
        }
    }
    eca_buf_add_str(plan->out, "\n    images:\n");
    for (unsigned i = 0; i < ECA_ARRAY_LEN(images); i++) {
        image(plan, i);
    }
    eca_buf_add_str(plan->out, "      probe: {pull_takes: 0s, present: true}\n");
    /* One pull at a time before 1.11.1 (FB-29.5). */
    plan->serial_pulls = versions_of == versions[2] || versions_of == versions[3];
}

static void behaviour(struct hns_plan *plan, unsigned task, unsigned container)
{
    static const char *const exits[] = {"0s", "20ms", "2s", "30s", "4m"};
    static const struct hns_takes takes[] = {{"100ms", 100}, {"2s", 2000}, {"20s", 20000}};
    static const struct hns_takes term[] = {
        {"100ms", 100}, {"1s", 1000}, {"10s", 10000}, {"50s", 50000}};
    struct eca_buf *out = plan->out;
    const struct hns_takes *one;
    unsigned slow_percent = plan->crowded ? 90 : 20;

    eca_buf_addf(out, "      - {container: t%u/c%u", task, container);
    if (hns_plan_chance(plan, 25)) {
        eca_buf_addf(out, ", exits_after: %s", hns_plan_pick(plan, exits));
        eca_buf_addf(out, ", exit_code: %u", (unsigned)hns_plan_below(plan, 3));
    }
    if (hns_plan_chance(plan, slow_percent)) {
        one = &hns_plan_pick(plan, takes);
        plan->task_ms[task - 1] += one->ms;
        eca_buf_addf(out, ", create_takes: %s", one->text);
    }
    if (hns_plan_chance(plan, slow_percent)) {
        one = &hns_plan_pick(plan, takes);
        plan->task_ms[task - 1] += one->ms;
        eca_buf_addf(out, ", start_takes: %s", one->text);
    }
    if (hns_plan_chance(plan, 5)) {
        eca_buf_add_str(out, ", start_error: no such file");
    }
    if (hns_plan_chance(plan, 15)) {
        plan->task_ms[task - 1] += plan->stop_ms;
        eca_buf_add_str(out, ", ignores_term: true");
    } else if (hns_plan_chance(plan, 30)) {
        one = &hns_plan_pick(plan, term);
        plan->task_ms[task - 1] += one->ms < plan->stop_ms ? one->ms : plan->stop_ms;
        eca_buf_addf(out, ", term_takes: %s", one->text);
        eca_buf_addf(out, ", term_code: %u", (unsigned)hns_plan_below(plan, 3));
    }
    eca_buf_add_str(out, "}\n");
}

static void container(struct hns_plan *plan, unsigned task, unsigned number, bool essential)
{
    struct eca_buf *out = plan->out;
    unsigned image = (unsigned)hns_plan_below(plan, HNS_IMAGES);

    plan->task_ms[task - 1] += plan->image_ms[image];
    eca_buf_addf(out, "        - {name: c%u, image: image%u, command: [run]", number, image);
    if (!essential) {
        eca_buf_add_str(out, ", essential: false");
    }
    if (number > 1 && hns_plan_chance(plan, 30)) {
        eca_buf_addf(out, ", links: [c%u]", 1 + (unsigned)hns_plan_below(plan, number - 1));
    }
    if (number > 1 && hns_plan_chance(plan, 20)) {
        eca_buf_addf(out, ", volumesFrom: [{sourceContainer: c%u}]",
                     1 + (unsigned)hns_plan_below(plan, number - 1));
    }
    if (hns_plan_chance(plan, 15)) {
        eca_buf_add_str(out, ", ports: [\"80\"]");
    } else if (hns_plan_chance(plan, 15)) { /* its own host port; now and then a shared one */
        eca_buf_addf(out, ", ports: [\"%u:80\"]",
                     hns_plan_chance(plan, 20) ? 8080 : 9000 + task * 10 + number);
    }
    eca_buf_add_str(out, "}\n");
}

static void tasks(struct hns_plan *plan)
{
    eca_buf_add_str(plan->out, "  tasks:\n");
    for (unsigned i = 0; i < plan->task_count; i++) {
        unsigned essential = 1 + (unsigned)hns_plan_below(plan, plan->containers[i]);

        plan->role[i] = hns_plan_chance(plan, 30);
        eca_buf_addf(plan->out, "    t%u:\n%s      containers:\n", i + 1,
                     plan->role[i] ? "      roleCredentials: true\n" : "");
        for (unsigned j = 1; j <= plan->containers[i]; j++) {
            container(plan, i + 1, j, j == essential || hns_plan_chance(plan, 60));
        }
    }
    eca_buf_add_str(plan->out, "    probe:\n      roleCredentials: true\n      containers:\n"
                               "        - {name: c1, image: probe, command: [run]}\n"
                               "    late:\n      containers:\n"
                               "        - {name: c1, image: probe, command: [run]}\n");
}

void hns_plan_world(struct hns_plan *plan)
{
    static const char *const resend[] = {"5s", "30s"};
    struct eca_buf *out = plan->out;

    eca_buf_add_str(out, "limits: {time: 6h, events: 60000}\nworld:\n  restarts: 10s\n");
    eca_buf_addf(out, "  latency: %uus\n  jitter: %uus\n", plan->latency_us, plan->jitter_us);
    agent(plan);
    docker(plan);
    eca_buf_add_str(out, "    containers:\n");
    for (unsigned i = 0; i < plan->task_count; i++) {
        plan->containers[i] = 1 + (unsigned)hns_plan_below(plan, HNS_CONTAINERS_MAX);
        for (unsigned j = 1; j <= plan->containers[i]; j++) {
            behaviour(plan, i + 1, j);
        }
    }
    if (plan->weight[HNS_FAM_ACS] > 0 || hns_plan_chance(plan, 20)) { /* lost ones come again */
        eca_buf_addf(out, "  acs: {resend: %s}\n", hns_plan_pick(plan, resend));
    }
    tasks(plan);
    if (plan->weight[HNS_FAM_UPDATE] > 0) {
        eca_buf_add_str(out, "  updates:\n    agent.tar: {content: the next agent, takes: 2s}\n");
    }
}
