#ifndef ECA_SYS_RESOLVE_H
#define ECA_SYS_RESOLVE_H

#include <netinet/in.h>

#include "agent/sys/loop.h"

/*
 * Name resolution off the loop: a thread per question (connections are rare), its answer comes back
 * through an eventfd. Numeric addresses are answered without a thread, from the loop.
 */
struct eca_resolve;

#define ECA_ADDRESSES_MAX 4 /* of a name; further ones are not tried within a connect deadline */

union eca_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
/* In the system's order of preference, but the families take turns (RFC 8305, section 4): one that
 * leads nowhere does not hide the other. Ports are 0. */
struct eca_addresses {
    union eca_address at[ECA_ADDRESSES_MAX];
    size_t count;
};

/* found NULL: no address, err says why; borrowed. Runs once, later, from the loop. */
typedef void eca_resolve_fn(void *arg, const struct eca_addresses *found,
                            const struct eca_err *err);
struct eca_resolve *eca_resolve_start(struct eca_loop *loop, const char *host,
                                      eca_resolve_fn *on_done, void *arg);
/* No callback any more; a thread under way ends by itself. NULL ok. */
void eca_resolve_cancel(struct eca_resolve *resolve);

#endif
