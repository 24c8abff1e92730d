#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/docker/answer.h"
#include "agent/docker/docker_internal.h"

/*
 * Which API version a request is sent with, and what is learnt when another daemon stands where the
 * one of the start stood (DKR-L01): one that was upgraded refuses the versions that were found
 * then, and must not fail the tasks of an agent that runs on.
 */
#define TRIES_MAX                                                                                  \
    3 /* of an operation: too new, too old, and once more if the daemon changes meanwhile */
static const char module[] = "docker";

uint32_t docker_version_number(const char *text)
{
    struct eca_view view = eca_view_str(text);
    size_t dot = eca_view_find(view, ".", 0), end;
    uint64_t major, minor;

    if (dot == SIZE_MAX) {
        return 0;
    }
    for (end = dot + 1; end < view.len && view.at[end] >= '0' && view.at[end] <= '9'; end++) {
    }
    if (eca_parse_u64(eca_view_sub(view, 0, dot), 1000, &major, NULL) < 0 ||
        eca_parse_u64(eca_view_sub(view, dot + 1, end - dot - 1), 999, &minor, NULL) < 0) {
        return 0;
    }
    return (uint32_t)(major * 1000 + minor);
}

bool docker_version_is_plain(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *minor = text + digits + 1;

    return digits > 0 && text[digits] == '.' && minor[0] != '\0' &&
           minor[strspn(minor, "0123456789")] == '\0';
}

const char *docker_version_for(const struct eca_docker *docker, const char *wanted)
{
    uint32_t number;

    if (wanted == NULL || wanted[0] == '\0') {
        return docker->default_version;
    }
    number = docker_version_is_plain(wanted) ? docker_version_number(wanted) : 0;
    if (number == 0) {
        return NULL;
    }
    if (number < docker_version_number(docker->default_version)) {
        return docker->default_version; /* lifted to the lowest that the daemon accepts */
    }
    return docker->server_api[0] != '\0' && number > docker_version_number(docker->server_api)
               ? NULL
               : wanted;
}

/* ---- another daemon ------------------------------------------------------------------------- */

void docker_set_server_version(struct eca_docker *docker, const char *version)
{
    char *copy = eca_xstrdup(version);

    eca_free(docker->server_version);
    docker->server_version = copy;
}

static bool is_usable(const char *version)
{
    return strlen(version) < VERSION_BYTES && docker_version_is_plain(version) &&
           docker_version_number(version) > 0;
}

/* Either bound may be "": not said. The default stays while it lies within. */
static void take_range(struct eca_docker *docker, const char *minimum, const char *maximum)
{
    const char *version = docker->default_version;

    if (maximum[0] != '\0') {
        (void)snprintf(docker->server_api, sizeof(docker->server_api), "%s", maximum);
        version = docker_version_number(version) > docker_version_number(maximum)
                      ? DOCKER_VERSION_LOWEST
                      : version;
    }
    version = docker_version_number(minimum) > docker_version_number(version) ? minimum : version;
    if (strcmp(version, docker->default_version) != 0) {
        ECA_INFO(docker->opts.log, module,
                 ECA_KV("default", version, "before", docker->default_version),
                 "Docker accepts other API versions than before");
        (void)snprintf(docker->default_version, sizeof(docker->default_version), "%s", version);
    }
}

/* The version that follows these words; false: none does. */
static bool version_after(struct eca_view text, const char *words, char *ret_version)
{
    size_t at = eca_view_find(text, words, 0), len = 0;

    if (at == SIZE_MAX) {
        return false;
    }
    text = eca_view_sub(text, at + strlen(words), SIZE_MAX);
    while (len < text.len && (isdigit((unsigned char)text.at[len]) || text.at[len] == '.')) {
        len++;
    }
    while (len > 0 && text.at[len - 1] == '.') { /* the sentence's own */
        len--;
    }
    if (len >= VERSION_BYTES) {
        return false;
    }
    (void)snprintf(ret_version, VERSION_BYTES, "%.*s", (int)len, text.at);
    return is_usable(ret_version);
}

void docker_note_version(struct eca_op *op, const struct request *request)
{
    (void)snprintf(op->sent_version, sizeof(op->sent_version), "%s",
                   request->version != NULL ? request->version : op->docker->default_version);
}

bool docker_version_refused(struct eca_op *op, int status, struct eca_view body)
{
    char minimum[VERSION_BYTES] = "", maximum[VERSION_BYTES] = "";
    uint32_t sent = docker_version_number(op->sent_version);

    if (status != 400 || sent == 0 || op->version_tries >= TRIES_MAX) {
        return false;
    }
    if (!version_after(body, "Minimum supported API version is ", minimum) &&
        !version_after(body, "Maximum supported API version is ", maximum) &&
        !version_after(body, "server API version: ", maximum)) {
        return false;
    }
    if (minimum[0] != '\0'
            ? sent >= docker_version_number(minimum)
            : sent <= docker_version_number(maximum) ||
                  docker_version_number(maximum) < docker_version_number(DOCKER_VERSION_LOWEST)) {
        return false; /* it would say the same again */
    }
    op->version_tries++;
    take_range(op->docker, minimum, maximum);
    docker_ask_range(op->docker);
    return true;
}

static void on_range(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct eca_docker *docker = op->docker;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf text = {0};
    const char *minimum = "", *maximum = "", *version = docker->server_version;
    struct eca_err err = {0};

    if (docker_answered(op, answer, &text) == ECA_OUTCOME_DONE) {
        if (docker_parse(answer->body, ECA_JSON_OBJECT, &doc, &err) < 0 ||
            docker_read_str(eca_json_root(doc), "", "MinAPIVersion", &minimum, &err) < 0 ||
            docker_read_str(eca_json_root(doc), "", "ApiVersion", &maximum, &err) < 0 ||
            docker_read_str(eca_json_root(doc), "", "Version", &version, &err) < 0) {
            docker_not_understood(docker, op->call, &err, &text);
        } else if (is_usable(maximum)) {
            docker_set_server_version(docker, version);
            take_range(docker, is_usable(minimum) ? minimum : "", maximum);
        }
    }
    docker->range_op = NULL;
    docker_op_free(op);
}

static void range_not_sent(void *arg, const struct eca_runtime_result *result)
{
    (void)result; /* a request that is refused later teaches it as well */
    ((struct eca_docker *)arg)->range_op = NULL;
}

void docker_ask_range(struct eca_docker *docker)
{
    struct request request = {.method = "GET",
                              .version = "",
                              .path = "/version",
                              .limit_ms = docker->opts.timing.probe_ms};

    if (docker->range_op == NULL) {
        docker->range_op = docker_op_new(docker, "version", 0, "asked");
        docker->range_op->on_done = range_not_sent;
        docker->range_op->arg = docker;
        docker_op_send(docker->range_op, &request, on_range);
    }
}
