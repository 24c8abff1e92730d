#ifndef HARNESS_RECORD_BUILD_H
#define HARNESS_RECORD_BUILD_H

#include "agent/base/json.h"

/*
 * A recording is played by other builds than the one that made it; that is its use. What a build
 * says of itself (version and commit: in user agents, URLs and the registration, and in the digest
 * of a request that contains them) is no difference.
 */
struct hns_build {
    char version[48], hash[48];
};
struct hns_build hns_build_of(eca_json head); /* a recording's first line */
/* Do a recorded line and one of this build say the same but for that? */
bool hns_build_fits(const struct hns_build *recorded_by, struct eca_view recorded,
                    struct eca_view line);

#endif
