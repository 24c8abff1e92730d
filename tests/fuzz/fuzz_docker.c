/* What comes from Docker, and what goes to it from a payload: inspect answers (DKR-701..707), raw
 * configurations laid over a create body (DKR-520), registry logins (AUTH-101), DOCKER_HOST. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/docker/auth.h"
#include "agent/docker/create_body.h"
#include "agent/docker/endpoint.h"
#include "agent/docker/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_inspection(struct eca_view text)
{
    struct eca_docker_inspection out = {0};
    struct eca_named_error error = {0};
    struct eca_err err = {0};

    if (eca_docker_inspect_parse(text, &out, &err) < 0) {
        assert(err.msg[0] != '\0' && out.doc == NULL);
        return;
    }
    assert(out.info.id != NULL && out.info.name != NULL && out.info.state_error != NULL);
    assert(!(out.info.running && (out.info.has_exit_code || out.info.never_started)));
    assert(out.info.binding_count <= ECA_PORT_BINDINGS_MAX);
    for (size_t i = 1; i < out.info.binding_count; i++) {
        assert(out.info.bindings[i - 1].container_port <= out.info.bindings[i].container_port);
    }
    eca_docker_state_error(&out.info, &error);
    eca_docker_inspection_clear(&out);
}

/* Whatever is laid over it, the body is JSON, has its host config, and our labels have our values.
 */
static void write_body(const char *config, const char *host_config)
{
    struct eca_container_spec spec = {.docker_name = "n",
                                      .image = "i",
                                      .memory_mib = 8,
                                      .raw_config = config,
                                      .raw_host_config = host_config,
                                      .labels = {"arn", "c", "f", "1", "cluster"}};
    eca_auto_buf struct eca_buf body = {0};
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_named_error error = {0};
    eca_json label;

    if (eca_docker_create_body(&spec, true, &body, &error) < 0) {
        assert(error.name != NULL && error.text[0] != '\0');
        return;
    }
    assert(eca_json_parse(eca_buf_view(&body), &doc, NULL) == ECA_OK);
    assert(eca_json_type(eca_json_get(eca_json_root(doc), "HostConfig")) == ECA_JSON_OBJECT);
    label = eca_json_get(eca_json_get(eca_json_root(doc), "Labels"), "com.amazonaws.ecs.task-arn");
    assert(eca_json_type(label) == ECA_JSON_STRING && strcmp(eca_json_str(label), "arn") == 0);
}

static void read_logins(struct eca_view text)
{
    static const char *const types[] = {"docker", "dockercfg"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(types); i++) {
        struct eca_secret data = {0};
        struct eca_docker_login login = {0};
        eca_auto_buf struct eca_buf header = {0};
        struct eca_docker_auth *auth;

        eca_secret_set(&data, text);
        auth = eca_docker_auth_new(types[i], &data, NULL);
        if (eca_docker_auth_find(auth, "r.tld/a/b:1", &login)) {
            eca_docker_auth_header(&login, &header);
            assert(header.len > 0);
        }
        eca_docker_auth_free(auth);
        eca_secret_clear(&data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eca_view text = eca_view_of((const char *)data, size);
    eca_auto_free char *line = eca_xstrndup((const char *)data, size);
    struct eca_docker_endpoint endpoint;

    read_inspection(text);
    write_body(line, NULL);
    write_body(NULL, line);
    read_logins(text);
    if (eca_docker_endpoint_parse(line, false, &endpoint, NULL) == ECA_OK) {
        assert(endpoint.base_url != NULL);
    }
    eca_docker_endpoint_clear(&endpoint);
    return 0;
}
