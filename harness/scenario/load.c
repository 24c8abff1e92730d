#include "harness/scenario/load.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/scenario/names.h"

#include <string.h>

#define TIME_NS_MAX_DEFAULT (UINT64_C(48) * 3600 * 1000000000)
#define EVENTS_MAX_DEFAULT 200000

static const char *const mode_names[HNS_MODES] = {
    [HNS_SIM] = "sim", [HNS_WIRE] = "wire", [HNS_LIVE] = "live"};

const char *hns_mode_name(enum hns_mode mode)
{
    return mode_names[mode];
}

char *hns_path_beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');

    if (path[0] == '/' || slash == NULL) {
        return eca_xstrdup(path);
    }
    return eca_xasprintf("%.*s/%s", (int)(slash - file), file, path);
}

static struct hns_doc *find_doc(const struct hns_scenario *scenario, const char *path)
{
    for (size_t i = 0; i < scenario->doc_count; i++) {
        if (strcmp(scenario->paths[i], path) == 0) {
            return scenario->docs[i];
        }
    }
    return NULL;
}

static void load_includes(struct hns_scenario *scenario, const struct hns_node *steps,
                          struct hns_problems *problems);

/* The document of an include, loaded and checked once. */
static struct hns_doc *include(struct hns_scenario *scenario, const struct hns_node *at,
                               struct hns_problems *problems)
{
    eca_auto_free char *path = hns_path_beside(at->file, at->text);
    struct hns_doc *doc = find_doc(scenario, path);
    struct eca_err err = {0};

    if (doc != NULL) {
        return doc;
    }
    if (scenario->doc_count == HNS_INCLUDES_MAX) {
        hns_problem(problems, at, "more than %d files", HNS_INCLUDES_MAX);
        return NULL;
    }
    if (hns_doc_load(path, &doc, &err) < 0) {
        hns_problem(problems, at, "include: %s", err.msg);
        return NULL;
    }
    scenario->docs[scenario->doc_count] = doc;
    scenario->paths[scenario->doc_count++] = eca_xstrdup(path);
    hns_check_object(problems, hns_doc_root(doc), hns_include_members, path);
    load_includes(scenario, hns_node_get(hns_doc_root(doc), "steps"), problems);
    return doc;
}

static void load_step_includes(struct hns_scenario *scenario, const struct hns_node *step,
                               struct hns_problems *problems)
{
    const struct hns_node *value = NULL;
    const struct hns_verb *verb = hns_step_verb(NULL, step, &value);

    if (verb == NULL) {
        return; /* reported by the check */
    }
    if (strcmp(verb->name, "include") == 0 && value->kind == HNS_SCALAR) {
        struct hns_doc *doc = include(scenario, value, problems);

        if (doc != NULL && hns_node_get(hns_doc_root(doc), "steps") == NULL) {
            hns_problem(problems, value, "include: the file has no \"steps\"");
        }
    } else if (verb->type == HNS_T_BRANCHES && value->kind == HNS_LIST) {
        for (size_t i = 0; i < value->count; i++) {
            load_includes(scenario, value->items[i], problems);
        }
    } else if (strcmp(verb->name, "repeat") == 0) {
        load_includes(scenario, hns_node_get(value, "steps"), problems);
    }
}

static void load_includes(struct hns_scenario *scenario, const struct hns_node *steps,
                          struct hns_problems *problems)
{
    if (steps == NULL || steps->kind != HNS_LIST) {
        return;
    }
    for (size_t i = 0; i < steps->count; i++) {
        load_step_includes(scenario, steps->items[i], problems);
    }
}

const struct hns_node *hns_scenario_included(const struct hns_scenario *scenario,
                                             const struct hns_node *at)
{
    eca_auto_free char *path = hns_path_beside(at->file, at->text);
    struct hns_doc *doc = find_doc(scenario, path);

    return doc == NULL ? NULL : hns_node_get(hns_doc_root(doc), "steps");
}

/* ENG-301, FB-01.2, FB-INV.6, L-13: letters and digits, a dash, letters, digits and dots. */
static bool is_requirement(const char *id)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", digits[] = "0123456789.";
    size_t len = strspn(id, letters);
    const char *rest = id + len + strspn(id + len, digits);

    if (len == 0 || *rest++ != '-' || rest[0] == '\0') {
        return false;
    }
    rest += strspn(rest, letters);
    return strspn(rest, digits) > 0 && rest[strspn(rest, digits)] == '\0';
}

static void check_covers(const struct hns_node *covers, struct hns_problems *problems)
{
    for (size_t i = 0; covers != NULL && i < (covers->kind == HNS_LIST ? covers->count : 1); i++) {
        const struct hns_node *id = covers->kind == HNS_LIST ? covers->items[i] : covers;

        if (!is_requirement(id->text)) {
            hns_problem(problems, id, "\"%s\" is no requirement ID, like ENG-301 or FB-01.2",
                        id->text);
        }
    }
}

static void read_modes(struct hns_scenario *scenario, const struct hns_node *root)
{
    const struct hns_node *modes = hns_node_get(root, "modes");
    const struct hns_node *only = hns_node_get(root, "only");

    for (size_t mode = 0; mode < HNS_MODES; mode++) {
        bool named = modes == NULL && only == NULL;

        if (only != NULL) {
            named = strcmp(only->text, mode_names[mode]) == 0;
        }
        for (size_t i = 0; modes != NULL && i < (modes->kind == HNS_LIST ? modes->count : 1); i++) {
            const struct hns_node *word = modes->kind == HNS_LIST ? modes->items[i] : modes;

            named = named || strcmp(word->text, mode_names[mode]) == 0;
        }
        scenario->modes[mode] = named;
    }
}

static void read_limits(struct hns_scenario *scenario, const struct hns_node *limits)
{
    const struct hns_node *time = hns_node_get(limits, "time");
    const struct hns_node *events = hns_node_get(limits, "events");
    const struct hns_node *eventually = hns_node_get(limits, "eventually");
    int64_t number = 0;

    scenario->time_ns_max = TIME_NS_MAX_DEFAULT;
    scenario->events_max = EVENTS_MAX_DEFAULT;
    if (time != NULL && eca_parse_duration(eca_view_str(time->text), &number, NULL) == ECA_OK) {
        scenario->time_ns_max = (uint64_t)number;
    }
    if (eventually != NULL &&
        eca_parse_duration(eca_view_str(eventually->text), &number, NULL) == ECA_OK) {
        scenario->eventually_ns = (uint64_t)number;
    }
    if (events != NULL && hns_node_is_int(events, &number)) {
        scenario->events_max = (uint64_t)number;
    }
}

static void count_combinations(struct hns_scenario *scenario, struct hns_problems *problems)
{
    scenario->combinations = 1;
    for (size_t i = 0; scenario->matrix != NULL && i < scenario->matrix->count; i++) {
        scenario->combinations *= scenario->matrix->items[i]->count;
        if (scenario->combinations > HNS_COMBINATIONS_MAX) {
            hns_problem(problems, scenario->matrix, "more than %d combinations",
                        HNS_COMBINATIONS_MAX);
            scenario->combinations = 1;
            return;
        }
    }
}

bool hns_scenario_choice(const struct hns_scenario *scenario, size_t combination, size_t index,
                         const char **ret_name, const struct hns_node **ret_value)
{
    const struct hns_node *matrix = scenario->matrix;

    if (matrix == NULL || index >= matrix->count) {
        return false;
    }
    for (size_t i = matrix->count - 1; i > index; i--) { /* the last variable changes fastest */
        combination /= matrix->items[i]->count;
    }
    *ret_name = matrix->keys[index]->text;
    *ret_value = matrix->items[index]->items[combination % matrix->items[index]->count];
    return true;
}

bool hns_scenario_is_chosen(const struct hns_scenario *scenario, size_t combination,
                            const char *const *sets, size_t set_count)
{
    const struct hns_node *value;
    const char *name;

    for (size_t i = 0; hns_scenario_choice(scenario, combination, i, &name, &value); i++) {
        size_t len = strlen(name);

        for (size_t j = 0; j < set_count; j++) {
            if (strncmp(sets[j], name, len) == 0 && sets[j][len] == '=' &&
                (value->kind != HNS_SCALAR || strcmp(sets[j] + len + 1, value->text) != 0)) {
                return false;
            }
        }
    }
    return true;
}

static void read_world(struct hns_scenario *scenario, const struct hns_node *root,
                       struct hns_problems *problems)
{
    const struct hns_node *files = hns_node_get(root, "include");
    struct hns_node *world = NULL;

    for (size_t i = 0; files != NULL && i < (files->kind == HNS_LIST ? files->count : 1); i++) {
        const struct hns_node *file = files->kind == HNS_LIST ? files->items[i] : files;
        struct hns_doc *doc = include(scenario, file, problems);

        if (doc != NULL) {
            struct hns_node *base = hns_node_get(hns_doc_root(doc), "world");

            if (base == NULL) {
                hns_problem(problems, file, "include: the file has no \"world\"");
            } else {
                world = hns_doc_merge(scenario->docs[0], world, base);
            }
        }
    }
    scenario->world = hns_doc_merge(scenario->docs[0], world, hns_node_get(root, "world"));
}

static const char *text_of(const struct hns_node *node, const char *otherwise)
{
    return node == NULL || node->kind != HNS_SCALAR ? otherwise : node->text;
}

static void read_file(struct hns_scenario *scenario, struct hns_problems *problems)
{
    const struct hns_node *root = hns_doc_root(scenario->docs[0]);
    const struct hns_node *covers = hns_node_get(root, "covers");
    const char *real_docker;

    hns_check_object(problems, root, hns_file_members, "scenario");
    if (problems->count > 0) {
        return;
    }
    if (hns_node_get(root, "only") != NULL && hns_node_get(root, "modes") != NULL) {
        hns_problem(problems, hns_node_key(root, "only"), "\"only\" beside \"modes\": one of them");
    }
    if ((hns_node_get(root, "only") != NULL || hns_node_get(root, "modes") != NULL) &&
        hns_node_get(root, "reason") == NULL) {
        hns_problem(problems, root, "a scenario that leaves out modes needs \"reason\"");
    }
    scenario->name = hns_node_get(root, "name")->text;
    scenario->reason = text_of(hns_node_get(root, "reason"), "");
    scenario->reference = text_of(hns_node_get(root, "reference"), NULL);
    real_docker = text_of(hns_node_get(root, "real_docker"), "false");
    scenario->only_real_docker = strcmp(real_docker, "only") == 0;
    scenario->real_docker = scenario->only_real_docker || strcmp(real_docker, "true") == 0;
    scenario->timeline = hns_node_get(root, "timeline");
    scenario->never = hns_node_get(root, "never");
    scenario->allow = hns_node_get(root, "allow");
    scenario->matrix = hns_node_get(root, "matrix");
    scenario->covers = covers;
    scenario->given = hns_node_get(root, "given");
    check_covers(covers, problems);
    read_modes(scenario, root);
    read_limits(scenario, hns_node_get(root, "limits"));
    count_combinations(scenario, problems);
    read_world(scenario, root, problems);
    load_includes(scenario, scenario->timeline, problems);
    if (problems->count == 0) {
        hns_check_names(scenario, problems);
    }
}

static int finish(struct hns_scenario *scenario, struct hns_scenario **ret_scenario,
                  struct hns_problems *problems)
{
    read_file(scenario, problems);
    if (problems->count > 0) {
        hns_scenario_free(scenario);
        return ECA_E_INVALID;
    }
    *ret_scenario = scenario;
    return ECA_OK;
}

static struct hns_scenario *new_scenario(const char *path, struct hns_doc *doc)
{
    struct hns_scenario *scenario = eca_xalloc(sizeof *scenario);

    scenario->docs[0] = doc;
    scenario->paths[0] = eca_xstrdup(path);
    scenario->doc_count = 1;
    scenario->file = scenario->paths[0];
    return scenario;
}

int hns_scenario_load(const char *path, struct hns_scenario **ret_scenario,
                      struct hns_problems *problems)
{
    struct hns_doc *doc = NULL;
    struct eca_err err = {0};

    if (hns_doc_load(path, &doc, &err) < 0) {
        eca_buf_addf(&problems->text, "%s\n", err.msg);
        problems->count++;
        return err.code;
    }
    return finish(new_scenario(path, doc), ret_scenario, problems);
}

int hns_scenario_parse(struct eca_view text, const char *path, struct hns_scenario **ret_scenario,
                       struct hns_problems *problems)
{
    struct hns_doc *doc = NULL;
    struct eca_err err = {0};

    if (hns_doc_parse(text, path, &doc, &err) < 0) {
        eca_buf_addf(&problems->text, "%s\n", err.msg);
        problems->count++;
        return err.code;
    }
    return finish(new_scenario(path, doc), ret_scenario, problems);
}

void hns_scenario_free(struct hns_scenario *scenario)
{
    if (scenario == NULL) {
        return;
    }
    for (size_t i = 0; i < scenario->doc_count; i++) {
        hns_doc_free(scenario->docs[i]);
        eca_free(scenario->paths[i]);
    }
    eca_free(scenario);
}
