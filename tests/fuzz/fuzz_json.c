/* What parses prints to a text that parses to an equal value and prints the same again. */
#include <assert.h>
#include <stdint.h>

#include "agent/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every read a module may do to a number. */
static void touch(eca_json value)
{
    int64_t number;
    uint64_t natural;

    if (eca_json_type(value) == ECA_JSON_NUMBER) {
        (void)eca_json_i64(value, &number, NULL);
        (void)eca_json_u64(value, &natural, NULL);
        eca_auto_buf struct eca_buf out = {0};
        struct eca_json_writer w = eca_json_writer_to(&out);
        eca_jw_double(&w, NULL, eca_json_double(value));
    }
    for (eca_json child = eca_json_first(value); child != NULL; child = eca_json_next(child)) {
        touch(child);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eca_auto_json struct eca_json_doc *doc = NULL, *again = NULL;
    eca_auto_buf struct eca_buf once = {0}, twice = {0};
    size_t used;

    if (eca_json_parse_prefix(eca_view_of((const char *)data, size), &doc, &used, NULL) < 0) {
        assert(doc == NULL);
        return 0;
    }
    assert(used <= size);
    touch(eca_json_root(doc));
    eca_json_print(eca_json_root(doc), &once);
    int rc = eca_json_parse(eca_buf_view(&once), &again, NULL);
    assert(rc == ECA_OK);
    assert(eca_json_equal(eca_json_root(doc), eca_json_root(again)));
    eca_json_print(eca_json_root(again), &twice);
    assert(eca_view_eq(eca_buf_view(&once), eca_buf_view(&twice)));
    return 0;
}
