#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "harness/scenario/definition.h"

#include <string.h>

/* Tasks as they stand in a PayloadMessage: from the short form, or from an ECS task definition. */
#define CPU_DEFAULT 10
#define MEMORY_DEFAULT 32
#define CREDENTIALS_LIFE_MS INT64_C(21600000)

static void write_node(struct hns_run *run, struct eca_json_writer *w, const char *key,
                       const struct hns_node *node)
{
    eca_auto_buf struct eca_buf json = {0};

    hns_node_json(run, node, &json);
    eca_jw_raw(w, key, eca_view_of(eca_buf_str(&json), json.len));
}

/* A map goes out as the JSON text in a string, text as it is. */
static void write_json_text(struct hns_run *run, struct eca_json_writer *w, const char *key,
                            const struct hns_node *node)
{
    eca_auto_buf struct eca_buf json = {0};

    if (node->kind == HNS_SCALAR) {
        write_node(run, w, key, node);
        return;
    }
    hns_node_json(run, node, &json);
    eca_jw_str(w, key, eca_buf_str(&json));
}

/* Text members stay text, also when YAML reads a number. */
static void write_text(struct hns_run *run, struct eca_json_writer *w, const char *key,
                       const struct hns_node *node)
{
    const char *text = hns_run_text(run, node);

    if (text == NULL || (node != NULL && hns_node_is_null(node))) {
        eca_jw_null(w, key);
    } else {
        eca_jw_str(w, key, text);
    }
}

static void write_texts(struct hns_run *run, struct eca_json_writer *w, const char *key,
                        const struct hns_node *node)
{
    eca_jw_array(w, key);
    for (size_t i = 0; i < (node->kind == HNS_LIST ? node->count : 1); i++) {
        write_text(run, w, NULL, node->kind == HNS_LIST ? node->items[i] : node);
    }
    eca_jw_end_array(w);
}

static void write_pairs(struct hns_run *run, struct eca_json_writer *w, const char *key,
                        const struct hns_node *node)
{
    eca_jw_object(w, key);
    for (size_t i = 0; i < node->count; i++) {
        write_text(run, w, node->keys[i]->text, node->items[i]);
    }
    eca_jw_end_object(w);
}

/* "80", "8080:80", "53/udp" */
static void write_port(struct hns_run *run, struct eca_json_writer *w, const struct hns_node *node)
{
    struct eca_view text = eca_view_str(hns_run_text(run, node));
    size_t slash = eca_view_find(text, "/", 0), colon;
    uint64_t host = 0, container = 0;
    bool udp = false;

    if (slash != SIZE_MAX) {
        udp = eca_view_eq_str(eca_view_sub(text, slash + 1, SIZE_MAX), "udp");
        text = eca_view_sub(text, 0, slash);
    }
    colon = eca_view_find(text, ":", 0);
    if (colon != SIZE_MAX &&
        eca_parse_u64(eca_view_sub(text, 0, colon), UINT16_MAX, &host, NULL) < 0) {
        hns_fail(run, node, "\"%s\" is no port: want 80, 8080:80 or 53/udp", node->text);
    }
    text = colon == SIZE_MAX ? text : eca_view_sub(text, colon + 1, SIZE_MAX);
    if (eca_parse_u64(text, UINT16_MAX, &container, NULL) < 0) {
        hns_fail(run, node, "\"%s\" is no port: want 80, 8080:80 or 53/udp", node->text);
    }
    eca_jw_object(w, NULL);
    eca_jw_u64(w, "containerPort", container);
    eca_jw_u64(w, "hostPort", host);
    eca_jw_str(w, "protocol", udp ? "udp" : "tcp");
    eca_jw_end_object(w);
}

static void write_docker_config(struct hns_run *run, struct eca_json_writer *w,
                                const struct hns_node *node)
{
    if (node->kind != HNS_MAP) {
        write_node(run, w, "dockerConfig", node);
        return;
    }
    eca_jw_object(w, "dockerConfig");
    for (size_t i = 0; i < node->count; i++) {
        if (strcmp(node->keys[i]->text, "version") == 0) {
            write_text(run, w, "version", node->items[i]);
        } else {
            write_json_text(run, w, node->keys[i]->text, node->items[i]);
        }
    }
    eca_jw_end_object(w);
}

static void write_container(struct hns_run *run, struct eca_json_writer *w,
                            const struct hns_node *node)
{
    struct hns_args args = {run, NULL, node};
    const struct hns_node *ports = hns_arg_node(&args, "ports");
    const struct hns_node *extra = hns_arg_node(&args, "extra");
    static const char *const texts[] = {"command", "entryPoint", "links"};
    static const char *const whole[] = {"mountPoints", "volumesFrom", "portMappings",
                                        "registryAuthentication"};

    eca_jw_object(w, NULL);
    eca_jw_str(w, "name", hns_arg_text(&args, "name", ""));
    eca_jw_str(w, "image", hns_arg_text(&args, "image", "busybox"));
    eca_jw_bool(w, "essential", hns_arg_bool(&args, "essential", true));
    eca_jw_u64(w, "cpu", hns_arg_int(&args, "cpu", CPU_DEFAULT));
    eca_jw_u64(w, "memory", hns_arg_int(&args, "memory", MEMORY_DEFAULT));
    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        if (hns_arg_node(&args, texts[i]) != NULL) {
            write_texts(run, w, texts[i], hns_arg_node(&args, texts[i]));
        }
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(whole); i++) {
        if (hns_arg_node(&args, whole[i]) != NULL) {
            write_node(run, w, whole[i], hns_arg_node(&args, whole[i]));
        }
    }
    if (hns_arg_node(&args, "environment") != NULL) {
        write_pairs(run, w, "environment", hns_arg_node(&args, "environment"));
    }
    if (ports != NULL) {
        eca_jw_array(w, "portMappings");
        for (size_t i = 0; i < (ports->kind == HNS_LIST ? ports->count : 1); i++) {
            write_port(run, w, ports->kind == HNS_LIST ? ports->items[i] : ports);
        }
        eca_jw_end_array(w);
    }
    if (hns_arg_node(&args, "overrides") != NULL) {
        write_json_text(run, w, "overrides", hns_arg_node(&args, "overrides"));
    }
    if (hns_arg_node(&args, "dockerConfig") != NULL) {
        write_docker_config(run, w, hns_arg_node(&args, "dockerConfig"));
    }
    for (size_t i = 0; extra != NULL && extra->kind == HNS_MAP && i < extra->count; i++) {
        write_node(run, w, extra->keys[i]->text, extra->items[i]);
    }
    eca_jw_end_object(w);
}

/* ---- ECS task definition files --------------------------------------------------------------- */

/* Inside the open task object; family and containers come from the file. */
static int write_definition(struct hns_run *run, struct eca_json_writer *w,
                            const struct hns_node *at, const char *file)
{
    eca_auto_free char *path = hns_path_beside(at->file, file);
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf text = {0};
    eca_json root, containers;
    struct eca_err err = {0};
    const char *family = NULL;

    if (hns_file_read(path, &text, &err) < 0 ||
        eca_json_parse(eca_buf_view(&text), &doc, &err) < 0) {
        hns_fail(run, at, "definition %s: %s", path, err.msg);
        return ECA_E_INVALID;
    }
    root = eca_json_root(doc);
    root =
        eca_json_get(root, "taskDefinition") != NULL ? eca_json_get(root, "taskDefinition") : root;
    containers = eca_json_get(root, "containerDefinitions");
    if (eca_json_type(containers) != ECA_JSON_ARRAY) {
        hns_fail(run, at, "definition %s: no list \"containerDefinitions\"", path);
        return ECA_E_INVALID;
    }
    if (eca_json_first(containers) == NULL) {
        hns_fail(run, at, "definition %s: \"containerDefinitions\" is empty", path);
        return ECA_E_INVALID;
    }
    for (eca_json one = eca_json_first(containers); one != NULL; one = eca_json_next(one)) {
        if (hns_definition_check(one, &err) < 0) {
            hns_fail(run, at, "definition %s: %s", path, err.msg);
            return ECA_E_INVALID;
        }
    }
    (void)eca_json_read_str(root, "", "family", &family, NULL);
    if (family != NULL) {
        eca_jw_str(w, "family", family);
    }
    eca_jw_array(w, "containers");
    for (eca_json one = eca_json_first(containers); one != NULL; one = eca_json_next(one)) {
        hns_definition_container(w, one, NULL);
    }
    eca_jw_end_array(w);
    if (eca_json_get(root, "volumes") != NULL) {
        eca_jw_value(w, "volumes", eca_json_get(root, "volumes"));
    }
    return ECA_OK;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

void hns_role_credentials(struct hns_run *run, const char *task,
                          struct fake_acs_credentials *ret_credentials)
{
    char expiration[21];

    eca_time_rfc3339(eca_sched_wall_ms(run->stage.base.sched) + CREDENTIALS_LIFE_MS, expiration);
    *ret_credentials = (struct fake_acs_credentials){
        .task_arn = hns_task_arn(run, task),
        .credentials_id = hns_keep(run, eca_xasprintf("credentials-of-%s", task)),
        .role_arn = hns_keep(run, eca_xasprintf("arn:aws:iam::111122223333:role/%s", task)),
        .access_key_id = hns_keep(run, eca_xasprintf("AKIDROLE%s", task)),
        .secret_access_key = hns_keep(run, eca_xasprintf("secret-of-role-%s", task)),
        .session_token = hns_keep(run, eca_xasprintf("token-of-role-%s", task)),
        .expiration = hns_keep(run, eca_xstrdup(expiration)),
    };
}

static void write_credentials(struct hns_run *run, struct eca_json_writer *w, const char *task,
                              const struct hns_node *node)
{
    struct fake_acs_credentials made;
    bool fresh = false;

    if (!hns_node_is_bool(node, &fresh)) {
        write_node(run, w, "roleCredentials", node);
        hns_secret(run, hns_run_text(run, hns_node_get(node, "secretAccessKey")));
        hns_secret(run, hns_run_text(run, hns_node_get(node, "sessionToken")));
        return;
    }
    if (!fresh) {
        return;
    }
    hns_role_credentials(run, task, &made);
    eca_jw_object(w, "roleCredentials");
    eca_jw_str(w, "credentialsId", made.credentials_id);
    eca_jw_str(w, "roleArn", made.role_arn);
    eca_jw_str(w, "accessKeyId", made.access_key_id);
    eca_jw_str(w, "secretAccessKey", made.secret_access_key);
    eca_jw_str(w, "sessionToken", made.session_token);
    eca_jw_str(w, "expiration", made.expiration);
    eca_jw_end_object(w);
    hns_secret(run, made.secret_access_key);
    hns_secret(run, made.session_token);
    fake_acs_remember_credentials(run->cast.acs, &made);
}

static void write_containers(struct hns_run *run, struct eca_json_writer *w,
                             const struct hns_node *containers)
{
    eca_jw_array(w, "containers");
    for (size_t i = 0; i < containers->count; i++) {
        write_container(run, w, containers->items[i]);
    }
    eca_jw_end_array(w);
}

/* A whole task as JSON; its ARN gets the task's name. */
static int write_json_task(struct hns_run *run, const struct hns_node *json, const char *name,
                           const char *desired_status, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf text = {0};
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_json_writer w = eca_json_writer_to(out);
    const char *arn = NULL;

    hns_node_json(run, json, &text);
    if (eca_json_parse(eca_buf_view(&text), &doc, NULL) == ECA_OK &&
        eca_json_read_str(eca_json_root(doc), "", "arn", &arn, NULL) == ECA_OK && arn != NULL) {
        hns_name_task(run, name, arn);
    }
    if (desired_status == NULL || eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
        eca_buf_add(out, eca_buf_str(&text), text.len); /* as it stands, nonsense included */
        return run->failed ? ECA_E_INVALID : ECA_OK;
    }
    eca_jw_object(&w, NULL);
    for (eca_json member = eca_json_first(eca_json_root(doc)); member != NULL;
         member = eca_json_next(member)) {
        if (strcmp(eca_json_key(member), "desiredStatus") != 0) {
            eca_jw_value(&w, eca_json_key(member), member);
        }
    }
    eca_jw_str(&w, "desiredStatus", desired_status);
    eca_jw_end_object(&w);
    return run->failed ? ECA_E_INVALID : ECA_OK;
}

int hns_payload_task(struct hns_run *run, const struct hns_node *task, const char *name,
                     const char *desired_status, struct eca_buf *out)
{
    struct hns_args args = {run, NULL, task};
    struct eca_json_writer w = eca_json_writer_to(out);
    const struct hns_node *json = hns_arg_node(&args, "json");
    const struct hns_node *definition = hns_arg_node(&args, "definition");
    const struct hns_node *containers = hns_arg_node(&args, "containers");
    const struct hns_node *credentials = hns_arg_node(&args, "roleCredentials");

    if (json != NULL) {
        return write_json_task(run, json, name, desired_status, out);
    }
    if (hns_arg_text(&args, "arn", NULL) != NULL) {
        hns_name_task(run, name, hns_arg_text(&args, "arn", NULL));
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "arn", hns_task_arn(run, name));
    eca_jw_str(&w, "version", hns_arg_text(&args, "version", "1"));
    eca_jw_str(&w, "desiredStatus",
               desired_status != NULL ? desired_status
                                      : hns_arg_text(&args, "desiredStatus", "RUNNING"));
    if (definition != NULL) {
        if (write_definition(run, &w, definition, hns_run_text(run, definition)) < 0) {
            return ECA_E_INVALID;
        }
    } else {
        eca_jw_str(&w, "family", hns_arg_text(&args, "family", name));
        if (containers != NULL) {
            write_containers(run, &w, containers);
        }
    }
    if (hns_arg_node(&args, "volumes") != NULL) {
        write_node(run, &w, "volumes", hns_arg_node(&args, "volumes"));
    }
    if (credentials != NULL) {
        write_credentials(run, &w, name, credentials);
    }
    eca_jw_end_object(&w);
    return run->failed ? ECA_E_INVALID : ECA_OK;
}
