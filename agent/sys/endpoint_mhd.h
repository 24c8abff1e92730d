#ifndef ECA_SYS_ENDPOINT_MHD_H
#define ECA_SYS_ENDPOINT_MHD_H

#include "agent/ports/endpoint.h"
#include "agent/sys/loop.h"

/* The local HTTP servers on libmicrohttpd under our loop (docs/EVENT-LOOP.md, section 8). */
struct eca_endpoint_mhd;
struct eca_endpoint_mhd *eca_endpoint_mhd_new(struct eca_loop *loop, struct eca_log *log);
void eca_endpoint_mhd_free(struct eca_endpoint_mhd *mhd); /* closes every listener; NULL ok */
struct eca_endpoint eca_endpoint_mhd_port(struct eca_endpoint_mhd *mhd);

#endif
