#include "harness/serve/control.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "harness/scenario/definition.h"
#include "harness/serve/tasks.h"

#define RUN_COUNT_MAX 10 /* as the service has it */
#define ROLE_LIFE_MS INT64_C(21600000)

struct definition {
    char *arn, *family;
    uint64_t revision;
    struct eca_json_doc *doc; /* the body of RegisterTaskDefinition */
};

struct hns_control {
    struct hns_control_opts opts;
    struct definition **definitions; /* in the order of their registration */
    size_t definition_count;
    struct eca_map *tasks; /* ARN -> struct hns_served_task */
};

/* One question of the customer. */
struct ask {
    struct hns_control *control;
    struct fake_ecs_call *call;
    eca_json body;
};

/* ---- helpers -------------------------------------------------------------------------------- */

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

/* What follows the last slash: a name or id is as good as the ARN. */
static const char *short_name(const char *name_or_arn)
{
    const char *slash = strrchr(name_or_arn, '/');

    return slash == NULL ? name_or_arn : slash + 1;
}

static bool same_name(const char *a, const char *b)
{
    return strcmp(short_name(a), short_name(b)) == 0;
}

static const char *cluster_of(const struct ask *ask)
{
    const char *cluster = text_of(ask->body, "cluster");

    return cluster == NULL || cluster[0] == '\0' ? "default" : short_name(cluster);
}

static char *arn(const struct hns_control *control, const char *kind, const char *name)
{
    return eca_xasprintf("arn:aws:ecs:%s:%s:%s/%s", control->opts.region, control->opts.account,
                         kind, name);
}

static int64_t wall_ms(const struct hns_control *control)
{
    return eca_sched_wall_ms(control->opts.base.sched);
}

static void refuse(struct ask *ask, const char *why)
{
    fake_ecs_refuse(ask->call, "InvalidParameterException", why);
}

static bool has_text(eca_json list, const char *name)
{
    for (eca_json it = eca_json_first(list); it != NULL; it = eca_json_next(it)) {
        if (eca_json_type(it) == ECA_JSON_STRING && same_name(eca_json_str(it), name)) {
            return true;
        }
    }
    return false;
}

static void write_failure(struct eca_json_writer *w, const char *name, const char *reason)
{
    eca_jw_object(w, NULL);
    eca_jw_str(w, "arn", name);
    eca_jw_str(w, "reason", reason);
    eca_jw_end_object(w);
}

/* ---- clusters and instances ----------------------------------------------------------------- */

static void write_cluster(struct hns_control *control, const char *name, struct eca_json_writer *w)
{
    eca_auto_free char *cluster_arn = arn(control, "cluster", name);
    uint64_t instances = 0;

    for (size_t i = 0; i < fake_ecs_instance_count(control->opts.ecs); i++) {
        instances += strcmp(fake_ecs_instance_cluster(control->opts.ecs, i), name) == 0;
    }
    eca_jw_object(w, NULL);
    eca_jw_str(w, "clusterArn", cluster_arn);
    eca_jw_str(w, "clusterName", name);
    eca_jw_str(w, "status", "ACTIVE");
    eca_jw_u64(w, "registeredContainerInstancesCount", instances);
    eca_jw_end_object(w);
}

static void clusters(struct ask *ask, bool described)
{
    eca_json wanted = eca_json_get(ask->body, "clusters");
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);
    size_t cursor = 0;
    const char *name;

    eca_jw_object(&w, NULL);
    eca_jw_array(&w, described ? "clusters" : "clusterArns");
    while (fake_ecs_next_cluster(ask->control->opts.ecs, &cursor, &name)) {
        eca_auto_free char *cluster_arn = arn(ask->control, "cluster", name);

        if (!described) {
            eca_jw_str(&w, NULL, cluster_arn);
        } else if (wanted == NULL || has_text(wanted, name)) {
            write_cluster(ask->control, name, &w);
        }
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

static void list_clusters(struct ask *ask)
{
    clusters(ask, false);
}

static void describe_clusters(struct ask *ask)
{
    clusters(ask, true);
}

static uint64_t count_tasks(const struct hns_control *control, const char *instance_arn,
                            const char *last_status)
{
    uint64_t count = 0;
    size_t cursor = 0;
    void *value;

    while (eca_map_next(control->tasks, &cursor, NULL, &value)) {
        const struct hns_served_task *task = value;

        count +=
            strcmp(task->instance_arn, instance_arn) == 0 && strcmp(task->last, last_status) == 0;
    }
    return count;
}

static void write_instance(struct hns_control *control, const char *instance_arn, bool connected,
                           struct eca_json_writer *w)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    eca_jw_object(w, NULL);
    eca_jw_str(w, "containerInstanceArn", instance_arn);
    eca_jw_str(w, "status", "ACTIVE");
    eca_jw_bool(w, "agentConnected", connected);
    eca_jw_u64(w, "runningTasksCount", count_tasks(control, instance_arn, "RUNNING"));
    eca_jw_u64(w, "pendingTasksCount", count_tasks(control, instance_arn, "PENDING"));
    if (eca_json_parse(eca_view_str(fake_ecs_registration(control->opts.ecs)), &doc, NULL) == 0) {
        eca_jw_value(w, "registeredResources", eca_json_get(eca_json_root(doc), "totalResources"));
        eca_jw_value(w, "attributes", eca_json_get(eca_json_root(doc), "attributes"));
    }
    eca_jw_end_object(w);
}

static void instances(struct ask *ask, bool described)
{
    struct hns_control *control = ask->control;
    eca_json wanted = eca_json_get(ask->body, "containerInstances");
    size_t count = fake_ecs_instance_count(control->opts.ecs);
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);

    eca_jw_object(&w, NULL);
    eca_jw_array(&w, described ? "containerInstances" : "containerInstanceArns");
    for (size_t i = 0; i < count; i++) {
        const char *instance_arn = fake_ecs_instance_arn(control->opts.ecs, i);

        if (strcmp(fake_ecs_instance_cluster(control->opts.ecs, i), cluster_of(ask)) != 0) {
            continue;
        }
        if (!described) {
            eca_jw_str(&w, NULL, instance_arn);
        } else if (has_text(wanted, instance_arn)) { /* the latest one has the session */
            write_instance(control, instance_arn,
                           i + 1 == count && fake_acs_connected(control->opts.acs), &w);
        }
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

static void list_instances(struct ask *ask)
{
    instances(ask, false);
}

static void describe_instances(struct ask *ask)
{
    instances(ask, true);
}

/* ---- task definitions ----------------------------------------------------------------------- */

static void write_definition(const struct definition *definition, struct eca_json_writer *w)
{
    eca_json root = eca_json_root(definition->doc);

    eca_jw_object(w, "taskDefinition");
    eca_jw_str(w, "taskDefinitionArn", definition->arn);
    eca_jw_u64(w, "revision", definition->revision);
    eca_jw_str(w, "status", "ACTIVE");
    for (eca_json it = eca_json_first(root); it != NULL; it = eca_json_next(it)) {
        if (strcmp(eca_json_key(it), "tags") != 0) {
            eca_jw_value(w, eca_json_key(it), it);
        }
    }
    eca_jw_end_object(w);
}

/* "family" (its latest), "family:revision", or the ARN of one. */
static struct definition *find_definition(const struct hns_control *control, const char *name)
{
    for (size_t i = control->definition_count; i-- > 0;) {
        struct definition *definition = control->definitions[i];

        if (same_name(definition->arn, name) || strcmp(definition->family, short_name(name)) == 0) {
            return definition;
        }
    }
    return NULL;
}

/* What is wrong with the containers, or NULL. */
static const char *definition_flaw(eca_json body)
{
    eca_json containers = eca_json_get(body, "containerDefinitions");

    if (text_of(body, "family") == NULL) {
        return "Family is missing.";
    }
    if (eca_json_type(containers) != ECA_JSON_ARRAY || eca_json_count(containers) == 0) {
        return "Container definitions should not be empty.";
    }
    for (eca_json it = eca_json_first(containers); it != NULL; it = eca_json_next(it)) {
        if (text_of(it, "name") == NULL || text_of(it, "image") == NULL) {
            return "Container.name and Container.image are needed.";
        }
        if (eca_json_get(it, "memory") == NULL && eca_json_get(it, "memoryReservation") == NULL) {
            return "At least one of 'memory' or 'memoryReservation' must be specified.";
        }
    }
    return NULL;
}

static void register_definition(struct ask *ask)
{
    struct hns_control *control = ask->control;
    const char *flaw = definition_flaw(ask->body);
    eca_auto_buf struct eca_buf text = {0}, out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);
    eca_auto_free char *name = NULL;
    struct definition *definition;

    if (flaw != NULL) {
        fake_ecs_refuse(ask->call, "ClientException", flaw);
        return;
    }
    definition = eca_xalloc(sizeof(*definition));
    definition->family = eca_xstrdup(text_of(ask->body, "family"));
    definition->revision = 1;
    for (size_t i = 0; i < control->definition_count; i++) {
        definition->revision += strcmp(control->definitions[i]->family, definition->family) == 0;
    }
    name = eca_xasprintf("%s:%llu", definition->family, (unsigned long long)definition->revision);
    definition->arn = arn(control, "task-definition", name);
    eca_json_print(ask->body, &text);
    (void)eca_json_parse(eca_buf_view(&text), &definition->doc, NULL);
    control->definitions = eca_xrealloc_array(control->definitions, control->definition_count + 1,
                                              sizeof(struct definition *));
    control->definitions[control->definition_count++] = definition;
    eca_jw_object(&w, NULL);
    write_definition(definition, &w);
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

static void describe_definition(struct ask *ask)
{
    const char *name = text_of(ask->body, "taskDefinition");
    struct definition *definition = name == NULL ? NULL : find_definition(ask->control, name);
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);

    if (definition == NULL) {
        fake_ecs_refuse(ask->call, "ClientException", "Unable to describe task definition.");
        return;
    }
    eca_jw_object(&w, NULL);
    write_definition(definition, &w);
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

static void list_definitions(struct ask *ask)
{
    const char *prefix = text_of(ask->body, "familyPrefix");
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);

    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "taskDefinitionArns");
    for (size_t i = 0; i < ask->control->definition_count; i++) {
        const struct definition *definition = ask->control->definitions[i];

        if (prefix == NULL || strcmp(definition->family, prefix) == 0) {
            eca_jw_str(&w, NULL, definition->arn);
        }
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

/* ---- running and stopping ------------------------------------------------------------------- */

/* A role's keys under the task's id: the containers find them at the agent's endpoint. */
static void write_role(const struct hns_control *control, const struct hns_served_task *task,
                       const char *role, struct eca_json_writer *w)
{
    const char *id = short_name(task->arn);
    char expiration[21];
    eca_auto_free char *key_id = eca_xasprintf("ASIAFAKE%.8s", id);
    struct fake_acs_credentials credentials = {.task_arn = task->arn,
                                               .credentials_id = id,
                                               .role_arn = role,
                                               .access_key_id = key_id,
                                               .secret_access_key = "fake-secret-of-the-role",
                                               .session_token = "fake-token-of-the-role",
                                               .expiration = expiration};

    eca_time_rfc3339(wall_ms(control) + ROLE_LIFE_MS, expiration);
    eca_jw_object(w, "roleCredentials");
    eca_jw_str(w, "credentialsId", id);
    eca_jw_str(w, "roleArn", role);
    eca_jw_str(w, "accessKeyId", key_id);
    eca_jw_str(w, "secretAccessKey", credentials.secret_access_key);
    eca_jw_str(w, "sessionToken", credentials.session_token);
    eca_jw_str(w, "expiration", expiration);
    eca_jw_end_object(w);
    fake_acs_remember_credentials(control->opts.acs, &credentials);
}

static void write_volumes(struct eca_json_writer *w, eca_json volumes)
{
    eca_jw_array(w, "volumes");
    for (eca_json it = eca_json_first(volumes); it != NULL; it = eca_json_next(it)) {
        eca_json host = eca_json_get(it, "host");

        eca_jw_object(w, NULL);
        eca_jw_str(w, "name", text_of(it, "name"));
        if (eca_json_type(host) == ECA_JSON_OBJECT) {
            eca_jw_value(w, "host", host);
        } else {
            eca_jw_raw(w, "host", eca_view_str("{}"));
        }
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

static eca_json override_of(eca_json body, const char *container)
{
    eca_json overrides = eca_json_get(eca_json_get(body, "overrides"), "containerOverrides");

    for (eca_json it = eca_json_first(overrides); it != NULL; it = eca_json_next(it)) {
        const char *name = text_of(it, "name");

        if (name != NULL && strcmp(name, container) == 0) {
            return it;
        }
    }
    return NULL;
}

/* definition NULL: a demand to stop, which needs no containers (PAY-140). */
static void send_task(struct hns_control *control, const struct hns_served_task *task,
                      const struct definition *definition, eca_json run)
{
    eca_json root = definition == NULL ? NULL : eca_json_root(definition->doc);
    eca_json containers = eca_json_get(root, "containerDefinitions");
    const char *role = text_of(root, "taskRoleArn");
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);

    eca_jw_array(&w, NULL);
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "arn", task->arn);
    eca_jw_str(&w, "family", task->family);
    eca_jw_str(&w, "version", task->revision);
    eca_jw_str(&w, "desiredStatus", task->desired);
    eca_jw_array(&w, "containers");
    for (eca_json it = eca_json_first(containers); it != NULL; it = eca_json_next(it)) {
        hns_definition_container(&w, it, override_of(run, text_of(it, "name")));
    }
    eca_jw_end_array(&w);
    write_volumes(&w, eca_json_get(root, "volumes"));
    if (role != NULL) {
        write_role(control, task, role, &w);
    }
    eca_jw_end_object(&w);
    eca_jw_end_array(&w);
    (void)fake_acs_send_payload(control->opts.acs,
                                &(struct fake_acs_payload){.tasks = eca_buf_str(&out)});
}

static struct hns_served_task *start_task(struct ask *ask, const struct definition *definition,
                                          const char *instance_arn)
{
    struct hns_control *control = ask->control;
    struct hns_served_task *task =
        hns_served_task_new(eca_json_get(eca_json_root(definition->doc), "containerDefinitions"));
    char id[37];

    eca_entropy_uuid(control->opts.base.entropy, id);
    task->arn = arn(control, "task", id);
    task->definition_arn = eca_xstrdup(definition->arn);
    task->family = eca_xstrdup(definition->family);
    task->revision = eca_xasprintf("%llu", (unsigned long long)definition->revision);
    task->cluster = eca_xstrdup(cluster_of(ask));
    task->instance_arn = eca_xstrdup(instance_arn);
    task->started_by = eca_xstrdup(text_of(ask->body, "startedBy"));
    task->created_ms = wall_ms(control);
    (void)eca_map_put(control->tasks, task->arn, task);
    send_task(control, task, definition, ask->body);
    return task;
}

/* The instance that tasks go to, or NULL and why there is none. */
static const char *place(const struct ask *ask, const char **ret_why)
{
    const struct fake_ecs *ecs = ask->control->opts.ecs;
    size_t count = fake_ecs_instance_count(ecs);

    if (count == 0 || strcmp(fake_ecs_instance_cluster(ecs, count - 1), cluster_of(ask)) != 0) {
        *ret_why = "No Container Instances were found in your cluster.";
        return NULL;
    }
    return fake_ecs_instance_arn(ecs, count - 1);
}

static void run_task(struct ask *ask)
{
    struct hns_control *control = ask->control;
    const char *name = text_of(ask->body, "taskDefinition"), *why = NULL;
    const struct definition *definition = name == NULL ? NULL : find_definition(control, name);
    const char *instance_arn = place(ask, &why);
    bool connected = fake_acs_connected(control->opts.acs);
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);
    int64_t count = 1;

    (void)eca_json_read_i64(ask->body, "", "count", &count, NULL);
    if (definition == NULL) {
        fake_ecs_refuse(ask->call, "ClientException", "TaskDefinition not found.");
        return;
    }
    if (count < 1 || count > RUN_COUNT_MAX || instance_arn == NULL) {
        refuse(ask, instance_arn == NULL ? why : "count must be between 1 and 10");
        return;
    }
    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "tasks");
    for (int64_t i = 0; connected && i < count; i++) {
        hns_served_task_write(start_task(ask, definition, instance_arn), control->opts.region,
                              control->opts.account, &w);
    }
    eca_jw_end_array(&w);
    eca_jw_array(&w, "failures");
    if (!connected) {
        write_failure(&w, instance_arn, "AGENT");
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

static struct hns_served_task *find_task(const struct hns_control *control, const char *name)
{
    size_t cursor = 0;
    void *value;

    while (eca_map_next(control->tasks, &cursor, NULL, &value)) {
        if (same_name(((struct hns_served_task *)value)->arn, name)) {
            return value;
        }
    }
    return NULL;
}

static void stop_task(struct ask *ask)
{
    struct hns_control *control = ask->control;
    const char *name = text_of(ask->body, "task"), *reason = text_of(ask->body, "reason");
    struct hns_served_task *task = name == NULL ? NULL : find_task(control, name);
    eca_auto_buf struct eca_buf out = {0}, one = {0};
    struct eca_json_writer w = eca_json_writer_to(&out), inner = eca_json_writer_to(&one);

    if (task == NULL) {
        refuse(ask, "The referenced task was not found.");
        return;
    }
    if (strcmp(task->desired, "STOPPED") != 0) {
        (void)snprintf(task->desired, sizeof(task->desired), "STOPPED");
        task->stopped_reason = eca_xstrdup(reason == NULL ? "Task stopped by user" : reason);
        send_task(control, task, NULL, NULL);
    }
    hns_served_task_write(task, control->opts.region, control->opts.account, &inner);
    eca_jw_object(&w, NULL);
    eca_jw_raw(&w, "task", eca_buf_view(&one));
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

static bool fits(const char *wanted, const char *have)
{
    return wanted == NULL || (have != NULL && strcmp(wanted, have) == 0);
}

static void list_tasks(struct ask *ask)
{
    const char *desired = text_of(ask->body, "desiredStatus");
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);
    size_t cursor = 0;
    void *value;

    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "taskArns");
    while (eca_map_next(ask->control->tasks, &cursor, NULL, &value)) {
        const struct hns_served_task *task = value;

        if (fits(cluster_of(ask), task->cluster) &&
            fits(desired == NULL ? "RUNNING" : desired, task->desired) &&
            fits(text_of(ask->body, "family"), task->family) &&
            fits(text_of(ask->body, "startedBy"), task->started_by)) {
            eca_jw_str(&w, NULL, task->arn);
        }
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

static void describe_tasks(struct ask *ask)
{
    struct hns_control *control = ask->control;
    eca_json names = eca_json_get(ask->body, "tasks");
    eca_auto_buf struct eca_buf out = {0}, failed = {0};
    struct eca_json_writer w = eca_json_writer_to(&out), failures = eca_json_writer_to(&failed);

    if (eca_json_type(names) != ECA_JSON_ARRAY || eca_json_count(names) == 0) {
        refuse(ask, "Tasks cannot be empty.");
        return;
    }
    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "tasks");
    eca_jw_array(&failures, NULL);
    for (eca_json it = eca_json_first(names); it != NULL; it = eca_json_next(it)) {
        const char *name = eca_json_type(it) == ECA_JSON_STRING ? eca_json_str(it) : "";
        const struct hns_served_task *task = find_task(control, name);

        if (task == NULL) {
            write_failure(&failures, name, "MISSING");
        } else {
            hns_served_task_write(task, control->opts.region, control->opts.account, &w);
        }
    }
    eca_jw_end_array(&failures);
    eca_jw_end_array(&w);
    eca_jw_raw(&w, "failures", eca_buf_view(&failed));
    eca_jw_end_object(&w);
    fake_ecs_answer(ask->call, eca_buf_str(&out));
}

/* ---- the object ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct ask *ask);
} operations[] = {
    {"ListClusters", list_clusters},
    {"DescribeClusters", describe_clusters},
    {"ListContainerInstances", list_instances},
    {"DescribeContainerInstances", describe_instances},
    {"RegisterTaskDefinition", register_definition},
    {"DescribeTaskDefinition", describe_definition},
    {"ListTaskDefinitions", list_definitions},
    {"RunTask", run_task},
    {"StopTask", stop_task},
    {"ListTasks", list_tasks},
    {"DescribeTasks", describe_tasks},
};

static bool on_call(void *arg, struct fake_ecs_call *call, const char *operation, eca_json body)
{
    struct ask ask = {arg, call, body};

    for (size_t i = 0; i < ECA_ARRAY_LEN(operations); i++) {
        if (strcmp(operations[i].name, operation) == 0) {
            operations[i].run(&ask);
            return true;
        }
    }
    return false;
}

static void on_submitted(void *arg, eca_json body)
{
    struct hns_control *control = arg;
    const char *name = text_of(body, "task");
    struct hns_served_task *task = name == NULL ? NULL : find_task(control, name);

    if (task != NULL) {
        hns_served_task_submitted(task, body, wall_ms(control));
    }
}

struct hns_control *hns_control_new(const struct hns_control_opts *opts)
{
    struct hns_control *control = eca_xalloc(sizeof(*control));

    control->opts = *opts;
    control->tasks = eca_map_new();
    fake_ecs_extend(opts->ecs, &(struct fake_ecs_more){on_call, on_submitted, control});
    return control;
}

void hns_control_free(struct hns_control *control)
{
    size_t cursor = 0;
    void *value;

    if (control == NULL) {
        return;
    }
    while (eca_map_next(control->tasks, &cursor, NULL, &value)) {
        hns_served_task_free(value);
    }
    eca_map_free(control->tasks);
    for (size_t i = 0; i < control->definition_count; i++) {
        eca_free(control->definitions[i]->arn);
        eca_free(control->definitions[i]->family);
        eca_json_free(control->definitions[i]->doc);
        eca_free(control->definitions[i]);
    }
    eca_free(control->definitions);
    eca_free(control);
}
