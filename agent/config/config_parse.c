#include "agent/config/config_internal.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define LIST_ELEMENTS_MAX 4096 /* ports or drivers in one list */

static int ports_from_json(eca_json array, struct eca_port_list *ret_ports, struct eca_err *err)
{
    eca_auto_free uint16_t *at = NULL;
    size_t count = 0;

    if (eca_json_type(array) != ECA_JSON_ARRAY) {
        return eca_err_set(err, ECA_E_INVALID, "want array, have %s",
                           eca_json_type_name(eca_json_type(array)));
    }
    if (eca_json_count(array) > LIST_ELEMENTS_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "more than %d elements", LIST_ELEMENTS_MAX);
    }
    at = eca_xrealloc_array(NULL, eca_json_count(array) + 1, sizeof(*at));
    for (eca_json item = eca_json_first(array); item != NULL; item = eca_json_next(item)) {
        int64_t port = -1;
        if (eca_json_type(item) != ECA_JSON_NUMBER || !eca_json_is_integer(item) ||
            eca_json_i64(item, &port, NULL) < 0 || port < 0 || port > UINT16_MAX) {
            return eca_err_set(err, ECA_E_INVALID, "element %zu is no port between 0 and 65535",
                               count);
        }
        at[count++] = (uint16_t)port;
    }
    ret_ports->at = eca_take(at);
    ret_ports->count = count;
    return ECA_OK;
}

static int texts_from_json(eca_json array, struct eca_text_list *ret_texts, struct eca_err *err)
{
    size_t count = 0;

    if (eca_json_type(array) != ECA_JSON_ARRAY) {
        return eca_err_set(err, ECA_E_INVALID, "want array, have %s",
                           eca_json_type_name(eca_json_type(array)));
    }
    if (eca_json_count(array) > LIST_ELEMENTS_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "more than %d elements", LIST_ELEMENTS_MAX);
    }
    for (eca_json item = eca_json_first(array); item != NULL; item = eca_json_next(item)) {
        if (eca_json_type(item) != ECA_JSON_STRING) {
            return eca_err_set(err, ECA_E_INVALID, "element %zu is no text", count);
        }
        count++;
    }
    ret_texts->at = eca_xrealloc_array(NULL, count + 1, sizeof(*ret_texts->at));
    for (eca_json item = eca_json_first(array); item != NULL; item = eca_json_next(item)) {
        ret_texts->at[ret_texts->count++] = eca_xstrdup(eca_json_str(item));
    }
    return ECA_OK;
}

static int list_from_json(const struct eca_setting *setting, eca_json json, bool *ret_set,
                          struct eca_setting_value *value, struct eca_err *err)
{
    int rc;

    if (eca_json_is_null(json)) {
        return ECA_OK; /* absent, no message (CFG-205) */
    }
    rc = setting->kind == ECA_SETTING_PORTS ? ports_from_json(json, &value->ports, err)
                                            : texts_from_json(json, &value->texts, err);
    *ret_set = rc == ECA_OK;
    return rc;
}

static int list_from_text(const struct eca_setting *setting, struct eca_view text, bool *ret_set,
                          struct eca_setting_value *value, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (eca_view_trim(text).len == 0) {
        return ECA_OK;
    }
    if (eca_json_parse(text, &doc, err) < 0) { /* trailing text is refused as well */
        return err == NULL ? ECA_E_INVALID : (int)err->code;
    }
    return list_from_json(setting, eca_json_root(doc), ret_set, value, err);
}

static int choice_from_text(const struct eca_setting *setting, struct eca_view text, bool *ret_set,
                            struct eca_setting_value *value, struct eca_err *err)
{
    eca_auto_buf struct eca_buf known = {0};

    for (size_t i = 0; setting->choices[i] != NULL; i++) {
        eca_buf_addf(&known, "%s%s", i == 0 ? "" : ", ", setting->choices[i]);
        if (eca_view_eq_str(text, setting->choices[i])) {
            value->number = (int64_t)i;
            *ret_set = true;
            return ECA_OK;
        }
    }
    return eca_err_set(err, ECA_E_INVALID, "want one of %s", eca_buf_str(&known));
}

static int text_from_view(struct eca_view text, bool *ret_set, struct eca_setting_value *value)
{
    if (text.len > 0) { /* an empty text equals absence (CFG-102) */
        value->text = eca_xstrndup(text.at, text.len);
        *ret_set = true;
    }
    return ECA_OK;
}

int eca_setting_parse(const struct eca_setting *setting, struct eca_view text, bool *ret_set,
                      struct eca_setting_value *ret_value, struct eca_err *err)
{
    uint64_t number = 0;
    int rc = ECA_OK;

    *ret_set = false;
    if (text.len == 0) {
        return ECA_OK;
    }
    switch (setting->kind) {
    case ECA_SETTING_TEXT:
    case ECA_SETTING_SECRET:
    case ECA_SETTING_RAW:
        return text_from_view(text, ret_set, ret_value);
    case ECA_SETTING_TRIMMED:
        return text_from_view(eca_view_trim(text), ret_set, ret_value);
    case ECA_SETTING_PORTS:
    case ECA_SETTING_TEXTS:
        return list_from_text(setting, text, ret_set, ret_value, err);
    case ECA_SETTING_CHOICE:
        return choice_from_text(setting, text, ret_set, ret_value, err);
    case ECA_SETTING_BOOL:
        rc = eca_parse_bool(text, &ret_value->flag, err);
        break;
    case ECA_SETTING_U16:
        rc = eca_parse_u64(text, UINT16_MAX, &number, err);
        ret_value->number = (int64_t)number;
        break;
    case ECA_SETTING_INT:
        rc = eca_parse_i64(text, &ret_value->number, err);
        break;
    case ECA_SETTING_DURATION:
        rc = eca_parse_duration(text, &ret_value->number, err);
        break;
    }
    *ret_set = rc == ECA_OK;
    return rc;
}

static int want_type(eca_json json, enum eca_json_type type, struct eca_err *err)
{
    if (eca_json_type(json) != type) {
        return eca_err_set(err, ECA_E_INVALID, "want %s, have %s", eca_json_type_name(type),
                           eca_json_type_name(eca_json_type(json)));
    }
    return ECA_OK;
}

static int integer_from_json(eca_json json, int64_t min, int64_t max, int64_t *ret_number,
                             struct eca_err *err)
{
    int64_t number = 0;

    if (want_type(json, ECA_JSON_NUMBER, err) < 0) {
        return ECA_E_INVALID;
    }
    if (!eca_json_is_integer(json) || eca_json_i64(json, &number, NULL) < 0 || number < min ||
        number > max) {
        return eca_err_set(err, ECA_E_INVALID, "want an integer from %lld to %lld", (long long)min,
                           (long long)max);
    }
    *ret_number = number;
    return ECA_OK;
}

/* Integers of nanoseconds, or the text of CFG-204 (CFG-403). */
static int duration_from_json(eca_json json, int64_t *ret_ns, struct eca_err *err)
{
    if (eca_json_type(json) == ECA_JSON_STRING) {
        return eca_parse_duration(eca_view_str(eca_json_str(json)), ret_ns, err);
    }
    return integer_from_json(json, INT64_MIN, INT64_MAX, ret_ns, err);
}

int eca_setting_parse_json(const struct eca_setting *setting, eca_json json, bool *ret_set,
                           struct eca_setting_value *ret_value, struct eca_err *err)
{
    eca_auto_buf struct eca_buf raw = {0};
    int rc = ECA_OK;

    *ret_set = false;
    if (eca_json_is_null(json)) {
        return ECA_OK;
    }
    switch (setting->kind) {
    case ECA_SETTING_TEXT:
    case ECA_SETTING_TRIMMED:
    case ECA_SETTING_SECRET:
    case ECA_SETTING_CHOICE:
        if (want_type(json, ECA_JSON_STRING, err) < 0) {
            return ECA_E_INVALID;
        }
        return eca_setting_parse(setting, eca_view_str(eca_json_str(json)), ret_set, ret_value,
                                 err);
    case ECA_SETTING_RAW:
        eca_json_print(json, &raw);
        rc = text_from_view(eca_buf_view(&raw), ret_set, ret_value);
        eca_wipe(raw.at, raw.len);
        return rc;
    case ECA_SETTING_PORTS:
    case ECA_SETTING_TEXTS:
        return list_from_json(setting, json, ret_set, ret_value, err);
    case ECA_SETTING_BOOL:
        rc = want_type(json, ECA_JSON_BOOL, err);
        ret_value->flag = rc == ECA_OK && eca_json_bool(json);
        break;
    case ECA_SETTING_U16:
        rc = integer_from_json(json, 0, UINT16_MAX, &ret_value->number, err);
        break;
    case ECA_SETTING_INT:
        rc = integer_from_json(json, INT64_MIN, INT64_MAX, &ret_value->number, err);
        break;
    case ECA_SETTING_DURATION:
        rc = duration_from_json(json, &ret_value->number, err);
        break;
    }
    *ret_set = rc == ECA_OK;
    return rc;
}
