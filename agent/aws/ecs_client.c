#include "agent/aws/ecs_client.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/aws/ecs_discovery.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"

#define MODULE "api client"

/* One question to the API, or one that needs none and is answered on the next turn. */
struct eca_ecs_request {
    struct eca_list_node node; /* in ecs->requests */
    struct eca_ecs *ecs;
    struct eca_aws_call *call;
    struct eca_ecs_discovery_wait *discovery;
    struct eca_deferred ready;
    const char *outer, *member;     /* where the answer's text stands; NULL = no text */
    struct eca_aws_failure failure; /* of an answer without a call; class OK = success */
    eca_ecs_fn *on_done;
    void *arg;
};

struct eca_ecs {
    struct eca_aws_service service;
    struct eca_ecs_opts opts;
    struct eca_list requests;
    struct eca_ecs_discovery *discovery;
};

static void request_free(struct eca_ecs_request *request)
{
    eca_list_remove(&request->ecs->requests, &request->node);
    eca_aws_call_cancel(request->call);
    eca_ecs_discovery_cancel(request->discovery);
    eca_deferred_cancel(&request->ready);
    eca_free(request);
}

void eca_ecs_cancel(struct eca_ecs_request *request)
{
    if (request != NULL) {
        request_free(request);
    }
}

static void request_end(struct eca_ecs_request *request, const char *text,
                        const struct eca_aws_failure *failure)
{
    eca_ecs_fn *on_done = request->on_done;
    void *arg = request->arg;

    request_free(request); /* gone before the owner hears of it */
    on_done(arg, text, failure);
}

static void request_ready(void *arg)
{
    struct eca_ecs_request *request = arg;
    struct eca_aws_failure failure = request->failure;

    request_end(request, "", failure.class == ECA_AWS_OK ? NULL : &failure);
}

static struct eca_ecs_request *request_new(struct eca_ecs *ecs, eca_ecs_fn *on_done, void *arg)
{
    struct eca_ecs_request *request = eca_xalloc(sizeof(*request));

    request->ecs = ecs;
    request->on_done = on_done;
    request->arg = arg;
    eca_deferred_init(&request->ready, ecs->service.sched, request_ready, request);
    eca_list_push_back(&ecs->requests, &request->node);
    return request;
}

/* The member that the operation is for; without it nothing was achieved (API-407). */
static const char *wanted_text(const struct eca_ecs_request *request, eca_json root,
                               struct eca_aws_failure *failure)
{
    eca_json member;

    if (request->member == NULL) {
        return "";
    }
    member = eca_json_get(eca_json_get(root, request->outer), request->member);
    if (eca_json_type(member) == ECA_JSON_STRING && eca_json_str(member)[0] != '\0') {
        return eca_json_str(member);
    }
    *failure = (struct eca_aws_failure){.class = ECA_AWS_DEFINITE, .http_status = 200};
    (void)snprintf(failure->code, sizeof(failure->code), "SerializationError");
    (void)snprintf(failure->message, sizeof(failure->message), "the answer has no %s.%s",
                   request->outer, request->member);
    return NULL;
}

static void on_answer(void *arg, eca_json root, const struct eca_aws_failure *failure)
{
    struct eca_ecs_request *request = arg;
    struct eca_aws_failure missing;
    const char *text;

    request->call = NULL;
    if (failure != NULL) {
        request_end(request, NULL, failure);
        return;
    }
    text = wanted_text(request, root, &missing);
    request_end(request, text, text == NULL ? &missing : NULL);
}

static void send(struct eca_ecs_request *request, const char *operation, struct eca_view body,
                 uint32_t attempts)
{
    struct eca_ecs *ecs = request->ecs;
    const struct eca_aws_call_opts opts = {
        .attempts = attempts,
        .attempt_ms = ecs->opts.attempt_ms,
        .pause_ms = ecs->opts.pause_ms,
    };

    eca_aws_call_start(&ecs->service, operation, body, &opts, on_answer, request, &request->call);
}

void eca_ecs_register(struct eca_ecs *ecs, const struct eca_ecs_register *what, eca_ecs_fn *on_done,
                      void *arg, struct eca_ecs_request **ret_request)
{
    struct eca_ecs_request *request = request_new(ecs, on_done, arg);
    eca_auto_buf struct eca_buf body = {0};

    request->outer = "containerInstance";
    request->member = "containerInstanceArn";
    eca_ecs_register_body(what, &body);
    send(request, "RegisterContainerInstance", eca_buf_view(&body), ecs->opts.attempts);
    *ret_request = request;
}

void eca_ecs_create_cluster(struct eca_ecs *ecs, const char *name, eca_ecs_fn *on_done, void *arg,
                            struct eca_ecs_request **ret_request)
{
    struct eca_ecs_request *request = request_new(ecs, on_done, arg);
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    request->outer = "cluster";
    request->member = "clusterName";
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "clusterName", name);
    eca_jw_end_object(&w);
    send(request, "CreateCluster", eca_buf_view(&body), ecs->opts.attempts);
    *ret_request = request;
}

/* ---- Discovery --------------------------------------------------------------------------------
 */

static void on_discovered(void *arg, const char *endpoint, const struct eca_aws_failure *failure)
{
    struct eca_ecs_request *request = arg;

    request->discovery = NULL;
    request_end(request, endpoint, failure);
}

void eca_ecs_discover(struct eca_ecs *ecs, enum eca_ecs_backend backend, const char *cluster,
                      const char *instance_arn, eca_ecs_fn *on_done, void *arg,
                      struct eca_ecs_request **ret_request)
{
    struct eca_ecs_request *request = request_new(ecs, on_done, arg);

    eca_ecs_discovery_get(ecs->discovery, backend, cluster, instance_arn, on_discovered, request,
                          &request->discovery);
    *ret_request = request;
}

void eca_ecs_report_dial(struct eca_ecs *ecs, enum eca_ecs_backend backend, bool ok)
{
    eca_ecs_discovery_dialed(ecs->discovery, backend, ok);
}

/* ---- Submissions ------------------------------------------------------------------------------
 */

static bool is_final_status(const char *status)
{
    return strcmp(status, "RUNNING") == 0 || strcmp(status, "STOPPED") == 0;
}

void eca_ecs_submit_container(struct eca_ecs *ecs, const struct eca_ecs_container_change *change,
                              eca_ecs_fn *on_done, void *arg, struct eca_ecs_request **ret_request)
{
    struct eca_ecs_request *request = request_new(ecs, on_done, arg);
    eca_auto_buf struct eca_buf body = {0};

    *ret_request = request;
    if (!is_final_status(change->status)) { /* API-903 */
        ECA_INFO(ecs->service.log, MODULE,
                 ECA_KV("task", change->task_arn, "container", change->container_name),
                 "container status %s is not submitted", change->status);
        eca_deferred_queue(&request->ready);
        return;
    }
    eca_ecs_container_body(change, &body);
    send(request, "SubmitContainerStateChange", eca_buf_view(&body), 1);
}

void eca_ecs_submit_task(struct eca_ecs *ecs, const struct eca_ecs_task_change *change,
                         eca_ecs_fn *on_done, void *arg, struct eca_ecs_request **ret_request)
{
    struct eca_ecs_request *request = request_new(ecs, on_done, arg);
    eca_auto_buf struct eca_buf body = {0};

    *ret_request = request;
    if (is_final_status(change->status)) {
        eca_ecs_task_body(change, &body);
        send(request, "SubmitTaskStateChange", eca_buf_view(&body), 1);
        return;
    }
    if (strcmp(change->status, "NONE") == 0) { /* API-903 */
        ECA_WARN(ecs->service.log, MODULE, ECA_KV("task", change->task_arn),
                 "task status NONE cannot be submitted");
        request->failure.class = ECA_AWS_DEFINITE;
        (void)snprintf(request->failure.code, sizeof(request->failure.code), "InvalidStatus");
        (void)snprintf(request->failure.message, sizeof(request->failure.message),
                       "task status NONE cannot be submitted");
    } else {
        ECA_DEBUG(ecs->service.log, MODULE, ECA_KV("task", change->task_arn),
                  "task status %s is not submitted", change->status);
    }
    eca_deferred_queue(&request->ready);
}

/* ---- Life -------------------------------------------------------------------------------------
 */

int eca_ecs_new(struct eca_sched *sched, struct eca_http http, struct eca_entropy entropy,
                struct eca_aws_creds *creds, struct eca_log *log, const struct eca_ecs_opts *opts,
                struct eca_ecs **ret_ecs, struct eca_err *err)
{
    struct eca_ecs *ecs = eca_xalloc(sizeof(*ecs));

    eca_list_init(&ecs->requests);
    ecs->opts = *opts;
    ecs->opts.endpoint = ecs->opts.region = NULL; /* the caller's texts */
    ecs->service = (struct eca_aws_service){
        .sched = sched,
        .http = http,
        .entropy = entropy,
        .creds = creds,
        .log = log,
        .service = "ecs",
        .target_prefix = "AmazonEC2ContainerServiceV20141113.",
        .insecure = opts->insecure,
    };
    if (eca_aws_service_init(&ecs->service, opts->endpoint, opts->region, err) < 0) {
        eca_ecs_free(ecs);
        return err == NULL ? ECA_E_INVALID : (int)err->code;
    }
    ecs->discovery = eca_ecs_discovery_new(&ecs->service, opts);
    *ret_ecs = ecs;
    return ECA_OK;
}

const struct eca_tally *eca_ecs_tally(const struct eca_ecs *ecs)
{
    return &ecs->service.tally;
}

void eca_ecs_free(struct eca_ecs *ecs)
{
    if (ecs == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &ecs->requests)
    {
        request_free(eca_list_entry(node, struct eca_ecs_request, node));
    }
    eca_ecs_discovery_free(ecs->discovery);
    eca_aws_service_clear(&ecs->service);
    eca_free(ecs);
}
