#include "fakes/metadata/metadata.h"

#include <inttypes.h>
#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define KEY_LIFE_DEFAULT_MS ((uint64_t)6 * 60 * 60 * 1000)
#define DOCUMENT "/dynamic/instance-identity/document"
#define SIGNATURE "/dynamic/instance-identity/signature"
#define ROLES "/meta-data/iam/security-credentials"
#define TOKEN_SECONDS_MAX 21600
#define TOKEN_CHARS 56

struct override {
    int status;
    char *body;
};

struct fake_metadata {
    struct fake_metadata_opts opts;
    char *party, *region, *instance_id, *instance_type, *roles;
    struct eca_map *overrides; /* resource -> struct override */
    struct eca_map *tokens;    /* token -> int64_t, when it ends */
    char key_id[24], secret[41], session_token[65];
    int64_t key_until_ms;
    uint64_t keys_made;
};

static void reply(struct fake_exchange *exchange, int status, const char *type, const char *body)
{
    fake_exchange_reply(exchange, status, type, eca_view_str(body));
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* Each token is good until its own end, however many others there are. */
static void keep_token(struct fake_metadata *metadata, const char *token, uint64_t seconds)
{
    int64_t *until_ms = eca_xalloc(sizeof(*until_ms));

    *until_ms = eca_sched_wall_ms(metadata->opts.base.sched) + (int64_t)seconds * ECA_MS_PER_S;
    eca_free(eca_map_put(metadata->tokens, token, until_ms));
}

static void answer_token(struct fake_metadata *metadata, struct fake_exchange *exchange)
{
    const struct fake_request *request = fake_exchange_request(exchange);
    const char *ttl = fake_request_header(request, "x-aws-ec2-metadata-token-ttl-seconds");
    char token[TOKEN_CHARS + 1];
    uint64_t seconds = 0;

    switch (metadata->opts.tokens) {
    case FAKE_METADATA_TOKENS_SILENT:
        return; /* until the client gives up */
    case FAKE_METADATA_TOKENS_OFF:
        reply(exchange, 404, "text/html", "<html>Not Found</html>");
        return;
    case FAKE_METADATA_TOKENS_ON:
    case FAKE_METADATA_TOKENS_REQUIRED:
        break;
    }
    if (strcmp(request->method, "PUT") != 0) {
        reply(exchange, 405, NULL, "");
        return;
    }
    if (fake_request_header(request, "x-forwarded-for") != NULL) { /* through a proxy: no token */
        reply(exchange, 403, NULL, "");
        return;
    }
    if (ttl == NULL || eca_parse_u64(eca_view_str(ttl), TOKEN_SECONDS_MAX, &seconds, NULL) < 0 ||
        seconds == 0) {
        (void)fake_trace_violation(metadata->opts.base.trace, FAKE_LANE_METADATA, "EC2-112",
                                   "token asked for without a valid life");
        reply(exchange, 400, NULL, "");
        return;
    }
    eca_entropy_hex(metadata->opts.base.entropy, TOKEN_CHARS, token);
    keep_token(metadata, token, seconds);
    fake_exchange_header(exchange, "x-aws-ec2-metadata-token-ttl-seconds", ttl);
    reply(exchange, 200, "text/plain", token);
}

/* True: the request may be answered. */
static bool token_is_fine(const struct fake_metadata *metadata, const struct fake_request *request)
{
    const char *token = fake_request_header(request, "x-aws-ec2-metadata-token");
    const int64_t *until_ms;

    if (token == NULL) {
        return metadata->opts.tokens != FAKE_METADATA_TOKENS_REQUIRED;
    }
    if (metadata->opts.tokens == FAKE_METADATA_TOKENS_OFF) {
        return true; /* an unknown header */
    }
    until_ms = eca_map_get(metadata->tokens, token);
    return until_ms != NULL && eca_sched_wall_ms(metadata->opts.base.sched) < *until_ms;
}

/* ---- resources ------------------------------------------------------------------------------- */

static void answer_document(struct fake_metadata *metadata, struct fake_exchange *exchange)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "accountId", "111122223333");
    eca_jw_str(&w, "architecture", "x86_64");
    eca_jw_str(&w, "availabilityZone", metadata->region);
    eca_jw_str(&w, "instanceId", metadata->instance_id);
    eca_jw_str(&w, "instanceType", metadata->instance_type);
    eca_jw_str(&w, "privateIp", "10.0.0.1");
    eca_jw_str(&w, "region", metadata->region);
    eca_jw_str(&w, "version", "2010-08-31");
    eca_jw_end_object(&w);
    reply(exchange, 200, "text/plain", eca_buf_str(&body));
}

static void make_keys(struct fake_metadata *metadata)
{
    struct fake_base *base = &metadata->opts.base;
    uint64_t life_ms =
        metadata->opts.key_life_ms == 0 ? KEY_LIFE_DEFAULT_MS : metadata->opts.key_life_ms;
    eca_auto_buf struct eca_buf id = {0};

    eca_buf_addf(&id, "ASIAFAKE%010" PRIu64, ++metadata->keys_made);
    memcpy(metadata->key_id, eca_buf_str(&id), id.len + 1);
    eca_entropy_hex(base->entropy, 40, metadata->secret);
    eca_entropy_hex(base->entropy, 64, metadata->session_token);
    metadata->key_until_ms = eca_sched_wall_ms(base->sched) + (int64_t)life_ms;
    if (metadata->opts.auth != NULL) {
        fake_auth_add(metadata->opts.auth, metadata->key_id, metadata->secret,
                      metadata->session_token, metadata->key_until_ms);
    }
}

static void answer_role(struct fake_metadata *metadata, struct fake_exchange *exchange)
{
    int64_t now_ms = eca_sched_wall_ms(metadata->opts.base.sched);
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    char text[21];

    /* As the real service: the same keys until shortly before their end. */
    if (metadata->key_id[0] == '\0' ||
        metadata->key_until_ms - now_ms < (int64_t)(metadata->opts.key_life_ms == 0
                                                        ? KEY_LIFE_DEFAULT_MS
                                                        : metadata->opts.key_life_ms) /
                                              4) {
        make_keys(metadata);
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Code", "Success");
    eca_time_rfc3339(now_ms, text);
    eca_jw_str(&w, "LastUpdated", text);
    eca_jw_str(&w, "Type", "AWS-HMAC");
    eca_jw_str(&w, "AccessKeyId", metadata->key_id);
    eca_jw_str(&w, "SecretAccessKey", metadata->secret);
    eca_jw_str(&w, "Token", metadata->session_token);
    eca_time_rfc3339(metadata->key_until_ms, text);
    eca_jw_str(&w, "Expiration", text);
    eca_jw_end_object(&w);
    reply(exchange, 200, "text/plain", eca_buf_str(&body));
}

static bool role_is_known(const struct fake_metadata *metadata, const char *name)
{
    struct eca_view rest = eca_view_str(metadata->roles);

    while (rest.len > 0) {
        size_t end = eca_view_find(rest, "\n", 0);
        if (eca_view_eq_str(eca_view_sub(rest, 0, end), name)) {
            return true;
        }
        rest = end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, end + 1, SIZE_MAX);
    }
    return false;
}

static void answer_get(struct fake_metadata *metadata, struct fake_exchange *exchange,
                       const char *resource)
{
    const struct override *override = eca_map_get(metadata->overrides, resource);
    size_t roles_len = strlen(ROLES);

    if (override != NULL) {
        reply(exchange, override->status, "text/plain", override->body);
    } else if (strcmp(resource, DOCUMENT) == 0) {
        answer_document(metadata, exchange);
    } else if (strcmp(resource, SIGNATURE) == 0) {
        reply(exchange, 200, "text/plain", "ZmFrZS1zaWduYXR1cmU=");
    } else if (strcmp(resource, "/meta-data/instance-id") == 0) {
        reply(exchange, 200, "text/plain", metadata->instance_id);
    } else if (!metadata->opts.no_role && strncmp(resource, ROLES, roles_len) == 0) {
        const char *role = resource + roles_len;
        if (strcmp(role, "") == 0 || strcmp(role, "/") == 0) {
            reply(exchange, 200, "text/plain", metadata->roles);
        } else if (role[0] == '/' && role_is_known(metadata, role + 1)) {
            answer_role(metadata, exchange);
        } else {
            reply(exchange, 404, "text/html", "<html>Not Found</html>");
        }
    } else {
        reply(exchange, 404, "text/html", "<html>Not Found</html>");
    }
}

/* The path behind its version: "/latest/dynamic/x" -> "/dynamic/x". */
static const char *resource_of(const struct fake_request *request)
{
    const char *slash = request->path[0] == '/' ? strchr(request->path + 1, '/') : NULL;

    return slash == NULL ? request->path : slash;
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_metadata *metadata = arg;
    const struct fake_request *request = fake_exchange_request(exchange);
    const char *resource = resource_of(request);

    if (request->proxy_form) {
        (void)fake_trace_violation(metadata->opts.base.trace, FAKE_LANE_METADATA, "EC2-109",
                                   "asked through a proxy: %s", request->path);
    }
    if (strcmp(resource, "/api/token") == 0) {
        answer_token(metadata, exchange);
    } else if (strcmp(request->method, "GET") != 0) {
        reply(exchange, 405, NULL, "");
    } else if (!token_is_fine(metadata, request)) {
        reply(exchange, 401, "text/html", "<html>Unauthorized</html>");
    } else {
        answer_get(metadata, exchange, resource);
    }
}

static const char *name_request(void *arg, const struct fake_request *request)
{
    const char *resource = resource_of(request);

    (void)arg;
    if (strcmp(resource, "/api/token") == 0) {
        return "token";
    }
    if (strcmp(resource, DOCUMENT) == 0) {
        return "document";
    }
    if (strcmp(resource, SIGNATURE) == 0) {
        return "signature";
    }
    return strncmp(resource, ROLES, strlen(ROLES)) == 0 ? "credentials" : NULL;
}

static void on_observe(void *arg, const struct fake_request *request, int status,
                       struct eca_view answer_body)
{
    struct fake_metadata *metadata = arg;
    bool token = strcmp(resource_of(request), "/api/token") == 0;
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    (void)answer_body;
    eca_jw_object(&w, NULL);
    if (!token) {
        eca_jw_str(&w, "path", request->path);
    }
    eca_jw_i64(&w, "status", status);
    eca_jw_end_object(&w);
    (void)fake_trace_add(metadata->opts.base.trace, FAKE_LANE_METADATA, token ? "token" : "get",
                         eca_buf_str(&fields));
}

/* ---- knobs and life -------------------------------------------------------------------------- */

static void set_text(char **text, const char *value, const char *otherwise)
{
    eca_free(*text);
    *text = eca_xstrdup(value == NULL ? otherwise : value);
}

void fake_metadata_set_instance(struct fake_metadata *metadata, const char *instance_id,
                                const char *instance_type)
{
    set_text(&metadata->instance_id, instance_id, "i-0fake");
    set_text(&metadata->instance_type, instance_type, "t2.micro");
}

void fake_metadata_set_tokens(struct fake_metadata *metadata, enum fake_metadata_tokens tokens)
{
    metadata->opts.tokens = tokens;
}

void fake_metadata_set_key_life(struct fake_metadata *metadata, uint64_t key_life_ms)
{
    metadata->opts.key_life_ms = key_life_ms;
}

static void override_free(struct override *override)
{
    if (override != NULL) {
        eca_free(override->body);
        eca_free(override);
    }
}

void fake_metadata_set(struct fake_metadata *metadata, const char *resource, int status,
                       const char *body)
{
    struct override *override;

    if (body == NULL) {
        override_free(eca_map_remove(metadata->overrides, resource));
        return;
    }
    override = eca_xalloc(sizeof(*override));
    override->status = status;
    override->body = eca_xstrdup(body);
    override_free(eca_map_put(metadata->overrides, resource, override));
}

void fake_metadata_rotate(struct fake_metadata *metadata)
{
    metadata->key_id[0] = '\0';
}

const char *fake_metadata_key_id(const struct fake_metadata *metadata)
{
    return metadata->key_id;
}

struct fake_metadata *fake_metadata_new(const struct fake_metadata_opts *opts)
{
    struct fake_metadata *metadata = eca_xalloc(sizeof(*metadata));
    struct fake_service service = {.on_request = on_request, .arg = metadata};

    metadata->opts = *opts;
    set_text(&metadata->party, opts->party, "metadata");
    set_text(&metadata->region, opts->region, "us-west-2");
    set_text(&metadata->roles, opts->roles, "ecsInstanceRole");
    fake_metadata_set_instance(metadata, opts->instance_id, opts->instance_type);
    metadata->overrides = eca_map_new();
    metadata->tokens = eca_map_new();
    service.party = metadata->party;
    fake_hub_add(opts->base.hub, &service);
    fake_hub_set_namer(opts->base.hub, metadata->party, name_request, metadata);
    fake_hub_observe(opts->base.hub, metadata->party, on_observe, metadata);
    return metadata;
}

void fake_metadata_free(struct fake_metadata *metadata)
{
    size_t cursor = 0;
    const char *resource;
    void *override, *until_ms;

    if (metadata == NULL) {
        return;
    }
    fake_hub_remove(metadata->opts.base.hub, metadata->party);
    while (eca_map_next(metadata->overrides, &cursor, &resource, &override)) {
        override_free(override);
    }
    eca_map_free(metadata->overrides);
    cursor = 0;
    while (eca_map_next(metadata->tokens, &cursor, NULL, &until_ms)) {
        eca_free(until_ms);
    }
    eca_map_free(metadata->tokens);
    eca_free(metadata->party);
    eca_free(metadata->region);
    eca_free(metadata->instance_id);
    eca_free(metadata->instance_type);
    eca_free(metadata->roles);
    eca_free(metadata);
}
