#include "agent/docker/answer.h"

static int wrong_type(const char *path, const char *key, enum eca_json_type want,
                      enum eca_json_type have, struct eca_err *err)
{
    return eca_err_set(err, ECA_E_INVALID, "%s%s%s: want %s, have %s", path,
                       path[0] == '\0' ? "" : ".", key, eca_json_type_name(want),
                       eca_json_type_name(have));
}

/* *ret_value NULL: absent or null. */
static int typed(eca_json object, const char *path, const char *key, enum eca_json_type want,
                 eca_json *ret_value, struct eca_err *err)
{
    eca_json value = eca_json_get_nocase(object, key);

    *ret_value = NULL;
    if (eca_json_is_null(value)) {
        return ECA_OK;
    }
    if (eca_json_type(value) != want) {
        return wrong_type(path, key, want, eca_json_type(value), err);
    }
    *ret_value = value;
    return ECA_OK;
}

int docker_read_str(eca_json object, const char *path, const char *key, const char **ret_text,
                    struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_STRING, &value, err);

    if (value != NULL) {
        *ret_text = eca_json_str(value);
    }
    return rc;
}

int docker_read_bool(eca_json object, const char *path, const char *key, bool *ret_value,
                     struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_BOOL, &value, err);

    if (value != NULL) {
        *ret_value = eca_json_bool(value);
    }
    return rc;
}

int docker_read_i64(eca_json object, const char *path, const char *key, int64_t *ret_value,
                    struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_NUMBER, &value, err);

    if (value != NULL && eca_json_i64(value, ret_value, err) < 0) {
        return eca_err_wrap(err, "%s%s%s", path, path[0] == '\0' ? "" : ".", key);
    }
    return rc;
}

int docker_read_object(eca_json object, const char *path, const char *key, eca_json *ret_object,
                       struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_OBJECT, &value, err);

    if (value != NULL) {
        *ret_object = value;
    }
    return rc;
}

int docker_read_array(eca_json object, const char *path, const char *key, eca_json *ret_array,
                      struct eca_err *err)
{
    eca_json value;
    int rc = typed(object, path, key, ECA_JSON_ARRAY, &value, err);

    if (value != NULL) {
        *ret_array = value;
    }
    return rc;
}

int docker_parse(struct eca_view body, enum eca_json_type type, struct eca_json_doc **ret_doc,
                 struct eca_err *err)
{
    int rc = eca_json_parse(body, ret_doc, err);

    if (rc < 0) {
        return rc;
    }
    if (eca_json_type(eca_json_root(*ret_doc)) != type) {
        return eca_err_set(err, ECA_E_INVALID, "want %s, have %s", eca_json_type_name(type),
                           eca_json_type_name(eca_json_type(eca_json_root(*ret_doc))));
    }
    return ECA_OK;
}
