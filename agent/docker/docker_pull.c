#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/docker/answer.h"
#include "agent/docker/docker_internal.h"

#define PROGRESS_BYTES_MAX ((size_t)1 << 20)     /* one line of the progress stream */
#define PASSWORD_HIDDEN_MIN 4                    /* shorter ones are in every text */
#define BAR_PAUSE_NS (UINT64_C(2) * 1000000000u) /* DKR-719 */
static const char module[] = "docker";

/* One pull attempt: credentials, request, progress stream (DKR-710..723). */

struct pull {
    char *reference;
    bool import;
    char *registry_id, *region, *endpoint; /* ECR */
    bool is_ecr;
    void *ecr_handle;
    struct eca_buf auth; /* X-Registry-Auth: a secret */
    struct eca_secret password;
    struct eca_json_splitter splitter;
    struct eca_buf failure; /* error object or error body */
    bool failed;            /* an error object stood in the stream */
    struct eca_err garbled; /* the stream could not be understood; it is read no further */
    bool begun;
    struct eca_log_limit bar_limit;
    int status;
    struct eca_timer begin_timer, idle_timer;
    struct eca_op *op;
};

static void pull_free(void *state)
{
    struct pull *pull = state;

    eca_timer_stop(&pull->begin_timer);
    eca_timer_stop(&pull->idle_timer);
    if (pull->ecr_handle != NULL) {
        pull->op->docker->opts.ecr.cancel(pull->op->docker->opts.ecr.impl, pull->ecr_handle);
    }
    eca_wipe(pull->auth.at, pull->auth.len);
    eca_buf_clear(&pull->auth);
    eca_secret_clear(&pull->password);
    eca_json_splitter_clear(&pull->splitter);
    eca_buf_clear(&pull->failure);
    eca_free(pull->reference);
    eca_free(pull->registry_id);
    eca_free(pull->region);
    eca_free(pull->endpoint);
    eca_free(pull);
}

static const char *error_name(const struct pull *pull)
{
    return pull->import ? "CreateEmptyVolumeError" : "CannotPullContainerError";
}

static void end_timeout(void *arg, const char *word, uint64_t limit_ms)
{
    struct eca_op *op = arg;
    struct eca_runtime_result result = {.outcome = ECA_OUTCOME_TIMEOUT};

    docker_timeout_error(word, limit_ms, &result.error);
    docker_op_end(op, &result); /* closes the connection (DKR-720) */
}

static void on_begin_limit(void *arg)
{
    struct eca_op *op = arg;

    end_timeout(op, "pullBegin", op->docker->opts.timing.pull_begin_ms);
}

static void on_idle_limit(void *arg)
{
    struct eca_op *op = arg;

    end_timeout(op, "pulled", op->docker->opts.timing.pull_idle_ms);
}

static void set_begun(struct pull *pull)
{
    pull->begun = true;
    eca_timer_stop(&pull->begin_timer);
}

/* One line of the stream, as the daemon wrote it. */
struct line {
    const char *stream, *progress, *error, *status, *id;
};

/* At debug; of progress bars one in 2 s (DKR-719). */
static void log_line(struct pull *pull, const struct line *line)
{
    struct eca_docker *docker = pull->op->docker;
    const char *text = line->status[0] != '\0' ? line->status : line->stream;

    if (strstr(text, "already being pulled by another client. Waiting.") != NULL) {
        ECA_ERROR(docker->opts.log, module, ECA_KV("image", pull->reference), "%s", text);
    } else if (strstr(line->progress, "[=") == NULL ||
               eca_log_limit_pass(&pull->bar_limit, eca_sched_now_ns(docker->opts.sched),
                                  BAR_PAUSE_NS)) {
        ECA_DEBUG(docker->opts.log, module,
                  ECA_KV("image", pull->reference, "layer", line->id, "progress", line->progress),
                  "Pulling: %s", text);
    }
}

/* DKR-716: progress, an error that ends it, or a status line. */
static int on_object(void *arg, struct eca_view text, struct eca_err *err)
{
    struct pull *pull = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct line line = {"", "", "", "", ""};
    eca_json root;

    if (pull->failed) {
        return ECA_OK; /* what follows an error is not read */
    }
    if (docker_parse(text, ECA_JSON_OBJECT, &doc, err) < 0) {
        return ECA_E_INVALID;
    }
    root = eca_json_root(doc);
    if (docker_read_str(root, "", "stream", &line.stream, err) < 0 ||
        docker_read_str(root, "", "progress", &line.progress, err) < 0 ||
        docker_read_str(root, "", "error", &line.error, err) < 0 ||
        docker_read_str(root, "", "status", &line.status, err) < 0 ||
        docker_read_str(root, "", "id", &line.id, err) < 0) {
        return ECA_E_INVALID;
    }
    if (line.stream[0] == '\0' && line.progress[0] == '\0' && line.error[0] != '\0') {
        pull->failed = true;
        eca_buf_reset(&pull->failure);
        eca_buf_add_str(&pull->failure, line.error);
    }
    if (line.status[0] != '\0' || strchr(line.stream, '\n') != NULL) {
        set_begun(pull);
    }
    log_line(pull, &line);
    return ECA_OK;
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct eca_op *op = arg;
    struct pull *pull = op->state;

    pull->status = head->status;
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct eca_op *op = arg;
    struct pull *pull = op->state;

    if (pull->status != 200) { /* an error body */
        eca_buf_add_view(&pull->failure, bytes);
    } else if (pull->garbled.code == ECA_OK) {
        (void)eca_json_splitter_feed(&pull->splitter, bytes, on_object, pull, &pull->garbled);
    }
    if (pull->begun || pull->import) { /* from the very line that begins it (FB-29.3) */
        eca_timer_start_ms(&pull->idle_timer, op->docker->opts.timing.pull_idle_ms);
    }
}

/* A registry may echo a password, and errors are logged and stored (FB-32.1). */
static void hide_password(const struct pull *pull, struct eca_buf *text)
{
    struct eca_view password = eca_secret_view(&pull->password);
    eca_auto_buf struct eca_buf clean = {0};
    const char *at = text->at, *hit;
    size_t left = text->len;

    if (password.len < PASSWORD_HIDDEN_MIN) {
        return;
    }
    while (left > 0 && (hit = memmem(at, left, password.at, password.len)) != NULL) {
        eca_buf_add(&clean, at, (size_t)(hit - at));
        eca_buf_add_str(&clean, "***");
        left -= (size_t)(hit - at) + password.len;
        at = hit + password.len;
    }
    if (at != text->at) {
        eca_buf_add(&clean, at, left);
        eca_buf_reset(text);
        eca_buf_add_view(text, eca_buf_view(&clean));
    }
}

static void send_pull(struct eca_op *op);

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct eca_op *op = arg;
    struct pull *pull = op->state;
    struct eca_runtime_result result = {.outcome = docker_outcome(end, pull->status)};
    eca_auto_buf struct eca_buf text = {0};

    op->stream = NULL;
    if (end->err.code == ECA_OK &&
        docker_version_refused(op, pull->status, eca_buf_view(&pull->failure))) {
        eca_timer_stop(&pull->idle_timer);
        eca_buf_reset(&pull->failure);
        send_pull(op);
        return;
    }
    if (result.outcome == ECA_OUTCOME_TIMEOUT) { /* the transport's clock ran out before ours */
        end_timeout(op, op->limit_word, op->limit_ms);
        return;
    }
    if (result.outcome == ECA_OUTCOME_BAD_ANSWER) {
        docker_not_understood(op->docker, op->call, &end->err, &text);
    } else if (result.outcome == ECA_OUTCOME_DONE && pull->failed) {
        result.outcome = ECA_OUTCOME_FAILED;
        eca_buf_add_view(&text, eca_buf_view(&pull->failure));
    } else if (result.outcome == ECA_OUTCOME_DONE && pull->garbled.code != ECA_OK) {
        result.outcome = ECA_OUTCOME_BAD_ANSWER;
        docker_not_understood(op->docker, op->call, &pull->garbled, &text);
    } else if (result.outcome == ECA_OUTCOME_DONE && !eca_json_splitter_idle(&pull->splitter)) {
        result.outcome = ECA_OUTCOME_AMBIGUOUS;
        eca_buf_add_str(&text, "unexpected EOF");
    } else if (result.outcome != ECA_OUTCOME_DONE) {
        docker_error_text(end, pull->status, eca_buf_view(&pull->failure), &text);
    }
    hide_password(pull, &text);
    if (result.outcome != ECA_OUTCOME_DONE) {
        eca_named_error_set(&result.error, error_name(pull), "%s%s",
                            pull->import ? "CreateEmptyVolumeError: Could not create empty volume "
                                         : "",
                            eca_buf_str(&text));
        if (pull->is_ecr &&
            (strstr(eca_buf_str(&text), "unauthorized") != NULL ||
             strstr(eca_buf_str(&text), "denied") != NULL) &&
            op->docker->opts.ecr.forget != NULL) {
            op->docker->opts.ecr.forget(op->docker->opts.ecr.impl, pull->registry_id, pull->region,
                                        pull->endpoint); /* ECR-113 */
        }
    }
    docker_op_end(op, &result);
}

static void send_pull(struct eca_op *op)
{
    static const struct eca_http_events events = {on_head, on_body, on_end};
    static const char empty_tar[1024]; /* two zero blocks: an archive without entries */
    struct pull *pull = op->state;
    eca_auto_buf struct eca_buf path = {0};
    struct request_storage storage = {0};
    struct eca_http_opts opts;
    struct eca_err err = {0};
    struct request request = {.method = "POST", .limit_ms = op->limit_ms};

    if (pull->import) {
        eca_buf_addf(&path, "/images/create?fromSrc=-&%s", pull->reference);
        request.body = eca_view_of(empty_tar, sizeof(empty_tar));
        request.content_type = "application/tar";
    } else {
        eca_buf_add_str(&path, "/images/create?fromImage=");
        eca_percent_encode(eca_view_str(pull->reference), false, &path);
        request.body = eca_view_str("");
        request.content_type = "plain/text";
        request.extra_name = "X-Registry-Auth";
        request.extra_value = eca_buf_str(&pull->auth);
    }
    request.path = eca_buf_str(&path);
    docker_note_version(op, &request);
    docker_http_opts(op->docker, &request, &storage, &opts);
    opts.body_bytes_max = 0; /* a stream; each object is bounded */
    if (eca_http_start(op->docker->opts.http, &opts, &events, op, &op->stream, &err) < 0) {
        op->early = (struct eca_runtime_result){.outcome = ECA_OUTCOME_UNREACHABLE};
        eca_named_error_set(&op->early.error, error_name(pull), "%s", err.msg);
        eca_deferred_queue(&op->later);
    } else if (!pull->import) {
        eca_timer_start_ms(&pull->begin_timer, op->docker->opts.timing.pull_begin_ms);
    }
    docker_storage_clear(&storage);
}

static void on_ecr(void *arg, const struct eca_docker_login *login, const struct eca_err *err)
{
    struct eca_op *op = arg;
    struct pull *pull = op->state;
    struct eca_runtime_result result = {.outcome = ECA_OUTCOME_REFUSED};

    pull->ecr_handle = NULL;
    if (err != NULL) {
        eca_named_error_set(&result.error, error_name(pull), "%s", err->msg); /* ECR-112 */
        docker_op_end(op, &result);
        return;
    }
    eca_docker_auth_header(login, &pull->auth);
    eca_secret_set(&pull->password, login->password);
    send_pull(op);
}

static void begin_pull(void *arg)
{
    struct eca_op *op = arg;
    struct pull *pull = op->state;
    struct eca_docker_ecr *ecr = &op->docker->opts.ecr;
    struct eca_docker_login login;
    struct eca_err err = {0};

    if (!pull->is_ecr) {
        bool found =
            !pull->import && eca_docker_auth_find(op->docker->opts.auth, pull->reference, &login);

        eca_docker_auth_header(found ? &login : NULL, &pull->auth);
        if (found) {
            eca_secret_set(&pull->password, login.password);
        }
        send_pull(op);
        return;
    }
    if (ecr->get == NULL) {
        (void)eca_err_set(&err, ECA_E_DENIED, "no ECR client");
    } else if (ecr->get(ecr->impl, pull->registry_id, pull->region, pull->endpoint, pull->reference,
                        on_ecr, op, &pull->ecr_handle, &err) == ECA_OK) {
        return;
    }
    op->early = (struct eca_runtime_result){.outcome = ECA_OUTCOME_REFUSED};
    eca_named_error_set(&op->early.error, error_name(pull), "%s", err.msg);
    eca_deferred_queue(&op->later);
}

/* Append ":latest" unless the text after the last ':' has no '/' (DKR-710). */
static char *reference_of(const char *image)
{
    const char *colon = strrchr(image, ':');

    if (colon != NULL && strchr(colon, '/') == NULL) {
        return eca_xstrdup(image);
    }
    return eca_xasprintf("%s:latest", image);
}

static struct pull *pull_new(struct eca_docker *docker, const char *call, uint64_t limit_ms,
                             const char *word, eca_runtime_fn *on_done, void *arg,
                             struct eca_op **ret_op)
{
    struct eca_op *op = docker_op_new(docker, call, limit_ms, word);
    struct pull *pull = eca_xalloc(sizeof(*pull));

    pull->op = op;
    pull->failure.bytes_max = 64 << 10;
    eca_json_splitter_init(&pull->splitter, PROGRESS_BYTES_MAX);
    eca_timer_init(&pull->begin_timer, docker->opts.sched, on_begin_limit, op);
    eca_timer_init(&pull->idle_timer, docker->opts.sched, on_idle_limit, op);
    op->state = pull;
    op->free_state = pull_free;
    op->on_done = on_done;
    op->arg = arg;
    *ret_op = op;
    return pull;
}

int docker_pull(void *impl, const struct eca_pull_opts *opts, eca_runtime_fn *on_done, void *arg,
                struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct pull *pull =
        pull_new(docker, "pull", docker->opts.timing.pull_ms, "pulled", on_done, arg, ret_op);

    (void)err;
    pull->reference = reference_of(opts->image);
    if (opts->auth == ECA_AUTH_ECR && !opts->ecr_has_data) {
        (*ret_op)->early = (struct eca_runtime_result){.outcome = ECA_OUTCOME_REFUSED};
        eca_named_error_set(&(*ret_op)->early.error, error_name(pull),
                            "ecrAuthProvider cannot be used without AuthData"); /* ECR-101 */
        eca_deferred_queue(&(*ret_op)->later);
        return ECA_OK;
    }
    if (opts->auth == ECA_AUTH_ECR) {
        pull->is_ecr = true;
        pull->registry_id = eca_xstrdup(opts->ecr_registry_id == NULL ? "" : opts->ecr_registry_id);
        pull->region = eca_xstrdup(opts->ecr_region == NULL ? "" : opts->ecr_region);
        pull->endpoint = eca_xstrdup(opts->ecr_endpoint == NULL ? "" : opts->ecr_endpoint);
    }
    docker_op_start(*ret_op, begin_pull, false, false);
    return ECA_OK;
}

int docker_import(void *impl, const char *repo, const char *tag, eca_runtime_fn *on_done, void *arg,
                  struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct pull *pull =
        pull_new(docker, "import", docker->opts.timing.import_ms, "imported", on_done, arg, ret_op);
    struct eca_buf query = {0};

    (void)err;
    pull->import = true;
    eca_buf_add_str(&query, "repo=");
    eca_percent_encode(eca_view_str(repo), false, &query);
    eca_buf_add_str(&query, "&tag=");
    eca_percent_encode(eca_view_str(tag), false, &query);
    pull->reference = eca_buf_take(&query);
    docker_op_start(*ret_op, begin_pull, false, false);
    return ECA_OK;
}
