#include "harness/explore/shrink.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/explore/pool.h"
#include "harness/scenario/doc.h"

#define MENDED "everything is mended" /* the steps from here ... */
#define JUDGED "\n  - check:"         /* ... to here stay */

#define NEVER "\nnever:\n" /* what it says would be another failure */

/* A candidate is the text with [from, to) replaced, or without all that names the tasks. */
struct cut {
    size_t from, to;
    const char *instead;
    size_t first_task, task_count; /* none: it is [from, to) */
};

struct shrinking {
    struct eca_buf *text;
    const struct hns_shrink_opts *opts;
    struct hns_played goal;
    char **tasks; /* that the text names */
    size_t task_count;
    struct cut *cuts;
    size_t cut_count, cut_cap;
    size_t best; /* the first cut that fails as the whole; SIZE_MAX = none */
    unsigned long runs;
};

/* ---- lines ----------------------------------------------------------------------------------- */

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

/* The end of the line at `at` and of all that is indented deeper. */
static size_t block_end(const struct eca_buf *text, size_t at)
{
    size_t own = indent(text, at), end = line_end(text, at);

    while (end < text->len && indent(text, end) > own) {
        end = line_end(text, end);
    }
    return end;
}

static bool is_item(const struct eca_buf *text, size_t at)
{
    return eca_view_starts(eca_view_of(text->at + at, text->len - at), "- ");
}

static size_t line_begin(const struct eca_buf *text, size_t at)
{
    while (at > 0 && text->at[at - 1] != '\n') {
        at--;
    }
    return at;
}

/* The beginning of the list's item that the line at `at` is a part of; of itself when of none. */
static size_t item_begin(const struct eca_buf *text, size_t at)
{
    size_t least = indent(text, at) + 1;

    for (size_t line = at;; line = line_begin(text, line - 1)) {
        size_t own = indent(text, line);

        if (own < least && is_item(text, line + own)) {
            return line;
        }
        least = own < least ? own : least;
        if (line == 0 || least == 0) {
            return at;
        }
    }
}

/* Steps from "everything is mended" on that stay, and what must never happen. */
static bool is_kept(const struct eca_buf *text, size_t from, size_t to)
{
    struct eca_view view = eca_buf_view(text);
    size_t never = eca_view_find(view, NEVER, 0), mended = eca_view_find(view, MENDED, 0);
    size_t judged = mended == SIZE_MAX ? SIZE_MAX : eca_view_find(view, JUDGED, mended);

    if (never != SIZE_MAX && to > never + 1 && from < block_end(text, never + 1)) {
        return true;
    }
    return mended != SIZE_MAX && to > mended && from < judged;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static size_t word_len(const struct eca_buf *text, size_t at)
{
    size_t begin = at;

    while (at < text->len && (isalnum((unsigned char)text->at[at]) != 0 || text->at[at] == '-' ||
                              text->at[at] == '_')) {
        at++;
    }
    return at - begin;
}

/* As a word of its own in the line: of t1 in "t1/web" or "${arn.task.t1}", not in "t11". */
static bool line_names(const struct eca_buf *text, size_t at, const char *task)
{
    size_t end = line_end(text, at);

    while (at < end) {
        size_t len = word_len(text, at);

        if (len == strlen(task) && strncmp(text->at + at, task, len) == 0) {
            return true;
        }
        at += len > 0 ? len : 1;
    }
    return false;
}

static void leave_out_tasks(const struct shrinking *job, const struct cut *cut, struct eca_buf *out)
{
    const struct eca_buf *text = job->text;
    size_t done = 0;

    for (size_t at = 0, next; at < text->len; at = next) {
        bool named = false;

        next = line_end(text, at);
        for (size_t i = 0; i < cut->task_count && !named; i++) {
            named = line_names(text, at, job->tasks[cut->first_task + i]);
        }
        if (named && !is_kept(text, at, next)) {
            size_t from = item_begin(text, at);

            eca_buf_add(out, text->at + done, from - done);
            next = done = block_end(text, from);
        }
    }
    eca_buf_add(out, text->at + done, text->len - done);
}

static void forget_tasks(struct shrinking *job)
{
    for (size_t i = 0; i < job->task_count; i++) {
        eca_free(job->tasks[i]);
    }
    eca_free(eca_take(job->tasks));
    job->task_count = 0;
}

static void add_task(struct shrinking *job, size_t at)
{
    size_t len = word_len(job->text, at);
    eca_auto_free char *task = eca_xstrndup(job->text->at + at, len);

    for (size_t i = 0; i < job->task_count; i++) {
        if (strcmp(job->tasks[i], task) == 0) {
            return;
        }
    }
    if (len > 0) {
        job->tasks = eca_xrealloc_array(job->tasks, job->task_count + 1, sizeof(*job->tasks));
        job->tasks[job->task_count++] = eca_take(task);
    }
}

/* What follows such a word, wherever it stands. */
static void find_task_words(struct shrinking *job)
{
    static const char *const words[] = {"task: ", "acs.send: ", "acs.stop_task: "};
    struct eca_view text = eca_buf_view(job->text);

    for (size_t i = 0; i < ECA_ARRAY_LEN(words); i++) {
        for (size_t at = 0; (at = eca_view_find(text, words[i], at)) != SIZE_MAX;) {
            at += strlen(words[i]);
            add_task(job, at);
        }
    }
}

/* ---- trying ---------------------------------------------------------------------------------- */

static void apply(const struct shrinking *job, const struct cut *cut, struct eca_buf *out)
{
    const struct eca_buf *text = job->text;

    if (cut->task_count > 0) {
        leave_out_tasks(job, cut, out);
        return;
    }
    eca_buf_add(out, text->at, cut->from);
    eca_buf_add_str(out, cut->instead);
    eca_buf_add(out, text->at + cut->to, text->len - cut->to);
}

static void play_cut(void *arg, uint64_t number, struct hns_played *ret_played)
{
    const struct shrinking *job = arg;
    eca_auto_buf struct eca_buf candidate = {0};

    apply(job, &job->cuts[number], &candidate);
    job->opts->try_it(job->opts->arg, eca_buf_view(&candidate), ret_played);
}

static bool on_played(void *arg, uint64_t number, const struct hns_played *played)
{
    struct shrinking *job = arg;
    bool fails = played->verdict == job->goal.verdict &&
                 strcmp(played->kind, job->goal.kind) == 0 &&
                 strcmp(played->missed, job->goal.missed) == 0;

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
    apply(job, &job->cuts[job->best], &shorter);
    eca_buf_reset(job->text);
    eca_buf_add_view(job->text, eca_buf_view(&shorter));
    if (job->opts->on_shorter != NULL) {
        job->opts->on_shorter(job->opts->arg, job->text);
    }
    return true;
}

/* A part of a line that says what is expected: without it another thing would fail. */
static bool weakens(const struct eca_buf *text, size_t from, size_t to)
{
    static const char *const words[] = {"- check", "- expect", "- quiet",
                                        "- http",  "- log",    "- file"};
    size_t begin = line_begin(text, from);

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

static void add_cut(struct shrinking *job, struct cut cut)
{
    if (job->cut_count == job->cut_cap) {
        job->cut_cap = job->cut_cap == 0 ? 64 : 2 * job->cut_cap;
        job->cuts = eca_xrealloc_array(job->cuts, job->cut_cap, sizeof(*job->cuts));
    }
    job->cuts[job->cut_count++] = cut;
}

static void add_range(struct shrinking *job, size_t from, size_t to, const char *instead)
{
    if (to > from && !weakens(job->text, from, to) && !is_kept(job->text, from, to)) {
        add_cut(job, (struct cut){.from = from, .to = to, .instead = instead});
    }
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

/* All behind the step at which the run ended: none of it was played. */
static void find_behind(struct shrinking *job, size_t size)
{
    const struct eca_buf *text = job->text;
    size_t at = 0, own, from, to;

    (void)size;
    for (uint32_t line = 1; line < job->goal.line; line++) {
        at = line_end(text, at);
    }
    if (job->goal.line == 0 || at >= text->len) {
        return;
    }
    at = item_begin(text, at);
    own = indent(text, at);
    from = to = block_end(text, at);
    while (to < text->len && (indent(text, to) > own || is_item(text, to + own) ||
                              strchr("\n#", text->at[to + indent(text, to)]) != NULL)) {
        to = block_end(text, to);
    }
    if (to > from) {
        add_cut(job, (struct cut){.from = from, .to = to, .instead = ""});
    }
}

static void find_tasks(struct shrinking *job, size_t size)
{
    forget_tasks(job);
    find_task_words(job);
    for (size_t i = 0; i < job->task_count; i += size) {
        size_t left = job->task_count - i;
        struct cut cut = {.first_task = i, .task_count = left < size ? left : size};
        eca_auto_buf struct eca_buf without = {0};

        leave_out_tasks(job, &cut, &without);
        if (without.len < job->text->len) {
            add_cut(job, cut);
        }
    }
}

/* Runs of `size` blocks; single ones at every depth. */
static void find_blocks(struct shrinking *job, size_t size)
{
    for (size_t at = 0; at < job->text->len;) {
        size_t end = at, own = indent(job->text, at);

        for (size_t i = 0; i < size && end < job->text->len && indent(job->text, end) >= own; i++) {
            end = block_end(job->text, end);
        }
        add_range(job, at, end, "");
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
            add_range(job, first ? at + 1 : at, end, "");
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
        int64_t ms;
    } round[] = {{"100ms", 100},  {"1s", 1000},    {"10s", 10000},   {"1m", 60000},
                 {"10m", 600000}, {"1h", 3600000}, {"10h", 36000000}};

    (void)size;
    for (size_t at = 0; (at = eca_view_find(eca_buf_view(job->text), word, at)) != SIZE_MAX;) {
        size_t from = at + sizeof(word) - 1, len = strcspn(job->text->at + from, " ,}\n");
        int64_t ns = 0;

        at = from;
        if (eca_parse_duration(eca_view_of(job->text->at + from, len), &ns, NULL) < 0) {
            continue;
        }
        for (size_t i = 0; i < ECA_ARRAY_LEN(round) && round[i].ms < ns / 1000000; i++) {
            add_range(job, from, from + len, round[i].text);
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
    (void)pass(&job, find_behind, 0);
    find_task_words(&job);
    for (size_t size = job.task_count; size > 0; size /= 2) {
        (void)pass(&job, find_tasks, size);
    }
    while (progress) {
        progress = false;
        for (size_t size = count_lines(text) / 2; size > 0; size /= 2) {
            progress = pass(&job, find_blocks, size) || progress;
        }
        progress = pass(&job, find_members, 0) || progress;
    }
    (void)pass(&job, find_times, 0);
    forget_tasks(&job);
    eca_free(job.cuts);
    *ret_runs = job.runs;
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct trial {
    const char *path, *to;
    uint64_t seed;
};

static void try_text(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    const struct trial *trial = arg;

    hns_play(text, trial->path, trial->seed, ret_played, NULL);
}

/* Whole at any moment. */
static void write_text(void *arg, const struct eca_buf *text)
{
    const struct trial *trial = arg;
    eca_auto_free char *part = eca_xasprintf("%s.part", trial->to);
    FILE *file = fopen(part, "we");

    if (file == NULL || fputs(eca_buf_str(text), file) < 0 || fclose(file) != 0 ||
        rename(part, trial->to) < 0) {
        perror(trial->to);
        exit(EXIT_FAILURE);
    }
}

int hns_shrink_file(const char *path, uint64_t seed, unsigned workers)
{
    size_t stem = strlen(path);
    eca_auto_buf struct eca_buf text = {0};
    struct trial trial = {.path = path, .seed = seed};
    struct hns_shrink_opts opts = {
        .try_it = try_text, .on_shorter = write_text, .arg = &trial, .workers = workers};
    uint64_t began_ns = hns_real_ns();
    struct hns_played played;
    struct eca_err err = {0};
    eca_auto_free char *to = NULL;
    unsigned long runs = 0;
    size_t before;

    if (hns_file_read(path, &text, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    before = text.len;
    stem -= stem > 5 && strcmp(path + stem - 5, ".yaml") == 0 ? 5 : 0;
    trial.to = to = eca_xasprintf("%.*s.min.yaml", (int)stem, path);
    if (!hns_shrink(&text, &opts, &played, &runs)) {
        (void)fprintf(stderr, "%s: with seed %llu there is nothing to shrink: %s\n", path,
                      (unsigned long long)seed, hns_verdict_name(played.verdict));
        return EXIT_FAILURE;
    }
    write_text(&trial, &text);
    (void)printf("%s: %s%s%s\n%zu bytes of %zu after %lu runs in %.1f s: build/harness run -v "
                 "--seed %llu %s\n",
                 hns_verdict_name(played.verdict), played.kind,
                 played.missed[0] == '\0' ? "" : ": ", played.missed, text.len, before, runs,
                 (double)(hns_real_ns() - began_ns) / 1e9, (unsigned long long)seed, to);
    return EXIT_SUCCESS;
}
