#include "harness/record/yaml.h"

#include <string.h>

static void blanks(size_t count, struct eca_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        eca_buf_add_char(out, ' ');
    }
}

void hns_yaml_text(const char *text, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf escaped = {0};
    struct eca_json_writer w = eca_json_writer_to(out);

    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '$' && at[1] == '{') {
            eca_buf_add_char(&escaped, '$');
        }
        eca_buf_add_char(&escaped, *at);
    }
    eca_jw_str(&w, NULL, eca_buf_str(&escaped)); /* a JSON string is a YAML one */
}

static void scalar(eca_json value, struct eca_buf *out)
{
    if (eca_json_type(value) == ECA_JSON_STRING) {
        hns_yaml_text(eca_json_str(value), out);
    } else {
        eca_json_print(value, out); /* also {} and [] */
    }
}

static bool nests(eca_json value)
{
    enum eca_json_type type = eca_json_type(value);

    return (type == ECA_JSON_OBJECT || type == ECA_JSON_ARRAY) && eca_json_count(value) > 0;
}

void hns_yaml_block(eca_json value, size_t indent, const struct hns_yaml_instead *instead,
                    struct eca_buf *out)
{
    bool is_list = eca_json_type(value) == ECA_JSON_ARRAY;

    if (!nests(value)) {
        blanks(indent, out);
        scalar(value, out);
        eca_buf_add_char(out, '\n');
        return;
    }
    for (eca_json child = eca_json_first(value); child != NULL; child = eca_json_next(child)) {
        blanks(indent, out);
        if (is_list) {
            eca_buf_add_char(out, '-');
        } else {
            hns_yaml_text(eca_json_key(child), out);
            eca_buf_add_char(out, ':');
        }
        if (!is_list && instead != NULL && strcmp(eca_json_key(child), instead->key) == 0 &&
            eca_json_type(child) == ECA_JSON_STRING) {
            eca_buf_addf(out, " \"%s\"\n", instead->text);
        } else if (nests(child)) {
            eca_buf_add_char(out, '\n');
            hns_yaml_block(child, indent + 2, instead, out);
        } else {
            eca_buf_add_char(out, ' ');
            scalar(child, out);
            eca_buf_add_char(out, '\n');
        }
    }
}
