#include "agent/aws/credentials.h"

#include <assert.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define MODULE "credentials"
#define ROLE_LIST_PATH "/latest/meta-data/iam/security-credentials" /* no slash (EC2-304) */
#define FILE_BYTES_MAX ((size_t)256 << 10)
#define NS_PER_MS UINT64_C(1000000)

struct eca_aws_creds_wait {
    struct eca_list_node node; /* in creds->waits */
    struct eca_aws_creds *creds;
    struct eca_deferred ready;
    eca_aws_creds_fn *on_done;
    void *arg;
};

struct eca_aws_creds {
    struct eca_sched *sched;
    struct eca_host host;
    struct eca_imds *imds;
    struct eca_log *log;
    struct eca_aws_creds_opts opts;
    struct eca_aws_keys keys; /* id NULL: none */
    int64_t expires_ms;       /* wall; 0 = never */
    struct eca_list waits;
    struct eca_imds_wait *asking; /* the role, or its credentials */
    bool looked_up;               /* at least once */
    uint64_t looked_up_ns;        /* last lookup began */
    bool forced;                  /* eca_aws_creds_expire was obeyed at forced_ns */
    uint64_t forced_ns;
    struct eca_err failure; /* of the last lookup; ECA_OK after a good one */
    struct eca_timer refresh;
};

struct eca_sigv4_keys eca_aws_keys_view(const struct eca_aws_keys *keys)
{
    return (struct eca_sigv4_keys){eca_view_str(keys->id), eca_secret_view(&keys->secret),
                                   eca_secret_view(&keys->token)};
}

void eca_aws_keys_clear(struct eca_aws_keys *keys)
{
    eca_free(keys->id);
    keys->id = NULL;
    eca_secret_clear(&keys->secret);
    eca_secret_clear(&keys->token);
}

bool eca_aws_key_is_usable(struct eca_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c == 0x7f) {
            return false;
        }
    }
    return text.len > 0;
}

static bool are_valid(const struct eca_aws_creds *creds)
{
    return creds->keys.id != NULL &&
           (creds->expires_ms == 0 || eca_sched_wall_ms(creds->sched) < creds->expires_ms);
}

static bool interval_passed(const struct eca_aws_creds *creds, uint64_t since_ns)
{
    return eca_sched_now_ns(creds->sched) - since_ns >= creds->opts.refresh_interval_ms * NS_PER_MS;
}

/* ---- Providers --------------------------------------------------------------------------------
 */

static const char *env_of(struct eca_aws_creds *creds, const char *name, const char *other)
{
    const char *value = eca_host_env(creds->host, name);

    if ((value == NULL || value[0] == '\0') && other != NULL) {
        value = eca_host_env(creds->host, other);
    }
    return value == NULL ? "" : value;
}

/* EC2-302 */
static bool from_environment(struct eca_aws_creds *creds, struct eca_aws_keys *ret_keys)
{
    const char *id = env_of(creds, "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY");
    const char *secret = env_of(creds, "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY");
    const char *token = env_of(creds, "AWS_SESSION_TOKEN", NULL);

    if (!eca_aws_key_is_usable(eca_view_str(id)) || !eca_aws_key_is_usable(eca_view_str(secret))) {
        return false;
    }
    if (token[0] != '\0' && !eca_aws_key_is_usable(eca_view_str(token))) {
        return false;
    }
    ret_keys->id = eca_xstrdup(id);
    eca_secret_set(&ret_keys->secret, eca_view_str(secret));
    eca_secret_set(&ret_keys->token, eca_view_str(token));
    return true;
}

/* EC2-303 */
static bool from_file(struct eca_aws_creds *creds, struct eca_aws_keys *ret_keys)
{
    const char *path = env_of(creds, "AWS_SHARED_CREDENTIALS_FILE", NULL);
    const char *home = env_of(creds, "HOME", "USERPROFILE");
    const char *profile = env_of(creds, "AWS_PROFILE", NULL);
    eca_auto_free char *built = NULL;
    eca_auto_buf struct eca_buf text = {0};
    bool found;

    if (path[0] == '\0') {
        if (home[0] == '\0') {
            return false;
        }
        built = eca_xasprintf("%s/.aws/credentials", home);
        path = built;
    }
    if (eca_host_read_file(creds->host, path, FILE_BYTES_MAX, &text, NULL) < 0) {
        return false;
    }
    found = eca_aws_ini_keys(eca_buf_view(&text), profile[0] == '\0' ? "default" : profile,
                             ret_keys, NULL) == ECA_OK;
    if (text.at != NULL) {
        eca_wipe(text.at, text.len);
    }
    return found;
}

static const char *text_member(eca_json root, const char *key)
{
    eca_json member = eca_json_get_nocase(root, key);
    return eca_json_type(member) == ECA_JSON_STRING ? eca_json_str(member) : "";
}

/* EC2-304 */
static int from_role_document(struct eca_view body, struct eca_aws_keys *ret_keys,
                              int64_t *ret_expires_ms, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json root;
    int64_t expires_ns = 0;

    if (eca_json_parse(body, &doc, err) < 0) {
        return eca_err_wrap(err, "role credentials");
    }
    root = eca_json_root(doc);
    if (eca_json_type(root) != ECA_JSON_OBJECT ||
        strcmp(text_member(root, "Code"), "Success") != 0) {
        return eca_err_set(err, ECA_E_INVALID, "role credentials: Code is not Success");
    }
    if (!eca_aws_key_is_usable(eca_view_str(text_member(root, "AccessKeyId"))) ||
        !eca_aws_key_is_usable(eca_view_str(text_member(root, "SecretAccessKey"))) ||
        (text_member(root, "Token")[0] != '\0' &&
         !eca_aws_key_is_usable(eca_view_str(text_member(root, "Token"))))) {
        return eca_err_set(err, ECA_E_INVALID,
                           "role credentials: key id or secret missing, or a damaged value");
    }
    if (eca_time_rfc3339_parse(eca_view_str(text_member(root, "Expiration")), &expires_ns, NULL) <
            0 ||
        expires_ns == 0) {
        return eca_err_set(err, ECA_E_INVALID, "role credentials: no Expiration");
    }
    ret_keys->id = eca_xstrdup(text_member(root, "AccessKeyId"));
    eca_secret_set(&ret_keys->secret, eca_view_str(text_member(root, "SecretAccessKey")));
    eca_secret_set(&ret_keys->token, eca_view_str(text_member(root, "Token")));
    *ret_expires_ms = expires_ns / ECA_NS_PER_MS;
    return ECA_OK;
}

/* ---- Lookup -----------------------------------------------------------------------------------
 */

static void answer_waits(struct eca_aws_creds *creds)
{
    ECA_LIST_FOREACH(node, &creds->waits)
    {
        eca_deferred_queue(&eca_list_entry(node, struct eca_aws_creds_wait, node)->ready);
    }
}

/* Next background refresh: at the expiry less its margin, never sooner than the interval. */
static void arm_refresh(struct eca_aws_creds *creds)
{
    uint64_t interval_ns = creds->opts.refresh_interval_ms * NS_PER_MS;
    int64_t wait_ms;
    uint64_t wait_ns;

    eca_timer_stop(&creds->refresh);
    if (!are_valid(creds) || creds->expires_ms == 0) {
        return;
    }
    wait_ms = creds->expires_ms - (int64_t)creds->opts.refresh_before_ms -
              eca_sched_wall_ms(creds->sched);
    wait_ns = wait_ms > 0 ? (uint64_t)wait_ms * NS_PER_MS : 0;
    eca_timer_start(&creds->refresh, wait_ns > interval_ns ? wait_ns : interval_ns);
}

static void found(struct eca_aws_creds *creds, struct eca_aws_keys keys, int64_t expires_ms,
                  const char *provider)
{
    bool changed;

    assert(keys.id != NULL);
    changed = creds->keys.id == NULL || strcmp(creds->keys.id, keys.id) != 0;

    eca_aws_keys_clear(&creds->keys);
    creds->keys = keys;
    creds->expires_ms = expires_ms;
    creds->failure = (struct eca_err){0};
    if (changed) {
        ECA_INFO(creds->log, MODULE, ECA_KV("provider", provider), "credentials found");
    }
    arm_refresh(creds);
    answer_waits(creds);
}

static void not_found(struct eca_aws_creds *creds, const char *reason)
{
    (void)eca_err_set(&creds->failure, ECA_E_DENIED,
                      "NoCredentialProviders: no valid providers in chain: %s", reason);
    if (are_valid(creds)) { /* the old ones serve until their very end (EC2-306) */
        ECA_WARN(creds->log, MODULE, ECA_NO_KV, "credentials not refreshed: %s", reason);
    }
    arm_refresh(creds);
    answer_waits(creds);
}

static void on_role_document(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct eca_aws_creds *creds = arg;
    struct eca_aws_keys keys = {0};
    int64_t expires_ms = 0;
    struct eca_err why = {0};

    creds->asking = NULL;
    if (err != NULL) {
        not_found(creds, err->msg);
    } else if (from_role_document(body, &keys, &expires_ms, &why) < 0) {
        not_found(creds, why.msg);
    } else {
        found(creds, keys, expires_ms, "instance role");
    }
}

static void on_role_list(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct eca_aws_creds *creds = arg;
    eca_auto_buf struct eca_buf path = {0};
    struct eca_view role;

    creds->asking = NULL;
    if (err != NULL) {
        not_found(creds, err->msg);
        return;
    }
    role = eca_view_trim(eca_view_sub(body, 0, eca_view_find(body, "\n", 0)));
    if (role.len == 0) {
        not_found(creds, "no instance role");
        return;
    }
    eca_buf_add_str(&path, ROLE_LIST_PATH "/");
    eca_percent_encode(role, false, &path);
    eca_imds_get_path(creds->imds, eca_buf_str(&path), on_role_document, creds, &creds->asking);
}

/* From the top of the chain (EC2-301). */
static void look_up(struct eca_aws_creds *creds)
{
    struct eca_aws_keys keys = {0};

    creds->looked_up = true;
    creds->looked_up_ns = eca_sched_now_ns(creds->sched);
    if (from_environment(creds, &keys)) {
        found(creds, keys, 0, "environment");
    } else if (from_file(creds, &keys)) {
        found(creds, keys, 0, "shared file");
    } else {
        eca_imds_get_path(creds->imds, ROLE_LIST_PATH, on_role_list, creds, &creds->asking);
    }
}

static void on_refresh(void *arg)
{
    struct eca_aws_creds *creds = arg;

    if (creds->asking == NULL) {
        look_up(creds);
    }
}

/* After a step of the wall clock the timer may be late: a question notices as well. */
static void refresh_if_due(struct eca_aws_creds *creds)
{
    bool due =
        creds->expires_ms != 0 && eca_sched_wall_ms(creds->sched) >=
                                      creds->expires_ms - (int64_t)creds->opts.refresh_before_ms;

    if (due && creds->asking == NULL && interval_passed(creds, creds->looked_up_ns)) {
        look_up(creds);
    }
}

/* ---- Questions --------------------------------------------------------------------------------
 */

static void wait_free(struct eca_aws_creds_wait *wait)
{
    eca_list_remove(&wait->creds->waits, &wait->node);
    eca_deferred_cancel(&wait->ready);
    eca_free(wait);
}

static void wait_ready(void *arg)
{
    struct eca_aws_creds_wait *wait = arg;
    struct eca_aws_creds *creds = wait->creds;
    eca_aws_creds_fn *on_done = wait->on_done;
    void *on_done_arg = wait->arg;
    struct eca_err failure = creds->failure;

    wait_free(wait);
    if (are_valid(creds)) {
        on_done(on_done_arg, &creds->keys, NULL);
        return;
    }
    if (failure.code == ECA_OK) { /* they ran out between the answer and this turn */
        (void)eca_err_set(&failure, ECA_E_DENIED, "NoCredentialProviders: credentials expired");
    }
    on_done(on_done_arg, NULL, &failure);
}

void eca_aws_creds_get(struct eca_aws_creds *creds, eca_aws_creds_fn *on_done, void *arg,
                       struct eca_aws_creds_wait **ret_wait)
{
    struct eca_aws_creds_wait *wait = eca_xalloc(sizeof(*wait));

    wait->creds = creds;
    wait->on_done = on_done;
    wait->arg = arg;
    eca_deferred_init(&wait->ready, creds->sched, wait_ready, wait);
    eca_list_push_back(&creds->waits, &wait->node);
    *ret_wait = wait;
    if (are_valid(creds)) {
        refresh_if_due(creds);
        eca_deferred_queue(&wait->ready);
    } else if (creds->asking != NULL) {
        return; /* its answer is for everybody */
    } else if (creds->looked_up && creds->failure.code != ECA_OK &&
               !interval_passed(creds, creds->looked_up_ns)) {
        eca_deferred_queue(&wait->ready); /* the last failure, not another request (EC2-306) */
    } else {
        look_up(creds);
    }
}

void eca_aws_creds_cancel(struct eca_aws_creds_wait *wait)
{
    if (wait != NULL) {
        wait_free(wait);
    }
}

const struct eca_aws_keys *eca_aws_creds_now(struct eca_aws_creds *creds)
{
    if (!are_valid(creds)) {
        return NULL;
    }
    refresh_if_due(creds);
    return &creds->keys;
}

void eca_aws_creds_expire(struct eca_aws_creds *creds)
{
    /* A server that refuses everything must not turn every attempt into metadata requests. */
    if (creds->keys.id == NULL || (creds->forced && !interval_passed(creds, creds->forced_ns))) {
        return;
    }
    creds->forced = true;
    creds->forced_ns = eca_sched_now_ns(creds->sched);
    eca_aws_keys_clear(&creds->keys);
    creds->expires_ms = 0;
    creds->failure = (struct eca_err){0};
    eca_timer_stop(&creds->refresh);
}

struct eca_aws_creds *eca_aws_creds_new(struct eca_sched *sched, struct eca_host host,
                                        struct eca_imds *imds, struct eca_log *log,
                                        const struct eca_aws_creds_opts *opts)
{
    struct eca_aws_creds *creds = eca_xalloc(sizeof(*creds));

    creds->sched = sched;
    creds->host = host;
    creds->imds = imds;
    creds->log = log;
    creds->opts = *opts;
    if (creds->opts.refresh_before_ms == 0) {
        creds->opts.refresh_before_ms = 5 * ECA_MS_PER_MIN;
    }
    if (creds->opts.refresh_interval_ms == 0) {
        creds->opts.refresh_interval_ms = 10 * ECA_MS_PER_S;
    }
    eca_list_init(&creds->waits);
    eca_timer_init(&creds->refresh, sched, on_refresh, creds);
    return creds;
}

void eca_aws_creds_free(struct eca_aws_creds *creds)
{
    if (creds == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &creds->waits)
    {
        wait_free(eca_list_entry(node, struct eca_aws_creds_wait, node));
    }
    eca_imds_cancel(creds->asking);
    eca_timer_stop(&creds->refresh);
    eca_aws_keys_clear(&creds->keys);
    eca_free(creds);
}
