#include "harness/explore/explore.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "harness/explore/generate.h"
#include "harness/explore/play.h"

#define WORKERS_MAX 64
#define NS_PER_SECOND UINT64_C(1000000000)

/* What a worker tells: the seed it takes up, then how that went. Shorter than PIPE_BUF. */
struct record {
    uint64_t seed;
    bool over;
    struct hns_played played;
};

struct worker {
    pid_t pid; /* 0 = none */
    int pipe;
    uint64_t seed; /* being played */
    bool playing;
};

struct exploration {
    const struct hns_explore_opts *opts;
    const char *folder;
    unsigned worker_count;
    struct worker workers[WORKERS_MAX];
    uint64_t began_ns, until_ns;
    uint64_t verdicts[HNS_VERDICTS], events, trace;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static char *path_of(const char *folder, uint64_t seed, const char *suffix)
{
    return eca_xasprintf("%s/seed-%llu.%s", folder, (unsigned long long)seed, suffix);
}

static void keep(const char *folder, uint64_t seed, const char *suffix, const struct eca_buf *text)
{
    eca_auto_free char *path = path_of(folder, seed, suffix);
    FILE *file = fopen(path, "we");

    if (file == NULL || fputs(eca_buf_str(text), file) < 0 || fclose(file) != 0) {
        (void)fprintf(stderr, "%s: cannot be written: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

/* ---- in a worker ----------------------------------------------------------------------------- */

static void tell(int to, const struct record *record)
{
    if (write(to, record, sizeof *record) != (ssize_t)sizeof *record) {
        _exit(EXIT_FAILURE); /* nobody listens any more */
    }
}

static void work(const struct exploration *all, uint64_t seed, int to)
{
    uint64_t end = all->opts->from + all->opts->seeds;

    for (; all->until_ns == 0 ? seed < end : now_ns() < all->until_ns; seed += all->worker_count) {
        eca_auto_free char *path = path_of(all->folder, seed, "yaml");
        eca_auto_buf struct eca_buf text = {0}, why = {0};
        struct record record = {.seed = seed};

        hns_play_guard();
        tell(to, &record);
        hns_generate(seed, &text);
        hns_play(eca_buf_view(&text), path, seed, &record.played, &why);
        if (record.played.verdict != HNS_FINE) {
            keep(all->folder, seed, "txt", &why);
        }
        record.over = true;
        tell(to, &record);
    }
    _exit(EXIT_SUCCESS);
}

static void start(struct exploration *all, struct worker *worker, uint64_t seed)
{
    int ends[2];

    (void)fflush(NULL);
    if (pipe(ends) < 0 || (worker->pid = fork()) < 0) {
        perror("harness: a worker cannot be made");
        exit(EXIT_FAILURE);
    }
    if (worker->pid == 0) {
        (void)close(ends[0]);
        work(all, seed, ends[1]);
    }
    (void)close(ends[1]);
    worker->pipe = ends[0];
    worker->playing = false;
}

/* ---- results --------------------------------------------------------------------------------- */

static void print_failure(const struct exploration *all, uint64_t seed,
                          const struct hns_played *played)
{
    eca_auto_buf struct eca_buf text = {0};
    unsigned long long n = seed;
    FILE *out = all->opts->out;
    const char *end;

    hns_generate(seed, &text);
    keep(all->folder, seed, "yaml", &text);
    (void)fprintf(out, "FAILED   seed %llu: %s: %s\n", n, hns_verdict_name(played->verdict),
                  played->kind);
    end = strstr(eca_buf_str(&text), "name:");
    (void)fprintf(out, "%.*s", (int)(end - eca_buf_str(&text)), eca_buf_str(&text));
    (void)fprintf(out,
                  "  again:  build/harness explore --from %llu --seeds 1\n"
                  "  or:     build/harness run -v --seed %llu %s/seed-%llu.yaml\n"
                  "  shrink: build/harness shrink --seed %llu %s/seed-%llu.yaml\n",
                  n, n, all->folder, n, n, all->folder, n);
    (void)fflush(out);
}

static void count(struct exploration *all, uint64_t seed, const struct hns_played *played)
{
    /* The same however the seeds were dealt out. */
    all->trace +=
        (played->trace ^ (seed * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xBF58476D1CE4E5B9);
    all->events += played->events;
    all->verdicts[played->verdict]++;
    if (played->verdict != HNS_FINE) {
        print_failure(all, seed, played);
    }
}

static void ended(struct exploration *all, struct worker *worker)
{
    int status = 0;

    (void)close(worker->pipe);
    (void)waitpid(worker->pid, &status, 0);
    worker->pid = 0;
    if (worker->playing) { /* it died in the middle: judge that, and go on after it */
        struct hns_played played;

        hns_played_by_status(status, &played);
        count(all, worker->seed, &played);
        start(all, worker, worker->seed + all->worker_count);
    }
}

static void listen_to(struct exploration *all, struct worker *worker)
{
    struct record record;
    ssize_t len = read(worker->pipe, &record, sizeof record);

    if (len != (ssize_t)sizeof record) {
        ended(all, worker);
        return;
    }
    worker->playing = !record.over;
    worker->seed = record.seed;
    if (record.over) {
        count(all, record.seed, &record.played);
    }
}

static void wait_for_all(struct exploration *all)
{
    for (;;) {
        struct pollfd fds[WORKERS_MAX];
        nfds_t open = 0;

        for (unsigned i = 0; i < all->worker_count; i++) {
            fds[i] = (struct pollfd){.fd = all->workers[i].pid == 0 ? -1 : all->workers[i].pipe,
                                     .events = POLLIN};
            open += all->workers[i].pid != 0;
        }
        if (open == 0) {
            return;
        }
        if (poll(fds, all->worker_count, -1) < 0 && errno != EINTR) {
            perror("harness: poll");
            exit(EXIT_FAILURE);
        }
        for (unsigned i = 0; i < all->worker_count; i++) {
            if (fds[i].fd >= 0 && fds[i].revents != 0) {
                listen_to(all, &all->workers[i]);
            }
        }
    }
}

static void print_options(const struct exploration *all)
{
    const struct hns_explore_opts *opts = all->opts;

    if (opts->minutes > 0) {
        (void)fprintf(opts->out, "seeds    from %llu, for %llu min\n",
                      (unsigned long long)opts->from, (unsigned long long)opts->minutes);
    } else {
        (void)fprintf(opts->out, "seeds    %llu to %llu\n", (unsigned long long)opts->from,
                      (unsigned long long)(opts->from + opts->seeds - 1));
    }
    (void)fprintf(opts->out, "workers  %u\nfolder   %s\n", all->worker_count, all->folder);
    (void)fflush(opts->out);
}

static int finish(const struct exploration *all)
{
    uint64_t played = 0, fine = all->verdicts[HNS_FINE];
    double took_s = (double)(now_ns() - all->began_ns) / 1e9;
    FILE *out = all->opts->out;

    for (int i = 0; i < HNS_VERDICTS; i++) {
        played += all->verdicts[i];
        if (i != HNS_FINE && all->verdicts[i] > 0) {
            (void)fprintf(out, "%-16s %llu\n", hns_verdict_name((enum hns_verdict)i),
                          (unsigned long long)all->verdicts[i]);
        }
    }
    (void)fprintf(out, "%llu events, %.1f s, %.0f seeds/s, traces %016llx\n",
                  (unsigned long long)all->events, took_s, (double)played / took_s,
                  (unsigned long long)all->trace);
    (void)fprintf(out, "%llu passed, %llu failed\n", (unsigned long long)fine,
                  (unsigned long long)(played - fine));
    if (all->verdicts[HNS_CRASHED] > 0) {
        return HNS_EXIT_CRASH;
    }
    if (all->verdicts[HNS_WRONG] + all->verdicts[HNS_UNPLAYABLE] > 0) {
        return HNS_EXIT_WRONG;
    }
    return all->verdicts[HNS_NO_PROGRESS] > 0 ? HNS_EXIT_NO_PROGRESS
           : fine > 0                         ? EXIT_SUCCESS
                                              : EXIT_FAILURE;
}

int hns_explore(const struct hns_explore_opts *opts)
{
    struct exploration all = {.opts = opts, .began_ns = now_ns()};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    all.folder = opts->folder == NULL ? HNS_EXPLORE_FOLDER : opts->folder;
    all.worker_count = opts->workers > 0 ? opts->workers : cpus > 0 ? (unsigned)cpus : 1;
    all.worker_count = all.worker_count > WORKERS_MAX ? WORKERS_MAX : all.worker_count;
    all.until_ns = opts->minutes == 0 ? 0 : all.began_ns + opts->minutes * 60 * NS_PER_SECOND;
    if (opts->folder == NULL) {
        (void)mkdir("build", 0777);
    }
    if (mkdir(all.folder, 0777) < 0 && errno != EEXIST) {
        perror(all.folder);
        return EXIT_FAILURE;
    }
    print_options(&all);
    for (unsigned i = 0; i < all.worker_count; i++) {
        start(&all, &all.workers[i], opts->from + i);
    }
    wait_for_all(&all);
    return finish(&all);
}
