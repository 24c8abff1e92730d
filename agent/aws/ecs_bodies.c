#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/aws/ecs_client.h"
#include "agent/base/json.h"
#include "agent/base/str.h"

/* Request bodies: members in alphabetical order, absent ones left out (API-206). */

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void write_integer(struct eca_json_writer *w, const char *name, int64_t value)
{
    eca_jw_object(w, NULL);
    eca_jw_i64(w, "integerValue", value);
    eca_jw_str(w, "name", name);
    eca_jw_str(w, "type", "INTEGER");
    eca_jw_end_object(w);
}

static void write_ports(struct eca_json_writer *w, const char *name, const uint16_t *ports,
                        size_t count)
{
    eca_jw_object(w, NULL);
    eca_jw_str(w, "name", name);
    eca_jw_array(w, "stringSetValue");
    for (size_t i = 0; i < count; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%" PRIu16, ports[i]);
        eca_jw_str(w, NULL, text);
    }
    eca_jw_end_array(w);
    eca_jw_str(w, "type", "STRINGSET");
    eca_jw_end_object(w);
}

static void write_attributes(struct eca_json_writer *w, const struct eca_ecs_register *what)
{
    eca_jw_array(w, "attributes");
    for (size_t i = 0; i < what->attribute_count; i++) {
        eca_jw_object(w, NULL);
        eca_jw_str(w, "name", what->attributes[i].name);
        if (what->attributes[i].value != NULL) {
            eca_jw_str(w, "value", what->attributes[i].value);
        }
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

void eca_ecs_register_body(const struct eca_ecs_register *what, struct eca_buf *body)
{
    struct eca_json_writer w = eca_json_writer_to(body);

    eca_jw_object(&w, NULL);
    if (what->attribute_count > 0) {
        write_attributes(&w, what);
    }
    if (is_given(what->client_token)) {
        eca_jw_str(&w, "clientToken", what->client_token);
    }
    eca_jw_str(&w, "cluster", what->cluster);
    if (is_given(what->instance_arn)) {
        eca_jw_str(&w, "containerInstanceArn", what->instance_arn);
    }
    eca_jw_view(&w, "instanceIdentityDocument", what->document);
    eca_jw_view(&w, "instanceIdentityDocumentSignature", what->signature);
    eca_jw_array(&w, "totalResources");
    write_integer(&w, "CPU", what->cpu_units);
    write_integer(&w, "MEMORY", what->memory_mib);
    write_ports(&w, "PORTS", what->ports, what->port_count);
    write_ports(&w, "PORTS_UDP", what->ports_udp, what->port_udp_count);
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
}

static void write_bindings(struct eca_json_writer *w, const struct eca_port_binding *bindings,
                           size_t count)
{
    eca_jw_array(w, "networkBindings");
    for (size_t i = 0; i < count; i++) {
        eca_jw_object(w, NULL);
        eca_jw_str(w, "bindIP", bindings[i].bind_ip);
        eca_jw_u64(w, "containerPort", bindings[i].container_port);
        eca_jw_u64(w, "hostPort", bindings[i].host_port);
        eca_jw_str(w, "protocol", bindings[i].udp ? "udp" : "tcp");
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

static struct eca_view cut(const char *reason, size_t bytes_max)
{
    struct eca_view text = eca_view_str(reason);
    return eca_view_sub(text, 0, eca_utf8_cut(text, bytes_max));
}

void eca_ecs_container_body(const struct eca_ecs_container_change *change, struct eca_buf *body)
{
    struct eca_json_writer w = eca_json_writer_to(body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "cluster", change->cluster);
    eca_jw_str(&w, "containerName", change->container_name);
    if (change->has_exit_code) {
        eca_jw_i64(&w, "exitCode", change->exit_code);
    }
    write_bindings(&w, change->bindings, change->binding_count);
    if (is_given(change->reason)) {
        eca_jw_view(&w, "reason", cut(change->reason, ECA_CONTAINER_REASON_BYTES_MAX));
    }
    eca_jw_str(&w, "status", change->status);
    eca_jw_str(&w, "task", change->task_arn);
    eca_jw_end_object(&w);
}

void eca_ecs_task_body(const struct eca_ecs_task_change *change, struct eca_buf *body)
{
    struct eca_json_writer w = eca_json_writer_to(body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "cluster", change->cluster);
    eca_jw_view(&w, "reason", cut(change->reason, ECA_TASK_REASON_BYTES_MAX));
    eca_jw_str(&w, "status", change->status);
    eca_jw_str(&w, "task", change->task_arn);
    eca_jw_end_object(&w);
}
