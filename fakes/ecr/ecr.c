#include "fakes/ecr/ecr.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define TARGET "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
#define JSON_TYPE "application/x-amz-json-1.1"
#define REGISTRY_DEFAULT "111122223333"

struct fake_ecr {
    struct fake_ecr_opts opts;
    char *party, *region, *user, *password, *proxy_endpoint;
    uint64_t tokens;
};

static void refuse(struct fake_ecr *ecr, struct fake_exchange *exchange, const char *rule,
                   const char *type, const char *message)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    if (rule != NULL) {
        (void)fake_trace_violation(ecr->opts.base.trace, FAKE_LANE_ECR, rule, "%s: %s", type,
                                   message);
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "__type", type);
    eca_jw_str(&w, "message", message);
    eca_jw_end_object(&w);
    fake_exchange_reply(exchange, 400, JSON_TYPE, eca_buf_view(&body));
}

static void put_token(struct fake_ecr *ecr, const char *registry, struct eca_json_writer *w)
{
    eca_auto_buf struct eca_buf plain = {0}, token = {0}, endpoint = {0};
    uint64_t life_ms = ecr->opts.life_ms == 0 ? FAKE_ECR_LIFE_MS : ecr->opts.life_ms;
    int64_t until_ms = eca_sched_wall_ms(ecr->opts.base.sched) + (int64_t)life_ms;

    eca_buf_addf(&plain, "%s%s%s", ecr->user, ecr->opts.answer == FAKE_ECR_NO_COLON ? "" : ":",
                 ecr->password);
    eca_base64(plain.at, plain.len, false, &token);
    if (ecr->proxy_endpoint != NULL) {
        eca_buf_add_str(&endpoint, ecr->proxy_endpoint);
    } else {
        eca_buf_addf(&endpoint, "https://%s.dkr.ecr.%s.amazonaws.com", registry,
                     ecr->region == NULL ? "us-west-2" : ecr->region);
    }
    eca_jw_object(w, NULL);
    eca_jw_str(w, "authorizationToken",
               ecr->opts.answer == FAKE_ECR_NOT_BASE64 ? "%%%" : eca_buf_str(&token));
    if (ecr->opts.answer != FAKE_ECR_NO_EXPIRY) {
        eca_jw_i64(w, "expiresAt", until_ms / ECA_MS_PER_S);
    }
    eca_jw_str(w, "proxyEndpoint", eca_buf_str(&endpoint));
    eca_jw_end_object(w);
}

/* The one registry id of the body ("" = the account's own); false: not that form. */
static bool read_registry(eca_json body, const char **ret_registry)
{
    eca_json list = eca_json_get(body, "registryIds");
    eca_json first = eca_json_first(list);

    if (eca_json_type(list) != ECA_JSON_ARRAY || eca_json_count(list) != 1 ||
        eca_json_type(first) != ECA_JSON_STRING) {
        return false;
    }
    *ret_registry = eca_json_str(first)[0] == '\0' ? REGISTRY_DEFAULT : eca_json_str(first);
    return true;
}

static void give_token(struct fake_ecr *ecr, struct fake_exchange *exchange, const char *registry)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    int count = ecr->opts.answer == FAKE_ECR_NONE ? 0 : ecr->opts.answer == FAKE_ECR_TWO ? 2 : 1;

    ecr->tokens++;
    (void)fake_trace_addv(ecr->opts.base.trace, FAKE_LANE_ECR, "GetAuthorizationToken",
                          "registryId", registry, NULL);
    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "authorizationData");
    for (int i = 0; i < count; i++) {
        put_token(ecr, registry, &w);
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    fake_exchange_reply(exchange, 200, JSON_TYPE, eca_buf_view(&body));
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_ecr *ecr = arg;
    const struct fake_request *request = fake_exchange_request(exchange);
    const char *target = fake_request_header(request, "x-amz-target");
    const char *registry = "";
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct fake_auth_refusal refusal;

    if (strcmp(request->method, "POST") != 0 || target == NULL || strcmp(target, TARGET) != 0) {
        refuse(ecr, exchange, "ECR-103", "UnknownOperationException",
               "only GetAuthorizationToken is known");
    } else if (ecr->opts.auth != NULL &&
               !fake_auth_check(ecr->opts.auth, request, "ecr", ecr->region, &refusal)) {
        bool expired = strcmp(refusal.type, "ExpiredTokenException") == 0;
        refuse(ecr, exchange, expired ? NULL : "ECR-105", refusal.type, refusal.err.msg);
    } else if (eca_json_parse(request->body, &doc, NULL) < 0 ||
               !read_registry(eca_json_root(doc), &registry)) {
        refuse(ecr, exchange, "ECR-103", "InvalidParameterException",
               "registryIds must be a list of one text");
    } else {
        give_token(ecr, exchange, registry);
    }
}

static const char *name_request(void *arg, const struct fake_request *request)
{
    const char *target = fake_request_header(request, "x-amz-target");

    (void)arg;
    return target != NULL && strcmp(target, TARGET) == 0 ? "GetAuthorizationToken" : NULL;
}

static void on_observe(void *arg, const struct fake_request *request, int status,
                       struct eca_view answer_body)
{
    struct fake_ecr *ecr = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);
    eca_json type;

    (void)request;
    if (status >= 200 && status < 300) {
        return;
    }
    eca_jw_object(&w, NULL);
    eca_jw_i64(&w, "http", status);
    if (eca_json_parse(answer_body, &doc, NULL) == 0) {
        type = eca_json_get(eca_json_root(doc), "__type");
        if (eca_json_type(type) == ECA_JSON_STRING) {
            eca_jw_str(&w, "type", eca_json_str(type));
        }
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(ecr->opts.base.trace, FAKE_LANE_ECR, "GetAuthorizationToken.failed",
                         eca_buf_str(&fields));
}

struct fake_ecr *fake_ecr_new(const struct fake_ecr_opts *opts)
{
    struct fake_ecr *ecr = eca_xalloc(sizeof(*ecr));
    struct fake_service service = {.on_request = on_request, .arg = ecr};

    ecr->opts = *opts;
    ecr->party = eca_xstrdup(opts->party == NULL ? "ecr" : opts->party);
    ecr->region = eca_xstrdup(opts->region);
    ecr->user = eca_xstrdup(opts->user == NULL ? "AWS" : opts->user);
    ecr->password = eca_xstrdup(opts->password == NULL ? "ecr-password" : opts->password);
    ecr->proxy_endpoint = eca_xstrdup(opts->proxy_endpoint);
    service.party = ecr->party;
    fake_hub_add(opts->base.hub, &service);
    fake_hub_set_namer(opts->base.hub, ecr->party, name_request, ecr);
    fake_hub_observe(opts->base.hub, ecr->party, on_observe, ecr);
    return ecr;
}

void fake_ecr_free(struct fake_ecr *ecr)
{
    if (ecr == NULL) {
        return;
    }
    fake_hub_remove(ecr->opts.base.hub, ecr->party);
    eca_free(ecr->party);
    eca_free(ecr->region);
    eca_free(ecr->user);
    eca_free(ecr->password);
    eca_free(ecr->proxy_endpoint);
    eca_free(ecr);
}

void fake_ecr_set_answer(struct fake_ecr *ecr, enum fake_ecr_answer answer)
{
    ecr->opts.answer = answer;
}

void fake_ecr_set_password(struct fake_ecr *ecr, const char *password)
{
    eca_free(ecr->password);
    ecr->password = eca_xstrdup(password);
}

void fake_ecr_set_life(struct fake_ecr *ecr, uint64_t life_ms)
{
    ecr->opts.life_ms = life_ms;
}

uint64_t fake_ecr_tokens(const struct fake_ecr *ecr)
{
    return ecr->tokens;
}
