#include "harness/record/export_inside.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

/* Tokens are masked in a recording: only their form can be given again (ecr.answer). */
static const char *form_of(const struct call *call)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf plain = {0};
    eca_json list;
    const char *token;

    if (eca_json_parse(eca_buf_view(&call->response), &doc, NULL) < 0) {
        return "one";
    }
    list = eca_json_get(eca_json_root(doc), "authorizationData");
    if (eca_json_count(list) != 1) {
        return eca_json_count(list) == 0 ? "none" : "two";
    }
    token = hns_line_text(eca_json_first(list), "authorizationToken");
    if (token == NULL || eca_base64_decode(eca_view_str(token), &plain, NULL) < 0) {
        return "not-base64";
    }
    if (eca_view_find(eca_buf_view(&plain), ":", 0) == SIZE_MAX) {
        return "no-colon";
    }
    return eca_json_get(eca_json_first(list), "expiresAt") == NULL ? "no-expiry" : "one";
}

void hns_story_ecr(struct story *story, const struct call *call)
{
    const char *form = call->status == 200 ? form_of(call) : "one";
    uint64_t now_ns = story->now_ns;

    if (strcmp(form, story->ecr_answer == NULL ? "one" : story->ecr_answer) != 0) {
        story->ecr_answer = form;
        story->now_ns = call->before_ns + 1; /* before it was asked */
        (void)hns_story_add(story, false, eca_xasprintf("ecr.answer: %s", form));
        story->now_ns = now_ns;
    }
}
