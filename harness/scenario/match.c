#include "harness/scenario/match.h"

#include "agent/base/mem.h"
#include "fakes/carry/carry.h"

#include <assert.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

void hns_match_clear(struct hns_match *match)
{
    for (size_t i = 0; i < match->field_count; i++) {
        eca_free(match->fields[i].key);
        eca_json_free(match->fields[i].want);
    }
    eca_free(match->name);
    *match = (struct hns_match){0};
}

bool hns_match_add(struct hns_match *match, const char *key, const char *want_json)
{
    struct eca_json_doc *doc = NULL;
    int code;

    if (match->field_count == HNS_FIELDS_MAX) {
        return false;
    }
    code = eca_json_parse(eca_view_str(want_json), &doc, NULL);
    assert(code == ECA_OK);
    (void)code;
    match->fields[match->field_count].key = eca_xstrdup(key);
    match->fields[match->field_count++].want = doc;
    return true;
}

/* What stands between the slashes of "/.../" (owned), or NULL. */
static char *expression_of(const char *want)
{
    size_t len = strlen(want);

    return len > 2 && want[0] == '/' && want[len - 1] == '/' ? eca_xstrndup(want + 1, len - 2)
                                                             : NULL;
}

bool hns_text_is_usable(const char *want, char *ret_why, size_t why_size)
{
    eca_auto_free char *expression = expression_of(want);
    regex_t regex;
    int code;

    if (expression == NULL) {
        return true;
    }
    code = regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB);
    if (code == 0) {
        regfree(&regex);
        return true;
    }
    (void)regerror(code, &regex, ret_why, why_size);
    return false;
}

bool hns_value_is_usable(eca_json want, char *ret_why, size_t why_size)
{
    enum eca_json_type type = eca_json_type(want);
    char why[100];

    if (type == ECA_JSON_STRING && !hns_text_is_usable(eca_json_str(want), why, sizeof why)) {
        (void)snprintf(ret_why, why_size, "\"%.80s\" is no regular expression: %s",
                       eca_json_str(want), why);
        return false;
    }
    if (type == ECA_JSON_OBJECT || type == ECA_JSON_ARRAY) {
        for (eca_json a = eca_json_first(want); a != NULL; a = eca_json_next(a)) {
            if (!hns_value_is_usable(a, ret_why, why_size)) {
                return false;
            }
        }
    }
    return true;
}

bool hns_text_fits(const char *want, const char *have)
{
    eca_auto_free char *expression = NULL;

    if (strcmp(want, have) == 0) {
        return true;
    }
    expression = expression_of(want);
    if (expression != NULL) {
        regex_t regex;
        bool fits;

        if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) != 0) {
            return false; /* the step has failed already */
        }
        fits = regexec(&regex, have, 0, NULL, 0) == 0;
        regfree(&regex);
        return fits;
    }
    return strchr(want, '*') != NULL && fake_glob(want, have);
}

static bool scalar_fits(eca_json want, eca_json have)
{
    eca_auto_buf struct eca_buf want_text = {0};
    eca_auto_buf struct eca_buf have_text = {0};
    enum eca_json_type type = eca_json_type(have);

    if (type == ECA_JSON_ABSENT || type == ECA_JSON_NULL) {
        return false;
    }
    if (type == ECA_JSON_STRING) {
        eca_buf_add_str(&have_text, eca_json_str(have));
    } else {
        eca_json_print(have, &have_text);
    }
    if (eca_json_type(want) == ECA_JSON_STRING) {
        return hns_text_fits(eca_json_str(want), eca_buf_str(&have_text));
    }
    eca_json_print(want, &want_text);
    return eca_json_equal(want, have) ||
           strcmp(eca_buf_str(&want_text), eca_buf_str(&have_text)) == 0;
}

static bool list_fits(eca_json want, eca_json have)
{
    eca_json b = eca_json_first(have);

    if (eca_json_type(have) != ECA_JSON_ARRAY || eca_json_count(want) != eca_json_count(have)) {
        return false;
    }
    for (eca_json a = eca_json_first(want); a != NULL; a = eca_json_next(a), b = eca_json_next(b)) {
        if (!hns_value_fits(a, b)) {
            return false;
        }
    }
    return true;
}

bool hns_value_fits(eca_json want, eca_json have)
{
    switch (eca_json_type(want)) {
    case ECA_JSON_ABSENT:
    case ECA_JSON_NULL:
        return eca_json_is_null(have);
    case ECA_JSON_OBJECT:
        if (eca_json_type(have) != ECA_JSON_OBJECT) {
            return false;
        }
        for (eca_json a = eca_json_first(want); a != NULL; a = eca_json_next(a)) {
            if (!hns_value_fits(a, eca_json_get(have, eca_json_key(a)))) {
                return false;
            }
        }
        return true;
    case ECA_JSON_ARRAY:
        return list_fits(want, have);
    case ECA_JSON_BOOL:
    case ECA_JSON_NUMBER:
    case ECA_JSON_STRING:
        return scalar_fits(want, have);
    }
    return false;
}

static void tell_difference(const char *path, eca_json want, eca_json have, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_addf(out, "%s is ", path);
    if (have == NULL) {
        eca_buf_add_str(out, "absent");
    } else {
        eca_json_print(have, &text);
        eca_buf_addf(out, "%.600s", eca_buf_str(&text));
    }
    eca_buf_add_str(out, ", not ");
    if (want == NULL) {
        eca_buf_add_str(out, "absent");
    } else {
        eca_json_print(want, out);
    }
}

void hns_value_difference(const char *name, eca_json want, eca_json have, struct eca_buf *out)
{
    bool lists = eca_json_type(want) == ECA_JSON_ARRAY && eca_json_type(have) == ECA_JSON_ARRAY;
    bool maps = eca_json_type(want) == ECA_JSON_OBJECT && eca_json_type(have) == ECA_JSON_OBJECT;
    eca_json other = lists ? eca_json_first(have) : NULL;
    size_t index = 0;

    if (hns_value_fits(want, have)) {
        return;
    }
    if (!maps && (!lists || eca_json_count(want) != eca_json_count(have))) {
        tell_difference(name, want, have, out);
        return;
    }
    for (eca_json a = eca_json_first(want); a != NULL; a = eca_json_next(a)) {
        eca_json b = maps ? eca_json_get(have, eca_json_key(a)) : other;

        if (!hns_value_fits(a, b)) {
            eca_auto_free char *path = maps ? eca_xasprintf("%s.%s", name, eca_json_key(a))
                                            : eca_xasprintf("%s.%zu", name, index);

            hns_value_difference(path, a, b, out);
            return;
        }
        other = lists ? eca_json_next(other) : NULL;
        index++;
    }
}

bool hns_match_name(const struct hns_match *match, const struct fake_event *event)
{
    return event->lane == match->lane &&
           (strcmp(match->name, event->name) == 0 ||
            (strchr(match->name, '*') != NULL && fake_glob(match->name, event->name)));
}

bool hns_match_event(const struct hns_match *match, const struct fake_event *event,
                     size_t *ret_fitting)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    size_t fitting = 0;

    if (!hns_match_name(match, event)) {
        return false;
    }
    if (match->field_count > 0 &&
        eca_json_parse(eca_view_str(event->fields), &doc, NULL) == ECA_OK) {
        for (size_t i = 0; i < match->field_count; i++) {
            fitting += hns_value_fits(eca_json_root(match->fields[i].want),
                                      eca_json_get(eca_json_root(doc), match->fields[i].key))
                           ? 1
                           : 0;
        }
    }
    if (ret_fitting != NULL) {
        *ret_fitting = fitting;
    }
    return fitting == match->field_count;
}

void hns_match_difference(const struct hns_match *match, const struct fake_event *event,
                          struct eca_buf *out)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    bool first = true;

    if (eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < match->field_count; i++) {
        eca_json have = eca_json_get(eca_json_root(doc), match->fields[i].key);
        eca_json want = eca_json_root(match->fields[i].want);

        if (hns_value_fits(want, have)) {
            continue;
        }
        eca_buf_addf(out, "%s%s is ", first ? "" : "; ", match->fields[i].key);
        if (have == NULL) {
            eca_buf_add_str(out, "absent");
        } else {
            eca_json_print(have, out);
        }
        eca_buf_add_str(out, ", not ");
        eca_json_print(want, out);
        first = false;
    }
}

void hns_match_print(const struct hns_match *match, struct eca_buf *out)
{
    eca_buf_addf(out, "%s %s", fake_lane_name(match->lane), match->name);
    for (size_t i = 0; i < match->field_count; i++) {
        eca_json want = eca_json_root(match->fields[i].want);

        eca_buf_addf(out, "%s%s: ", i == 0 ? " {" : ", ", match->fields[i].key);
        if (eca_json_type(want) == ECA_JSON_STRING) {
            eca_buf_add_str(out, eca_json_str(want));
        } else {
            eca_json_print(want, out);
        }
    }
    eca_buf_add_str(out, match->field_count > 0 ? "}" : "");
}
