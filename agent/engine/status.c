#include "agent/engine/status.h"

#include <string.h>

static const char *const names[] = {"NONE", "PULLED", "CREATED", "RUNNING", "STOPPED"};

const char *eca_status_name(enum eca_status status)
{
    return names[status];
}

const char *eca_status_backend_name(enum eca_status status)
{
    return status < ECA_STATUS_RUNNING ? "PENDING" : eca_status_name(status);
}

enum eca_status eca_status_without_pulled(enum eca_status status)
{
    return status == ECA_STATUS_PULLED ? ECA_STATUS_NONE : status;
}

bool eca_status_is_reportable(enum eca_status status)
{
    return status == ECA_STATUS_RUNNING || status == ECA_STATUS_STOPPED;
}

int eca_status_from_json(eca_json value, bool for_task, enum eca_status *ret_status,
                         struct eca_err *err)
{
    const char *kind = for_task ? "TaskStatus" : "ContainerStatus";
    const char *text;

    if (eca_json_is_null(value)) {
        *ret_status = ECA_STATUS_NONE;
        return ECA_OK;
    }
    if (eca_json_type(value) != ECA_JSON_STRING) {
        eca_auto_buf struct eca_buf raw = {0};

        eca_json_print(value, &raw);
        return for_task ? eca_err_set(err, ECA_E_INVALID, "%s must be a string or null", kind)
                        : eca_err_set(err, ECA_E_INVALID, "%s must be a string or null; Got %.60s",
                                      kind, eca_buf_str(&raw));
    }
    text = eca_json_str(value);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0 && !(for_task && i == ECA_STATUS_PULLED)) {
            *ret_status = (enum eca_status)i;
            return ECA_OK;
        }
    }
    if (strcmp(text, "UNKNOWN") == 0 || strcmp(text, "DEAD") == 0) { /* files of version 1 */
        *ret_status = text[0] == 'D' ? ECA_STATUS_STOPPED : ECA_STATUS_NONE;
        return ECA_OK;
    }
    return eca_err_set(err, ECA_E_INVALID, "Unrecognized %s", kind);
}
