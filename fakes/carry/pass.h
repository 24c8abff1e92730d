#ifndef FAKES_CARRY_PASS_H
#define FAKES_CARRY_PASS_H

#include "fakes/carry/carry.h"

/*
 * Passes exchanges on to where they were meant to go, through an http port: the request as it is,
 * the answer as it comes, whole where it has a length and in pieces where it has none; a reset
 * where it does not come completely. A client that leaves cancels the call. In front of a real
 * daemon (fakes/docker/relay.h) and of an agent's peers (harness record).
 */
struct fake_passes;
struct fake_passes_opts {
    struct eca_http http; /* outlives the passes */
    /* Around each call of the port that a client causes; NULL: nothing. */
    void (*before)(void *arg);
    void (*after)(void *arg);
    void *arg;
};
struct fake_passes *fake_passes_new(const struct fake_passes_opts *opts);
/* Calls under way are canceled, their exchanges are left to the hub. NULL ok. */
void fake_passes_free(struct fake_passes *passes);
size_t fake_passes_open(const struct fake_passes *passes);

/* What differs from peer to peer; borrowed for the call. */
struct fake_pass_to {
    const char *url, *unix_socket;
    uint64_t connect_ms; /* 0: the client's patience alone counts */
    enum eca_http_proxy proxy;
    const char *party; /* its name in the port's recording */
};
/* A call that cannot be started is answered 502 with the reason. */
void fake_pass(struct fake_passes *passes, struct fake_exchange *exchange,
               const struct fake_pass_to *to);

/*
 * The request's headers without those that belong to a connection, which a client library makes
 * anew; ECA_HTTP_HEADERS_MAX fit. Returns how many; the strings are the request's.
 */
size_t fake_pass_headers(const struct fake_request *request, struct eca_http_header *headers);

#endif
