#include "harness/record/export.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/record/export_check.h"
#include "harness/record/export_inside.h"
#include "harness/record/yaml.h"

#define NOTE_BYTES_MAX 400

struct segment {
    struct hns_recording recording;
    int64_t wall_ms; /* at its first entry */
};

size_t hns_story_add(struct story *story, bool expects, char *text)
{
    if (story->count == story->cap) {
        story->cap = story->cap == 0 ? 64 : story->cap * 2;
        story->items = eca_xrealloc_array(story->items, story->cap, sizeof(*story->items));
    }
    story->items[story->count++] = (struct item){story->now_ns, expects, text};
    return story->count;
}

void hns_story_quoted(struct eca_buf *out, const char *before, const char *text)
{
    eca_buf_add_str(out, before);
    hns_yaml_text(text, out);
}

void hns_story_note(struct story *story, const char *format, ...)
{
    char text[NOTE_BYTES_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *at = text; *at != '\0'; at++) { /* one line of a comment */
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    }
    (void)eca_map_put(story->notes, text, story);
}

const char *hns_story_task(const struct story *story, const char *arn)
{
    return arn == NULL ? NULL : eca_map_get(story->tasks, arn);
}

/* A machine that was started anew counts from zero again. */
static void pass_time(struct story *story, uint64_t at_ns)
{
    if (story->starts && at_ns + story->shift_ns < story->now_ns) {
        story->shift_ns = story->now_ns - at_ns;
    }
    at_ns += story->shift_ns;
    story->before_ns = at_ns > story->now_ns ? story->now_ns : story->before_ns;
    story->now_ns = at_ns;
    story->first_ns = story->first_ns == 0 ? story->now_ns : story->first_ns;
    hns_story_start(story);
}

static bool is_known(const char *in, const char *out)
{
    static const char *const ins[] = {
        "turn",      "start",     "terminate",       "agent",        "http.head",
        "http.body", "http.end",  "channel.open",    "channel.text", "channel.end",
        "request",   "committed", "channel.written", "file.end"};
    static const char *const outs[] = {
        "http.start",    "http.cancel", "channel.start", "channel.send", "channel.close",
        "channel.abort", "listen",      "listen.close",  "commit",       "file.create",
        "file.write",    "file.finish", "file.replace",  "file.remove",  "file.cancel",
        "exit",          "response",    "store.close"};
    const char *const *words = in != NULL ? ins : outs;
    size_t count = in != NULL ? ECA_ARRAY_LEN(ins) : ECA_ARRAY_LEN(outs);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], in != NULL ? in : out) == 0) {
            return true;
        }
    }
    return false;
}

static void read_line(struct story *story, eca_json line)
{
    const char *in = hns_line_text(line, "in"), *out = hns_line_text(line, "out");
    const char *query = hns_line_text(line, "query"), *what = in != NULL ? in : out;
    const char *end = hns_line_text(line, "end");

    if (eca_json_get(line, "at") != NULL) {
        pass_time(story, (uint64_t)hns_line_number(line, "at"));
    }
    if (query != NULL) {
        hns_story_query(story, query, line);
    } else if (end != NULL) {
        story->unseen = strstr(end, "next segment follows") == NULL;
    } else if (what == NULL || !is_known(in, out)) {
        story->wrong = "no line of a recording";
    } else if (strcmp(what, "exit") == 0) {
        hns_story_exit(story, line);
    } else if (strncmp(what, "http.", 5) == 0) {
        hns_story_http(story, what, line);
    } else if (strncmp(what, "channel.", 8) == 0) {
        hns_story_channel(story, what, line);
    } else if (strcmp(what, "terminate") == 0) {
        (void)hns_story_add(story, false, eca_xstrdup("agent.terminate: {}"));
        story->terminated = true;
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void free_values(struct eca_map *map)
{
    size_t cursor = 0;
    void *value;

    while (eca_map_next(map, &cursor, NULL, &value)) {
        eca_free(value);
    }
    eca_map_free(map);
}

static void clear(struct story *story)
{
    size_t cursor = 0;
    struct eca_list_node *node;
    void *value;

    while ((node = eca_list_pop_front(&story->conns)) != NULL) {
        eca_free(eca_list_entry(node, struct conn, node));
    }
    while (!eca_list_is_empty(&story->calls)) {
        hns_story_call_free(story, eca_list_entry(story->calls.head.next, struct call, node));
    }
    for (size_t i = 0; i < story->count; i++) {
        eca_free(story->items[i].text);
    }
    eca_free(story->items);
    while (eca_map_next(story->containers, &cursor, NULL, &value)) {
        eca_free(((struct container *)value)->name);
    }
    cursor = 0;
    while (eca_map_next(story->images, &cursor, NULL, &value)) {
        eca_free(((struct image *)value)->error);
    }
    free_values(story->env);
    free_values(story->set);
    hns_submissions_free(story->submitted);
    eca_map_free(story->notes);
    free_values(story->tasks);
    eca_map_free(story->names);
    free_values(story->containers);
    eca_map_free(story->by_name);
    free_values(story->images);
    eca_map_free(story->passed);
    for (size_t i = 0; i < story->fault_count; i++) {
        eca_free(story->faults[i].head);
        eca_free(story->faults[i].tail);
    }
    eca_free(story->faults);
    eca_buf_clear(&story->version);
}

static int open_segment(const char *file, struct segment *segment, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    int rc = hns_recording_read(file, &segment->recording, err);

    if (rc == ECA_OK && segment->recording.count > 1) {
        rc = hns_recording_line(&segment->recording, 1, &doc, err);
    }
    segment->wall_ms = doc == NULL ? 0 : hns_line_number(eca_json_root(doc), "wall");
    return rc;
}

static int read_segment(struct story *story, const struct hns_recording *recording,
                        struct eca_err *err)
{
    int rc = ECA_OK;

    hns_story_begin_life(story);
    for (size_t i = 1; rc == ECA_OK && i < recording->count; i++) {
        eca_auto_json struct eca_json_doc *doc = NULL;

        rc = hns_recording_line(recording, i, &doc, err);
        if (rc == ECA_OK) {
            read_line(story, eca_json_root(doc));
        }
        if (rc == ECA_OK && story->wrong != NULL) {
            rc =
                eca_err_set(err, ECA_E_INVALID, "%s:%zu: %s", recording->file, i + 1, story->wrong);
        }
    }
    if (recording->cut) {
        hns_story_note(story, "what came after: %s is cut off in the middle of line %zu",
                       recording->file, recording->count + 1);
    }
    return rc;
}

/* The wall clock goes on when a machine is started anew. */
static int earlier(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;

    return x->wall_ms < y->wall_ms ? -1 : x->wall_ms > y->wall_ms;
}

static int read_all(struct story *story, struct segment *segments, const char *const *files,
                    size_t count, struct eca_err *err)
{
    int rc = ECA_OK;

    for (size_t i = 0; rc == ECA_OK && i < count; i++) {
        rc = open_segment(files[i], &segments[i], err);
    }
    if (rc == ECA_OK) {
        qsort(segments, count, sizeof(*segments), earlier);
        story->file = segments[count - 1].recording.file;
    }
    for (size_t i = 0; rc == ECA_OK && i < count; i++) {
        rc = read_segment(story, &segments[i].recording, err);
    }
    return rc;
}

static void on_difference(void *arg, const char *of, const char *recorded, const char *played)
{
    hns_story_note(arg, "what makes %s submit %s; played, it submits %s", of, recorded, played);
}

static void on_end(void *arg, struct eca_view why)
{
    hns_story_note(arg, "what lets it end well; played, it ends with: %.*s", (int)why.len, why.at);
}

/* Twice: what it does otherwise than the recording is known when it has been played. */
static int write_checked(struct story *story, struct eca_buf *ret_yaml, struct eca_err *err)
{
    eca_auto_buf struct eca_buf first = {0};
    int rc;

    hns_story_write(story, &first);
    rc = hns_export_check(eca_buf_str(&first),
                          &(struct hns_export_check){.recorded = story->submitted,
                                                     .on_difference = on_difference,
                                                     .on_end = on_end,
                                                     .arg = story},
                          err);
    if (rc == ECA_OK) {
        hns_story_write(story, ret_yaml);
    }
    return rc;
}

int hns_export(const char *const *files, size_t count, struct eca_buf *ret_yaml,
               struct eca_err *err)
{
    struct segment *segments = eca_xalloc(count * sizeof(*segments));
    struct story story = {.env = eca_map_new(),
                          .set = eca_map_new(),
                          .tasks = eca_map_new(),
                          .names = eca_map_new(),
                          .containers = eca_map_new(),
                          .by_name = eca_map_new(),
                          .images = eca_map_new(),
                          .passed = eca_map_new(),
                          .submitted = eca_map_new(),
                          .notes = eca_map_new()};
    int rc;

    eca_list_init(&story.calls);
    eca_list_init(&story.conns);
    rc = read_all(&story, segments, files, count, err);
    if (rc == ECA_OK) {
        hns_story_expect_open(&story);
        rc = write_checked(&story, ret_yaml, err);
    }
    clear(&story);
    for (size_t i = 0; i < count; i++) {
        hns_recording_clear(&segments[i].recording);
    }
    eca_free(segments);
    return rc;
}
