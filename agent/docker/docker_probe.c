#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/docker/docker_internal.h"

/*
 * Which API versions the daemon accepts (DKR-120..125). The lowest known one that works is the
 * default; above 1.23 versions are tried only when the daemon refuses the old ones (DKR-L01).
 */
static const char *const known[] = {
    "1.17", "1.18", "1.19", "1.20", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27",
    "1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37", "1.38",
    "1.39", "1.40", "1.41", "1.42", "1.43", "1.44", "1.45", "1.46", "1.47", "1.48",
};
#define ADVERTISED 7 /* 1.17 to 1.23 */

struct probe {
    size_t index;
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
            served[count++] = known[i];
        }
    }
    probe->on_done(probe->arg, ECA_OUTCOME_DONE, NULL, served, count);
    docker_op_free(op);
}

static void next(struct eca_op *op)
{
    struct probe *probe = op->state;
    bool unreachable = probe->last == ECA_OUTCOME_UNREACHABLE || probe->last == ECA_OUTCOME_TIMEOUT;

    probe->index++;
    if ((unreachable && !probe->found_default) || probe->index == ECA_ARRAY_LEN(known) ||
        (probe->found_default && probe->index >= ADVERTISED)) {
        finish(op);
        return;
    }
    probe_version(op);
}

static void accept_version(struct eca_op *op)
{
    struct probe *probe = op->state;
    struct eca_docker *docker = op->docker;

    if (!probe->found_default) {
        probe->found_default = true;
        docker->version_count = 0;
        (void)snprintf(docker->default_version, sizeof(docker->default_version), "%s",
                       known[probe->index]);
    }
    (void)snprintf(docker->versions[docker->version_count++], VERSION_BYTES, "%s",
                   known[probe->index]);
}

static void on_ping(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct probe *probe = op->state;

    op->fetch = NULL;
    probe->last = docker_outcome(&answer->end, answer->status);
    if (probe->last == ECA_OUTCOME_DONE && answer->status == 200) {
        accept_version(op);
    } else {
        (void)eca_err_set(&probe->last_err, ECA_E_TRANSIENT, "ping: status %d %s", answer->status,
                          answer->end.err.msg);
    }
    next(op);
}

/* /version must say an ApiVersion of numbers with a dot (DKR-122). */
static bool read_version(struct eca_op *op, const struct eca_http_answer *answer)
{
    struct probe *probe = op->state;
    struct eca_docker *docker = op->docker;
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *api = NULL, *version = NULL;

    if (answer->status != 200) {
        eca_auto_buf struct eca_buf text = {0};

        docker_error_text(&answer->end, answer->status, answer->body, &text);
        (void)eca_err_set(&probe->last_err, ECA_E_TRANSIENT, "%s", eca_buf_str(&text));
        return false;
    }
    if (eca_json_parse(answer->body, &doc, &probe->last_err) < 0 ||
        eca_json_read_str(eca_json_root(doc), "", "ApiVersion", &api, &probe->last_err) < 0 ||
        eca_json_read_str(eca_json_root(doc), "", "Version", &version, &probe->last_err) < 0) {
        return false;
    }
    if (api == NULL || docker_version_number(api) == 0) {
        (void)eca_err_set(&probe->last_err, ECA_E_INVALID, "Unable to parse version \"%s\"",
                          api == NULL ? "" : api);
        return false;
    }
    if (docker_version_number(known[probe->index]) > docker_version_number(api)) {
        (void)eca_err_set(&probe->last_err, ECA_E_INVALID, "above the server's %s", api);
        return false;
    }
    (void)snprintf(docker->server_api, sizeof(docker->server_api), "%s", api);
    eca_free(docker->server_version);
    docker->server_version = eca_xstrdup(version == NULL ? "" : version);
    return true;
}

static void on_version(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct probe *probe = op->state;
    struct request request = {.method = "GET",
                              .version = known[probe->index],
                              .path = "/_ping",
                              .limit_ms = op->docker->opts.timing.probe_ms};

    op->fetch = NULL;
    probe->last = docker_outcome(&answer->end, answer->status);
    if (probe->last != ECA_OUTCOME_DONE) {
        (void)eca_err_set(&probe->last_err, ECA_E_TRANSIENT, "version: status %d %s",
                          answer->status, answer->end.err.msg);
        next(op);
    } else if (!read_version(op, answer)) {
        probe->last = ECA_OUTCOME_BAD_ANSWER;
        next(op);
    } else {
        docker_op_send(op, &request, on_ping);
    }
}

static void probe_version(struct eca_op *op)
{
    struct probe *probe = op->state;
    struct request request = {.method = "GET",
                              .version = known[probe->index],
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
    struct eca_op *op = docker_op_new(docker, 0, "probed");
    struct probe *probe = eca_xalloc(sizeof(*probe));

    (void)err;
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
