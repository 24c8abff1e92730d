#ifndef ECA_ENGINE_PREPARE_H
#define ECA_ENGINE_PREPARE_H

#include "agent/engine/task.h"

/*
 * Make a handed-over task ready to run (ENG-204): the internal container of its empty volumes
 * (VOL-101..105) and the credentials variable (ENG-530). Doing it twice changes nothing.
 */
void eca_task_prepare_volumes(struct eca_task *task);
void eca_task_prepare_credentials(struct eca_task *task, const char *credentials_id);

#endif
