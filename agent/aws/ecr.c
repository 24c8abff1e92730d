#include "agent/aws/ecr.h"

#include <string.h>

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define TOKENS_MAX 100
#define TOKEN_AGE_MS (12 * ECA_MS_PER_HOUR)
#define MARGIN_MS (30 * ECA_MS_PER_MIN)
#define CLIENTS_MAX 256 /* (region, endpoint) pairs come from task payloads */
#define NS_PER_MS UINT64_C(1000000)

/* One cached answer; newest use first in its client's list. */
struct token {
    struct eca_list_node node;
    char *registry_id;
    struct eca_secret encoded; /* base64 of user:password */
    char *proxy_endpoint;
    int64_t expires_ms; /* wall; 0 = never reused (ECR-111) */
    uint64_t fetched_ns;
};

/* Settings and cache of one (region, endpoint) (ECR-102). */
struct client {
    struct eca_aws_service service;
    struct eca_map *by_registry;
    struct eca_list tokens;
};

struct eca_ecr_request {
    struct eca_list_node node; /* in ecr->requests */
    struct eca_ecr *ecr;
    struct client *client;
    char *registry_id, *image;
    struct eca_aws_call *call;
    struct eca_deferred ready;
    struct eca_err failure; /* before any request; code OK = use the cache */
    eca_ecr_fn *on_done;
    void *arg;
};

struct eca_ecr {
    struct eca_sched *sched;
    struct eca_http http;
    struct eca_entropy entropy;
    struct eca_aws_creds *creds;
    struct eca_log *log;
    struct eca_ecr_opts opts;
    struct eca_map *clients; /* key: region, newline, endpoint */
    struct eca_list requests;
};

/* ---- Tokens -----------------------------------------------------------------------------------
 */

static void token_free(struct client *client, struct token *token)
{
    (void)eca_map_remove(client->by_registry, token->registry_id);
    eca_list_remove(&client->tokens, &token->node);
    eca_free(token->registry_id);
    eca_secret_clear(&token->encoded);
    eca_free(token->proxy_endpoint);
    eca_free(token);
}

/* A token that may still be used; too old ones are dropped (ECR-110, ECR-111). */
static struct token *find_token(struct eca_ecr *ecr, struct client *client, const char *registry_id)
{
    struct token *token = eca_map_get(client->by_registry, registry_id);
    int64_t margin_ms;

    if (token == NULL) {
        return NULL;
    }
    if (eca_sched_now_ns(ecr->sched) - token->fetched_ns >= ecr->opts.token_age_ms * NS_PER_MS) {
        token_free(client, token);
        return NULL;
    }
    margin_ms =
        (int64_t)(ecr->opts.margin_ms + eca_entropy_below(ecr->entropy, 2 * ecr->opts.margin_ms));
    if (token->expires_ms == 0 || eca_sched_wall_ms(ecr->sched) >= token->expires_ms - margin_ms) {
        return NULL;
    }
    eca_list_remove(&client->tokens, &token->node);
    eca_list_push_front(&client->tokens, &token->node);
    return token;
}

/* One entry per registry id (ECR-111). */
static struct token *keep_token(struct eca_ecr *ecr, struct client *client, const char *registry_id)
{
    struct token *token = eca_map_get(client->by_registry, registry_id);

    if (token != NULL) {
        token_free(client, token);
    }
    while (client->tokens.count >= ecr->opts.tokens_max) {
        token_free(client, eca_list_entry(client->tokens.head.prev, struct token, node));
    }
    token = eca_xalloc(sizeof(*token));
    token->registry_id = eca_xstrdup(registry_id);
    token->fetched_ns = eca_sched_now_ns(ecr->sched);
    (void)eca_map_put(client->by_registry, token->registry_id, token);
    eca_list_push_front(&client->tokens, &token->node);
    return token;
}

/* ---- Clients ----------------------------------------------------------------------------------
 */

static void client_free(struct client *client)
{
    if (client->by_registry != NULL) {
        ECA_LIST_FOREACH(node, &client->tokens)
        {
            token_free(client, eca_list_entry(node, struct token, node));
        }
    }
    eca_map_free(client->by_registry);
    eca_aws_service_clear(&client->service);
    eca_free(client);
}

static char *client_key(const struct eca_ecr_query *query)
{
    return eca_xasprintf("%s\n%s", query->region == NULL ? "" : query->region,
                         query->endpoint == NULL ? "" : query->endpoint);
}

static struct client *find_client(struct eca_ecr *ecr, const struct eca_ecr_query *query,
                                  struct eca_err *err)
{
    eca_auto_free char *key = client_key(query);
    struct client *client = eca_map_get(ecr->clients, key);

    if (client != NULL) {
        return client;
    }
    if (eca_map_count(ecr->clients) >= CLIENTS_MAX) {
        (void)eca_err_set(err, ECA_E_LIMIT, "more than %d ECR endpoints", CLIENTS_MAX);
        return NULL;
    }
    client = eca_xalloc(sizeof(*client));
    client->service = (struct eca_aws_service){
        .sched = ecr->sched,
        .http = ecr->http,
        .entropy = ecr->entropy,
        .creds = ecr->creds,
        .log = ecr->log,
        .service = "ecr",
        .target_prefix = "AmazonEC2ContainerRegistry_V20150921.",
        .insecure = ecr->opts.insecure,
    };
    if (eca_aws_service_init(&client->service, query->endpoint, query->region, err) < 0) {
        client_free(client);
        return NULL;
    }
    client->by_registry = eca_map_new();
    eca_list_init(&client->tokens);
    (void)eca_map_put(ecr->clients, key, client);
    return client;
}

/* ---- Requests ---------------------------------------------------------------------------------
 */

static void request_free(struct eca_ecr_request *request)
{
    eca_list_remove(&request->ecr->requests, &request->node);
    eca_aws_call_cancel(request->call);
    eca_deferred_cancel(&request->ready);
    eca_free(request->registry_id);
    eca_free(request->image);
    eca_free(request);
}

void eca_ecr_cancel(struct eca_ecr_request *request)
{
    if (request != NULL) {
        request_free(request);
    }
}

static void request_fail(struct eca_ecr_request *request, const struct eca_err *err)
{
    struct eca_err copy = *err;
    eca_ecr_fn *on_done = request->on_done;
    void *arg = request->arg;

    request_free(request);
    on_done(arg, NULL, &copy);
}

/* "https://" + image begins with the endpoint, and a path follows (ECR-108). */
static bool serves_image(const struct token *token, const char *image)
{
    eca_auto_free char *url = eca_xasprintf("https://%s", image);
    struct eca_view endpoint = eca_view_str(token->proxy_endpoint);

    while (endpoint.len > 0 && endpoint.at[endpoint.len - 1] == '/') {
        endpoint.len--;
    }
    return endpoint.len > 0 && strncmp(url, endpoint.at, endpoint.len) == 0 &&
           url[endpoint.len] == '/';
}

/* user ":" password (ECR-109); the buffer holds a secret. */
static int decode(const struct token *token, struct eca_buf *plain, size_t *ret_colon,
                  struct eca_err *err)
{
    if (eca_base64_decode(eca_secret_view(&token->encoded), plain, NULL) < 0) {
        return eca_err_set(err, ECA_E_INVALID, "the authorization token is no base64");
    }
    *ret_colon = eca_view_find(eca_buf_view(plain), ":", 0);
    if (*ret_colon == SIZE_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "the authorization token has no ':'");
    }
    return ECA_OK;
}

static void finish_with(struct eca_ecr_request *request, struct token *token, bool from_cache)
{
    eca_ecr_fn *on_done = request->on_done;
    void *arg = request->arg;
    struct eca_buf plain = {0};
    eca_auto_free char *server = NULL, *username = NULL;
    struct eca_ecr_login login;
    struct eca_err err = {0};
    size_t colon = 0;

    if (!eca_secret_is_set(&token->encoded) || !serves_image(token, request->image)) {
        (void)eca_err_set(&err, ECA_E_NOT_FOUND, "No AuthorizationToken found for %.160s",
                          request->image);
        request_fail(request, &err);
        return;
    }
    if (decode(token, &plain, &colon, &err) < 0) {
        token_free(request->client, token); /* no use to anybody: ask again the next time */
        request_fail(request, &err);
    } else {
        server = eca_xstrdup(token->proxy_endpoint);
        username = eca_xstrndup(plain.at, colon);
        login = (struct eca_ecr_login){
            .username = username,
            .password = eca_view_sub(eca_buf_view(&plain), colon + 1, plain.len),
            .server_address = server,
            .from_cache = from_cache,
        };
        request_free(request);
        on_done(arg, &login, NULL);
    }
    if (plain.at != NULL) {
        eca_wipe(plain.at, plain.len);
    }
    eca_buf_clear(&plain);
}

static const char *text_member(eca_json object, const char *key)
{
    eca_json member = eca_json_get(object, key);
    return eca_json_type(member) == ECA_JSON_STRING ? eca_json_str(member) : "";
}

/* Whole seconds, fraction dropped (ECR-107); 0 when absent or out of range. */
static int64_t expiry_ms(eca_json element)
{
    eca_json member = eca_json_get(element, "expiresAt");
    int64_t seconds = 0;

    if (eca_json_type(member) != ECA_JSON_NUMBER || eca_json_i64(member, &seconds, NULL) < 0 ||
        seconds < 0 || seconds > INT64_MAX / ECA_MS_PER_S) {
        return 0;
    }
    return seconds * ECA_MS_PER_S;
}

static void on_answer(void *arg, eca_json root, const struct eca_aws_failure *failure)
{
    struct eca_ecr_request *request = arg;
    eca_json list = eca_json_get(root, "authorizationData");
    struct eca_err err = {0};
    struct token *token;

    request->call = NULL;
    if (failure != NULL) { /* ECR-112 */
        eca_auto_buf struct eca_buf text = {0};
        bool temporary = eca_aws_failure_is_temporary(failure);
        eca_aws_failure_text(failure, &text);
        (void)eca_err_set(&err, temporary ? ECA_E_TRANSIENT : ECA_E_DENIED, "%s",
                          eca_buf_str(&text));
        request_fail(request, &err);
        return;
    }
    if (eca_json_type(list) != ECA_JSON_ARRAY || eca_json_count(list) != 1) {
        (void)eca_err_set(&err, ECA_E_INVALID,
                          "Unexpected number of results in AuthorizationData (%zu)",
                          eca_json_type(list) == ECA_JSON_ARRAY ? eca_json_count(list) : 0);
        request_fail(request, &err);
        return;
    }
    /* Kept even when it turns out not to serve this image (ECR-110). */
    token = keep_token(request->ecr, request->client, request->registry_id);
    eca_secret_set(&token->encoded,
                   eca_view_str(text_member(eca_json_first(list), "authorizationToken")));
    token->proxy_endpoint = eca_xstrdup(text_member(eca_json_first(list), "proxyEndpoint"));
    token->expires_ms = expiry_ms(eca_json_first(list));
    finish_with(request, token, false);
}

static void ask(struct eca_ecr_request *request)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    const struct eca_ecr_opts *opts = &request->ecr->opts;
    const struct eca_aws_call_opts call_opts = {
        .attempts = opts->attempts,
        .attempt_ms = opts->attempt_ms,
        .pause_ms = opts->pause_ms,
    };

    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "registryIds"); /* one element, also when empty (ECR-103) */
    eca_jw_str(&w, NULL, request->registry_id);
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    eca_aws_call_start(&request->client->service, "GetAuthorizationToken", eca_buf_view(&body),
                       &call_opts, on_answer, request, &request->call);
}

static void request_ready(void *arg)
{
    struct eca_ecr_request *request = arg;
    struct token *token;

    if (request->failure.code != ECA_OK) {
        request_fail(request, &request->failure);
        return;
    }
    token = find_token(request->ecr, request->client, request->registry_id);
    if (token == NULL) {
        ask(request);
    } else {
        finish_with(request, token, true);
    }
}

void eca_ecr_get(struct eca_ecr *ecr, const struct eca_ecr_query *query, eca_ecr_fn *on_done,
                 void *arg, struct eca_ecr_request **ret_request)
{
    struct eca_ecr_request *request = eca_xalloc(sizeof(*request));

    request->ecr = ecr;
    request->client = find_client(ecr, query, &request->failure);
    request->registry_id = eca_xstrdup(query->registry_id == NULL ? "" : query->registry_id);
    request->image = eca_xstrdup(query->image);
    request->on_done = on_done;
    request->arg = arg;
    eca_deferred_init(&request->ready, ecr->sched, request_ready, request);
    eca_list_push_back(&ecr->requests, &request->node);
    eca_deferred_queue(&request->ready);
    *ret_request = request;
}

void eca_ecr_forget(struct eca_ecr *ecr, const struct eca_ecr_query *query)
{
    eca_auto_free char *key = client_key(query);
    struct client *client = eca_map_get(ecr->clients, key);
    struct token *token = NULL;

    if (client != NULL) {
        token =
            eca_map_get(client->by_registry, query->registry_id == NULL ? "" : query->registry_id);
    }
    if (token != NULL) {
        token_free(client, token);
    }
}

/* ---- Life -------------------------------------------------------------------------------------
 */

struct eca_ecr *eca_ecr_new(struct eca_sched *sched, struct eca_http http,
                            struct eca_entropy entropy, struct eca_aws_creds *creds,
                            struct eca_log *log, const struct eca_ecr_opts *opts)
{
    struct eca_ecr *ecr = eca_xalloc(sizeof(*ecr));

    ecr->sched = sched;
    ecr->http = http;
    ecr->entropy = entropy;
    ecr->creds = creds;
    ecr->log = log;
    ecr->opts = *opts;
    ecr->opts.tokens_max = opts->tokens_max == 0 ? TOKENS_MAX : opts->tokens_max;
    ecr->opts.token_age_ms = opts->token_age_ms == 0 ? TOKEN_AGE_MS : opts->token_age_ms;
    ecr->opts.margin_ms = opts->margin_ms == 0 ? MARGIN_MS : opts->margin_ms;
    ecr->clients = eca_map_new();
    eca_list_init(&ecr->requests);
    return ecr;
}

void eca_ecr_free(struct eca_ecr *ecr)
{
    size_t cursor = 0;
    void *client;

    if (ecr == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &ecr->requests)
    {
        request_free(eca_list_entry(node, struct eca_ecr_request, node));
    }
    while (eca_map_next(ecr->clients, &cursor, NULL, &client)) {
        client_free(client);
    }
    eca_map_free(ecr->clients);
    eca_free(ecr);
}
