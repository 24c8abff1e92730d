#include "agent/aws/registration.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ports/backoff.h"

#define MODULE "api client"
#define DEFAULT_CLUSTER "default"
#define CPU_UNITS_PER_CPU 1024
#define EXIT_RESTART 1
#define EXIT_STAY_DOWN 5
#define ROUND_MIN_MS 3000
#define ROUND_MAX_MS 192000
#define TOTAL_MS (UINT64_C(60) * 60 * 1000)
#define NS_PER_MS UINT64_C(1000000)
#define TYPE_CHANGED "Container instance type changes are not supported."

struct eca_registration {
    struct eca_sched *sched;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_ecs *ecs;
    struct eca_imds *imds;
    /* Copies of the input. */
    char *cluster; /* the name used; "default" or CreateCluster's answer when not configured */
    bool cluster_configured;
    char *instance_arn, *client_token;
    struct eca_ecs_attribute *attributes;
    size_t attribute_count;
    uint16_t *ports, *ports_udp;
    size_t port_count, port_udp_count;
    int64_t cpu_units, memory_mib;
    struct eca_buf document, signature;

    uint64_t give_up_ns;
    struct eca_backoff backoff;
    struct eca_timer round;
    struct eca_imds_wait *metadata;
    struct eca_ecs_request *request;
    bool created; /* CreateCluster succeeded: no second one */
    struct eca_buf reason;
    eca_registration_fn *on_done;
    void *arg;
};

static char *copy_text(const char *text)
{
    return eca_xstrdup(text == NULL ? "" : text);
}

static void registration_free(struct eca_registration *registration)
{
    eca_timer_stop(&registration->round);
    eca_imds_cancel(registration->metadata);
    eca_ecs_cancel(registration->request);
    for (size_t i = 0; i < registration->attribute_count; i++) {
        char *texts[2];
        memcpy(&texts[0], &registration->attributes[i].name, sizeof(char *));
        memcpy(&texts[1], &registration->attributes[i].value, sizeof(char *));
        eca_free(texts[0]); /* our own copies, const only for the reader */
        eca_free(texts[1]);
    }
    eca_free(registration->attributes);
    eca_free(registration->ports);
    eca_free(registration->ports_udp);
    eca_free(registration->cluster);
    eca_free(registration->instance_arn);
    eca_free(registration->client_token);
    eca_buf_clear(&registration->document);
    eca_buf_clear(&registration->signature);
    eca_buf_clear(&registration->reason);
    eca_free(registration);
}

void eca_registration_cancel(struct eca_registration *registration)
{
    if (registration != NULL) {
        registration_free(registration);
    }
}

static void end_with(struct eca_registration *registration, bool ok, int exit_code)
{
    eca_auto_free char *instance_arn = eca_take(registration->instance_arn);
    eca_auto_free char *cluster = eca_take(registration->cluster);
    eca_auto_free char *reason = eca_buf_take(&registration->reason);
    eca_registration_fn *on_done = registration->on_done;
    void *arg = registration->arg;
    const struct eca_registration_result result = {
        .ok = ok,
        .instance_arn = instance_arn,
        .cluster = cluster,
        .exit_code = exit_code,
        .reason = reason,
    };

    registration_free(registration); /* gone before the owner hears of it */
    on_done(arg, &result);
}

/* ---- Failures ---------------------------------------------------------------------------------
 */

static bool is_restored(const struct eca_registration *registration)
{
    return registration->instance_arn[0] != '\0';
}

/* Only a cluster that nobody configured is created, and only when it is missing (API-620). */
static bool wants_cluster(const struct eca_registration *registration,
                          const struct eca_aws_failure *failure)
{
    return !registration->cluster_configured && !registration->created &&
           (strcmp(failure->code, "ClusterNotFoundException") == 0 ||
            strstr(failure->message, "Cluster not found") != NULL ||
            strstr(failure->message, "No such cluster") != NULL);
}

static bool is_worth_a_round(const struct eca_aws_failure *failure)
{
    return failure->class == ECA_AWS_TRANSPORT || failure->class == ECA_AWS_SERVER ||
           failure->class == ECA_AWS_THROTTLED; /* API-613 */
}

static void remember(struct eca_registration *registration, const char *what,
                     const struct eca_aws_failure *failure)
{
    eca_buf_reset(&registration->reason);
    eca_buf_addf(&registration->reason, "%s: ", what);
    eca_aws_failure_text(failure, &registration->reason);
}

/* PROC-220, PROC-221 */
static void give_up(struct eca_registration *registration, const struct eca_aws_failure *failure)
{
    const char *reason = eca_buf_str(&registration->reason);

    ECA_ERROR(registration->log, MODULE, ECA_NO_KV, "%s", reason);
    if (is_restored(registration) && strstr(failure->message, TYPE_CHANGED) != NULL) {
        ECA_CRIT(registration->log, MODULE, ECA_NO_KV,
                 "the instance type changed; register as a new instance: remove the checkpoint");
        end_with(registration, false, EXIT_STAY_DOWN);
        return;
    }
    end_with(registration, false, EXIT_RESTART);
}

static void failed(struct eca_registration *registration, const char *what,
                   const struct eca_aws_failure *failure)
{
    uint64_t wait_ns;

    remember(registration, what, failure);
    if (!is_worth_a_round(failure)) {
        give_up(registration, failure);
        return;
    }
    wait_ns = eca_backoff_next_ns(&registration->backoff, registration->entropy);
    if (eca_sched_now_ns(registration->sched) + wait_ns > registration->give_up_ns) {
        give_up(registration, failure);
        return;
    }
    ECA_WARN(registration->log, MODULE, ECA_NO_KV, "%s; next try in %llu ms",
             eca_buf_str(&registration->reason), (unsigned long long)(wait_ns / NS_PER_MS));
    eca_timer_start(&registration->round, wait_ns);
}

/* ---- Steps ------------------------------------------------------------------------------------
 */

static void on_registered(void *arg, const char *text, const struct eca_aws_failure *failure);

static void send_register(void *arg)
{
    struct eca_registration *registration = arg;
    const struct eca_ecs_register what = {
        .attributes = registration->attributes,
        .attribute_count = registration->attribute_count,
        .cluster = registration->cluster,
        .instance_arn = registration->instance_arn,
        .document = eca_buf_view(&registration->document),
        .signature = eca_buf_view(&registration->signature),
        .client_token = is_restored(registration) ? NULL : registration->client_token,
        .cpu_units = registration->cpu_units,
        .memory_mib = registration->memory_mib,
        .ports = registration->ports,
        .port_count = registration->port_count,
        .ports_udp = registration->ports_udp,
        .port_udp_count = registration->port_udp_count,
    };

    eca_ecs_register(registration->ecs, &what, on_registered, registration, &registration->request);
}

static void on_created(void *arg, const char *text, const struct eca_aws_failure *failure)
{
    struct eca_registration *registration = arg;

    registration->request = NULL;
    if (failure != NULL) {
        if (!is_worth_a_round(failure)) {
            ECA_CRIT(registration->log, MODULE, ECA_NO_KV, "cluster %s cannot be created",
                     registration->cluster);
        }
        failed(registration, "create cluster", failure);
        return;
    }
    eca_free(registration->cluster);
    registration->cluster = eca_xstrdup(text);
    registration->created = true;
    ECA_INFO(registration->log, MODULE, ECA_KV("cluster", text), "created a cluster");
    send_register(registration);
}

static void on_registered(void *arg, const char *text, const struct eca_aws_failure *failure)
{
    struct eca_registration *registration = arg;

    registration->request = NULL;
    if (failure != NULL && wants_cluster(registration, failure)) {
        eca_ecs_create_cluster(registration->ecs, DEFAULT_CLUSTER, on_created, registration,
                               &registration->request);
        return;
    }
    if (failure != NULL) {
        failed(registration,
               is_restored(registration) ? "re-register container instance"
                                         : "register container instance",
               failure);
        return;
    }
    if (is_restored(registration)) { /* the answer's ARN is not used (PROC-222) */
        if (strcmp(text, registration->instance_arn) != 0) {
            ECA_WARN(registration->log, MODULE,
                     ECA_KV("restored", registration->instance_arn, "answered", text),
                     "the answer names another container instance; the restored one is kept");
        }
    } else {
        eca_free(registration->instance_arn);
        registration->instance_arn = eca_xstrdup(text);
    }
    ECA_INFO(registration->log, MODULE,
             ECA_KV("instance", registration->instance_arn, "cluster", registration->cluster),
             "registered container instance");
    eca_buf_reset(&registration->reason);
    end_with(registration, true, 0);
}

static void on_signature(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct eca_registration *registration = arg;

    registration->metadata = NULL;
    if (err != NULL) { /* the document goes with an empty signature (API-602) */
        ECA_ERROR(registration->log, MODULE, ECA_NO_KV, "no identity document signature: %s",
                  err->msg);
    } else {
        eca_buf_add_view(&registration->signature, body);
    }
    send_register(registration);
}

static void on_document(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct eca_registration *registration = arg;

    registration->metadata = NULL;
    if (err != NULL) { /* both empty, the signature is not asked */
        ECA_ERROR(registration->log, MODULE, ECA_NO_KV, "no instance identity document: %s",
                  err->msg);
        send_register(registration);
        return;
    }
    eca_buf_add_view(&registration->document, body);
    eca_imds_get(registration->imds, ECA_IMDS_SIGNATURE, on_signature, registration,
                 &registration->metadata);
}

/* ---- Start ------------------------------------------------------------------------------------
 */

/* Nothing is sent when the memory is unknown or all of it reserved (API-611). */
static void refuse_memory(void *arg)
{
    struct eca_registration *registration = arg;

    ECA_CRIT(registration->log, MODULE, ECA_NO_KV, "%s", eca_buf_str(&registration->reason));
    end_with(registration, false, EXIT_RESTART);
}

static void begin(void *arg)
{
    struct eca_registration *registration = arg;

    eca_timer_init(&registration->round, registration->sched, send_register, registration);
    ECA_INFO(registration->log, MODULE,
             ECA_KV("cluster", registration->cluster, "instance", registration->instance_arn),
             "registering container instance");
    eca_imds_get(registration->imds, ECA_IMDS_DOCUMENT, on_document, registration,
                 &registration->metadata);
}

static void copy_input(struct eca_registration *registration,
                       const struct eca_registration_input *input)
{
    registration->cluster_configured = input->cluster != NULL && input->cluster[0] != '\0';
    registration->cluster =
        eca_xstrdup(registration->cluster_configured ? input->cluster : DEFAULT_CLUSTER);
    registration->instance_arn = copy_text(input->instance_arn);
    registration->client_token = copy_text(input->client_token);
    registration->attributes =
        eca_xrealloc_array(NULL, input->attribute_count + 1, sizeof(*registration->attributes));
    for (size_t i = 0; i < input->attribute_count; i++) {
        registration->attributes[i].name = eca_xstrdup(input->attributes[i].name);
        registration->attributes[i].value = eca_xstrdup(input->attributes[i].value);
    }
    registration->attribute_count = input->attribute_count;
    registration->ports = eca_xrealloc_array(NULL, input->port_count + 1, sizeof(uint16_t));
    registration->ports_udp = eca_xrealloc_array(NULL, input->port_udp_count + 1, sizeof(uint16_t));
    for (size_t i = 0; i < input->port_count; i++) {
        registration->ports[i] = input->ports[i];
    }
    for (size_t i = 0; i < input->port_udp_count; i++) {
        registration->ports_udp[i] = input->ports_udp[i];
    }
    registration->port_count = input->port_count;
    registration->port_udp_count = input->port_udp_count;
    registration->cpu_units = (int64_t)input->cpu_count * CPU_UNITS_PER_CPU;
    registration->memory_mib = (int64_t)input->memory_mib - (int64_t)input->reserved_memory_mib;
    if (!input->memory_known) {
        eca_buf_addf(&registration->reason,
                     "total memory is unknown (reserved: %llu MiB); not registered",
                     (unsigned long long)input->reserved_memory_mib);
    } else if (registration->memory_mib < 0) {
        eca_buf_addf(&registration->reason,
                     "reserved memory %llu MiB exceeds the total of %llu MiB; not registered",
                     (unsigned long long)input->reserved_memory_mib,
                     (unsigned long long)input->memory_mib);
    }
}

struct eca_registration *eca_registration_start(struct eca_sched *sched, struct eca_entropy entropy,
                                                struct eca_log *log, struct eca_ecs *ecs,
                                                struct eca_imds *imds,
                                                const struct eca_registration_input *input,
                                                const struct eca_registration_opts *opts,
                                                eca_registration_fn *on_done, void *arg)
{
    struct eca_registration *registration = eca_xalloc(sizeof(*registration));
    uint64_t total_ms = opts->total_ms == 0 ? TOTAL_MS : opts->total_ms;

    registration->sched = sched;
    registration->entropy = entropy;
    registration->log = log;
    registration->ecs = ecs;
    registration->imds = imds;
    registration->on_done = on_done;
    registration->arg = arg;
    copy_input(registration, input);
    eca_backoff_init(&registration->backoff,
                     (struct eca_backoff_opts){
                         .min_ms = opts->round_min_ms == 0 ? ROUND_MIN_MS : opts->round_min_ms,
                         .max_ms = opts->round_max_ms == 0 ? ROUND_MAX_MS : opts->round_max_ms,
                         .multiplier_milli = 2000,
                         .jitter_milli = 200,
                     });
    registration->give_up_ns = eca_sched_now_ns(sched) + total_ms * NS_PER_MS;
    eca_timer_init(&registration->round, sched,
                   registration->reason.len > 0 ? refuse_memory : begin, registration);
    eca_timer_start(&registration->round, 0);
    return registration;
}
