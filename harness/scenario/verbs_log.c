#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* Verbs that look at the agent's log: log, log.none. */
#define NEAREST_LINES 5000  /* the last ones; each is compared byte by byte */
#define NEAREST_BYTES_MIN 4 /* less in common is chance */

static bool line_fits(const struct hns_log_line *line, const char *text, const char *level)
{
    size_t len = strlen(text);

    if (level != NULL && strncasecmp(eca_log_level_name(line->level), level, 4) != 0) {
        return false;
    }
    if (len > 2 && text[0] == '/' && text[len - 1] == '/') {
        return hns_text_fits(text, line->text);
    }
    return strstr(line->text, text) != NULL;
}

/* How many bytes of `text` in a row stand in the line. */
static size_t common_run(const char *text, const char *line)
{
    size_t best = 0;

    for (; *text != '\0'; text++) {
        for (const char *at = strchr(line, *text); at != NULL; at = strchr(at + 1, *text)) {
            size_t len = 0;

            while (text[len] != '\0' && text[len] == at[len]) {
                len++;
            }
            best = len > best ? len : best;
        }
    }
    return best;
}

/* The latest of the lines that have the longest part of the text. */
static const struct hns_log_line *nearest_line(const struct hns_run *run, const char *text)
{
    size_t from = run->line_count > NEAREST_LINES ? run->line_count - NEAREST_LINES : 0;
    size_t best_len = NEAREST_BYTES_MIN;
    const struct hns_log_line *best = NULL;

    for (size_t i = from; i < run->line_count; i++) {
        size_t len = common_run(text, run->lines[i].text);

        if (len >= best_len) {
            best = &run->lines[i];
            best_len = len;
        }
    }
    return best;
}

struct log_wait {
    const char *text, *level;
    uint64_t count, seen;
    size_t scanned;
};

static int poll_log(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    struct log_wait *wait = cursor->poll_state;

    for (; wait->scanned < run->line_count && wait->seen < wait->count; wait->scanned++) {
        struct hns_log_line *line = &run->lines[wait->scanned];

        if (!line->used && line_fits(line, wait->text, wait->level)) {
            line->used = true;
            wait->seen++;
        }
    }
    if (wait->seen == wait->count) {
        return 1;
    }
    if (last) {
        const struct hns_log_line *near = nearest_line(run, wait->text);

        hns_fail(run, cursor->step,
                 "expected %llu log lines%s%s with \"%s\", seen %llu among %zu lines%s%s",
                 (unsigned long long)wait->count, wait->level == NULL ? "" : " of level ",
                 wait->level == NULL ? "" : wait->level, wait->text, (unsigned long long)wait->seen,
                 run->line_count,
                 near == NULL ? "" : "\n    nearest: ", near == NULL ? "" : near->text);
    }
    return 0;
}

static int verb_log(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct log_wait *wait = eca_xalloc(sizeof *wait);

    wait->text = hns_arg_text(args, "text", "");
    hns_need_usable_text(run, hns_arg_node(args, "text"), wait->text);
    wait->level = hns_arg_text(args, "level", NULL);
    wait->count = hns_arg_int(args, "count", 1);
    hns_wait_poll(run, cursor, poll_log, wait, hns_arg_ns(args, "within", HNS_WITHIN_DEFAULT_NS));
    return ECA_OK;
}

static int verb_log_none(struct hns_run *run, struct hns_cursor *cursor,
                         const struct hns_args *args)
{
    const char *text = hns_arg_text(args, "text", "");
    const char *level = hns_arg_text(args, "level", NULL);
    uint64_t fine = hns_arg_int(args, "more_than", 0), seen = 0;

    hns_need_usable_text(run, hns_arg_node(args, "text"), text);
    for (size_t i = 0; i < run->line_count; i++) {
        if (line_fits(&run->lines[i], text, level) && ++seen > fine) {
            hns_fail_wrong(run, cursor->step, "the agent logged %s%s line with \"%s\":\n    %s",
                           fine == 0 ? "a" : "one more", fine == 0 ? "" : " such", text,
                           run->lines[i].text);
            return ECA_E_INVALID;
        }
    }
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_log[] = {
    {"log", verb_log},
    {"log.none", verb_log_none},
    {0},
};
