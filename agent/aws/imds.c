#include "agent/aws/imds.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ports/backoff.h"

#define MODULE "ec2 metadata"
#define NS_PER_MS UINT64_C(1000000)
#define DEFAULT_ENDPOINT "http://169.254.169.254"
#define TOKEN_PATH "/latest/api/token"
#define TOKEN_BYTES_MAX 4096
#define ROLE_PAUSE_MS 30 /* (30..59 ms) * 2^n (EC2-305) */

static const char *const resource_paths[ECA_IMDS_RESOURCES] = {
    [ECA_IMDS_DOCUMENT] = ECA_IMDS_DOCUMENT_PATH,
    [ECA_IMDS_SIGNATURE] = "/2014-02-25/dynamic/instance-identity/signature",
};

/* One path being asked for, with its tries. Owned by a series or by a wait. */
struct task {
    struct eca_list_node node; /* in imds->tasks */
    struct eca_imds *imds;
    char *path;
    bool is_role;       /* rules of EC2-305 instead of EC2-105 */
    uint32_t tries;     /* begun */
    bool token_renewed; /* a 401 was answered with a new token once (EC2-112) */
    bool wants_token;
    struct eca_http_fetch *fetch;
    struct eca_timer pause;
    struct eca_backoff backoff;
    void (*on_end)(void *owner, struct eca_view body, const struct eca_err *err);
    void *owner;
};

/* The one series of tries for a resource; its outcome stays (EC2-113). */
struct series {
    struct eca_imds *imds;
    struct task *task;
    bool started, ended;
    uint64_t started_ns;
    struct eca_timer budget;
    struct eca_buf body;
    struct eca_err err;
};

struct eca_imds_wait {
    struct eca_list_node node; /* in imds->waits */
    struct eca_imds *imds;
    struct series *series; /* NULL: a path of its own */
    struct task *task;
    struct eca_buf body; /* of the path */
    struct eca_err err;
    struct eca_deferred ready;
    eca_imds_fn *on_done;
    void *arg;
};

struct eca_imds {
    struct eca_sched *sched;
    struct eca_http http;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_imds_opts opts;
    char *endpoint;
    struct series series[ECA_IMDS_RESOURCES];
    uint64_t budget_ns; /* left for the series of this start */
    struct eca_list tasks, waits;
    struct eca_secret token;
    uint64_t token_until_ns; /* renew after; without a token: do not ask before */
    struct eca_http_fetch *token_fetch;
};

/* ---- Token ------------------------------------------------------------------------------------
 */

static void tokens_settled(struct eca_imds *imds)
{
    ECA_LIST_FOREACH(node, &imds->tasks)
    {
        struct task *task = eca_list_entry(node, struct task, node);
        if (task->wants_token) {
            task->wants_token = false;
            eca_timer_start(&task->pause, 0); /* the GET follows from the loop */
        }
    }
}

/* A token goes into a header: visible ASCII only. */
static bool is_token(struct eca_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '!' || text.at[i] > '~') {
            return false;
        }
    }
    return text.len > 0;
}

static void on_token(void *arg, const struct eca_http_answer *answer)
{
    struct eca_imds *imds = arg;
    uint64_t now_ns = eca_sched_now_ns(imds->sched);
    struct eca_view token = eca_view_trim(answer->body);

    imds->token_fetch = NULL;
    eca_secret_clear(&imds->token);
    if (answer->end.err.code == ECA_OK && answer->status == 200 && is_token(token)) {
        eca_secret_set(&imds->token, token);
        imds->token_until_ns =
            now_ns + (uint64_t)imds->opts.token_ttl_s * (1000 / 2) * NS_PER_MS; /* half its life */
    } else {
        imds->token_until_ns = now_ns + imds->opts.token_retry_ms * NS_PER_MS;
        ECA_DEBUG(imds->log, MODULE, ECA_NO_KV, "no metadata token (status %d), plain requests",
                  answer->status);
    }
    tokens_settled(imds);
}

/* One try, 1 s (EC2-112). */
static void ask_token(struct eca_imds *imds)
{
    eca_auto_free char *url = eca_xasprintf("%s" TOKEN_PATH, imds->endpoint);
    eca_auto_free char *ttl = eca_xasprintf("%u", imds->opts.token_ttl_s);
    const struct eca_http_header header = {"X-aws-ec2-metadata-token-ttl-seconds", ttl};
    const struct eca_http_opts opts = {
        .method = "PUT",
        .url = url,
        .headers = &header,
        .header_count = 1,
        .body = eca_view_str(""),
        .connect_ms = imds->opts.connect_ms,
        .total_ms = imds->opts.token_ms,
        .body_bytes_max = TOKEN_BYTES_MAX,
        .proxy = ECA_HTTP_PROXY_NEVER, /* EC2-109 */
        .party = "metadata",
    };

    if (eca_http_fetch_start(imds->http, &opts, on_token, imds, &imds->token_fetch, NULL) < 0) {
        imds->token_fetch = NULL;
        imds->token_until_ns =
            eca_sched_now_ns(imds->sched) + imds->opts.token_retry_ms * NS_PER_MS;
        tokens_settled(imds);
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------
 */

static void task_free(struct task *task)
{
    if (task == NULL) {
        return;
    }
    eca_list_remove(&task->imds->tasks, &task->node);
    eca_http_fetch_cancel(task->fetch);
    eca_timer_stop(&task->pause);
    eca_free(task->path);
    eca_free(task);
}

static void task_end(struct task *task, struct eca_view body, const struct eca_err *err)
{
    task->on_end(task->owner, body, err); /* the owner frees the task */
}

static uint64_t task_pause_ns(struct task *task)
{
    uint64_t jitter;

    if (!task->is_role) {
        return eca_backoff_next_ns(&task->backoff, task->imds->entropy);
    }
    jitter = eca_entropy_below(task->imds->entropy, ROLE_PAUSE_MS);
    return ((ROLE_PAUSE_MS + jitter) << (task->tries - 1)) * NS_PER_MS;
}

static void try_failed(struct task *task, const struct eca_err *err, bool final)
{
    struct eca_imds *imds = task->imds;
    uint32_t tries_max = task->is_role ? imds->opts.role_tries : imds->opts.tries;
    enum eca_log_level level = task->is_role ? ECA_LOG_DEBUG : ECA_LOG_WARN;

    ECA_LOG_AT(level, imds->log, MODULE, ECA_KV("path", task->path), "try %u of %u failed: %s",
               task->tries, tries_max, err->msg);
    if (final || task->tries >= tries_max) {
        task_end(task, ECA_VIEW_NONE, err);
        return;
    }
    eca_timer_start(&task->pause, task_pause_ns(task));
}

static void on_answer(void *arg, const struct eca_http_answer *answer)
{
    struct task *task = arg;
    struct eca_imds *imds = task->imds;
    struct eca_err err = answer->end.err;

    task->fetch = NULL;
    if (err.code != ECA_OK) {
        try_failed(task, &err, false);
        return;
    }
    if (answer->status == 200) {
        task_end(task, answer->body, NULL);
        return;
    }
    if (answer->status == 401 && !task->token_renewed) { /* a new token, once more */
        task->token_renewed = true;
        imds->token_until_ns = 0;
        task->tries--;
        eca_timer_start(&task->pause, 0);
        return;
    }
    (void)eca_err_set(&err, ECA_E_TRANSIENT, "metadata status %d", answer->status);
    err.http_status = answer->status;
    try_failed(task, &err, task->is_role && answer->status < 500);
}

static void send_get(struct task *task)
{
    struct eca_imds *imds = task->imds;
    eca_auto_free char *url = eca_xasprintf("%s%s", imds->endpoint, task->path);
    const struct eca_http_header header = {"X-aws-ec2-metadata-token", imds->token.at};
    const struct eca_http_opts opts = {
        .method = "GET",
        .url = url,
        .headers = &header,
        .header_count = eca_secret_is_set(&imds->token) ? 1 : 0,
        .connect_ms = imds->opts.connect_ms,
        .total_ms = task->is_role ? imds->opts.role_request_ms : imds->opts.request_ms,
        .body_bytes_max = ECA_IMDS_BODY_BYTES_MAX,
        .proxy = ECA_HTTP_PROXY_NEVER, /* EC2-109, EC2-308 */
        .party = "metadata",
    };
    struct eca_err err = {0};

    task->tries++;
    if (eca_http_fetch_start(imds->http, &opts, on_answer, task, &task->fetch, &err) < 0) {
        task->fetch = NULL;
        try_failed(task, &err, false);
    }
}

/* Begin a try: token first, when it is time for one. */
static void task_go(void *arg)
{
    struct task *task = arg;
    struct eca_imds *imds = task->imds;

    if (imds->token_fetch == NULL && eca_sched_now_ns(imds->sched) < imds->token_until_ns) {
        send_get(task);
        return;
    }
    task->wants_token = true;
    if (imds->token_fetch == NULL) {
        ask_token(imds);
    }
}

static struct task *task_start(struct eca_imds *imds, const char *path, bool is_role, void *owner,
                               void (*on_end)(void *, struct eca_view, const struct eca_err *))
{
    struct task *task = eca_xalloc(sizeof(*task));

    task->imds = imds;
    task->path = eca_xstrdup(path);
    task->is_role = is_role;
    task->owner = owner;
    task->on_end = on_end;
    eca_timer_init(&task->pause, imds->sched, task_go, task);
    eca_backoff_init(&task->backoff, (struct eca_backoff_opts){.min_ms = imds->opts.pause_min_ms,
                                                               .max_ms = imds->opts.pause_max_ms,
                                                               .multiplier_milli = 2000,
                                                               .jitter_milli = 200});
    eca_list_push_back(&imds->tasks, &task->node);
    eca_timer_start(&task->pause, 0);
    return task;
}

/* ---- Series and waits -------------------------------------------------------------------------
 */

static void series_end(struct series *series, struct eca_view body, const struct eca_err *err)
{
    struct eca_imds *imds = series->imds;
    uint64_t spent_ns = eca_sched_now_ns(imds->sched) - series->started_ns;

    imds->budget_ns -= spent_ns < imds->budget_ns ? spent_ns : imds->budget_ns;
    series->ended = true;
    eca_buf_add_view(&series->body, body);
    if (err != NULL) {
        series->err = *err;
    }
    eca_timer_stop(&series->budget);
    task_free(series->task);
    series->task = NULL;
    ECA_LIST_FOREACH(node, &imds->waits)
    {
        struct eca_imds_wait *wait = eca_list_entry(node, struct eca_imds_wait, node);
        if (wait->series == series) {
            eca_deferred_queue(&wait->ready);
        }
    }
}

static void on_series_end(void *owner, struct eca_view body, const struct eca_err *err)
{
    series_end(owner, body, err);
}

static void on_budget(void *arg)
{
    struct eca_err err = {0};

    (void)eca_err_set(&err, ECA_E_TIMEOUT, "metadata did not answer in the time of one start");
    series_end(arg, ECA_VIEW_NONE, &err);
}

static void blackholed(struct eca_err *err)
{
    (void)eca_err_set(err, ECA_E_DENIED, "blackholed"); /* EC2-110 */
}

static void series_start(struct eca_imds *imds, enum eca_imds_resource resource)
{
    struct series *series = &imds->series[resource];
    struct eca_err err = {0};

    series->started = true;
    series->started_ns = eca_sched_now_ns(imds->sched);
    if (imds->opts.blackhole) {
        blackholed(&err);
        series_end(series, ECA_VIEW_NONE, &err);
        return;
    }
    eca_timer_start(&series->budget, imds->budget_ns);
    series->task = task_start(imds, resource_paths[resource], false, series, on_series_end);
}

static void wait_free(struct eca_imds_wait *wait)
{
    eca_list_remove(&wait->imds->waits, &wait->node);
    eca_deferred_cancel(&wait->ready);
    task_free(wait->task);
    eca_buf_clear(&wait->body);
    eca_free(wait);
}

static void wait_ready(void *arg)
{
    struct eca_imds_wait *wait = arg;
    struct series *series = wait->series;
    eca_imds_fn *on_done = wait->on_done;
    void *on_done_arg = wait->arg;
    struct eca_err err = series != NULL ? series->err : wait->err;
    struct eca_buf body = {0}; /* credentials may be in it: wiped below */

    eca_buf_add_view(&body, eca_buf_view(series != NULL ? &series->body : &wait->body));
    wait_free(wait);
    on_done(on_done_arg, eca_buf_view(&body), err.code == ECA_OK ? NULL : &err);
    eca_wipe(body.at, body.len);
    eca_buf_clear(&body);
}

static void on_path_end(void *owner, struct eca_view body, const struct eca_err *err)
{
    struct eca_imds_wait *wait = owner;

    eca_buf_add_view(&wait->body, body);
    if (err != NULL) {
        wait->err = *err;
    }
    task_free(wait->task);
    wait->task = NULL;
    eca_deferred_queue(&wait->ready);
}

static struct eca_imds_wait *wait_new(struct eca_imds *imds, eca_imds_fn *on_done, void *arg)
{
    struct eca_imds_wait *wait = eca_xalloc(sizeof(*wait));

    wait->imds = imds;
    wait->on_done = on_done;
    wait->arg = arg;
    eca_deferred_init(&wait->ready, imds->sched, wait_ready, wait);
    eca_list_push_back(&imds->waits, &wait->node);
    return wait;
}

void eca_imds_get(struct eca_imds *imds, enum eca_imds_resource resource, eca_imds_fn *on_done,
                  void *arg, struct eca_imds_wait **ret_wait)
{
    struct eca_imds_wait *wait = wait_new(imds, on_done, arg);

    wait->series = &imds->series[resource];
    if (wait->series->ended) {
        eca_deferred_queue(&wait->ready);
    } else if (!wait->series->started) {
        series_start(imds, resource);
    }
    *ret_wait = wait;
}

void eca_imds_get_path(struct eca_imds *imds, const char *path, eca_imds_fn *on_done, void *arg,
                       struct eca_imds_wait **ret_wait)
{
    struct eca_imds_wait *wait = wait_new(imds, on_done, arg);

    if (imds->opts.blackhole) {
        blackholed(&wait->err);
        eca_deferred_queue(&wait->ready);
    } else {
        wait->task = task_start(imds, path, true, wait, on_path_end);
    }
    *ret_wait = wait;
}

void eca_imds_cancel(struct eca_imds_wait *wait)
{
    if (wait != NULL) {
        wait_free(wait);
    }
}

/* ---- Life -------------------------------------------------------------------------------------
 */

static struct eca_imds_opts with_defaults(const struct eca_imds_opts *opts)
{
    struct eca_imds_opts full = *opts;

#define DEFAULT(member, value) full.member = full.member == 0 ? (value) : full.member
    DEFAULT(connect_ms, 1000);
    DEFAULT(request_ms, 2000);
    DEFAULT(token_ms, 1000);
    DEFAULT(token_retry_ms, 300000);
    DEFAULT(token_ttl_s, 21600);
    DEFAULT(tries, 5);
    DEFAULT(pause_min_ms, 250);
    DEFAULT(pause_max_ms, 2000);
    DEFAULT(budget_ms, 30000);
    DEFAULT(role_request_ms, 5000);
    DEFAULT(role_tries, 4);
#undef DEFAULT
    return full;
}

struct eca_imds *eca_imds_new(struct eca_sched *sched, struct eca_http http,
                              struct eca_entropy entropy, struct eca_log *log,
                              const struct eca_imds_opts *opts)
{
    struct eca_imds *imds = eca_xalloc(sizeof(*imds));
    const char *endpoint = opts->endpoint;
    size_t len;

    imds->sched = sched;
    imds->http = http;
    imds->entropy = entropy;
    imds->log = log;
    imds->opts = with_defaults(opts);
    imds->budget_ns = imds->opts.budget_ms * NS_PER_MS;
    endpoint = endpoint == NULL || endpoint[0] == '\0' ? DEFAULT_ENDPOINT : endpoint;
    len = strlen(endpoint);
    while (len > 0 && endpoint[len - 1] == '/') {
        len--;
    }
    imds->endpoint = eca_xstrndup(endpoint, len);
    imds->opts.endpoint = NULL; /* the caller's text */
    eca_list_init(&imds->tasks);
    eca_list_init(&imds->waits);
    for (size_t i = 0; i < ECA_IMDS_RESOURCES; i++) {
        imds->series[i].imds = imds;
        eca_timer_init(&imds->series[i].budget, sched, on_budget, &imds->series[i]);
    }
    return imds;
}

void eca_imds_free(struct eca_imds *imds)
{
    if (imds == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &imds->waits)
    {
        wait_free(eca_list_entry(node, struct eca_imds_wait, node));
    }
    for (size_t i = 0; i < ECA_IMDS_RESOURCES; i++) {
        eca_timer_stop(&imds->series[i].budget);
        task_free(imds->series[i].task);
        eca_buf_clear(&imds->series[i].body);
    }
    eca_http_fetch_cancel(imds->token_fetch);
    eca_secret_clear(&imds->token);
    eca_free(imds->endpoint);
    eca_free(imds);
}

static void read_text(eca_json root, const char *key, char ret_text[ECA_IMDS_TEXT_BYTES])
{
    eca_json member = eca_json_get_nocase(root, key);
    size_t len;

    ret_text[0] = '\0';
    if (eca_json_type(member) == ECA_JSON_STRING) {
        len = strlen(eca_json_str(member));
        if (len < ECA_IMDS_TEXT_BYTES) { /* longer is no region and no id */
            memcpy(ret_text, eca_json_str(member), len + 1);
        }
    }
}

int eca_imds_identity_parse(struct eca_view document, struct eca_imds_identity *ret_identity,
                            struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (eca_json_parse(document, &doc, err) < 0) {
        (void)eca_err_wrap(err, "instance identity document");
        return ECA_E_INVALID;
    }
    if (eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "instance identity document: want object, have %s",
                           eca_json_type_name(eca_json_type(eca_json_root(doc))));
    }
    read_text(eca_json_root(doc), "region", ret_identity->region);
    read_text(eca_json_root(doc), "instanceId", ret_identity->instance_id);
    return ECA_OK;
}
