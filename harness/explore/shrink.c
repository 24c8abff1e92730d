#include "harness/explore/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "harness/scenario/doc.h"

#define MENDED "everything is mended"

struct shrinking {
    struct eca_buf *text;
    hns_try_fn *try_it;
    void *arg;
    struct hns_played goal;
};

/* Is the text without [from, to) as bad as before? Then it is the text from now on. */
static bool leave_out(struct shrinking *job, size_t from, size_t to)
{
    eca_auto_buf struct eca_buf candidate = {0};
    struct hns_played played;

    eca_buf_add(&candidate, job->text->at, from);
    eca_buf_add(&candidate, job->text->at + to, job->text->len - to);
    job->try_it(job->arg, eca_buf_view(&candidate), &played);
    if (played.verdict != job->goal.verdict || strcmp(played.kind, job->goal.kind) != 0) {
        return false;
    }
    eca_buf_reset(job->text);
    eca_buf_add_view(job->text, eca_buf_view(&candidate));
    return true;
}

/* Where what must stay begins. */
static size_t limit(const struct shrinking *job)
{
    size_t at = eca_view_find(eca_buf_view(job->text), MENDED, 0);

    if (at == SIZE_MAX) {
        return job->text->len;
    }
    while (at > 0 && job->text->at[at - 1] != '\n') {
        at--;
    }
    return at;
}

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

/* Runs of `count` blocks at a time. */
static bool drop_blocks(struct shrinking *job, size_t count)
{
    bool progress = false;

    for (size_t at = 0; at < limit(job);) {
        size_t end = at;

        for (size_t i = 0; i < count && end < limit(job); i++) {
            end = block_end(job->text, end);
        }
        if (end <= limit(job) && leave_out(job, at, end)) {
            progress = true;
        } else {
            at = line_end(job->text, at);
        }
    }
    return progress;
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

static bool drop_members(struct shrinking *job)
{
    bool progress = false;

    for (size_t at = 0; at < limit(job); at++) {
        const char *text = job->text->at;
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
        if (end > at + 1 && end <= limit(job) && leave_out(job, first ? at + 1 : at, end)) {
            progress = true;
            at -= at > 0 ? 1 : 0;
        }
    }
    return progress;
}

bool hns_shrink(struct eca_buf *text, hns_try_fn *try_it, void *arg, struct hns_played *ret_played)
{
    static const size_t runs[] = {32, 16, 8, 4, 2, 1};
    struct shrinking job = {text, try_it, arg, {0}};
    bool progress = true;

    try_it(arg, eca_buf_view(text), &job.goal);
    *ret_played = job.goal;
    if (job.goal.verdict == HNS_FINE || job.goal.verdict == HNS_UNPLAYABLE) {
        return false;
    }
    while (progress) {
        progress = false;
        for (size_t i = 0; i < ECA_ARRAY_LEN(runs); i++) {
            progress = drop_blocks(&job, runs[i]) || progress;
        }
        progress = drop_members(&job) || progress;
    }
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct trial {
    const char *path;
    uint64_t seed;
    unsigned long runs;
};

static void try_in_child(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    struct trial *trial = arg;

    trial->runs++;
    hns_play_apart(text, trial->path, trial->seed, ret_played);
}

int hns_shrink_file(const char *path, uint64_t seed)
{
    size_t stem = strlen(path);
    eca_auto_buf struct eca_buf text = {0};
    struct trial trial = {path, seed, 0};
    struct hns_played played;
    struct eca_err err = {0};
    eca_auto_free char *to = NULL;
    size_t before;
    FILE *file;

    if (hns_file_read(path, &text, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    before = text.len;
    if (!hns_shrink(&text, try_in_child, &trial, &played)) {
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
    (void)printf("%s: %s\n%zu bytes of %zu after %lu runs: build/harness run -v --seed %llu %s\n",
                 hns_verdict_name(played.verdict), played.kind, text.len, before, trial.runs,
                 (unsigned long long)seed, to);
    return EXIT_SUCCESS;
}
