#include "harness/explore/explore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/mem.h"
#include "harness/explore/generate.h"
#include "harness/explore/pool.h"

struct exploration {
    const struct hns_explore_opts *opts;
    const char *folder;
    uint64_t began_ns;
    uint64_t verdicts[HNS_VERDICTS], events, trace;
    uint64_t reached[HNS_SOMETIMES_MAX]; /* in how many seeds */
};

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

static void play_seed(void *arg, uint64_t seed, struct hns_played *ret_played)
{
    const struct exploration *all = arg;
    eca_auto_free char *path = path_of(all->folder, seed, "yaml");
    eca_auto_buf struct eca_buf text = {0}, why = {0};

    hns_generate(seed, &text);
    hns_play(eca_buf_view(&text), path, seed, ret_played, &why);
    if (ret_played->verdict != HNS_FINE) {
        keep(all->folder, seed, "txt", &why);
    }
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
    (void)fprintf(
        out,
        "  again:  build/harness explore --from %llu --seeds 1\n"
        "  or:     build/harness run -v --seed %llu %s/seed-%llu.yaml\n"
        "  page:   build/harness run --html %s/seed-%llu.html --seed %llu %s/seed-%llu.yaml\n"
        "  shrink: build/harness shrink --seed %llu %s/seed-%llu.yaml\n",
        n, n, all->folder, n, all->folder, n, n, all->folder, n, n, all->folder, n);
    (void)fflush(out);
}

static bool count(void *arg, uint64_t seed, const struct hns_played *played)
{
    struct exploration *all = arg;

    /* The same however the seeds were dealt out. */
    all->trace +=
        (played->trace ^ (seed * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xBF58476D1CE4E5B9);
    all->events += played->events;
    all->verdicts[played->verdict]++;
    for (unsigned i = 0; i < hns_sometimes_count(); i++) {
        all->reached[i] += hns_has_reached(&played->reached, i);
    }
    if (played->verdict != HNS_FINE) {
        print_failure(all, seed, played);
    }
    return true;
}

/* How many were never reached, where enough seeds were played to tell. */
static unsigned print_sometimes(const struct exploration *all, uint64_t played)
{
    unsigned missing = 0, count = hns_sometimes_count();
    FILE *out = all->opts->out;

    for (unsigned i = 0; i < count; i++) {
        if (all->opts->verbose) {
            (void)fprintf(out, "%8llu  %s\n", (unsigned long long)all->reached[i],
                          hns_sometimes_name(i));
        }
        missing += all->reached[i] == 0;
    }
    (void)fprintf(out, "%u of %u rare situations reached\n", count - missing, count);
    if (played < HNS_SOMETIMES_SEEDS) {
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        if (all->reached[i] == 0) {
            (void)fprintf(out, "FAILED   never in %llu seeds: %s\n", (unsigned long long)played,
                          hns_sometimes_name(i));
        }
    }
    return missing;
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
    (void)fprintf(opts->out, "workers  %u\nfolder   %s\n", hns_pool_workers(opts->workers),
                  all->folder);
    (void)fflush(opts->out);
}

static int finish(const struct exploration *all)
{
    uint64_t played = 0, fine = all->verdicts[HNS_FINE], failed;
    double took_s = (double)(hns_real_ns() - all->began_ns) / 1e9;
    FILE *out = all->opts->out;
    unsigned missing;

    for (int i = 0; i < HNS_VERDICTS; i++) {
        played += all->verdicts[i];
        if (i != HNS_FINE && all->verdicts[i] > 0) {
            (void)fprintf(out, "%-16s %llu\n", hns_verdict_name((enum hns_verdict)i),
                          (unsigned long long)all->verdicts[i]);
        }
    }
    missing = print_sometimes(all, played);
    (void)fprintf(out, "%llu events, %.1f s, %.0f seeds/s, traces %016llx\n",
                  (unsigned long long)all->events, took_s, (double)played / took_s,
                  (unsigned long long)all->trace);
    failed = played - fine + missing;
    (void)fprintf(out, "%llu passed, %llu failed\n", (unsigned long long)fine,
                  (unsigned long long)failed);
    if (all->verdicts[HNS_CRASHED] > 0) {
        return HNS_EXIT_CRASH;
    }
    if (all->verdicts[HNS_WRONG] + all->verdicts[HNS_UNPLAYABLE] > 0) {
        return HNS_EXIT_WRONG;
    }
    if (all->verdicts[HNS_NO_PROGRESS] > 0) {
        return HNS_EXIT_NO_PROGRESS;
    }
    return fine > 0 && missing == 0 ? EXIT_SUCCESS : HNS_EXIT_UNREACHED;
}

int hns_explore(const struct hns_explore_opts *opts)
{
    struct exploration all = {
        .opts = opts,
        .folder = opts->folder == NULL ? HNS_EXPLORE_FOLDER : opts->folder,
        .began_ns = hns_real_ns(),
    };
    struct hns_pool_opts pool = {
        .from = opts->from,
        .count = opts->seeds,
        .until_ns =
            opts->minutes == 0 ? 0 : all.began_ns + opts->minutes * 60 * UINT64_C(1000000000),
        .workers = opts->workers,
        .play = play_seed,
        .on_played = count,
        .arg = &all,
    };

    if (opts->folder == NULL) {
        (void)mkdir("build", 0777);
    }
    if (mkdir(all.folder, 0777) < 0 && errno != EEXIST) {
        perror(all.folder);
        return EXIT_FAILURE;
    }
    print_options(&all);
    hns_pool_run(&pool);
    return finish(&all);
}
