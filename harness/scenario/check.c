#include "harness/scenario/check.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/scenario/match.h"

#include <stdarg.h>
#include <string.h>

#define NAMES_MAX 128

void hns_problems_clear(struct hns_problems *problems)
{
    eca_buf_clear(&problems->text);
    problems->count = 0;
}

void hns_problem(struct hns_problems *problems, const struct hns_node *at, const char *fmt, ...)
{
    va_list args;

    if (problems == NULL || problems->count++ >= HNS_PROBLEMS_MAX) {
        return;
    }
    eca_buf_addf(&problems->text, "%s:%u:%u: ", at->file, (unsigned)at->line, (unsigned)at->column);
    va_start(args, fmt);
    eca_buf_vaddf(&problems->text, fmt, args);
    va_end(args);
    eca_buf_add_char(&problems->text, '\n');
}

static const char *plural(const char *near)
{
    return near == NULL ? "" : "\"?";
}

void hns_unknown(struct hns_problems *problems, const struct hns_node *at, const char *what,
                 const char *const *names, size_t count)
{
    const char *near = hns_nearest(at->text, names, count);

    hns_problem(problems, at, "unknown %s \"%.80s\"%s%s%s", what, at->text,
                near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near, plural(near));
}

static bool is_variable(const struct hns_node *node)
{
    return node->kind == HNS_SCALAR && strstr(node->text, "${") != NULL;
}

static void want(struct hns_problems *problems, const struct hns_node *node, const char *name,
                 enum hns_type type)
{
    hns_problem(problems, node, "\"%.80s\": want %s, have %s", name, hns_type_name(type),
                hns_kind_name(node));
}

static void check_word(struct hns_problems *problems, const struct hns_node *node,
                       const char *const *words, const char *name)
{
    size_t count = 0;
    char what[100] = "word for ";

    if (is_variable(node)) {
        return;
    }
    for (; words[count] != NULL; count++) {
        if (strcmp(words[count], node->text) == 0) {
            return;
        }
    }
    (void)strncat(what, name, sizeof what - strlen(what) - 1);
    if (hns_nearest(node->text, words, count) != NULL) {
        hns_unknown(problems, node, what, words, count);
    } else {
        eca_auto_buf struct eca_buf list = {0};

        for (size_t i = 0; i < count; i++) {
            eca_buf_addf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
        }
        hns_problem(problems, node, "unknown %s \"%.80s\": want %s", what, node->text,
                    eca_buf_str(&list));
    }
}

static void check_value(struct hns_problems *problems, const struct hns_node *node,
                        const struct hns_member *member);

static void check_scalar(struct hns_problems *problems, const struct hns_node *node,
                         const struct hns_member *member)
{
    struct eca_err err = {0};
    int64_t number = 0;
    bool truth;

    if (node->kind != HNS_SCALAR || (hns_node_is_null(node) && member->type != HNS_T_TEXT)) {
        want(problems, node, member->name, member->type);
        return;
    }
    if (is_variable(node)) {
        return;
    }
    switch ((int)member->type) {
    case HNS_T_WORD:
        check_word(problems, node, member->words, member->name);
        break;
    case HNS_T_INT:
        if (!hns_node_is_int(node, &number)) {
            want(problems, node, member->name, member->type);
        } else if (number < 0) {
            hns_problem(problems, node, "\"%.80s\": must not be negative", member->name);
        }
        break;
    case HNS_T_BOOL:
        if (!hns_node_is_bool(node, &truth)) {
            want(problems, node, member->name, member->type);
        }
        break;
    case HNS_T_DURATION:
        if (eca_parse_duration(eca_view_str(node->text), &number, &err) < 0 || number < 0) {
            hns_problem(problems, node,
                        "\"%.80s\": \"%.40s\" is no duration, write it like 1h30m, 5s or 200ms",
                        member->name, node->text);
        }
        break;
    default:
        break;
    }
}

static void check_texts(struct hns_problems *problems, const struct hns_node *node,
                        const struct hns_member *member)
{
    if (node->kind == HNS_MAP) {
        want(problems, node, member->name, member->type);
        return;
    }
    for (size_t i = 0; i < (node->kind == HNS_LIST ? node->count : 1); i++) {
        const struct hns_node *item = node->kind == HNS_LIST ? node->items[i] : node;

        if (item->kind != HNS_SCALAR) {
            want(problems, item, member->name, member->type);
        } else if (member->type == HNS_T_WORDS) {
            check_word(problems, item, member->words, member->name);
        }
    }
}

static void check_map(struct hns_problems *problems, const struct hns_node *node,
                      const struct hns_member *member)
{
    enum hns_kind inside = member->type == HNS_T_LISTS ? HNS_LIST : HNS_SCALAR;

    if (node->kind != HNS_MAP) {
        want(problems, node, member->name, member->type);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (inside == HNS_LIST && node->items[i]->kind == HNS_LIST && node->items[i]->count == 0) {
            hns_problem(problems, node->items[i],
                        "\"%.80s\": want a list with values, have an empty list",
                        node->keys[i]->text);
        } else if (node->items[i]->kind != inside) {
            hns_problem(problems, node->items[i], "\"%.80s\": want %s, have %s",
                        node->keys[i]->text, inside == HNS_LIST ? "a list with values" : "text",
                        hns_kind_name(node->items[i]));
        }
    }
}

static void check_named(struct hns_problems *problems, const struct hns_node *node,
                        const struct hns_member *member)
{
    if (node->kind == HNS_LIST) {
        struct hns_member names = {member->name, HNS_T_TEXTS, "", false, NULL, NULL};

        check_texts(problems, node, &names);
        return;
    }
    if (node->kind != HNS_MAP) {
        want(problems, node, member->name, member->type);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!hns_node_is_null(node->items[i])) {
            hns_check_object(problems, node->items[i], member->members, node->keys[i]->text);
        }
    }
}

static void unknown_event(struct hns_problems *problems, const struct hns_node *node,
                          enum fake_lane lane)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    char what[60];

    for (const struct hns_event_def *def = hns_events; def->name != NULL; def++) {
        if (def->lane == lane && count < NAMES_MAX) {
            names[count++] = def->name;
        }
    }
    (void)strcpy(what, "event of lane ");
    (void)strncat(what, fake_lane_name(lane), 20);
    hns_unknown(problems, node, what, names, count);
}

int hns_pattern_read(const struct hns_node *node, struct hns_pattern *ret_pattern)
{
    if (node->kind != HNS_MAP) {
        return ECA_E_INVALID;
    }
    for (size_t i = 0; i < node->count; i++) {
        enum fake_lane lane;
        const char *alias, *status = NULL;

        /* "docker: create" names lane and event; a field may have a lane's name only after it. */
        if (!fake_lane_parse(eca_view_str(node->keys[i]->text), &lane)) {
            continue;
        }
        if (node->items[i]->kind != HNS_SCALAR || hns_node_is_null(node->items[i])) {
            return ECA_E_INVALID;
        }
        alias = hns_event_alias(lane, node->items[i]->text, &status);
        *ret_pattern =
            (struct hns_pattern){node, lane, alias != NULL ? alias : node->items[i]->text, status};
        return ECA_OK;
    }
    return ECA_E_NOT_FOUND;
}

static const struct hns_member *find_member(const struct hns_member *members, const char *name)
{
    for (; members != NULL && members->name != NULL; members++) {
        if (strcmp(members->name, name) == 0) {
            return members;
        }
    }
    return NULL;
}

/* A key that is neither a lane nor a field of any event, and near to a lane's name. */
static bool mistyped_lane(struct hns_problems *problems, const struct hns_node *node)
{
    const char *names[FAKE_LANES];

    for (int lane = 0; lane < FAKE_LANES; lane++) {
        names[lane] = fake_lane_name((enum fake_lane)lane);
    }
    for (size_t i = 0; i < node->count; i++) {
        if (find_member(hns_expect_members, node->keys[i]->text) == NULL &&
            hns_nearest(node->keys[i]->text, names, FAKE_LANES) != NULL) {
            hns_unknown(problems, node->keys[i], "lane", names, FAKE_LANES);
            return true;
        }
    }
    return false;
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; (at = strstr(at, word)) != NULL; at += len) {
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static void unknown_field(struct hns_problems *problems, const struct hns_node *key,
                          const struct hns_event_def *def)
{
    const char *names[NAMES_MAX];
    eca_auto_free char *words = eca_xstrdup(def->fields);
    size_t count = 0;
    char *rest = NULL, *word;

    for (word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        names[count++] = word;
    }
    for (const struct hns_member *member = hns_expect_members; member->name != NULL; member++) {
        names[count++] = member->name;
    }
    if (hns_nearest(key->text, names, count) == NULL) {
        hns_problem(problems, key, "unknown field \"%.80s\": %s has %s", key->text, def->name,
                    def->fields[0] == '\0' ? "no fields" : def->fields);
        return;
    }
    hns_unknown(problems, key, "field", names, count);
}

/* "task RUNNING": the second word. */
static void check_status(struct hns_problems *problems, const struct hns_node *node,
                         const char *status)
{
    static const char *const words[] = {"CREATED", "RUNNING", "STOPPED"};
    const char *near;

    for (size_t i = 0; i < ECA_ARRAY_LEN(words); i++) {
        if (strcmp(words[i], status) == 0) {
            return;
        }
    }
    near = hns_nearest(status, words, ECA_ARRAY_LEN(words));
    if (strpbrk(status, "*?/$") == NULL) { /* patterns and variables are the run's business */
        hns_problem(problems, node, "unknown status \"%.80s\"%s%s%s", status,
                    near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near,
                    plural(near));
    }
}

/* The regular expressions in what is compared; one with variables is compiled when it is used. */
static void check_patterns(struct hns_problems *problems, const struct hns_node *node)
{
    char why[100];

    for (size_t i = 0; i < node->count; i++) {
        check_patterns(problems, node->items[i]);
    }
    if (node->kind == HNS_SCALAR && !is_variable(node) &&
        !hns_text_is_usable(node->text, why, sizeof why)) {
        hns_problem(problems, node, "\"%.80s\" is no regular expression: %s", node->text, why);
    }
}

static void check_event(struct hns_problems *problems, const struct hns_node *node,
                        const char *name)
{
    struct hns_pattern pattern = {0};
    const struct hns_event_def *def;
    int code = hns_pattern_read(node, &pattern);

    if (node->kind != HNS_MAP) {
        want(problems, node, name, HNS_T_EVENT);
        return;
    }
    if (code < 0 && mistyped_lane(problems, node)) {
        return;
    }
    if (code < 0) {
        hns_problem(problems, node,
                    "\"%.80s\": no lane: want one of acs, ecs, docker, agent, metadata, tcs, ecr, "
                    "updates, scenario with an event's name",
                    name);
        return;
    }
    def = hns_event_find(pattern.lane, pattern.name);
    if (def == NULL && strchr(pattern.name, '*') == NULL && strstr(pattern.name, "${") == NULL) {
        unknown_event(problems, hns_node_get(node, fake_lane_name(pattern.lane)), pattern.lane);
        return;
    }
    if (pattern.status != NULL) {
        check_status(problems, hns_node_get(node, fake_lane_name(pattern.lane)), pattern.status);
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct hns_node *key = node->keys[i];
        const struct hns_member *member = find_member(hns_expect_members, key->text);

        if (strcmp(key->text, fake_lane_name(pattern.lane)) == 0) {
            continue;
        }
        if (member != NULL) {
            check_value(problems, node->items[i], member);
            continue;
        }
        check_patterns(problems, node->items[i]);
        if (def != NULL && !has_word(def->fields, key->text)) {
            unknown_field(problems, key, def);
        }
    }
}

static void check_list(struct hns_problems *problems, const struct hns_node *node,
                       const struct hns_member *member)
{
    if (node->kind != HNS_LIST) {
        want(problems, node, member->name, member->type);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (member->type == HNS_T_EVENTS) {
            check_event(problems, node->items[i], member->name);
        } else if (member->type == HNS_T_BRANCHES) {
            hns_check_steps(problems, node->items[i]);
        } else {
            hns_check_object(problems, node->items[i], member->members, member->name);
        }
    }
}

static void check_value(struct hns_problems *problems, const struct hns_node *node,
                        const struct hns_member *member)
{
    switch (member->type) {
    case HNS_T_NONE:
        if (!hns_node_is_null(node)) {
            want(problems, node, member->name, member->type);
        }
        break;
    case HNS_T_TEXT:
    case HNS_T_WORD:
    case HNS_T_INT:
    case HNS_T_BOOL:
    case HNS_T_DURATION:
        check_scalar(problems, node, member);
        break;
    case HNS_T_PATTERN:
        check_scalar(problems, node, member);
        check_patterns(problems, node);
        break;
    case HNS_T_FIT:
        check_patterns(problems, node);
        break;
    case HNS_T_TEXTS:
    case HNS_T_WORDS:
        check_texts(problems, node, member);
        break;
    case HNS_T_PAIRS:
    case HNS_T_LISTS:
        check_map(problems, node, member);
        break;
    case HNS_T_NAMED:
        check_named(problems, node, member);
        break;
    case HNS_T_OBJECT:
        hns_check_object(problems, node, member->members, member->name);
        break;
    case HNS_T_EVENT:
        check_event(problems, node, member->name);
        break;
    case HNS_T_OBJECTS:
    case HNS_T_EVENTS:
    case HNS_T_BRANCHES:
        check_list(problems, node, member);
        break;
    case HNS_T_STEPS:
        hns_check_steps(problems, node);
        break;
    case HNS_T_ANY:
    case HNS_TYPES:
        break;
    }
}

static void unknown_key(struct hns_problems *problems, const struct hns_node *key,
                        const struct hns_member *members)
{
    const char *names[NAMES_MAX];
    size_t count = 0;

    for (; members->name != NULL && count < NAMES_MAX; members++) {
        names[count++] = members->name;
    }
    hns_unknown(problems, key, "key", names, count);
}

void hns_check_object(struct hns_problems *problems, const struct hns_node *node,
                      const struct hns_member *members, const char *what)
{
    if (node->kind != HNS_MAP) {
        want(problems, node, what, HNS_T_OBJECT);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct hns_member *member = find_member(members, node->keys[i]->text);

        if (member == NULL) {
            unknown_key(problems, node->keys[i], members);
        } else {
            check_value(problems, node->items[i], member);
        }
    }
    for (const struct hns_member *member = members; member->name != NULL; member++) {
        if (member->required && hns_node_get(node, member->name) == NULL) {
            hns_problem(problems, node, "\"%.80s\" needs \"%s\": %s", what, member->name,
                        member->doc);
        }
    }
}

const struct hns_verb *hns_step_verb(struct hns_problems *problems, const struct hns_node *step,
                                     const struct hns_node **ret_value)
{
    const struct hns_verb *found = NULL;
    const struct hns_node *found_key = NULL;

    if (step->kind != HNS_MAP || step->count == 0) {
        hns_problem(problems, step, "a step is a map with one verb (\"- advance: 5s\"), this is %s",
                    hns_kind_name(step));
        return NULL;
    }
    for (size_t i = 0; i < step->count; i++) {
        const struct hns_node *key = step->keys[i];
        const struct hns_verb *verb = hns_verb_find(key->text);

        if (find_member(hns_step_members, key->text) != NULL) {
            continue;
        }
        if (verb == NULL) {
            const char *names[NAMES_MAX];
            size_t count = 0;

            for (const struct hns_verb *one = hns_verbs; one->name != NULL; one++) {
                names[count++] = one->name;
            }
            if (problems != NULL) {
                hns_unknown(problems, key, found == NULL ? "verb" : "key beside the verb", names,
                            count);
            }
            return NULL;
        }
        if (found != NULL) {
            hns_problem(problems, key, "a second verb in one step: \"%s\" stands in line %u",
                        found->name, (unsigned)found_key->line);
            return NULL;
        }
        found = verb;
        found_key = key;
        *ret_value = step->items[i];
    }
    if (found == NULL) {
        hns_problem(problems, step, "a step without verb");
    }
    return found;
}

static void check_step(struct hns_problems *problems, const struct hns_node *step)
{
    const struct hns_node *value = NULL;
    const struct hns_verb *verb = hns_step_verb(problems, step, &value);
    struct hns_member as_member;

    if (verb == NULL) {
        return;
    }
    for (size_t i = 0; i < step->count; i++) {
        const struct hns_member *beside = find_member(hns_step_members, step->keys[i]->text);

        if (beside != NULL) {
            check_value(problems, step->items[i], beside);
        }
    }
    if (strcmp(verb->name, "fault") == 0) {
        hns_check_fault(problems, value);
    }
    as_member =
        (struct hns_member){verb->name, verb->type, verb->doc, false, verb->members, verb->words};
    if (hns_node_is_null(value) && verb->may_be_empty) {
        return;
    }
    if (verb->scalar != NULL && value->kind == HNS_SCALAR && !hns_node_is_null(value)) {
        const struct hns_member *member = find_member(verb->members, verb->scalar);

        if (member != NULL) {
            as_member = *member;
            as_member.name = verb->name;
        }
        check_value(problems, value, &as_member);
        return;
    }
    check_value(problems, value, &as_member);
}

void hns_check_steps(struct hns_problems *problems, const struct hns_node *node)
{
    if (node->kind != HNS_LIST) {
        hns_problem(problems, node, "want a list of steps, have %s", hns_kind_name(node));
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        check_step(problems, node->items[i]);
    }
}
