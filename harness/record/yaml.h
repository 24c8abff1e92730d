#ifndef HARNESS_RECORD_YAML_H
#define HARNESS_RECORD_YAML_H

#include "agent/base/json.h"

/* Text as a quoted YAML scalar in which nothing stands for a variable. */
void hns_yaml_text(const char *text, struct eca_buf *out);
/* A JSON value in YAML's block form, indented by `indent` blanks; begins and ends a line. Members
 * named in `instead` get that text, unquoted variables included. */
struct hns_yaml_instead {
    const char *key, *text;
};
void hns_yaml_block(eca_json value, size_t indent, const struct hns_yaml_instead *instead,
                    struct eca_buf *out);

#endif
