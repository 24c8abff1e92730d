#include "harness/explore/plan.h"

#include "agent/base/mem.h"

/* The world of a generated scenario: settings, images, how containers act, tasks. */

static void agent(struct hns_plan *plan)
{
    static const char *const cleanup[] = {"1m", "2m", "10m"};
    static const char *const stop[] = {"1s", "5s", "30s", "2m"};
    static const char *const image_interval[] = {"10m", "30m"};
    struct eca_buf *out = plan->out;

    eca_buf_add_str(out, "  agent:\n    ECS_ENABLE_TASK_IAM_ROLE: \"true\"\n");
    /* A payload that ECS sends again after the clean-up is a new task to any agent. */
    if (hns_plan_chance(plan, 50) && plan->weight[HNS_FAM_ACS] == 0) {
        plan->forgets_soon = true;
        eca_buf_addf(out, "    ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION: %s\n",
                     hns_plan_pick(plan, cleanup));
    }
    if (hns_plan_chance(plan, 50)) {
        eca_buf_addf(out, "    ECS_CONTAINER_STOP_TIMEOUT: %s\n", hns_plan_pick(plan, stop));
    }
    if (hns_plan_chance(plan, 40)) {
        eca_buf_addf(out,
                     "    ECS_IMAGE_CLEANUP_INTERVAL: %s\n"
                     "    ECS_IMAGE_MINIMUM_CLEANUP_AGE: 1m\n",
                     hns_plan_pick(plan, image_interval));
    }
    if (hns_plan_chance(plan, 30)) {
        eca_buf_add_str(out, "    ECS_DISABLE_METRICS: \"true\"\n");
    }
}

static void image(struct hns_plan *plan, unsigned number)
{
    static const char *const takes[] = {"0s", "200ms", "3s", "45s"};
    struct eca_buf *out = plan->out;

    eca_buf_addf(out, "      image%u: {pull_takes: %s", number, hns_plan_pick(plan, takes));
    if (hns_plan_chance(plan, 20)) {
        eca_buf_add_str(out, ", present: true");
    }
    if (hns_plan_chance(plan, 15)) {
        eca_buf_addf(out, ", pull_error: \"registry is busy\", pull_error_times: %u",
                     1 + (unsigned)hns_plan_below(plan, 6));
    } else if (hns_plan_chance(plan, 5)) {
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
}

static void behaviour(struct hns_plan *plan, unsigned task, unsigned container)
{
    static const char *const exits[] = {"0s", "20ms", "2s", "30s", "4m"};
    static const char *const takes[] = {"100ms", "2s", "20s"};
    static const char *const term[] = {"100ms", "1s", "10s", "50s"};
    struct eca_buf *out = plan->out;

    eca_buf_addf(out, "      - {container: t%u/c%u", task, container);
    if (hns_plan_chance(plan, 25)) {
        eca_buf_addf(out, ", exits_after: %s", hns_plan_pick(plan, exits));
        eca_buf_addf(out, ", exit_code: %u", (unsigned)hns_plan_below(plan, 3));
    }
    if (hns_plan_chance(plan, 20)) {
        eca_buf_addf(out, ", create_takes: %s", hns_plan_pick(plan, takes));
    }
    if (hns_plan_chance(plan, 20)) {
        eca_buf_addf(out, ", start_takes: %s", hns_plan_pick(plan, takes));
    }
    if (hns_plan_chance(plan, 5)) {
        eca_buf_add_str(out, ", start_error: no such file");
    }
    if (hns_plan_chance(plan, 15)) {
        eca_buf_add_str(out, ", ignores_term: true");
    } else if (hns_plan_chance(plan, 30)) {
        eca_buf_addf(out, ", term_takes: %s", hns_plan_pick(plan, term));
        eca_buf_addf(out, ", term_code: %u", (unsigned)hns_plan_below(plan, 3));
    }
    eca_buf_add_str(out, "}\n");
}

static void container(struct hns_plan *plan, unsigned task, unsigned number, bool essential)
{
    struct eca_buf *out = plan->out;

    eca_buf_addf(out, "        - {name: c%u, image: image%u, command: [run]", number,
                 (unsigned)hns_plan_below(plan, HNS_IMAGES));
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
}
