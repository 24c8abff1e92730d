#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/docker/answer.h"
#include "agent/docker/docker_internal.h"

/*
 * Which API versions the daemon accepts (DKR-120..125). The lowest known one that works is the
 * default. Above 1.23 versions are tried only when the daemon refuses the old ones: the lowest that
 * it names itself first, then the known ones in turn (DKR-L01).
 */
static const char *const known[] = {
    "1.17", "1.18", "1.19", "1.20", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27", "1.28",
    "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37", "1.38", "1.39", "1.40",
    "1.41", "1.42", "1.43", "1.44", "1.45", "1.46", "1.47", "1.48", "1.49", "1.50", "1.51", "1.52",
};
#define ADVERTISED 7 /* 1.17 to 1.23 */
static const char module[] = "docker";

struct probe {
    char version[VERSION_BYTES]; /* tried now */
    bool asked_minimum;
    eca_runtime_probe_fn *on_done;
    void *arg;
    bool found_default;
    enum eca_outcome last;
    struct eca_err last_err;
};

static void probe_version(struct eca_op *op);

static void finish(struct eca_op *op)
{
    struct probe *probe = op->state;
    struct eca_docker *docker = op->docker;
    eca_auto_buf struct eca_buf list = {0};
    const char *served[ADVERTISED];
    size_t count = 0;

    if (!probe->found_default) {
        enum eca_outcome outcome =
            probe->last == ECA_OUTCOME_DONE ? ECA_OUTCOME_REFUSED : probe->last;

        probe->on_done(probe->arg, outcome, &probe->last_err, NULL, 0);
        docker_op_free(op);
        return;
    }
    /* A request for an old version is lifted into the daemon's range, so it is served as well. */
    for (size_t i = 0; i < ADVERTISED; i++) {
        bool lifted =
            docker_version_number(known[i]) < docker_version_number(docker->default_version);
        bool found = lifted;

        for (size_t k = 0; k < docker->version_count; k++) {
            found = found || strcmp(docker->versions[k], known[i]) == 0;
        }
        if (found) {
            eca_buf_addf(&list, " %s", known[i]);
            served[count++] = known[i];
        }
    }
    ECA_INFO(docker->opts.log, module, ECA_KV("default", docker->default_version),
             "Docker API versions:%s", eca_buf_str(&list));
    probe->on_done(probe->arg, ECA_OUTCOME_DONE, NULL, served, count);
    docker_op_free(op);
}

/* The first known version above the one tried last, or NULL. */
static const char *next_known(const struct probe *probe)
{
    size_t limit = probe->found_default ? ADVERTISED : ECA_ARRAY_LEN(known);

    for (size_t i = 0; i < limit; i++) {
        if (docker_version_number(known[i]) > docker_version_number(probe->version)) {
            return known[i];
        }
    }
    return NULL;
}

static void next(struct eca_op *op)
{
    struct probe *probe = op->state;
    bool unreachable = probe->last == ECA_OUTCOME_UNREACHABLE || probe->last == ECA_OUTCOME_TIMEOUT;
    const char *version = next_known(probe);

    if ((unreachable && !probe->found_default) || version == NULL) {
        finish(op);
        return;
    }
    (void)snprintf(probe->version, sizeof(probe->version), "%s", version);
    probe_version(op);
}

/* ---- the lowest version in the daemon's own words ------------------------------------------- */

static void on_minimum(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct probe *probe = op->state;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf text = {0};
    const char *minimum = NULL;

    if (docker_answered(op, answer, &text) == ECA_OUTCOME_DONE &&
        docker_parse(answer->body, ECA_JSON_OBJECT, &doc, NULL) == ECA_OK &&
        docker_read_str(eca_json_root(doc), "", "MinAPIVersion", &minimum, NULL) == ECA_OK &&
        minimum != NULL && docker_version_is_plain(minimum) &&
        docker_version_number(minimum) > docker_version_number(probe->version)) {
        (void)snprintf(probe->version, sizeof(probe->version), "%s", minimum);
        probe_version(op);
        return;
    }
    next(op); /* it does not say: by trying */
}

static void ask_minimum(struct eca_op *op)
{
    struct probe *probe = op->state;
    struct request request = {.method = "GET",
                              .version = "",
                              .path = "/version",
                              .limit_ms = op->docker->opts.timing.probe_ms};

    probe->asked_minimum = true;
    docker_op_send(op, &request, on_minimum);
}

/* ---- one version ---------------------------------------------------------------------------- */

static void accept_version(struct eca_op *op)
{
    struct probe *probe = op->state;
    struct eca_docker *docker = op->docker;

    if (!probe->found_default) {
        probe->found_default = true;
        docker->version_count = 0;
        (void)snprintf(docker->default_version, sizeof(docker->default_version), "%s",
                       probe->version);
    }
    (void)snprintf(docker->versions[docker->version_count++], VERSION_BYTES, "%s", probe->version);
}

/* Why this version is not to be had: "GET /v1.17/version: API error (400): ...". */
static void set_why(struct eca_op *op, const char *path, const char *text)
{
    struct probe *probe = op->state;

    (void)eca_err_set(&probe->last_err, ECA_E_TRANSIENT, "GET /v%s%s: %s", probe->version, path,
                      text);
    ECA_DEBUG(op->docker->opts.log, module, ECA_KV("version", probe->version),
              "Docker API version left out: %s", probe->last_err.msg);
}

static void on_ping(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct probe *probe = op->state;
    eca_auto_buf struct eca_buf text = {0};

    probe->last = docker_answered(op, answer, &text);
    if (probe->last == ECA_OUTCOME_DONE && answer->status == 200) {
        accept_version(op);
    } else {
        if (probe->last == ECA_OUTCOME_DONE) {
            eca_buf_addf(&text, "Received unexpected status %d", answer->status);
        }
        set_why(op, "/_ping", eca_buf_str(&text));
    }
    next(op);
}

/* /version must say an ApiVersion of numbers with a dot (DKR-122). */
static int read_version(struct eca_op *op, const struct eca_http_answer *answer,
                        struct eca_err *err)
{
    struct probe *probe = op->state;
    struct eca_docker *docker = op->docker;
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *api = "", *version = "";

    if (answer->status != 200) {
        return eca_err_set(err, ECA_E_INVALID,
                           "Received unexpected status %d while trying to retrieve the server "
                           "version",
                           answer->status);
    }
    if (docker_parse(answer->body, ECA_JSON_OBJECT, &doc, err) < 0 ||
        docker_read_str(eca_json_root(doc), "", "ApiVersion", &api, err) < 0 ||
        docker_read_str(eca_json_root(doc), "", "Version", &version, err) < 0) {
        return ECA_E_INVALID;
    }
    if (docker_version_number(api) == 0) {
        return eca_err_set(err, ECA_E_INVALID, "Unable to parse version \"%s\"", api);
    }
    if (docker_version_number(probe->version) > docker_version_number(api)) {
        return eca_err_set(err, ECA_E_DENIED, "above the server's %s", api);
    }
    (void)snprintf(docker->server_api, sizeof(docker->server_api), "%s", api);
    docker_set_server_version(docker, version);
    return ECA_OK;
}

static void on_version(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct probe *probe = op->state;
    eca_auto_buf struct eca_buf text = {0};
    struct eca_err err = {0};
    struct request request = {.method = "GET",
                              .version = probe->version,
                              .path = "/_ping",
                              .limit_ms = op->docker->opts.timing.probe_ms};

    probe->last = docker_answered(op, answer, &text);
    if (probe->last != ECA_OUTCOME_DONE) {
        set_why(op, "/version", eca_buf_str(&text));
        if (probe->last == ECA_OUTCOME_REFUSED && !probe->asked_minimum && !probe->found_default) {
            ask_minimum(op);
            return;
        }
        next(op);
    } else if (read_version(op, answer, &err) == ECA_OK) {
        docker_op_send(op, &request, on_ping);
    } else if (err.code == ECA_E_DENIED) { /* understood, and no */
        probe->last = ECA_OUTCOME_REFUSED;
        set_why(op, "/version", err.msg);
        next(op);
    } else {
        docker_not_understood(op->docker, op->call, &err, &text);
        probe->last = ECA_OUTCOME_BAD_ANSWER;
        set_why(op, "/version", eca_buf_str(&text));
        next(op);
    }
}

static void probe_version(struct eca_op *op)
{
    struct probe *probe = op->state;
    struct request request = {.method = "GET",
                              .version = probe->version,
                              .path = "/version",
                              .limit_ms = op->docker->opts.timing.probe_ms};

    docker_op_send(op, &request, on_version);
}

static void begin(void *arg)
{
    probe_version(arg);
}

static void refused(void *arg, const struct eca_runtime_result *result)
{
    struct probe *probe = arg;
    struct eca_err err;

    (void)eca_err_set(&err, ECA_E_TRANSIENT, "%s", result->error.text);
    probe->on_done(probe->arg, result->outcome, &err, NULL, 0);
}

int docker_probe(void *impl, eca_runtime_probe_fn *on_done, void *arg, struct eca_op **ret_op,
                 struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op = docker_op_new(docker, "version", 0, "probed");
    struct probe *probe = eca_xalloc(sizeof(*probe));

    (void)err;
    (void)snprintf(probe->version, sizeof(probe->version), "%s", known[0]);
    probe->on_done = on_done;
    probe->arg = arg;
    op->state = probe;
    op->free_state = eca_free;
    op->on_done = refused;
    op->arg = probe;
    *ret_op = op;
    docker_op_start(op, begin, false, false);
    return ECA_OK;
}
