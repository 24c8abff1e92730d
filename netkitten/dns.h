#ifndef NK_DNS_H
#define NK_DNS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* DNS messages: the question that asks for a name's addresses, and what a reply holds. */

enum {
    NK_ADDRS_MAX = 32,      /* addresses of one name that are tried; more are ignored */
    NK_DNS_QUERY_MAX = 320, /* header, 255 bytes of name, type and class */
    NK_DNS_REPLY_MAX = 4096,
    NK_DNS_TYPE_A = 1,
    NK_DNS_TYPE_AAAA = 28,
};

struct nk_addr {
    sa_family_t family;      /* AF_INET: 4 bytes, AF_INET6: 16 bytes */
    unsigned char bytes[16]; /* network order */
};

struct nk_addrs {
    struct nk_addr at[NK_ADDRS_MAX];
    size_t count;
};

enum nk_dns_status {
    NK_DNS_ANSWER,   /* understood; zero or more addresses were added */
    NK_DNS_NO_NAME,  /* the name does not exist */
    NK_DNS_FAILED,   /* the server cannot or will not answer */
    NK_DNS_NOT_OURS, /* not a reply to this question: keep waiting */
};

/* Append one address; silently ignored when the list is full. */
void nk_addrs_add(struct nk_addrs *addrs, sa_family_t family, const void *bytes);

/*
 * Write the question for name (with or without a final dot) to out, NK_DNS_QUERY_MAX bytes.
 * Returns its length, 0 when the name cannot be a DNS name.
 */
size_t nk_dns_query(uint16_t id, const char *name, uint16_t type, unsigned char *out);

/*
 * Read a reply to the question with this id and type and add its addresses. Addresses count whoever
 * owns them: a resolving server puts only the alias chain of the name into the answer. A truncated
 * reply gives what it holds.
 */
enum nk_dns_status nk_dns_reply(const unsigned char *at, size_t len, uint16_t id, uint16_t type,
                                struct nk_addrs *addrs);

#endif
