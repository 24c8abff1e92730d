#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <string.h>

void hns_vars_set(struct hns_run *run, const char *name, const char *value)
{
    eca_free(eca_map_put(run->vars, name, eca_xstrdup(value)));
}

const char *hns_keep(struct hns_run *run, char *text)
{
    run->kept = eca_xrealloc_array(run->kept, run->kept_count + 1, sizeof(char *));
    run->kept[run->kept_count++] = text;
    return text;
}

void hns_secret(struct hns_run *run, const char *value)
{
    if (value == NULL || value[0] == '\0' || run->secret_count == HNS_SECRET_COUNT_MAX) {
        return;
    }
    run->secrets[run->secret_count++] = eca_xstrdup(value);
}

/*
 * A name always gives the same ARN, so that runs repeat and a restarted scenario finds its tasks. A
 * real daemon still has the containers of former runs: there the ARNs are the run's own.
 */
void hns_name_task(struct hns_run *run, const char *task, const char *arn)
{
    eca_auto_free char *name = eca_xasprintf("arn.task.%s", task);

    hns_vars_set(run, name, arn);
    fake_trace_name(run->stage.base.trace, arn, task);
    if (run->cast.ecs != NULL) {
        fake_ecs_name_task(run->cast.ecs, arn, task);
    }
}

const char *hns_task_arn(struct hns_run *run, const char *task)
{
    eca_auto_free char *name = eca_xasprintf("arn.task.%s", task);
    uint64_t a = UINT64_C(1469598103934665603) ^ run->arn_salt, b;
    char *arn = eca_map_get(run->vars, name);

    if (arn != NULL) {
        return arn;
    }
    for (const char *at = task; *at != '\0'; at++) {
        a = (a ^ (unsigned char)*at) * UINT64_C(1099511628211);
    }
    b = (a ^ (a >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    arn = eca_xasprintf("arn:aws:ecs:us-west-2:111122223333:task/%08x-%04x-4%03x-8%03x-%012llx",
                        (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff,
                        (unsigned)(b >> 48) & 0xfff, (unsigned long long)b & 0xffffffffffffULL);
    hns_name_task(run, task, arn);
    eca_free(arn);
    return eca_map_get(run->vars, name);
}

/* ${container.web/app.id}: the Docker id. */
static const char *container_id(struct hns_run *run, const char *name)
{
    size_t len = strlen(name);
    eca_auto_free char *ref = NULL;

    if (strncmp(name, "container.", 10) != 0 || len < 14 || strcmp(name + len - 3, ".id") != 0) {
        return NULL;
    }
    ref = eca_xstrndup(name + 10, len - 13);
    return run->cast.docker != NULL ? fake_docker_id(run->cast.docker, ref)
                                    : fake_docker_relay_id(run->stage.relay, ref);
}

/* ${container.web/app.port.80}: the port of the host that leads there (fake daemon). */
static const char *container_port(struct hns_run *run, const char *name)
{
    const char *port = strstr(name, ".port.");
    eca_auto_free char *ref = NULL;
    uint64_t number = 0;
    uint16_t host;

    if (run->cast.docker == NULL || port == NULL || strncmp(name, "container.", 10) != 0 ||
        eca_parse_u64(eca_view_str(port + 6), UINT16_MAX, &number, NULL) < 0) {
        return NULL;
    }
    ref = eca_xstrndup(name + 10, (size_t)(port - name - 10));
    host = fake_docker_port(run->cast.docker, ref, (uint16_t)number);
    return host == 0 ? NULL : hns_keep(run, eca_xasprintf("%u", host));
}

/* ${updates.agent.tar.url}, ${updates.agent.tar.sha256} */
static const char *update_file(struct hns_run *run, const char *name)
{
    const char *dot = strrchr(name, '.');
    eca_auto_free char *file = NULL;

    if (strncmp(name, "updates.", 8) != 0 || dot < name + 8 || run->cast.updates == NULL) {
        return NULL;
    }
    file = eca_xstrndup(name + 8, (size_t)(dot - name - 8));
    if (strcmp(dot, ".sha256") == 0) {
        return fake_updates_sha256(run->cast.updates, file);
    }
    return strcmp(dot, ".url") == 0 ? hns_keep(run, hns_update_url(file)) : NULL;
}

static const char *find_variable(struct hns_run *run, const char *name)
{
    const char *value = eca_map_get(run->vars, name);
    size_t count;

    if (value != NULL) {
        return value;
    }
    if (strncmp(name, "arn.task.", 9) == 0 && name[9] != '\0') {
        return hns_task_arn(run, name + 9);
    }
    if (strcmp(name, "arn.instance") == 0 && run->cast.ecs != NULL) {
        count = fake_ecs_instance_count(run->cast.ecs);
        return count == 0 ? NULL : fake_ecs_instance_arn(run->cast.ecs, count - 1);
    }
    value = update_file(run, name);
    value = value != NULL ? value : container_port(run, name);
    return value != NULL ? value : container_id(run, name);
}

static void unknown_variable(struct hns_run *run, const struct hns_node *at, const char *name)
{
    const char *names[256];
    const char *near;
    size_t count = 0, cursor = 0;
    void *value;

    while (count < ECA_ARRAY_LEN(names) &&
           eca_map_next(run->vars, &cursor, &names[count], &value)) {
        count++;
    }
    near = hns_nearest(name, names, count);
    hns_fail(run, at, "unknown variable \"${%s}\"%s%s%s", name,
             near == NULL ? "" : ", did you mean \"${", near == NULL ? "" : near,
             near == NULL ? "" : "}\"?");
}

char *hns_expand(struct hns_run *run, const struct hns_node *at, const char *text)
{
    eca_auto_buf struct eca_buf out = {0};

    for (;;) {
        const char *open = strstr(text, "${");
        const char *end = open == NULL ? NULL : strchr(open, '}');
        eca_auto_free char *name = NULL;
        const char *value;

        if (end == NULL) {
            eca_buf_add_str(&out, text);
            return eca_buf_take(&out);
        }
        if (open > text && open[-1] == '$') { /* "$${" stands for "${" */
            eca_buf_add(&out, text, (size_t)(open - 1 - text));
            eca_buf_add_str(&out, "${");
            text = open + 2;
            continue;
        }
        eca_buf_add(&out, text, (size_t)(open - text));
        name = eca_xstrndup(open + 2, (size_t)(end - open - 2));
        value = find_variable(run, name);
        if (value == NULL) {
            unknown_variable(run, at, name);
        }
        eca_buf_add_str(&out, value == NULL ? "" : value);
        text = end + 1;
    }
}

const char *hns_run_text(struct hns_run *run, const struct hns_node *node)
{
    if (node == NULL || node->kind != HNS_SCALAR) {
        return NULL;
    }
    if (strstr(node->text, "${") == NULL) {
        return node->text;
    }
    return hns_keep(run, hns_expand(run, node, node->text));
}

/* JSON knows no leading zeros: "007" stays text. */
static bool is_json_number(const struct hns_node *node)
{
    const char *digits = node->text + (node->text[0] == '-' ? 1 : 0);

    return hns_node_is_number(node) && (digits[0] != '0' || digits[1] == '\0' || digits[1] == '.');
}

static void scalar_json(struct hns_run *run, const struct hns_node *node,
                        struct eca_json_writer *out, const char *key)
{
    struct hns_node plain = *node;
    eca_auto_free char *text = hns_expand(run, node, node->text);
    bool truth;

    plain.text = text;
    if (hns_node_is_null(&plain)) {
        eca_jw_null(out, key);
    } else if (hns_node_is_bool(&plain, &truth)) {
        eca_jw_bool(out, key, truth);
    } else if (is_json_number(&plain)) {
        eca_jw_raw(out, key, eca_view_str(text));
    } else {
        eca_jw_str(out, key, text);
    }
}

static void write_json(struct hns_run *run, const struct hns_node *node,
                       struct eca_json_writer *out, const char *key)
{
    if (node->kind == HNS_SCALAR) {
        scalar_json(run, node, out, key);
        return;
    }
    if (node->kind == HNS_MAP) {
        eca_jw_object(out, key);
    } else {
        eca_jw_array(out, key);
    }
    for (size_t i = 0; i < node->count; i++) {
        eca_auto_free char *name =
            node->kind == HNS_MAP ? hns_expand(run, node->keys[i], node->keys[i]->text) : NULL;

        write_json(run, node->items[i], out, name);
    }
    if (node->kind == HNS_MAP) {
        eca_jw_end_object(out);
    } else {
        eca_jw_end_array(out);
    }
}

void hns_node_json(struct hns_run *run, const struct hns_node *node, struct eca_buf *out)
{
    struct eca_json_writer writer = eca_json_writer_to(out);

    write_json(run, node, &writer, NULL);
}

const struct hns_node *hns_arg_node(const struct hns_args *args, const char *name)
{
    if (args->node == NULL || hns_node_is_null(args->node)) {
        return NULL;
    }
    if (args->node->kind == HNS_SCALAR) {
        return args->verb != NULL && args->verb->scalar != NULL &&
                       strcmp(args->verb->scalar, name) == 0
                   ? args->node
                   : NULL;
    }
    return hns_node_get(args->node, name);
}

const char *hns_arg_text(const struct hns_args *args, const char *name, const char *otherwise)
{
    const char *text = hns_run_text(args->run, hns_arg_node(args, name));

    return text == NULL ? otherwise : text;
}

uint64_t hns_arg_int(const struct hns_args *args, const char *name, uint64_t otherwise)
{
    const struct hns_node *node = hns_arg_node(args, name);
    const char *text = hns_run_text(args->run, node);
    uint64_t value = otherwise;

    if (text != NULL && eca_parse_u64(eca_view_str(text), UINT64_MAX, &value, NULL) < 0) {
        hns_fail(args->run, node, "\"%s\": want a whole number, have \"%s\"", name, text);
    }
    return value;
}

bool hns_arg_bool(const struct hns_args *args, const char *name, bool otherwise)
{
    const struct hns_node *node = hns_arg_node(args, name);
    const char *text = hns_run_text(args->run, node);

    if (text != NULL && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        hns_fail(args->run, node, "\"%s\": want true or false, have \"%s\"", name, text);
    }
    return text == NULL ? otherwise : strcmp(text, "true") == 0;
}

int64_t hns_node_duration(struct hns_run *run, const struct hns_node *node)
{
    const char *text = hns_run_text(run, node);
    int64_t ns = 0;

    if (text == NULL || eca_parse_duration(eca_view_str(text), &ns, NULL) < 0) {
        hns_fail(run, node, "\"%s\" is no duration", text == NULL ? "" : text);
    }
    return ns;
}

uint64_t hns_run_duration_ns(struct hns_run *run, const struct hns_node *node, uint64_t otherwise)
{
    int64_t ns = node == NULL ? 0 : hns_node_duration(run, node);

    return node == NULL ? otherwise : ns < 0 ? 0 : (uint64_t)ns;
}

uint64_t hns_arg_ns(const struct hns_args *args, const char *name, uint64_t otherwise_ns)
{
    return hns_run_duration_ns(args->run, hns_arg_node(args, name), otherwise_ns);
}

uint64_t hns_arg_ms(const struct hns_args *args, const char *name, uint64_t otherwise_ms)
{
    return hns_arg_ns(args, name, otherwise_ms * 1000000) / 1000000;
}
