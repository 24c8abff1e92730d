#ifndef ECA_CONFIG_STARTUP_H
#define ECA_CONFIG_STARTUP_H

#include "agent/ports/host.h"

/* Decisions and texts of the start, as plain functions (spec 01, sections 2 and 3). */

/* Two spellings of one cluster: equal, or an ARN's last segment equals the other name; of two ARNs
 * everything must match (PROC-213). */
bool eca_cluster_is_same(const char *a, const char *b);

/*
 * Is this still the machine that the state was saved on? An unknown id on either side ("") counts
 * as the same: a metadata outage must not throw an identity away (PROC-215, PROC-216, FB-15.2).
 */
bool eca_instance_is_same(const char *saved_id, const char *current_id);

/* Output of -version; docker_version NULL = the daemon did not answer, its line is left out
 * (PROC-501, PROC-502). git_hash as eca_git_hash: a leading '*' means a dirty build. */
void eca_version_print(const char *version, const char *git_hash, const char *docker_version,
                       struct eca_buf *out);

/* Output of -license: the files LICENSE and NOTICE of the working directory (PROC-504). On an error
 * nothing is appended; the sentence is for stderr, the exit code 1. */
int eca_license_print(struct eca_host host, struct eca_buf *out, struct eca_err *err);

#endif
