#include "agent/sys/docker_version.h"

#include "agent/base/json.h"
#include "agent/base/str.h"
#include "agent/sys/http_client.h"
#include "agent/sys/loop.h"

#define VERSION_BYTES_MAX 64

struct question {
    struct eca_loop *loop;
    bool found;
    struct eca_buf *version;
};

static void on_answer(void *arg, const struct eca_http_answer *answer)
{
    struct question *question = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *version = NULL;

    eca_loop_stop(question->loop);
    if (answer->end.err.code == ECA_OK && answer->status == 200 &&
        eca_json_parse(answer->body, &doc, NULL) == ECA_OK &&
        eca_json_read_str(eca_json_root(doc), "version", "Version", &version, NULL) == ECA_OK &&
        version != NULL && version[0] != '\0') {
        struct eca_view text = eca_view_str(version);

        text.len = eca_utf8_cut(text, VERSION_BYTES_MAX);
        eca_escape_controls(text, question->version);
        question->found = true;
    }
}

bool eca_docker_version_ask(const char *url, const char *unix_socket, uint64_t limit_ms,
                            struct eca_buf *ret_version)
{
    struct eca_http_opts opts = {.method = "GET",
                                 .url = url,
                                 .unix_socket = unix_socket,
                                 .total_ms = limit_ms,
                                 .party = "docker"};
    struct question question = {.version = ret_version};
    struct eca_http_fetch *fetch = NULL;
    struct eca_http_client *curl = NULL;
    struct eca_loop *loop = eca_loop_new(&(struct eca_loop_opts){0}, NULL);

    question.loop = loop;
    if (loop != NULL) {
        curl = eca_http_client_new(&(struct eca_http_client_opts){.loop = loop}, NULL);
    }
    if (curl != NULL && eca_http_fetch_start(eca_http_client_port(curl), &opts, on_answer,
                                             &question, &fetch, NULL) == ECA_OK) {
        eca_loop_run(loop);
    }
    eca_http_client_free(curl);
    eca_loop_free(loop);
    return question.found;
}
