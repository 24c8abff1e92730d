#ifndef FAKES_UPDATES_UPDATES_H
#define FAKES_UPDATES_UPDATES_H

#include "fakes/carry/carry.h"

/*
 * The file server of agent updates: what stands in for s3.amazonaws.com (WS-313). It serves the
 * bucket /amazon-ecs-agent/ and watches how it is asked (UPD-120).
 *
 * Trace, lane updates:
 *   get {path}                a request came
 *   answered {path, status}   it is over; status 0 = no answer reached the client
 */
#define FAKE_UPDATES_HOST "s3.amazonaws.com"
#define FAKE_UPDATES_BUCKET "/amazon-ecs-agent/"
#define FAKE_UPDATES_BYTES_MAX ((size_t)64 << 20)

struct fake_updates_file {
    const char *name;     /* below the bucket */
    const char *content;  /* NULL: `size` bytes of a pattern */
    size_t size;          /* at most FAKE_UPDATES_BYTES_MAX */
    int status;           /* 0 = 200 */
    const char *redirect; /* with a status 3xx (0 = 302): the Location header */
    uint64_t takes_ms;    /* from the first to the last byte */
    bool stalls;          /* half of it, then silence */
};

struct fake_updates;
struct fake_updates *fake_updates_new(const struct fake_base *base);
void fake_updates_free(struct fake_updates *updates); /* NULL ok */
/* Add or replace; texts are copied. */
void fake_updates_add(struct fake_updates *updates, const struct fake_updates_file *add);
/* Digest of a file's content, lower-case hex, borrowed until it is replaced; NULL = no such file.
 */
const char *fake_updates_sha256(const struct fake_updates *updates, const char *name);

#endif
