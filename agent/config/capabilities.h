#ifndef ECA_CONFIG_CAPABILITIES_H
#define ECA_CONFIG_CAPABILITIES_H

#include "agent/config/config.h"

/*
 * Attribute names that registration sends, in the order of DKR-130. `versions` are the Docker API
 * versions that requests are served for, ascending. Names are appended to `names`, which the caller
 * clears with eca_capabilities_clear; warnings go to the log.
 */
struct eca_capabilities {
    char **names;
    size_t count;
};
void eca_capabilities_build(const struct eca_config_values *config, const char *const *versions,
                            size_t version_count, struct eca_log *log,
                            struct eca_capabilities *ret);
void eca_capabilities_clear(struct eca_capabilities *capabilities);

#endif
