#include "harness/scenario/names.h"

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "fakes/carry/carry.h"

#include <string.h>

#define NEAR_MAX 256

const char *const hns_rules[] = {
    "ACS-101",  "ACS-202",  "ACS-240", "ACS-301", "ACS-302",   "ACS-303",  "API-201",  "API-205",
    "API-206",  "API-601",  "API-620", "API-901", "API-F01",   "DKR-201",  "DKR-510",  "DKR-714",
    "EC2-109",  "EC2-112",  "ECR-103", "ECR-105", "ENG-605",   "FB-INV.1", "FB-INV.2", "FB-INV.3",
    "FB-INV.6", "FB-INV.8", "IMG-202", "L-6",     "TASKM-157", "TCS-401",  "TCS-402",  "TCS-403",
    "TCS-406",  "TCS-501",  "TCS-601", "TCS-603", "TCS-604",   "TCS-605",  "TCS-701",  "TCS-901",
    "TCS-902",  "TCS-904",  "UPD-120", "WS-110",  "WS-140",    "WS-160",   "WS-301",   "WS-303",
    "WS-304",   "WS-306",   NULL,
};

/* Variables of every run (director.c, cast.c, verbs_acs.c), and those of its stage. */
static const char *const run_variables[] = {
    "seed",         "mode",          "region",    "account",  "message_id", "arn.cluster",
    "arn.instance", "acs.url",       "acs.port",  "ecs.url",  "ecs.port",   "tcs.url",
    "tcs.port",     "ecr.url",       "ecr.port",  "data.dir", "silent.url", "silent.port",
    "silent.proxy", "updates.proxy", "ecs-agent", "netkitten"};

/* Everything in a scenario that can be named. A name with variables in it stands as a pattern. */
struct known {
    const struct hns_scenario *scenario;
    struct hns_problems *problems;
    struct eca_map *vars, *tasks, *containers, *faults, *files;
    bool any_task; /* some come as a message's own text, or from another agent's state */
    const struct hns_node *seen[HNS_INCLUDES_MAX]; /* included steps, each once */
    size_t seen_count;
    const struct hns_node *open[HNS_INCLUDES_MAX]; /* the includes that lead here */
    size_t open_count;
};
typedef void step_fn(struct known *known, const struct hns_node *step, const struct hns_verb *verb,
                     const struct hns_node *value);

/* ---- the steps, with those of the included files --------------------------------------------- */

static void walk(struct known *known, const struct hns_node *steps, step_fn *fn);
static step_fn learn_step;

static bool is_among(const struct hns_node *const *list, size_t count, const struct hns_node *node)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == node) {
            return true;
        }
    }
    return false;
}

static void walk_included(struct known *known, const struct hns_node *at, step_fn *fn)
{
    const struct hns_node *steps = hns_scenario_included(known->scenario, at);

    if (is_among(known->open, known->open_count, steps)) {
        if (fn == learn_step) { /* said once */
            hns_problem(known->problems, at, "include: \"%.80s\" includes itself", at->text);
        }
    } else if (!is_among(known->seen, known->seen_count, steps)) {
        known->seen[known->seen_count++] = steps;
        known->open[known->open_count++] = steps;
        walk(known, steps, fn);
        known->open_count--;
    }
}

static void walk(struct known *known, const struct hns_node *steps, step_fn *fn)
{
    for (size_t i = 0; i < steps->count; i++) {
        const struct hns_node *value = NULL;
        const struct hns_verb *verb = hns_step_verb(NULL, steps->items[i], &value);

        fn(known, steps->items[i], verb, value);
        if (strcmp(verb->name, "include") == 0) {
            walk_included(known, value, fn);
        } else if (strcmp(verb->name, "repeat") == 0) {
            walk(known, hns_node_get(value, "steps"), fn);
        }
        for (size_t j = 0; verb->type == HNS_T_BRANCHES && j < value->count; j++) {
            walk(known, value->items[j], fn);
        }
    }
}

/* ---- what has a name ------------------------------------------------------------------------- */

/* "t${i}" becomes "t*"; owned */
static char *pattern_of(const char *text)
{
    eca_auto_buf struct eca_buf out = {0};

    for (;;) {
        const char *open = strstr(text, "${"), *end = open == NULL ? NULL : strchr(open, '}');

        if (end == NULL) {
            eca_buf_add_str(&out, text);
            return eca_buf_take(&out);
        }
        eca_buf_add(&out, text, (size_t)(open - text));
        eca_buf_add_char(&out, '*');
        text = end + 1;
    }
}

static void learn(struct eca_map *map, const char *name)
{
    eca_auto_free char *pattern = pattern_of(name);

    (void)eca_map_put(map, pattern, map);
}

static void learn_scalar(struct eca_map *map, const struct hns_node *node)
{
    if (node != NULL && node->kind == HNS_SCALAR) {
        learn(map, node->text);
    }
}

static void learn_keys(struct eca_map *map, const struct hns_node *node)
{
    for (size_t i = 0; node != NULL && node->kind != HNS_SCALAR && i < node->count; i++) {
        learn_scalar(map, node->kind == HNS_MAP ? node->keys[i] : node->items[i]);
    }
}

/* `capture` stands in steps, in events, and in lists of these. */
static void learn_captures(struct known *known, const struct hns_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const char *key = node->kind == HNS_MAP ? node->keys[i]->text : "";

        if (strcmp(key, "capture") == 0 || strcmp(key, "capture_metrics") == 0) {
            learn_scalar(known->vars, node->items[i]);
            learn_keys(known->vars, node->items[i]);
        } else {
            learn_captures(known, node->items[i]);
        }
    }
}

static bool is_described(const struct hns_node *node)
{
    return node->kind == HNS_MAP &&
           (hns_node_get(node, "containers") != NULL || hns_node_get(node, "definition") != NULL ||
            hns_node_get(node, "json") != NULL);
}

static void learn_task(struct known *known, const char *task, const struct hns_node *node)
{
    const struct hns_node *list = hns_node_get(node, "containers");

    learn(known->tasks, task);
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        eca_auto_free char *name =
            eca_xasprintf("%s/%s", task, hns_node_get(list->items[i], "name")->text);

        learn(known->containers, name);
    }
    if (list == NULL || hns_node_get(node, "volumes") != NULL) { /* from a file; of a volume */
        eca_auto_free char *any = eca_xasprintf("%s/*", task);

        learn(known->containers, any);
    }
}

/* One task of a payload: described here, or in world.tasks. */
static void learn_sent(struct known *known, const struct hns_node *node, const char *task,
                       const char *name)
{
    const struct hns_node *tasks = hns_node_get(known->scenario->world, "tasks");
    const struct hns_node *base =
        tasks != NULL && tasks->kind == HNS_MAP ? hns_node_get(tasks, task) : NULL;

    if (is_described(node)) {
        learn_task(known, name, node);
    } else if (base != NULL) {
        learn_task(known, name, base);
    } else if (strstr(task, "${") != NULL) {
        known->any_task = true;
    } else {
        eca_auto_buf struct eca_buf near = {0};
        const char *names[NEAR_MAX];
        const char *found;
        size_t count = 0;

        for (; tasks != NULL && tasks->kind == HNS_MAP && count < tasks->count && count < NEAR_MAX;
             count++) {
            names[count] = tasks->keys[count]->text;
        }
        found = hns_nearest(task, names, count);
        if (found != NULL) {
            eca_buf_addf(&near, "; did you mean \"%s\"?", found);
        }
        hns_problem(known->problems, node,
                    "no task \"%.80s\" in world.tasks, and no containers here%s", task,
                    eca_buf_str(&near));
        learn(known->tasks, name);
        known->any_task = true; /* said once */
    }
}

static void learn_send(struct known *known, const struct hns_node *value)
{
    const struct hns_node *task = value->kind == HNS_SCALAR ? value : hns_node_get(value, "task");
    const struct hns_node *list = value->kind == HNS_MAP ? hns_node_get(value, "tasks") : NULL;
    bool copies = value->kind == HNS_MAP && hns_node_get(value, "copies") != NULL;

    if (value->kind == HNS_MAP && hns_node_get(value, "payload") != NULL) {
        known->any_task = true;
        return;
    }
    if (task != NULL) {
        eca_auto_free char *name = eca_xasprintf("%s%s", task->text, copies ? "-*" : "");

        learn_sent(known, value, task->text, name);
    }
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const char *name = hns_node_get(list->items[i], "task")->text;

        learn_sent(known, list->items[i], name, name);
    }
}

static void learn_step(struct known *known, const struct hns_node *step,
                       const struct hns_verb *verb, const struct hns_node *value)
{
    const struct hns_node *as = value->kind == HNS_MAP ? hns_node_get(value, "as") : NULL;

    (void)step;
    learn_captures(known, value);
    if (strcmp(verb->name, "set") == 0) {
        learn_keys(known->vars, value);
    } else if (strcmp(verb->name, "repeat") == 0) {
        learn(known->vars, as == NULL ? "i" : as->text);
    } else if (strcmp(verb->name, "fault") == 0 || strcmp(verb->name, "ecs.fail") == 0) {
        learn_scalar(known->faults, as);
    } else if (strcmp(verb->name, "acs.send") == 0) {
        learn_send(known, value);
    } else if (strcmp(verb->name, "acs.message") == 0 || strcmp(verb->name, "acs.raw") == 0 ||
               strcmp(verb->name, "acs.glue") == 0) {
        known->any_task = true;
    } else if (strcmp(verb->name, "updates.file") == 0) {
        learn_scalar(known->files, value->kind == HNS_MAP ? hns_node_get(value, "file") : value);
    }
}

static void learn_world(struct known *known)
{
    const struct hns_node *world = known->scenario->world;
    const struct hns_node *tasks = hns_node_get(world, "tasks");

    for (size_t i = 0; i < ECA_ARRAY_LEN(run_variables); i++) {
        learn(known->vars, run_variables[i]);
    }
    learn_keys(known->vars, known->scenario->matrix);
    learn_keys(known->vars, known->scenario->given);
    learn_keys(known->files, hns_node_get(world, "updates"));
    for (size_t i = 0; tasks != NULL && tasks->kind == HNS_MAP && i < tasks->count; i++) {
        learn_task(known, tasks->keys[i]->text, tasks->items[i]);
    }
    known->any_task = hns_node_get(world, "state_file") != NULL ||
                      hns_node_get(hns_node_get(world, "docker"), "inspected") != NULL;
}

/* ---- what is named --------------------------------------------------------------------------- */

static bool has(const struct eca_map *map, const char *name)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    if (eca_map_get(map, name) != NULL) {
        return true;
    }
    while (eca_map_next(map, &cursor, &key, &value)) {
        if (strchr(key, '*') != NULL && fake_glob(key, name)) {
            return true;
        }
    }
    return false;
}

/* before and behind: around the name, for variables. */
static void demand(struct known *known, const struct eca_map *map, const struct hns_node *at,
                   const char *what, const char *name, const char *before, const char *behind)
{
    const char *names[NEAR_MAX];
    const char *near;
    size_t count = 0, cursor = 0;
    void *value;

    if (has(map, name)) {
        return;
    }
    while (count < NEAR_MAX && eca_map_next(map, &cursor, &names[count], &value)) {
        count++;
    }
    near = hns_nearest(name, names, count);
    if (near == NULL) {
        hns_problem(known->problems, at, "unknown %s \"%s%.80s%s\"", what, before, name, behind);
    } else {
        hns_problem(known->problems, at, "unknown %s \"%s%.80s%s\", did you mean \"%s%s%s\"?", what,
                    before, name, behind, before, near, behind);
    }
}

/* Patterns fit what comes; ARNs, and names with variables, are the run's business. */
static bool is_plain(const struct hns_node *node)
{
    return node != NULL && node->kind == HNS_SCALAR && !hns_node_is_null(node) &&
           strpbrk(node->text, "*?$") == NULL && node->text[0] != '/' &&
           strncmp(node->text, "arn:", 4) != 0;
}

static void use_task(struct known *known, const struct hns_node *node)
{
    if (!known->any_task && is_plain(node)) {
        demand(known, known->tasks, node, "task", node->text, "", "");
    }
}

/* A Docker name or an id has no slash inside: it may be anything's. */
static void use_container(struct known *known, const struct hns_node *node)
{
    if (!known->any_task && is_plain(node) && strchr(node->text, '/') != NULL) {
        demand(known, known->containers, node, "container", node->text, "", "");
    }
}

/* ${container.web/app.id}, ${updates.agent.tar.url}: the name between the prefix and `end`. */
static bool use_within(struct known *known, const struct eca_map *map, const struct hns_node *at,
                       const char *what, const char *prefix, const char *variable, const char *end)
{
    size_t len = strlen(prefix);
    eca_auto_free char *before = eca_xasprintf("${%s", prefix);
    eca_auto_free char *behind = eca_xasprintf("%s}", end == NULL ? "" : end);
    eca_auto_free char *name = NULL;

    if (strncmp(variable, prefix, len) != 0 || end == NULL || end <= variable + len) {
        return false;
    }
    name = eca_xstrndup(variable + len, (size_t)(end - variable) - len);
    if (map == known->files ||
        (!known->any_task && (map == known->tasks || strchr(name, '/') != NULL))) {
        demand(known, map, at, what, name, before, behind);
    }
    return true;
}

static void use_variable(struct known *known, const struct hns_node *at, const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *port = strstr(name, ".port.");

    if (!has(known->vars, name) &&
        !use_within(known, known->tasks, at, "task", "arn.task.", name, name + strlen(name)) &&
        !use_within(known, known->containers, at, "container", "container.", name,
                    port == NULL ? dot : port) &&
        !use_within(known, known->files, at, "file", "updates.", name, dot)) {
        demand(known, known->vars, at, "variable", name, "${", "}");
    }
}

static void use_variables(struct known *known, const struct hns_node *node)
{
    const char *text = node->kind == HNS_SCALAR ? node->text : "";

    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == HNS_MAP) {
            use_variables(known, node->keys[i]);
        }
        use_variables(known, node->items[i]);
    }
    while ((text = strstr(text, "${")) != NULL) {
        const char *end = strchr(text, '}');

        if (end == NULL) {
            return;
        }
        if (text == node->text || text[-1] != '$') { /* "$${" stands for "${" */
            eca_auto_free char *name = eca_xstrndup(text + 2, (size_t)(end - text - 2));

            use_variable(known, node, name);
        }
        text += 2;
    }
}

static void use_event(struct known *known, const struct hns_node *node)
{
    static const char *const inside[] = {"after", "until"};
    struct hns_pattern pattern;

    if (hns_pattern_read(node, &pattern) < 0) {
        return;
    }
    use_task(known, hns_node_get(node, "task"));
    if (pattern.lane == FAKE_LANE_DOCKER) { /* elsewhere it is the name within its task */
        use_container(known, hns_node_get(node, "container"));
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(inside); i++) {
        if (hns_node_get(node, inside[i]) != NULL) {
            use_event(known, hns_node_get(node, inside[i]));
        }
    }
}

static void use_step(struct known *known, const struct hns_node *step, const struct hns_verb *verb,
                     const struct hns_node *value)
{
    bool of_docker = strncmp(verb->name, "docker.", 7) == 0 && verb->scalar != NULL &&
                     strcmp(verb->scalar, "container") == 0;

    if (strcmp(verb->name, "repeat") == 0) { /* the steps inside come by themselves */
        use_variables(known, hns_node_get(value, "times"));
    } else if (verb->type != HNS_T_BRANCHES) {
        use_variables(known, step);
    }
    if (verb->type == HNS_T_EVENT) {
        use_event(known, value);
    } else if (verb->type == HNS_T_EVENTS) {
        for (size_t i = 0; i < value->count; i++) {
            use_event(known, value->items[i]);
        }
    } else if (of_docker && value->kind == HNS_SCALAR) {
        use_container(known, value);
    } else if (of_docker || strcmp(verb->name, "check") == 0) {
        use_container(known, hns_node_get(value, "container"));
        use_task(known, hns_node_get(value, "task"));
    } else if (strcmp(verb->name, "acs.stop_task") == 0 ||
               strcmp(verb->name, "acs.credentials") == 0) {
        use_task(known, value->kind == HNS_SCALAR ? value : hns_node_get(value, "task"));
    } else if (strcmp(verb->name, "fault.clear") == 0 && is_plain(value)) {
        demand(known, known->faults, value, "fault", value->text, "", "");
    }
}

static void use_rules(struct known *known)
{
    const struct hns_node *allow = known->scenario->allow;
    struct eca_map *rules = eca_map_new();

    for (size_t i = 0; hns_rules[i] != NULL; i++) {
        learn(rules, hns_rules[i]);
    }
    for (size_t i = 0; allow != NULL && i < allow->count; i++) {
        demand(known, rules, allow->keys[i], "rule", allow->keys[i]->text, "", "");
    }
    eca_map_free(rules);
}

void hns_check_names(const struct hns_scenario *scenario, struct hns_problems *problems)
{
    struct known known = {.scenario = scenario,
                          .problems = problems,
                          .vars = eca_map_new(),
                          .tasks = eca_map_new(),
                          .containers = eca_map_new(),
                          .faults = eca_map_new(),
                          .files = eca_map_new()};

    learn_world(&known);
    walk(&known, scenario->timeline, learn_step);
    known.seen_count = 0;
    walk(&known, scenario->timeline, use_step);
    if (scenario->world != NULL) {
        use_variables(&known, scenario->world);
    }
    for (size_t i = 0; scenario->never != NULL && i < scenario->never->count; i++) {
        use_variables(&known, scenario->never->items[i]);
        use_event(&known, scenario->never->items[i]);
    }
    use_rules(&known);
    eca_map_free(known.vars);
    eca_map_free(known.tasks);
    eca_map_free(known.containers);
    eca_map_free(known.faults);
    eca_map_free(known.files);
}
