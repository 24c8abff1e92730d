#ifndef ECA_DOCKER_ANSWER_H
#define ECA_DOCKER_ANSWER_H

#include "agent/base/json.h"

/*
 * Members of a daemon's answer. Keys match in any letter case, as in the agent of v1.13.1
 * (DKR-704, DKR-802). Absent or null leave *ret untouched and are ECA_OK; another type is
 * ECA_E_INVALID with the path: "State.Running: want boolean, have string". A fact of the wrong type
 * must never pass for its absence: a container that is "not running" would be reported STOPPED.
 */
int docker_read_str(eca_json object, const char *path, const char *key, const char **ret_text,
                    struct eca_err *err);
int docker_read_bool(eca_json object, const char *path, const char *key, bool *ret_value,
                     struct eca_err *err);
int docker_read_i64(eca_json object, const char *path, const char *key, int64_t *ret_value,
                    struct eca_err *err);
int docker_read_object(eca_json object, const char *path, const char *key, eca_json *ret_object,
                       struct eca_err *err);
int docker_read_array(eca_json object, const char *path, const char *key, eca_json *ret_array,
                      struct eca_err *err);

/* The whole answer: one JSON value of this type. The document is the caller's. */
int docker_parse(struct eca_view body, enum eca_json_type type, struct eca_json_doc **ret_doc,
                 struct eca_err *err);

#endif
