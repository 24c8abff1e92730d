#ifndef ECA_ENGINE_TASK_JSON_H
#define ECA_ENGINE_TASK_JSON_H

#include "agent/engine/task.h"

/*
 * A task of a payload (spec 02, section 5). Two kinds of refusal:
 *   ECA_E_INVALID  reject this task: it is reported STOPPED with the sentence (PAY-130)
 *   ECA_E_DENIED   a field has a wrong JSON type: the whole message is rejected (WS-165)
 * The credentials of the task are read by the caller (CRED-101).
 */
int eca_task_from_payload(eca_json payload_task, struct eca_task **ret_task, struct eca_err *err);

/* The form of v1.13.1's state file (ENG-110..112) plus our members; also our record's value. */
void eca_task_to_state(const struct eca_task *task, struct eca_json_writer *w, const char *key,
                       bool ours);
/* Ours, its containers written by `write`, one element each. */
typedef void eca_container_write_fn(void *arg, const struct eca_container *container,
                                    struct eca_json_writer *w);
void eca_task_to_state_by(const struct eca_task *task, struct eca_json_writer *w,
                          eca_container_write_fn *write, void *arg);
/* Letter case of keys is ignored, missing members take zero values (STATE-105). */
int eca_task_from_state(eca_json value, struct eca_task **ret_task, struct eca_err *err);
/* One container of that form; IdToContainer repeats it. */
void eca_container_to_state(const struct eca_container *container, struct eca_json_writer *w,
                            const char *key, bool ours);

#endif
