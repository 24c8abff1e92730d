#include "agent/aws/ecs_discovery.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/mutation.h"

#define MODULE "api client"
#define NS_PER_MS UINT64_C(1000000)
#define TOTAL_MS_DEFAULT 15000
#define AGE_MS_DEFAULT (UINT64_C(20) * 60 * 1000)
#define DIALS_MAX_DEFAULT 3

static const char *const member_names[ECA_ECS_BACKENDS] = {
    [ECA_ECS_ACS] = "endpoint",
    [ECA_ECS_TELEMETRY] = "telemetryEndpoint",
};

struct eca_ecs_discovery_wait {
    struct eca_list_node node; /* in discovery->waits */
    struct eca_ecs_discovery *discovery;
    enum eca_ecs_backend backend;
    struct eca_deferred ready;
    struct eca_aws_failure failure; /* of the request it waited for; class OK = none */
    eca_ecs_fn *on_done;
    void *arg;
};

struct eca_ecs_discovery {
    struct eca_aws_service *service;
    struct eca_aws_call_opts call_opts;
    uint64_t age_ns;
    uint32_t dials_max;
    struct eca_aws_call *call;
    struct eca_list waits;
    char *cluster, *instance_arn;      /* of the answer and of the request under way */
    char *endpoints[ECA_ECS_BACKENDS]; /* last answer; NULL = missing in it, or none yet */
    bool answered;
    uint64_t answered_ns;
    uint32_t failed_dials[ECA_ECS_BACKENDS];
};

static bool is_fresh(const struct eca_ecs_discovery *discovery, enum eca_ecs_backend backend)
{
    if (ECA_MUTATION(STALE_DISCOVERY) && discovery->endpoints[backend] != NULL) {
        return true;
    }
    return discovery->answered && discovery->endpoints[backend] != NULL &&
           eca_sched_now_ns(discovery->service->sched) - discovery->answered_ns <
               discovery->age_ns &&
           discovery->failed_dials[backend] < discovery->dials_max;
}

static void wait_free(struct eca_ecs_discovery_wait *wait)
{
    eca_list_remove(&wait->discovery->waits, &wait->node);
    eca_deferred_cancel(&wait->ready);
    eca_free(wait);
}

static void set_missing(struct eca_aws_failure *failure, enum eca_ecs_backend backend)
{
    *failure = (struct eca_aws_failure){.class = ECA_AWS_DEFINITE, .http_status = 200};
    (void)snprintf(failure->code, sizeof(failure->code), "MissingEndpoint");
    (void)snprintf(failure->message, sizeof(failure->message),
                   "DiscoverPollEndpoint returned no %s", member_names[backend]);
}

static void wait_ready(void *arg)
{
    struct eca_ecs_discovery_wait *wait = arg;
    struct eca_ecs_discovery *discovery = wait->discovery;
    struct eca_aws_failure failure = wait->failure;
    eca_auto_free char *endpoint = eca_xstrdup(discovery->endpoints[wait->backend]);
    enum eca_ecs_backend backend = wait->backend;
    eca_ecs_fn *on_done = wait->on_done;
    void *on_done_arg = wait->arg;

    wait_free(wait);
    if (failure.class != ECA_AWS_OK && endpoint != NULL) { /* the last known one (FB-24.1) */
        ECA_WARN(discovery->service->log, MODULE, ECA_KV("code", failure.code),
                 "DiscoverPollEndpoint failed, last known %s is used", member_names[backend]);
        failure.class = ECA_AWS_OK;
    }
    if (failure.class == ECA_AWS_OK && endpoint == NULL) {
        set_missing(&failure, backend);
    }
    on_done(on_done_arg, endpoint, failure.class == ECA_AWS_OK ? NULL : &failure);
}

/* Everybody who asked meanwhile gets this answer (FB-24.3). */
static void release_waits(struct eca_ecs_discovery *discovery,
                          const struct eca_aws_failure *failure)
{
    ECA_LIST_FOREACH(node, &discovery->waits)
    {
        struct eca_ecs_discovery_wait *wait =
            eca_list_entry(node, struct eca_ecs_discovery_wait, node);
        if (failure != NULL) {
            wait->failure = *failure;
        }
        eca_deferred_queue(&wait->ready);
    }
}

static void forget_endpoints(struct eca_ecs_discovery *discovery)
{
    for (size_t i = 0; i < ECA_ECS_BACKENDS; i++) {
        eca_free(discovery->endpoints[i]);
        discovery->endpoints[i] = NULL;
    }
    discovery->answered = false;
}

static void on_answer(void *arg, eca_json root, const struct eca_aws_failure *failure)
{
    struct eca_ecs_discovery *discovery = arg;

    discovery->call = NULL;
    if (failure == NULL) {
        forget_endpoints(discovery);
        for (size_t i = 0; i < ECA_ECS_BACKENDS; i++) {
            eca_json member = eca_json_get(root, member_names[i]);
            if (eca_json_type(member) == ECA_JSON_STRING && eca_json_str(member)[0] != '\0') {
                discovery->endpoints[i] = eca_xstrdup(eca_json_str(member));
            }
            discovery->failed_dials[i] = 0;
        }
        discovery->answered = true;
        discovery->answered_ns = eca_sched_now_ns(discovery->service->sched);
    }
    release_waits(discovery, failure);
}

static void ask(struct eca_ecs_discovery *discovery)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "cluster", discovery->cluster);
    eca_jw_str(&w, "containerInstance", discovery->instance_arn);
    eca_jw_end_object(&w);
    ECA_DEBUG(discovery->service->log, MODULE, ECA_KV("instance", discovery->instance_arn),
              "asking for the poll endpoint");
    eca_aws_call_start(discovery->service, "DiscoverPollEndpoint", eca_buf_view(&body),
                       &discovery->call_opts, on_answer, discovery, &discovery->call);
}

/* An answer belongs to one instance (API-802). */
static void set_instance(struct eca_ecs_discovery *discovery, const char *cluster,
                         const char *instance_arn)
{
    if (discovery->instance_arn != NULL && strcmp(discovery->instance_arn, instance_arn) == 0 &&
        strcmp(discovery->cluster, cluster) == 0) {
        return;
    }
    eca_aws_call_cancel(discovery->call);
    discovery->call = NULL;
    forget_endpoints(discovery);
    eca_free(discovery->cluster);
    eca_free(discovery->instance_arn);
    discovery->cluster = eca_xstrdup(cluster);
    discovery->instance_arn = eca_xstrdup(instance_arn);
}

void eca_ecs_discovery_get(struct eca_ecs_discovery *discovery, enum eca_ecs_backend backend,
                           const char *cluster, const char *instance_arn, eca_ecs_fn *on_done,
                           void *arg, struct eca_ecs_discovery_wait **ret_wait)
{
    struct eca_ecs_discovery_wait *wait = eca_xalloc(sizeof(*wait));

    wait->discovery = discovery;
    wait->backend = backend;
    wait->on_done = on_done;
    wait->arg = arg;
    eca_deferred_init(&wait->ready, discovery->service->sched, wait_ready, wait);
    eca_list_push_back(&discovery->waits, &wait->node);
    *ret_wait = wait;
    set_instance(discovery, cluster, instance_arn);
    if (is_fresh(discovery, backend)) {
        eca_deferred_queue(&wait->ready);
    } else if (discovery->call == NULL) {
        ask(discovery);
    }
}

void eca_ecs_discovery_cancel(struct eca_ecs_discovery_wait *wait)
{
    if (wait != NULL) {
        wait_free(wait); /* a request under way goes on: its answer is worth keeping */
    }
}

void eca_ecs_discovery_dialed(struct eca_ecs_discovery *discovery, enum eca_ecs_backend backend,
                              bool ok)
{
    uint32_t *failed = &discovery->failed_dials[backend];

    if (ok) {
        *failed = 0;
    } else if (*failed < discovery->dials_max) {
        (*failed)++;
    }
}

struct eca_ecs_discovery *eca_ecs_discovery_new(struct eca_aws_service *service,
                                                const struct eca_ecs_opts *opts)
{
    struct eca_ecs_discovery *discovery = eca_xalloc(sizeof(*discovery));
    uint64_t age_ms = opts->discover_age_ms == 0 ? AGE_MS_DEFAULT : opts->discover_age_ms;

    discovery->service = service;
    discovery->call_opts = (struct eca_aws_call_opts){
        .attempts = opts->attempts,
        .attempt_ms = opts->attempt_ms,
        .pause_ms = opts->pause_ms,
        .total_ms = opts->discover_ms == 0 ? TOTAL_MS_DEFAULT : opts->discover_ms, /* FB-24.4 */
    };
    discovery->age_ns = age_ms * NS_PER_MS;
    discovery->dials_max = opts->dials_max == 0 ? DIALS_MAX_DEFAULT : opts->dials_max;
    eca_list_init(&discovery->waits);
    return discovery;
}

void eca_ecs_discovery_free(struct eca_ecs_discovery *discovery)
{
    if (discovery == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &discovery->waits)
    {
        wait_free(eca_list_entry(node, struct eca_ecs_discovery_wait, node));
    }
    eca_aws_call_cancel(discovery->call);
    forget_endpoints(discovery);
    eca_free(discovery->cluster);
    eca_free(discovery->instance_arn);
    eca_free(discovery);
}
