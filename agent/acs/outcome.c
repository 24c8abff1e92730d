#include "agent/acs/outcome.h"

#include <string.h>

#include "agent/acs/messages.h"
#include "agent/base/str.h"

#define REFUSAL_SHOWN_BYTES_MAX 256
static const char inactive_name[] = "InactiveInstanceException";

enum eca_acs_delay eca_acs_decide_delay(const struct eca_acs_ending *ending)
{
    const struct eca_channel_end *end = ending->end;

    if (end == NULL || ending->idle) {
        return ECA_ACS_DELAY_BACKOFF;
    }
    switch (end->how) {
    case ECA_CHANNEL_REFUSED:
        return eca_acs_refusal_is_inactive(end->body) ? ECA_ACS_DELAY_INACTIVE
                                                      : ECA_ACS_DELAY_BACKOFF;
    case ECA_CHANNEL_CLOSED_BY_PEER:
        /* A planned close counts only when the connection had a life (FB-22.2). */
        if ((end->close_code == 1000 || end->close_code == 1001 || end->close_code == 1005) &&
            ending->opened && ending->lived_ms >= ECA_ACS_PLANNED_CLOSE_LIFE_MS) {
            return ECA_ACS_DELAY_PLANNED_CLOSE;
        }
        return ECA_ACS_DELAY_BACKOFF;
    case ECA_CHANNEL_CONNECT_FAILED:
    case ECA_CHANNEL_LOST:
    case ECA_CHANNEL_STALLED:
    case ECA_CHANNEL_CLOSED_BY_US:
        return ECA_ACS_DELAY_BACKOFF;
    }
    return ECA_ACS_DELAY_BACKOFF;
}

/* {"__type":"com.amazonaws...#InactiveInstanceException",...} */
static bool is_inactive_by_member(struct eca_view body)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *type = NULL;
    const char *name;

    if (eca_json_parse(body, &doc, NULL) < 0) {
        return false;
    }
    if (eca_json_read_str(eca_json_root(doc), "", "__type", &type, NULL) < 0 || type == NULL) {
        return false;
    }
    name = strchr(type, '#');
    return strcmp(name == NULL ? type : name + 1, inactive_name) == 0;
}

bool eca_acs_refusal_is_inactive(struct eca_view body)
{
    eca_auto_frame struct eca_frame frame = {0};

    if (eca_acs_decode(body, &frame, NULL) == 0) {
        return frame.type == ECA_ACS_INACTIVE_INSTANCE_EXCEPTION;
    }
    return eca_view_starts(eca_view_trim(body), "InactiveInstanceException:") ||
           is_inactive_by_member(body);
}

void eca_acs_refusal_text(struct eca_view body, int status, struct eca_buf *out)
{
    eca_auto_frame struct eca_frame frame = {0};
    struct eca_view shown;

    if (eca_acs_decode(body, &frame, NULL) == 0) {
        eca_buf_addf(out, "%s: ", eca_acs_type_name(frame.type));
        shown = frame.text == NULL ? eca_view_str("null") : eca_view_str(frame.text);
    } else {
        eca_buf_addf(out, "HTTP status %d: ", status);
        shown = body;
    }
    shown.len = eca_utf8_cut(shown, REFUSAL_SHOWN_BYTES_MAX);
    eca_escape_controls(shown, out);
}
