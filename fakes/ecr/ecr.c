#include "fakes/ecr/ecr.h"

#include <inttypes.h>
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

static void reply(struct fake_exchange *exchange, int status, const struct eca_buf *body)
{
    eca_auto_buf struct eca_buf id = {0};

    eca_buf_addf(&id, "fake-%06" PRIu64, fake_exchange_request(exchange)->number);
    fake_exchange_header(exchange, "x-amzn-requestid", eca_buf_str(&id));
    fake_exchange_reply(exchange, status, JSON_TYPE, eca_buf_view(body));
}

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
    reply(exchange, 400, &body);
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

/* False: no list of texts. Agents send exactly one (ECR-103); the service takes none, too, which
 * means the account's own, and gives a token for each. */
static bool read_registries(struct fake_ecr *ecr, eca_json list)
{
    if (eca_json_is_null(list)) {
        list = NULL;
    } else if (eca_json_type(list) != ECA_JSON_ARRAY) {
        return false;
    }
    for (eca_json it = eca_json_first(list); it != NULL; it = eca_json_next(it)) {
        if (eca_json_type(it) != ECA_JSON_STRING) {
            return false;
        }
    }
    if (eca_json_count(list) != 1) {
        (void)fake_trace_violation(ecr->opts.base.trace, FAKE_LANE_ECR, "ECR-103",
                                   "%zu registryIds, not one", eca_json_count(list));
    }
    return true;
}

static void put_tokens(struct fake_ecr *ecr, const char *registry, struct eca_json_writer *w)
{
    int count = ecr->opts.answer == FAKE_ECR_NONE ? 0 : ecr->opts.answer == FAKE_ECR_TWO ? 2 : 1;

    registry = registry[0] == '\0' ? REGISTRY_DEFAULT : registry;
    ecr->tokens++;
    (void)fake_trace_addv(ecr->opts.base.trace, FAKE_LANE_ECR, "GetAuthorizationToken",
                          "registryId", registry, NULL);
    for (int i = 0; i < count; i++) {
        put_token(ecr, registry, w);
    }
}

static void give_tokens(struct fake_ecr *ecr, struct fake_exchange *exchange, eca_json registries)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "authorizationData");
    for (eca_json it = eca_json_first(registries); it != NULL; it = eca_json_next(it)) {
        put_tokens(ecr, eca_json_str(it), &w);
    }
    if (eca_json_count(registries) == 0) {
        put_tokens(ecr, "", &w);
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    reply(exchange, 200, &body);
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_ecr *ecr = arg;
    const struct fake_request *request = fake_exchange_request(exchange);
    const char *target = fake_request_header(request, "x-amz-target");
    const char *type = fake_request_header(request, "content-type");
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct fake_auth_refusal refusal;

    if (strcmp(request->method, "POST") != 0 || target == NULL || strcmp(target, TARGET) != 0) {
        refuse(ecr, exchange, "ECR-103", "UnknownOperationException",
               "only GetAuthorizationToken is known");
    } else if (type == NULL || strcmp(type, JSON_TYPE) != 0) {
        refuse(ecr, exchange, "ECR-103", "SerializationException",
               "Content-Type must be " JSON_TYPE);
    } else if (ecr->opts.auth != NULL &&
               !fake_auth_check(ecr->opts.auth, request, "ecr", ecr->region, &refusal)) {
        bool expired = strcmp(refusal.type, "ExpiredTokenException") == 0;
        refuse(ecr, exchange, expired ? NULL : "ECR-105", refusal.type, refusal.err.msg);
    } else if (eca_json_parse(request->body, &doc, NULL) < 0 ||
               eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT ||
               !read_registries(ecr, eca_json_get(eca_json_root(doc), "registryIds"))) {
        refuse(ecr, exchange, "ECR-103", "SerializationException",
               "registryIds must be a list of texts");
    } else {
        give_tokens(ecr, exchange, eca_json_get(eca_json_root(doc), "registryIds"));
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
