#ifndef HARNESS_SCENARIO_MATCH_H
#define HARNESS_SCENARIO_MATCH_H

#include "agent/base/json.h"
#include "fakes/carry/trace.h"

/*
 * An event pattern with all variables replaced. A value fits when its text is the same; "/.../" is
 * a regular expression (POSIX extended), "*" inside text fits anything; null means that the field
 * is absent; a map fits an object that has at least those members, a list one of the same length.
 */
#define HNS_FIELDS_MAX 24

struct hns_match {
    enum fake_lane lane;
    char *name; /* may hold '*' */
    struct {
        char *key;
        struct eca_json_doc *want;
    } fields[HNS_FIELDS_MAX];
    size_t field_count;
};

void hns_match_clear(struct hns_match *match);
/* want_json is JSON text; asserts that it parses (the caller wrote it). False: too many fields. */
bool hns_match_add(struct hns_match *match, const char *key, const char *want_json);
/* Lane and name; then every field. ret_fitting (may be NULL) counts the fields that fit. */
bool hns_match_name(const struct hns_match *match, const struct fake_event *event);
bool hns_match_event(const struct hns_match *match, const struct fake_event *event,
                     size_t *ret_fitting);
/* "status is \"RUNNING\", want \"STOPPED\"; ..." for the fields that do not fit. */
void hns_match_difference(const struct hns_match *match, const struct fake_event *event,
                          struct eca_buf *out);
/* "ecs SubmitTaskStateChange {task: web, status: STOPPED}" */
void hns_match_print(const struct hns_match *match, struct eca_buf *out);
bool hns_value_fits(eca_json want, eca_json have);
/* The first member that does not fit, by its path: "Labels.a is \"x\", not \"y\""; nothing when all
 * fits. name: of the whole. */
void hns_value_difference(const char *name, eca_json want, eca_json have, struct eca_buf *out);
/* A text "/.../" that is no regular expression, which nothing could ever fit: false, and why. */
bool hns_text_is_usable(const char *want, char *ret_why, size_t why_size);
/* The same of every text in a value; ret_why begins with the text. */
bool hns_value_is_usable(eca_json want, char *ret_why, size_t why_size);
bool hns_text_fits(const char *want, const char *have);

#endif
