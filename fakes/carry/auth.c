#include "fakes/carry/auth.h"

#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"

struct key {
    char *id, *secret, *token;
    int64_t expires_ms;
};

struct fake_auth {
    struct eca_sched *sched;
    struct eca_map *keys; /* id -> struct key */
    int64_t tolerance_ms;
    int64_t step_ms; /* the latest step of the clock */
    uint64_t step_until_ns;
};

struct fake_auth *fake_auth_new(struct eca_sched *sched)
{
    struct fake_auth *auth = eca_xalloc(sizeof(*auth));

    auth->sched = sched;
    auth->keys = eca_map_new();
    auth->tolerance_ms = FAKE_AUTH_DATE_TOLERANCE_MS;
    return auth;
}

static void key_free(struct key *key)
{
    if (key != NULL) {
        eca_free(key->id);
        eca_free(key->secret);
        eca_free(key->token);
        eca_free(key);
    }
}

void fake_auth_free(struct fake_auth *auth)
{
    size_t cursor = 0;
    const char *id;
    void *key;

    if (auth == NULL) {
        return;
    }
    while (eca_map_next(auth->keys, &cursor, &id, &key)) {
        key_free(key);
    }
    eca_map_free(auth->keys);
    eca_free(auth);
}

void fake_auth_add(struct fake_auth *auth, const char *id, const char *secret, const char *token,
                   int64_t expires_ms)
{
    struct key *key = eca_xalloc(sizeof(*key));

    key->id = eca_xstrdup(id);
    key->secret = eca_xstrdup(secret);
    key->token = eca_xstrdup(token == NULL ? "" : token);
    key->expires_ms = expires_ms;
    key_free(eca_map_put(auth->keys, id, key));
}

void fake_auth_set_tolerance(struct fake_auth *auth, int64_t tolerance_ms)
{
    auth->tolerance_ms = tolerance_ms;
}

/* What the verifier's look-up learns beside the secret. */
struct look {
    struct fake_auth *auth;
    bool expired;
};

static bool look_up(void *arg, struct eca_view id, struct eca_sigv4_keys *ret_keys)
{
    struct look *look = arg;
    const struct key *key = eca_map_get_view(look->auth->keys, id);

    if (key == NULL) {
        return false;
    }
    look->expired = key->expires_ms != 0 && eca_sched_wall_ms(look->auth->sched) >= key->expires_ms;
    ret_keys->id = eca_view_str(key->id);
    ret_keys->secret = eca_view_str(key->secret);
    ret_keys->token = eca_view_str(key->token);
    return true;
}

void fake_auth_clock_stepped(struct fake_auth *auth, int64_t by_ms)
{
    auth->step_ms = by_ms;
    auth->step_until_ns =
        eca_sched_now_ns(auth->sched) + (uint64_t)FAKE_AUTH_DATE_TOLERANCE_MS * 1000000;
}

static int verify(struct fake_auth *auth, struct eca_sigv4_check *check,
                  struct eca_sigv4_refusal *why, struct eca_err *err)
{
    int code = eca_sigv4_verify(check, why, err);

    if (code < 0 && auth->step_ms != 0 && eca_sched_now_ns(auth->sched) < auth->step_until_ns) {
        eca_sigv4_refusal_clear(why);
        *why = (struct eca_sigv4_refusal){0};
        check->now_ms -= auth->step_ms;
        code = eca_sigv4_verify(check, why, err);
    }
    return code;
}

static bool run_check(struct fake_auth *auth, struct eca_sigv4_check *check,
                      struct fake_auth_refusal *refusal)
{
    struct look look = {.auth = auth};
    struct eca_sigv4_refusal why = {0};
    const char *type = NULL;

    memset(refusal, 0, sizeof(*refusal));
    check->now_ms = eca_sched_wall_ms(auth->sched);
    check->date_tolerance_ms = auth->tolerance_ms;
    check->lookup = look_up;
    check->lookup_arg = &look;
    if (verify(auth, check, &why, &refusal->err) < 0) {
        type = why.type == NULL ? "InvalidSignatureException" : why.type;
    } else if (look.expired) {
        type = "ExpiredTokenException";
        (void)eca_err_set(&refusal->err, ECA_E_DENIED,
                          "The security token included in the request is expired");
    }
    if (type != NULL) {
        memcpy(refusal->type, type, strnlen(type, sizeof(refusal->type) - 1));
    }
    eca_sigv4_refusal_clear(&why);
    check->lookup_arg = NULL;
    return type == NULL;
}

bool fake_auth_check(struct fake_auth *auth, const struct fake_request *request,
                     const char *service, const char *region, struct fake_auth_refusal *refusal)
{
    struct eca_sigv4_check check = {
        .method = request->method,
        .path = eca_view_str(request->path),
        .query = eca_view_str(request->query),
        .headers = request->headers,
        .header_count = request->header_count,
        .body = request->body,
        .region = region,
        .service = service,
    };
    return run_check(auth, &check, refusal);
}

bool fake_auth_check_message(struct fake_auth *auth, const char *path, const char *query,
                             const struct eca_http_header *headers, size_t header_count,
                             struct eca_view json, const char *region,
                             struct fake_auth_refusal *refusal)
{
    struct eca_sigv4_check check = {
        .method = "GET",
        .path = eca_view_str(path),
        .query = eca_view_str(query),
        .headers = headers,
        .header_count = header_count,
        .body = json,
        .region = region,
        .service = "ecs",
    };
    return run_check(auth, &check, refusal);
}
