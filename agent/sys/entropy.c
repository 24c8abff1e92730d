#include "agent/sys/entropy.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

static void fill(void *impl, void *bytes, size_t len)
{
    unsigned char *at = bytes;

    (void)impl;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        assert(got >= 0 || errno == EINTR); /* nothing else can fail for a valid buffer */
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

struct eca_entropy eca_entropy_system(void)
{
    static const struct eca_entropy_ops ops = {fill};

    return (struct eca_entropy){&ops, NULL};
}
