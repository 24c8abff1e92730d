#ifndef ECA_DOCKER_AUTH_H
#define ECA_DOCKER_AUTH_H

#include "agent/base/err.h"
#include "agent/base/log.h"

/* Registry logins from the configuration (AUTH-101..111) and the hook for ECR tokens. */
struct eca_docker_auth;
/* type "docker", "dockercfg" or ""; never fails: what cannot be used is a warning (AUTH-105). The
 * data is never quoted in it. */
struct eca_docker_auth *eca_docker_auth_new(const char *type, const struct eca_secret *data,
                                            struct eca_log *log);
void eca_docker_auth_free(struct eca_docker_auth *auth); /* NULL ok */

struct eca_docker_login {
    struct eca_view username, password, email, server_address; /* empty = left out */
};
/* The login for an image (AUTH-107..110); false = none. Views are borrowed from auth. */
bool eca_docker_auth_find(const struct eca_docker_auth *auth, const char *image,
                          struct eca_docker_login *ret_login);
/* X-Registry-Auth: URL-safe base64 with padding of the login's JSON (DKR-711). */
void eca_docker_auth_header(const struct eca_docker_login *login, struct eca_buf *out);

/* Asks for a token for an image; on_done runs once, later, from the loop: login or err. */
typedef void eca_docker_ecr_fn(void *arg, const struct eca_docker_login *login,
                               const struct eca_err *err);
struct eca_docker_ecr {
    int (*get)(void *impl, const char *registry_id, const char *region, const char *endpoint,
               const char *image, eca_docker_ecr_fn *on_done, void *arg, void **ret_handle,
               struct eca_err *err); /* NULL: no ECR here */
    void (*cancel)(void *impl, void *handle);
    /* The registry refused the token: forget it (ECR-113). */
    void (*forget)(void *impl, const char *registry_id, const char *region, const char *endpoint);
    void *impl;
};

#endif
