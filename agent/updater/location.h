#ifndef ECA_UPDATER_LOCATION_H
#define ECA_UPDATER_LOCATION_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Where updates may come from (UPD-112), a plain decision. */
#define ECA_UPDATE_HOST "s3.amazonaws.com"
#define ECA_UPDATE_PATH "/amazon-ecs-agent/"

/* ECA_OK, or ECA_E_INVALID with the detail of UPD-112. Dot segments, encoded ones too, are resolved
 * before the path is looked at; the scheme is not checked here. */
int eca_update_location_check(struct eca_view location, struct eca_err *err);

/* The absolute URL that a redirect's Location names, seen from `base` (RFC 3986, 4.2). */
int eca_update_location_follow(const char *base, const char *location, struct eca_buf *ret_url,
                               struct eca_err *err);

#endif
