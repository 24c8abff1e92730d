#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/base/json.h"
#include "agent/base/json_lex.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

struct eca_json_doc {
    cJSON *root;
};

int eca_json_parse_prefix(struct eca_view text, struct eca_json_doc **ret_doc, size_t *ret_used,
                          struct eca_err *err)
{
    eca_auto_buf struct eca_buf clean = {0};
    struct eca_json_doc *doc;
    cJSON *root;
    size_t used;
    int rc;

    if (text.len > ECA_JSON_BYTES_MAX) {
        return eca_err_set(err, ECA_E_LIMIT, "JSON: %zu bytes, more than %zu", text.len,
                           ECA_JSON_BYTES_MAX);
    }
    rc = eca_json_normalise(text, &clean, &used, err);
    if (rc < 0) {
        return rc;
    }
    root = cJSON_ParseWithLength(eca_buf_str(&clean), clean.len);
    if (root == NULL) {
        return eca_err_set(err, ECA_E_INVALID, "JSON: refused by the parser");
    }
    doc = eca_xalloc(sizeof(*doc));
    doc->root = root;
    *ret_doc = doc;
    *ret_used = used;
    return ECA_OK;
}

int eca_json_parse(struct eca_view text, struct eca_json_doc **ret_doc, struct eca_err *err)
{
    struct eca_json_doc *doc = NULL;
    size_t used = 0;
    int rc = eca_json_parse_prefix(text, &doc, &used, err);

    if (rc < 0) {
        return rc;
    }
    for (; used < text.len; used++) {
        if (strchr(" \t\r\n", text.at[used]) == NULL || text.at[used] == '\0') {
            eca_json_free(doc);
            return eca_err_set(err, ECA_E_INVALID, "JSON: byte %zu: text after the value", used);
        }
    }
    *ret_doc = doc;
    return ECA_OK;
}

void eca_json_free(struct eca_json_doc *doc)
{
    if (doc != NULL) {
        cJSON_Delete(doc->root);
        eca_free(doc);
    }
}

void eca_json_free_ptr(struct eca_json_doc **doc)
{
    eca_json_free(*doc);
    *doc = NULL;
}

eca_json eca_json_root(const struct eca_json_doc *doc)
{
    return doc->root;
}

enum eca_json_type eca_json_type(eca_json value)
{
    if (value == NULL) {
        return ECA_JSON_ABSENT;
    }
    switch (value->type & 0xFF) {
    case cJSON_NULL:
        return ECA_JSON_NULL;
    case cJSON_True:
    case cJSON_False:
        return ECA_JSON_BOOL;
    case cJSON_Array:
        return ECA_JSON_ARRAY;
    case cJSON_Object:
        return ECA_JSON_OBJECT;
    default:
        break;
    }
    assert(cJSON_IsString(value));
    return value->valuestring[0] == ECA_JSON_NUMBER_MARK ? ECA_JSON_NUMBER : ECA_JSON_STRING;
}

const char *eca_json_type_name(enum eca_json_type type)
{
    switch (type) {
    case ECA_JSON_ABSENT:
        return "nothing";
    case ECA_JSON_NULL:
        return "null";
    case ECA_JSON_BOOL:
        return "boolean";
    case ECA_JSON_NUMBER:
        return "number";
    case ECA_JSON_STRING:
        return "string";
    case ECA_JSON_ARRAY:
        return "array";
    case ECA_JSON_OBJECT:
        return "object";
    }
    return "nothing";
}

bool eca_json_is_null(eca_json value)
{
    return value == NULL || cJSON_IsNull(value);
}

eca_json eca_json_get(eca_json object, const char *key)
{
    eca_json found = NULL;

    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    for (eca_json member = object->child; member != NULL; member = member->next) {
        if (strcmp(member->string, key) == 0) {
            found = member;
        }
    }
    return found;
}

eca_json eca_json_get_nocase(eca_json object, const char *key)
{
    eca_json found = NULL;

    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    for (eca_json member = object->child; member != NULL; member = member->next) {
        if (eca_view_eq_nocase(eca_view_str(member->string), key)) {
            found = member;
        }
    }
    return found;
}

eca_json eca_json_first(eca_json parent)
{
    return parent == NULL ? NULL : parent->child;
}

eca_json eca_json_next(eca_json child)
{
    return child->next;
}

size_t eca_json_count(eca_json parent)
{
    size_t count = 0;

    for (eca_json child = eca_json_first(parent); child != NULL; child = child->next) {
        count++;
    }
    return count;
}

const char *eca_json_key(eca_json member)
{
    return member->string;
}

const char *eca_json_str(eca_json value)
{
    assert(eca_json_type(value) == ECA_JSON_STRING);
    return value->valuestring;
}

bool eca_json_bool(eca_json value)
{
    assert(eca_json_type(value) == ECA_JSON_BOOL);
    return cJSON_IsTrue(value);
}

/* Text of a number. */
static struct eca_view number_text(eca_json value)
{
    assert(eca_json_type(value) == ECA_JSON_NUMBER);
    return eca_view_str(value->valuestring + 1);
}

double eca_json_double(eca_json value)
{
    /* The process never sets a locale, so the decimal point is the point. */
    double number = strtod(number_text(value).at, NULL);

    return isinf(number) ? copysign(DBL_MAX, number) : number;
}

bool eca_json_is_integer(eca_json value)
{
    struct eca_view text = number_text(value);

    return eca_view_find(text, ".", 0) == SIZE_MAX && eca_view_find(text, "e", 0) == SIZE_MAX &&
           eca_view_find(text, "E", 0) == SIZE_MAX;
}

static int out_of_range(struct eca_err *err)
{
    return eca_err_set(err, ECA_E_LIMIT, "number outside the 64-bit range");
}

/* Digits of "12.34e1" before the point that the exponent moves: the exact value without fraction.
 */
static bool whole_part(struct eca_view text, uint64_t *ret_value)
{
    size_t mark = eca_view_find(text, "e", 0) != SIZE_MAX ? eca_view_find(text, "e", 0)
                                                          : eca_view_find(text, "E", 0);
    struct eca_view digits = eca_view_sub(text, 0, mark);
    size_t point = eca_view_find(digits, ".", 0);
    int64_t exponent = 0, places;
    uint64_t value = 0;

    if (mark != SIZE_MAX &&
        eca_parse_i64(eca_view_sub(text, mark + 1, text.len), &exponent, NULL) < 0) {
        exponent = text.at[mark + 1] == '-' ? INT32_MIN : INT32_MAX;
    }
    /* Texts are shorter than 2^31: an exponent beyond that moves every digit out, or none in. */
    exponent = exponent < INT32_MIN ? INT32_MIN : exponent > INT32_MAX ? INT32_MAX : exponent;
    places = (int64_t)(point == SIZE_MAX ? digits.len : point) + exponent;
    for (size_t i = 0; places > 0 && (i < digits.len || value > 0); i++) {
        char c = i < digits.len ? digits.at[i] : '0';

        if (c == '.') {
            continue;
        }
        places--;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

int eca_json_i64(eca_json value, int64_t *ret_value, struct eca_err *err)
{
    struct eca_view text = number_text(value);
    bool negative = text.at[0] == '-';
    uint64_t whole;

    if (!whole_part(eca_view_sub(text, negative, text.len), &whole) ||
        whole > (uint64_t)INT64_MAX + negative) {
        return out_of_range(err);
    }
    *ret_value = negative ? (int64_t)(0 - whole) : (int64_t)whole;
    return ECA_OK;
}

int eca_json_u64(eca_json value, uint64_t *ret_value, struct eca_err *err)
{
    struct eca_view text = number_text(value);
    bool negative = text.at[0] == '-';
    uint64_t whole;

    if (!whole_part(eca_view_sub(text, negative, text.len), &whole) || (negative && whole > 0)) {
        return out_of_range(err);
    }
    *ret_value = whole;
    return ECA_OK;
}

/* ---- typed reads ---------------------------------------------------------------------------- */

static int wrong_type(const char *path, const char *key, const char *want, eca_json have,
                      struct eca_err *err)
{
    return eca_err_set(err, ECA_E_INVALID, "%s%s%s: want %s, have %s", path,
                       path[0] == '\0' ? "" : ".", key, want,
                       eca_json_type_name(eca_json_type(have)));
}

/* The member when it has the type; NULL and ECA_OK when absent or null. */
static int typed(eca_json object, const char *path, const char *key, enum eca_json_type type,
                 const char *want, eca_json *ret_value, struct eca_err *err)
{
    eca_json value = eca_json_get(object, key);

    *ret_value = NULL;
    if (eca_json_is_null(value)) {
        return ECA_OK;
    }
    if (eca_json_type(value) != type) {
        return wrong_type(path, key, want, value, err);
    }
    *ret_value = value;
    return ECA_OK;
}

int eca_json_read_str(eca_json object, const char *path, const char *key, const char **ret_text,
                      struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_STRING, "string", &value, err);

    if (rc == ECA_OK && value != NULL) {
        *ret_text = eca_json_str(value);
    }
    return rc;
}

int eca_json_read_bool(eca_json object, const char *path, const char *key, bool *ret_value,
                       struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_BOOL, "boolean", &value, err);

    if (rc == ECA_OK && value != NULL) {
        *ret_value = eca_json_bool(value);
    }
    return rc;
}

int eca_json_read_i64(eca_json object, const char *path, const char *key, int64_t *ret_value,
                      struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_NUMBER, "integer", &value, err);

    if (rc == ECA_OK && value != NULL && eca_json_i64(value, ret_value, NULL) < 0) {
        return eca_err_set(err, ECA_E_INVALID, "%s%s%s: number outside the 64-bit range", path,
                           path[0] == '\0' ? "" : ".", key);
    }
    return rc;
}

int eca_json_read_array(eca_json object, const char *path, const char *key, eca_json *ret_array,
                        struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_ARRAY, "array", &value, err);

    if (rc == ECA_OK && value != NULL) {
        *ret_array = value;
    }
    return rc;
}

int eca_json_read_object(eca_json object, const char *path, const char *key, eca_json *ret_object,
                         struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_OBJECT, "object", &value, err);

    if (rc == ECA_OK && value != NULL) {
        *ret_object = value;
    }
    return rc;
}

/* ---- comparison ----------------------------------------------------------------------------- */

static bool equal_objects(eca_json a, eca_json b)
{
    /* Duplicate keys: only the last of each counts, on both sides. */
    for (eca_json member = a->child; member != NULL; member = member->next) {
        eca_json other = eca_json_get(b, member->string);

        if (other == NULL) {
            return false;
        }
        /* Once for each key: comparing once for each duplicate would double at every level. */
        if (member == eca_json_get(a, member->string) && !eca_json_equal(member, other)) {
            return false;
        }
    }
    for (eca_json member = b->child; member != NULL; member = member->next) {
        if (eca_json_get(a, member->string) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_zero(eca_json number)
{
    double value = eca_json_double(number);

    return value <= 0 && value >= 0;
}

static bool equal_numbers(eca_json a, eca_json b)
{
    double left, right;

    if (eca_view_eq(number_text(a), number_text(b))) {
        return true;
    }
    if (eca_json_is_integer(a) && eca_json_is_integer(b)) {
        return is_zero(a) && is_zero(b); /* 0 and -0 */
    }
    left = eca_json_double(a);
    right = eca_json_double(b);
    return left <= right && left >= right;
}

bool eca_json_equal(eca_json a, eca_json b)
{
    enum eca_json_type type = eca_json_type(a);
    eca_json left, right;

    if (type != eca_json_type(b)) {
        return false;
    }
    switch (type) {
    case ECA_JSON_ABSENT:
    case ECA_JSON_NULL:
        return true;
    case ECA_JSON_BOOL:
        return eca_json_bool(a) == eca_json_bool(b);
    case ECA_JSON_NUMBER:
        return equal_numbers(a, b);
    case ECA_JSON_STRING:
        return strcmp(eca_json_str(a), eca_json_str(b)) == 0;
    case ECA_JSON_OBJECT:
        return equal_objects(a, b);
    case ECA_JSON_ARRAY:
        break;
    }
    left = a->child;
    right = b->child;
    while (left != NULL && right != NULL && eca_json_equal(left, right)) {
        left = left->next;
        right = right->next;
    }
    return left == NULL && right == NULL;
}
