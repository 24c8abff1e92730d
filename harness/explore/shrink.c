#include "harness/explore/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "harness/explore/pool.h"
#include "harness/scenario/doc.h"

#define MENDED "everything is mended" /* the steps from here ... */
#define JUDGED "\n  - check:"         /* ... to here stay */

#define NEVER "\nnever:\n" /* what it says would be another failure */

/* A candidate is the text with [from, to) replaced. */
struct cut {
    size_t from, to;
    const char *instead;
};

struct shrinking {
    struct eca_buf *text;
    const struct hns_shrink_opts *opts;
    struct hns_played goal;
    struct cut *cuts;
    size_t cut_count, cut_cap;
    size_t best; /* the first cut that fails as the whole; SIZE_MAX = none */
    unsigned long runs;
};

/* ---- trying ---------------------------------------------------------------------------------- */

static void apply(const struct eca_buf *text, const struct cut *cut, struct eca_buf *out)
{
    eca_buf_add(out, text->at, cut->from);
    eca_buf_add_str(out, cut->instead);
    eca_buf_add(out, text->at + cut->to, text->len - cut->to);
}

static void play_cut(void *arg, uint64_t number, struct hns_played *ret_played)
{
    const struct shrinking *job = arg;
    eca_auto_buf struct eca_buf candidate = {0};

    apply(job->text, &job->cuts[number], &candidate);
    job->opts->try_it(job->opts->arg, eca_buf_view(&candidate), ret_played);
}

static bool on_played(void *arg, uint64_t number, const struct hns_played *played)
{
    struct shrinking *job = arg;
    bool fails = played->verdict == job->goal.verdict && strcmp(played->kind, job->goal.kind) == 0;

    job->runs++;
    if (fails && number < job->best) {
        job->best = (size_t)number;
    }
    return !fails;
}

/* The first of the cuts, from number `first` on, that leaves the failure; it becomes the text. */
static bool try_cuts(struct shrinking *job, size_t first)
{
    struct hns_pool_opts pool = {.from = first,
                                 .count = job->cut_count - first,
                                 .workers = job->opts->workers,
                                 .play = play_cut,
                                 .on_played = on_played,
                                 .arg = job};
    eca_auto_buf struct eca_buf shorter = {0};

    job->best = SIZE_MAX;
    if (first < job->cut_count) {
        hns_pool_run(&pool);
    }
    if (job->best == SIZE_MAX) {
        return false;
    }
    apply(job->text, &job->cuts[job->best], &shorter);
    eca_buf_reset(job->text);
    eca_buf_add_view(job->text, eca_buf_view(&shorter));
    return true;
}

static size_t line_end(const struct eca_buf *text, size_t at)
{
    size_t end = eca_view_find(eca_buf_view(text), "\n", at);

    return end == SIZE_MAX ? text->len : end + 1;
}

static size_t indent(const struct eca_buf *text, size_t at)
{
    size_t begin = at;

    while (at < text->len && text->at[at] == ' ') {
        at++;
    }
    return at - begin;
}

/* A part of a line that says what is expected: without it another thing would fail. */
static bool weakens(const struct eca_buf *text, size_t from, size_t to)
{
    static const char *const words[] = {"- check", "- expect", "- quiet",
                                        "- http",  "- log",    "- file"};
    size_t begin = from;

    while (begin > 0 && text->at[begin - 1] != '\n') {
        begin--;
    }
    if (begin == from || to > line_end(text, begin)) {
        return false;
    }
    begin += indent(text, begin);
    for (size_t i = 0; i < ECA_ARRAY_LEN(words); i++) {
        if (eca_view_starts(eca_view_of(text->at + begin, text->len - begin), words[i])) {
            return true;
        }
    }
    return false;
}

static void add_cut(struct shrinking *job, size_t from, size_t to, const char *instead)
{
    size_t never = eca_view_find(eca_buf_view(job->text), NEVER, 0);
    size_t mended = eca_view_find(eca_buf_view(job->text), MENDED, 0);
    size_t judged =
        mended == SIZE_MAX ? SIZE_MAX : eca_view_find(eca_buf_view(job->text), JUDGED, mended);

    if (to <= from || weakens(job->text, from, to) || (never != SIZE_MAX && to > never + 1) ||
        (mended != SIZE_MAX && to > mended && from < judged)) {
        return;
    }
    if (job->cut_count == job->cut_cap) {
        job->cut_cap = job->cut_cap == 0 ? 64 : 2 * job->cut_cap;
        job->cuts = eca_xrealloc_array(job->cuts, job->cut_cap, sizeof(*job->cuts));
    }
    job->cuts[job->cut_count++] = (struct cut){from, to, instead};
}

typedef void find_fn(struct shrinking *job, size_t size);

/* One kind of cut until none of it is left; a cut that went well is followed by those after it. */
static bool pass(struct shrinking *job, find_fn *find, size_t size)
{
    bool progress = false;
    size_t first = 0;

    for (;;) {
        job->cut_count = 0;
        find(job, size);
        if (!try_cuts(job, first)) {
            return progress;
        }
        progress = true;
        first = job->best;
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The end of the line at `at` and of all that is indented deeper. */
static size_t block_end(const struct eca_buf *text, size_t at)
{
    size_t own = indent(text, at), end = line_end(text, at);

    while (end < text->len && indent(text, end) > own) {
        end = line_end(text, end);
    }
    return end;
}

/* Runs of `size` blocks; single ones at every depth. */
static void find_blocks(struct shrinking *job, size_t size)
{
    for (size_t at = 0; at < job->text->len;) {
        size_t end = at, own = indent(job->text, at);

        for (size_t i = 0; i < size && end < job->text->len && indent(job->text, end) >= own; i++) {
            end = block_end(job->text, end);
        }
        add_cut(job, at, end, "");
        /* Into a block that is more than a line; else on to the next run. */
        at = size == 1 || block_end(job->text, at) > line_end(job->text, at)
                 ? line_end(job->text, at)
                 : end;
    }
}

/* ---- members of {...} ------------------------------------------------------------------------ */

/* The end of the member that begins at `at`: a comma or a closing bracket of its own level. */
static size_t member_end(const struct eca_buf *text, size_t at)
{
    int depth = 0;
    bool quoted = false;

    for (; at < text->len && text->at[at] != '\n'; at++) {
        char c = text->at[at];

        quoted = c == '"' ? !quoted : quoted;
        if (quoted) {
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            return at;
        }
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    }
    return at;
}

static void find_members(struct shrinking *job, size_t size)
{
    const char *text = job->text->at;

    (void)size;
    for (size_t at = 0; at < job->text->len; at++) {
        bool first = text[at] == '{' || text[at] == '[';
        size_t end;

        if (!first && text[at] != ',') {
            continue;
        }
        end = member_end(job->text, at + 1);
        if (first && end < job->text->len && text[end] == ',') {
            end += text[end + 1] == ' ' ? 2 : 1;
        }
        /* The first member leaves its bracket, another one takes its comma along. */
        if (end > at + 1) {
            add_cut(job, first ? at + 1 : at, end, "");
        }
    }
}

/* ---- times ----------------------------------------------------------------------------------- */

/* "advance: 48213ms": the shortest round time that does. */
static void find_times(struct shrinking *job, size_t size)
{
    static const char word[] = "- advance: ";
    static const struct {
        const char *text;
        unsigned long long ms;
    } round[] = {{"100ms", 100}, {"1s", 1000}, {"10s", 10000}, {"1m", 60000}, {"10m", 600000}};

    (void)size;
    for (size_t at = 0; (at = eca_view_find(eca_buf_view(job->text), word, at)) != SIZE_MAX;) {
        size_t from = at + sizeof(word) - 1;
        char *unit = NULL;
        unsigned long long ms = strtoull(job->text->at + from, &unit, 10);

        at = from;
        if (strncmp(unit, "ms\n", 3) != 0) {
            continue;
        }
        for (size_t i = 0; i < ECA_ARRAY_LEN(round) && round[i].ms < ms; i++) {
            add_cut(job, from, (size_t)(unit - job->text->at) + 2, round[i].text);
        }
    }
}

/* ---- all together ---------------------------------------------------------------------------- */

static void play_whole(void *arg, uint64_t number, struct hns_played *ret_played)
{
    const struct shrinking *job = arg;

    (void)number;
    job->opts->try_it(job->opts->arg, eca_buf_view(job->text), ret_played);
}

static bool on_whole(void *arg, uint64_t number, const struct hns_played *played)
{
    (void)number;
    ((struct shrinking *)arg)->goal = *played;
    return true;
}

static size_t count_lines(const struct eca_buf *text)
{
    size_t count = 0;

    for (size_t at = 0; at < text->len; at = line_end(text, at)) {
        count++;
    }
    return count;
}

bool hns_shrink(struct eca_buf *text, const struct hns_shrink_opts *opts,
                struct hns_played *ret_played, unsigned long *ret_runs)
{
    struct shrinking job = {.text = text, .opts = opts};
    struct hns_pool_opts whole = {
        .count = 1, .workers = 1, .play = play_whole, .on_played = on_whole, .arg = &job};
    bool progress = true;

    hns_pool_run(&whole);
    *ret_played = job.goal;
    if (job.goal.verdict == HNS_FINE || job.goal.verdict == HNS_UNPLAYABLE) {
        return false;
    }
    while (progress) {
        progress = false;
        for (size_t size = count_lines(text) / 2; size > 0; size /= 2) {
            progress = pass(&job, find_blocks, size) || progress;
        }
        progress = pass(&job, find_members, 0) || progress;
    }
    (void)pass(&job, find_times, 0);
    eca_free(job.cuts);
    *ret_runs = job.runs;
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct trial {
    const char *path;
    uint64_t seed;
};

static void try_text(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    const struct trial *trial = arg;

    hns_play(text, trial->path, trial->seed, ret_played, NULL);
}

int hns_shrink_file(const char *path, uint64_t seed, unsigned workers)
{
    size_t stem = strlen(path);
    eca_auto_buf struct eca_buf text = {0};
    struct trial trial = {path, seed};
    struct hns_shrink_opts opts = {.try_it = try_text, .arg = &trial, .workers = workers};
    uint64_t began_ns = hns_real_ns();
    struct hns_played played;
    struct eca_err err = {0};
    eca_auto_free char *to = NULL;
    unsigned long runs = 0;
    size_t before;
    FILE *file;

    if (hns_file_read(path, &text, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    before = text.len;
    if (!hns_shrink(&text, &opts, &played, &runs)) {
        (void)fprintf(stderr, "%s: with seed %llu there is nothing to shrink: %s\n", path,
                      (unsigned long long)seed, hns_verdict_name(played.verdict));
        return EXIT_FAILURE;
    }
    stem -= stem > 5 && strcmp(path + stem - 5, ".yaml") == 0 ? 5 : 0;
    to = eca_xasprintf("%.*s.min.yaml", (int)stem, path);
    file = fopen(to, "we");
    if (file == NULL || fputs(eca_buf_str(&text), file) < 0 || fclose(file) != 0) {
        perror(to);
        return EXIT_FAILURE;
    }
    (void)printf("%s: %s\n%zu bytes of %zu after %lu runs in %.1f s: build/harness run -v --seed "
                 "%llu %s\n",
                 hns_verdict_name(played.verdict), played.kind, text.len, before, runs,
                 (double)(hns_real_ns() - began_ns) / 1e9, (unsigned long long)seed, to);
    return EXIT_SUCCESS;
}
