#ifndef NK_RESOLVE_H
#define NK_RESOLVE_H

#include <stdint.h>

#include "netkitten/dns.h"
#include "netkitten/error.h"

/*
 * Names to addresses. The C library's resolver loads plug-ins at run time, which the only file of
 * an image does not have (NKT-101), so this one reads the hosts file and asks name servers itself.
 */

/* Where to look. The program uses the usual places; tests bring their own. */
struct nk_resolver {
    const char *hosts_path; /* like /etc/hosts */
    const char *conf_path;  /* like /etc/resolv.conf */
    uint16_t dns_port;
};

/*
 * Find the addresses of a numeric address or a name: the hosts file first, then DNS with the search
 * list; both address families at the same time. Blocks for at most servers * attempts * timeout of
 * the configuration per name tried.
 *
 * Returns 0 with at least one address, or -1.
 */
int nk_resolve(const struct nk_resolver *resolver, const char *host, struct nk_addrs *ret_addrs,
               struct nk_err *err);

#endif
