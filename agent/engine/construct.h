#ifndef ECA_ENGINE_CONSTRUCT_H
#define ECA_ENGINE_CONSTRUCT_H

#include "agent/engine/task.h"
#include "agent/ports/entropy.h"

/* From a container to what the runtime is asked to create (ENG-510..532, VOL-110..112). */

/* Name in Docker: chosen once, durable before the call (ENG-510, DKR-501). */
char *eca_docker_name_new(const struct eca_task *task, const struct eca_container *container,
                          struct eca_entropy entropy);

struct eca_construct { /* owns the lists behind spec; texts are borrowed from the task */
    struct eca_container_spec spec;
    struct eca_texts binds, links, volumes_from, volumes;
    struct eca_spec_env *env;
    struct eca_spec_env forced_env[1];
};
/* ECA_E_INVALID: ret_error is the reason of the failed create (DKR-512, DKR-513). */
int eca_construct(const struct eca_task *task, const struct eca_container *container,
                  const char *cluster, struct eca_construct *ret,
                  struct eca_named_error *ret_error);
void eca_construct_clear(struct eca_construct *construct);

/* Host paths of empty volumes from an inspect answer (VOL-110); true when one was new. */
bool eca_learn_volumes(struct eca_task *task, const struct eca_container *container,
                       const struct eca_container_info *info);
/* A volume of the internal container whose path is not known yet. */
bool eca_volumes_missing(const struct eca_container *internal);

#endif
