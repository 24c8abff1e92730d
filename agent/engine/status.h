#ifndef ECA_ENGINE_STATUS_H
#define ECA_ENGINE_STATUS_H

#include <stdbool.h>

#include "agent/base/json.h"

/* One ordered scale for containers and tasks; comparison is by number (ENG-101..106). */
enum eca_status {
    ECA_STATUS_NONE,    /* nothing done */
    ECA_STATUS_PULLED,  /* container: pull attempt over; never reached by a task */
    ECA_STATUS_CREATED, /* exists in Docker */
    ECA_STATUS_RUNNING,
    ECA_STATUS_STOPPED, /* ended, or never to run */
};

const char *eca_status_name(enum eca_status status);         /* "CREATED" */
const char *eca_status_backend_name(enum eca_status status); /* "PENDING", "RUNNING", "STOPPED" */
/* Container status of a task's and the other way round: PULLED becomes NONE (ENG-104). */
enum eca_status eca_status_without_pulled(enum eca_status status);
/* RUNNING and STOPPED are submitted (ENG-105). */
bool eca_status_is_reportable(enum eca_status status);

/* ENG-103: exact names, null, the legacy words; for_task refuses PULLED. value absent: NONE. */
int eca_status_from_json(eca_json value, bool for_task, enum eca_status *ret_status,
                         struct eca_err *err);

#endif
