#include "agent/aws/call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/aws/sigv4.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/base/version.h"

#define MODULE "api client"
#define ATTEMPTS_DEFAULT 4
#define ATTEMPT_MS_DEFAULT 5000
#define PAUSE_MS_DEFAULT 100
#define PAUSE_DOUBLINGS_MAX 10

struct eca_aws_call {
    struct eca_aws_service *service;
    struct eca_aws_call_opts opts;
    char *target;
    struct eca_buf body;
    eca_aws_call_fn *on_done;
    void *arg;
    uint32_t attempt;     /* attempts begun */
    uint64_t attempt_ns;  /* when the latest one was */
    bool clock_forgiven;  /* InvalidSignature or skew was retried once (API-406) */
    uint64_t total_at_ns; /* 0 = none */
    struct eca_aws_creds_wait *credentials;
    struct eca_http_fetch *fetch;
    struct eca_timer pause, total;
    struct eca_aws_failure failure; /* of the last attempt */
};

const char *eca_aws_class_name(enum eca_aws_class class)
{
    switch (class) {
    case ECA_AWS_OK:
        return "ok";
    case ECA_AWS_TRANSPORT:
        return "transport";
    case ECA_AWS_SERVER:
        return "server";
    case ECA_AWS_THROTTLED:
        return "throttled";
    case ECA_AWS_EXPIRED:
        return "expired";
    case ECA_AWS_DEFINITE:
        return "definite";
    case ECA_AWS_UNSIGNED:
        return "unsigned";
    }
    return "";
}

bool eca_aws_failure_is_temporary(const struct eca_aws_failure *failure)
{
    return failure->class != ECA_AWS_OK && failure->class != ECA_AWS_DEFINITE;
}

void eca_aws_failure_text(const struct eca_aws_failure *failure, struct eca_buf *out)
{
    eca_escape_controls(eca_view_str(failure->code), out);
    eca_buf_add_str(out, ": ");
    eca_escape_controls(eca_view_str(failure->message), out);
    if (failure->http_status != 0) {
        eca_buf_addf(out, " status code: %d, request id: ", failure->http_status);
        eca_escape_controls(eca_view_str(failure->request_id), out);
    }
}

static bool is_one_of(const char *code, const char *const *codes)
{
    for (; *codes != NULL; codes++) {
        if (strcmp(code, *codes) == 0) {
            return true;
        }
    }
    return false;
}

/* Refusals that a newer date may cure; everything else that is "expired" needs newer keys. */
static bool is_about_the_clock(const char *code)
{
    static const char *const codes[] = {"InvalidSignatureException", "RequestTimeTooSkewed", NULL};
    return is_one_of(code, codes);
}

bool eca_aws_failure_is_about_caller(const struct eca_aws_failure *failure)
{
    static const char *const codes[] = {"AccessDenied",
                                        "AccessDeniedException",
                                        "IncompleteSignature",
                                        "IncompleteSignatureException",
                                        "InvalidAccessKeyId",
                                        "InvalidClientTokenId",
                                        "MissingAuthenticationToken",
                                        "MissingAuthenticationTokenException",
                                        "NotAuthorized",
                                        "OptInRequired",
                                        "SignatureDoesNotMatch",
                                        "UnauthorizedOperation",
                                        "UnrecognizedClientException",
                                        NULL};

    return failure->http_status == 401 || failure->http_status == 403 ||
           failure->http_status == 407 || failure->class == ECA_AWS_EXPIRED ||
           is_about_the_clock(failure->code) || is_one_of(failure->code, codes);
}

enum eca_aws_class eca_aws_classify(int http_status, const char *code)
{
    static const char *const throttled[] = {"Throttling",
                                            "ThrottlingException",
                                            "RequestLimitExceeded",
                                            "RequestThrottled",
                                            "ProvisionedThroughputExceededException",
                                            "LimitExceededException",
                                            "TooManyRequestsException",
                                            "RequestTimeout",
                                            NULL};
    static const char *const expired[] = {"ExpiredToken", "ExpiredTokenException", "RequestExpired",
                                          NULL};

    if (http_status >= 500) {
        return ECA_AWS_SERVER;
    }
    if (http_status == 429 || is_one_of(code, throttled)) {
        return ECA_AWS_THROTTLED;
    }
    if (is_one_of(code, expired) || is_about_the_clock(code)) {
        return ECA_AWS_EXPIRED;
    }
    return ECA_AWS_DEFINITE;
}

/* ---- Service ----------------------------------------------------------------------------------
 */

static void default_endpoint(const struct eca_aws_service *service, const char *region,
                             struct eca_buf *out)
{
    bool china = eca_view_starts(eca_view_str(region), "cn-");

    eca_buf_addf(out, "https://%s.%s.amazonaws.com%s", service->service, region,
                 china ? ".cn" : "");
}

int eca_aws_service_init(struct eca_aws_service *service, const char *endpoint, const char *region,
                         struct eca_err *err)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_url url;
    struct eca_view path;

    assert(service->service != NULL);
    if (region == NULL || region[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID,
                           "MissingRegion: could not find region configuration");
    }
    if (endpoint == NULL || endpoint[0] == '\0') {
        default_endpoint(service, region, &text);
    } else {
        bool has_scheme = strstr(endpoint, "://") != NULL;
        eca_buf_addf(&text, "%s%s", has_scheme ? "" : "https://", endpoint);
    }
    if (eca_url_parse(eca_buf_view(&text), &url, err) < 0 || url.host.len == 0) {
        return eca_err_set(err, ECA_E_INVALID, "invalid endpoint of service %s: %.128s",
                           service->service, eca_buf_str(&text));
    }
    path = url.path;
    while (path.len > 0 && path.at[path.len - 1] == '/') {
        path.len--;
    }
    service->region = eca_xstrdup(region);
    service->host = eca_xstrndup(url.authority.at, url.authority.len);
    service->path = eca_xasprintf("%.*s/", (int)path.len, path.len == 0 ? "" : path.at);
    service->url = eca_xasprintf("%.*s://%s%s", (int)url.scheme.len, url.scheme.at, service->host,
                                 service->path);
    return ECA_OK;
}

void eca_aws_service_clear(struct eca_aws_service *service)
{
    eca_free(service->url);
    eca_free(service->host);
    eca_free(service->path);
    eca_free(service->region);
    eca_tally_clear(&service->tally);
    memset(service, 0, sizeof(*service));
}

/* ---- Failures ---------------------------------------------------------------------------------
 */

static void set_text(char *to, size_t bytes, struct eca_view text)
{
    size_t len = eca_utf8_cut(text, bytes - 1);

    if (len > 0) {
        memcpy(to, text.at, len);
    }
    to[len] = '\0';
}

static void set_failure(struct eca_aws_failure *failure, enum eca_aws_class class, const char *code,
                        struct eca_view message)
{
    *failure = (struct eca_aws_failure){.class = class};
    set_text(failure->code, sizeof(failure->code), eca_view_str(code));
    set_text(failure->message, sizeof(failure->message), message);
}

static void set_transport_failure(struct eca_aws_failure *failure, const char *reason)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_addf(&text, "send request failed caused by: %s", reason);
    set_failure(failure, ECA_AWS_TRANSPORT, "RequestError", eca_buf_view(&text));
}

/* "prefix#Code" gives Code (API-403); an X-Amzn-ErrorType may end in ":uri". */
static struct eca_view bare_code(const char *type)
{
    struct eca_view text = eca_view_str(type);
    size_t hash = eca_view_find(text, "#", 0);
    size_t colon;

    if (hash != SIZE_MAX) {
        text = eca_view_sub(text, hash + 1, text.len);
    }
    colon = eca_view_find(text, ":", 0);
    return colon == SIZE_MAX ? text : eca_view_sub(text, 0, colon);
}

static const char *text_member(eca_json root, const char *key)
{
    eca_json member = eca_json_get(root, key);
    return eca_json_type(member) == ECA_JSON_STRING ? eca_json_str(member) : NULL;
}

/* A complete answer with a status other than 2xx (API-403). */
static void failure_of_answer(struct eca_aws_failure *failure, const struct eca_http_answer *answer)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf code = {0};
    const char *type = NULL, *message = NULL;
    char status[32];

    (void)snprintf(status, sizeof(status), "HTTP status %d", answer->status);
    if (eca_json_parse(answer->body, &doc, NULL) == ECA_OK &&
        eca_json_type(eca_json_root(doc)) == ECA_JSON_OBJECT) {
        type = text_member(eca_json_root(doc), "__type");
        message = text_member(eca_json_root(doc), "message");
        if (message == NULL) {
            message = text_member(eca_json_root(doc), "Message");
        }
        if (type == NULL) {
            type = answer->error_type;
        }
        eca_buf_add_view(&code, bare_code(type));
    } else {
        eca_buf_add_str(&code, "SerializationError");
    }
    set_failure(failure, eca_aws_classify(answer->status, eca_buf_str(&code)), eca_buf_str(&code),
                eca_view_str(message != NULL ? message : status));
}

/* ---- The call ---------------------------------------------------------------------------------
 */

static void call_free(struct eca_aws_call *call)
{
    eca_aws_creds_cancel(call->credentials);
    if (call->fetch != NULL) {
        eca_http_fetch_cancel(call->fetch);
    }
    eca_timer_stop(&call->pause);
    eca_timer_stop(&call->total);
    eca_free(call->target);
    eca_buf_clear(&call->body);
    eca_free(call);
}

void eca_aws_call_cancel(struct eca_aws_call *call)
{
    if (call != NULL) {
        call_free(call);
    }
}

static void count_attempt(struct eca_aws_call *call, enum eca_aws_class class)
{
    uint64_t took_ns = eca_sched_now_ns(call->service->sched) - call->attempt_ns;

    eca_tally_add(&call->service->tally, call->target + strlen(call->service->target_prefix),
                  eca_aws_class_name(class), took_ns / ECA_NS_PER_MS);
}

static void finish(struct eca_aws_call *call, eca_json root, const struct eca_aws_failure *failure)
{
    struct eca_aws_failure copy = {0};
    eca_aws_call_fn *on_done = call->on_done;
    void *arg = call->arg;

    if (failure != NULL) {
        copy = *failure; /* it may live in the call */
    } else {
        count_attempt(call, ECA_AWS_OK);
    }
    call_free(call); /* gone before the owner hears of it */
    on_done(arg, root, failure == NULL ? NULL : &copy);
}

static uint64_t pause_ms(const struct eca_aws_call *call)
{
    uint32_t n = call->attempt - 1;
    uint64_t base = call->opts.pause_ms;

    if (n > PAUSE_DOUBLINGS_MAX) {
        n = PAUSE_DOUBLINGS_MAX;
    }
    return (base + eca_entropy_below(call->service->entropy, base)) << n;
}

static void log_attempt(const struct eca_aws_call *call)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_aws_failure_text(&call->failure, &text);
    ECA_DEBUG(call->service->log, MODULE,
              ECA_KV("operation", call->target, "class", eca_aws_class_name(call->failure.class)),
              "attempt %u of %u failed: %s", call->attempt, call->opts.attempts,
              eca_buf_str(&text));
}

/* call->failure says how the attempt ended: another one, or the end. */
static void attempt_failed(struct eca_aws_call *call)
{
    struct eca_aws_failure *failure = &call->failure;

    log_attempt(call);
    count_attempt(call, failure->class);
    if (failure->class == ECA_AWS_EXPIRED) {
        if (is_about_the_clock(failure->code) && call->clock_forgiven) {
            failure->class = ECA_AWS_DEFINITE;
        }
        call->clock_forgiven = call->clock_forgiven || is_about_the_clock(failure->code);
        eca_aws_creds_expire(call->service->creds); /* EC2-311 */
    }
    if (failure->class == ECA_AWS_DEFINITE || failure->class == ECA_AWS_UNSIGNED ||
        call->attempt >= call->opts.attempts) {
        finish(call, NULL, failure);
        return;
    }
    eca_timer_start_ms(&call->pause, pause_ms(call));
}

static void on_total(void *arg)
{
    struct eca_aws_call *call = arg;

    if (call->failure.class == ECA_AWS_OK) { /* the first attempt has not ended */
        set_transport_failure(&call->failure, "no answer within the time of all attempts");
    }
    finish(call, NULL, &call->failure);
}

static void success(struct eca_aws_call *call, const struct eca_http_answer *answer)
{
    struct eca_view body = answer->body;
    struct eca_json_doc *doc = NULL;
    struct eca_err err = {0};

    if (body.len == 0) { /* an empty body is an empty object (API-401) */
        body = eca_view_str("{}");
    }
    if (eca_json_parse(body, &doc, &err) < 0 ||
        eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
        set_failure(&call->failure, ECA_AWS_DEFINITE, "SerializationError",
                    eca_view_str(err.code != ECA_OK ? err.msg : "the answer is no object"));
        call->failure.http_status = answer->status;
        set_text(call->failure.request_id, sizeof(call->failure.request_id),
                 eca_view_str(answer->request_id));
        attempt_failed(call);
    } else {
        finish(call, eca_json_root(doc), NULL);
    }
    eca_json_free(doc);
}

static void on_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_aws_call *call = arg;
    enum eca_code code = answer->end.err.code;

    call->fetch = NULL; /* frees itself */
    if (code == ECA_OK && answer->status >= 200 && answer->status <= 299) {
        success(call, answer);
        return;
    }
    if (code == ECA_OK || answer->status >= 500) {
        failure_of_answer(&call->failure, answer);
    } else if (code == ECA_E_LIMIT) {
        set_failure(&call->failure, ECA_AWS_DEFINITE, "SerializationError",
                    eca_view_str("the answer is too long"));
    } else {
        set_transport_failure(&call->failure, answer->end.err.msg);
    }
    if (call->failure.class != ECA_AWS_TRANSPORT) {
        call->failure.http_status = answer->status;
        set_text(call->failure.request_id, sizeof(call->failure.request_id),
                 eca_view_str(answer->request_id));
    }
    attempt_failed(call);
}

/* Deadline of this attempt: its own limit, cut by the limit of the whole call. */
static uint64_t attempt_ms(const struct eca_aws_call *call)
{
    uint64_t now_ns = eca_sched_now_ns(call->service->sched);
    uint64_t left_ms;

    if (call->total_at_ns == 0) {
        return call->opts.attempt_ms;
    }
    left_ms = call->total_at_ns > now_ns ? (call->total_at_ns - now_ns) / 1000000 + 1 : 1;
    return left_ms < call->opts.attempt_ms ? left_ms : call->opts.attempt_ms;
}

static int send_signed(struct eca_aws_call *call, const struct eca_aws_keys *keys,
                       struct eca_err *err)
{
    struct eca_aws_service *service = call->service;
    eca_auto_sigv4 struct eca_sigv4_output out = {0};
    struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX + 3];
    const struct eca_sigv4_input in = {
        .method = "POST",
        .path = eca_view_str(service->path),
        .host = eca_view_str(service->host),
        .target = call->target,
        .body = eca_buf_view(&call->body),
        .region = service->region,
        .service = service->service,
        .wall_ms = eca_sched_wall_ms(service->sched), /* now, for every attempt (FB-20.1) */
        .keys = eca_aws_keys_view(keys),
    };
    struct eca_http_opts opts = {
        .method = "POST",
        .url = service->url,
        .headers = headers,
        .body = eca_buf_view(&call->body),
        .total_ms = attempt_ms(call),
        .body_bytes_max = ECA_HTTP_BODY_BYTES_MAX,
        .proxy = ECA_HTTP_PROXY_ENVIRONMENT,
        .insecure = service->insecure,
        .party = service->service,
    };

    eca_sigv4_sign(&in, &out);
    opts.header_count = eca_sigv4_headers(&out, headers);
    headers[opts.header_count++] = (struct eca_http_header){"X-Amz-Target", call->target};
    headers[opts.header_count++] =
        (struct eca_http_header){"Content-Type", "application/x-amz-json-1.1"};
    headers[opts.header_count++] = (struct eca_http_header){"User-Agent", eca_user_agent};
    return eca_http_fetch_start(service->http, &opts, on_answer, call, &call->fetch, err);
}

static void on_keys(void *arg, const struct eca_aws_keys *keys, const struct eca_err *no_keys)
{
    struct eca_aws_call *call = arg;
    struct eca_err err = {0};

    call->credentials = NULL;
    if (no_keys != NULL) { /* a request that cannot be signed is not sent (EC2-310, API-503) */
        set_failure(&call->failure, ECA_AWS_UNSIGNED, "NoCredentialProviders",
                    eca_view_str(no_keys->msg));
        attempt_failed(call);
        return;
    }
    if (send_signed(call, keys, &err) < 0) {
        call->fetch = NULL;
        set_transport_failure(&call->failure, err.msg);
        attempt_failed(call);
    }
}

static void begin_attempt(void *arg)
{
    struct eca_aws_call *call = arg;

    call->attempt++;
    call->attempt_ns = eca_sched_now_ns(call->service->sched);
    eca_aws_creds_get(call->service->creds, on_keys, call, &call->credentials);
}

static struct eca_aws_call_opts with_defaults(const struct eca_aws_call_opts *opts)
{
    struct eca_aws_call_opts full = *opts;

    full.attempts = full.attempts == 0 ? ATTEMPTS_DEFAULT : full.attempts;
    full.attempt_ms = full.attempt_ms == 0 ? ATTEMPT_MS_DEFAULT : full.attempt_ms;
    full.pause_ms = full.pause_ms == 0 ? PAUSE_MS_DEFAULT : full.pause_ms;
    return full;
}

void eca_aws_call_start(struct eca_aws_service *service, const char *operation,
                        struct eca_view body, const struct eca_aws_call_opts *opts,
                        eca_aws_call_fn *on_done, void *arg, struct eca_aws_call **ret_call)
{
    struct eca_aws_call *call = eca_xalloc(sizeof(*call));

    call->service = service;
    call->opts = with_defaults(opts);
    call->target = eca_xasprintf("%s%s", service->target_prefix, operation);
    eca_buf_add_view(&call->body, body);
    call->on_done = on_done;
    call->arg = arg;
    eca_timer_init(&call->pause, service->sched, begin_attempt, call);
    eca_timer_init(&call->total, service->sched, on_total, call);
    if (call->opts.total_ms != 0) {
        eca_timer_start_ms(&call->total, call->opts.total_ms);
        call->total_at_ns = call->total.deadline_ns;
    }
    eca_timer_start(&call->pause, 0);
    *ret_call = call;
}
