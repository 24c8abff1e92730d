#include "harness/sim/heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CACHED_CHUNK_BYTES_MAX 1032 /* glibc keeps freed chunks up to this size ... */
#define CACHED_CHUNKS 7             /* ... so many of each, and counts them as in use */

/* From here on a freed chunk is counted as free. */
static void fill_caches(void)
{
    for (size_t bytes = 24; bytes <= CACHED_CHUNK_BYTES_MAX; bytes += 16) {
        void *chunks[CACHED_CHUNKS];

        for (size_t i = 0; i < CACHED_CHUNKS; i++) {
            chunks[i] = malloc(bytes);
        }
        for (size_t i = 0; i < CACHED_CHUNKS; i++) {
            free(chunks[i]);
        }
    }
}

static uint64_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void measure(void (*drop)(void *arg), void *arg, int to)
{
    uint64_t before, after, held;

    /* Files that are being written belong to the parent. */
    (void)close_range(0, (unsigned)to - 1, 0);
    (void)close_range((unsigned)to + 1, ~0U, 0);
    fill_caches();
    before = in_use();
    drop(arg);
    after = in_use();
    held = before > after ? before - after : 0;
    _exit(write(to, &held, sizeof(held)) == (ssize_t)sizeof(held) ? EXIT_SUCCESS : EXIT_FAILURE);
}

uint64_t sim_heap_held(void (*drop)(void *arg), void *arg)
{
    uint64_t held = 0;
    int ends[2];
    pid_t child;

    if (pipe(ends) < 0) {
        return 0;
    }
    child = fork();
    if (child == 0) {
        measure(drop, arg, ends[1]);
    }
    (void)close(ends[1]);
    if (child < 0 || read(ends[0], &held, sizeof(held)) != (ssize_t)sizeof(held)) {
        held = 0;
    }
    (void)close(ends[0]);
    if (child > 0) {
        (void)waitpid(child, NULL, 0);
    }
    return held;
}
