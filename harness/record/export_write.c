#include "harness/record/export_inside.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define DIE_OF_KILL 137
#define GAP_SHOWN_NS UINT64_C(20000000) /* shorter pauses are the machine's */
#define WITHIN_MORE_S 10

static void write_agent(struct story *story, struct eca_buf *out)
{
    size_t cursor = 0;
    const char *name;
    void *value;

    if (eca_map_count(story->env) > 0) {
        eca_buf_add_str(out, "  agent:\n");
    }
    while (eca_map_next(story->env, &cursor, &name, &value)) {
        eca_buf_addf(out, "    %s", name);
        hns_story_quoted(out, ": ", value);
        eca_buf_add_char(out, '\n');
    }
    value = eca_map_get(story->env, "ECS_CLUSTER");
    if (value != NULL && strcmp(value, "default") != 0) {
        hns_story_quoted(out, "  ecs: {clusters: [", value);
        eca_buf_add_str(out, "]}\n");
    }
}

static void write_images(struct story *story, struct eca_buf *out)
{
    size_t cursor = 0;
    const char *name;
    void *value;

    if (eca_map_count(story->images) > 0) {
        eca_buf_add_str(out, "    images:\n");
    }
    while (eca_map_next(story->images, &cursor, &name, &value)) {
        const struct image *image = value;

        hns_story_quoted(out, "      ", name);
        eca_buf_addf(out, ": {pull_takes: %llums", (unsigned long long)(image->takes_ns / 1000000));
        if (image->failures > 0) {
            hns_story_quoted(out, ", pull_error: ", image->error);
            eca_buf_addf(out, ", pull_error_times: %zu", image->failures);
        }
        eca_buf_add_str(out, image->present ? ", present: true" : "");
        eca_buf_add_str(out, image->silent && image->takes_ns == 0 ? ", pull_silent: true" : "");
        if (image->error_status > 0) {
            eca_buf_addf(out, ", pull_error_status: %d", image->error_status);
        }
        eca_buf_add_str(out, "}\n");
    }
}

static void write_containers(struct story *story, struct eca_buf *out)
{
    size_t cursor = 0;
    bool first = true;
    void *value;

    while (eca_map_next(story->containers, &cursor, NULL, &value)) {
        const struct container *container = value;

        if (!container->stopped && !container->unstoppable) {
            continue;
        }
        eca_buf_add_str(out, first ? "    containers:\n" : "");
        first = false;
        hns_story_quoted(out, "      - {container: ", container->name);
        if (!container->stopped) {
            eca_buf_add_str(out, ", never_stops: true}\n");
        } else if (container->code == DIE_OF_KILL) {
            eca_buf_add_str(out, ", ignores_term: true}\n");
        } else {
            eca_buf_addf(out, ", term_takes: %llums, term_code: %d}\n",
                         (unsigned long long)(container->term_ns / 1000000), container->code);
        }
    }
}

static void write_docker(struct story *story, struct eca_buf *out)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *const members[][2] = {
        {"Version", "version"}, {"ApiVersion", "api"}, {"MinAPIVersion", "min_api"}};

    size_t begin;

    eca_buf_add_str(out, "  docker:\n");
    begin = out->len;
    if (story->down_at_start) {
        eca_buf_add_str(out, "    down: true\n");
    }
    if (eca_json_parse(eca_buf_view(&story->version), &doc, NULL) == ECA_OK) {
        for (size_t i = 0; i < ECA_ARRAY_LEN(members); i++) {
            const char *value = hns_line_text(eca_json_root(doc), members[i][0]);

            if (value != NULL) {
                eca_buf_addf(out, "    %s", members[i][1]);
                hns_story_quoted(out, ": ", value);
                eca_buf_add_char(out, '\n');
            }
        }
    }
    write_images(story, out);
    write_containers(story, out);
    if (out->len == begin) {
        eca_buf_add_str(out, "    {}\n");
    }
}

static int earlier(const void *a, const void *b)
{
    const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;

    if (x->at_ns != y->at_ns) {
        return x->at_ns < y->at_ns ? -1 : 1;
    }
    return x < y ? -1 : 1; /* as they were found */
}

static uint64_t gap_ms(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns < from_ns + GAP_SHOWN_NS ? 0 : (to_ns - from_ns) / 1000000;
}

/* Expectations with nothing done between them come in any order. */
static size_t write_expectations(struct item **items, size_t count, uint64_t from_ns,
                                 struct eca_buf *out)
{
    size_t len = 0;
    uint64_t within_s;

    while (len < count && items[len]->expects) {
        len++;
    }
    within_s = gap_ms(from_ns, items[len - 1]->at_ns) / 1000 + WITHIN_MORE_S;
    eca_buf_add_str(out, len > 1 ? "  - expect.any_order:\n" : "");
    for (size_t i = 0; i < len; i++) {
        eca_buf_addf(out, "%s{%s, within: %llus}\n",
                     len > 1 ? "      - " : "  - expect: ", items[i]->text,
                     (unsigned long long)within_s);
    }
    return len;
}

static void write_timeline(struct story *story, struct eca_buf *out)
{
    struct item **items = eca_xalloc((story->count + 1) * sizeof(*items));
    uint64_t at_ns = story->first_ns;
    size_t count = 0;

    for (size_t i = 0; i < story->count; i++) {
        if (story->items[i].text[0] != '\0') {
            items[count++] = &story->items[i];
        }
    }
    if (count > 1) {
        qsort(items, count, sizeof(*items), earlier);
    }
    eca_buf_add_str(out, "timeline:\n");
    for (size_t i = 0; i < story->fault_count; i++) {
        eca_buf_addf(out, "%s%u%s", story->faults[i].head, story->faults[i].times,
                     story->faults[i].tail);
    }
    for (size_t i = 0; i < count;) {
        if (items[i]->expects) {
            i += write_expectations(items + i, count - i, at_ns, out);
            at_ns = items[i - 1]->at_ns;
            continue;
        }
        if (gap_ms(at_ns, items[i]->at_ns) > 0) {
            eca_buf_addf(out, "  - advance: %llums\n",
                         (unsigned long long)gap_ms(at_ns, items[i]->at_ns));
        }
        eca_buf_addf(out, "  - %s", items[i]->text);
        eca_buf_add_str(out, eca_view_ends(eca_buf_view(out), "\n") ? "" : "\n");
        at_ns = items[i]->at_ns;
        i++;
    }
    if (gap_ms(at_ns, story->now_ns) > 0) { /* what came last may have to come late again */
        eca_buf_addf(out, "  - advance: %llums\n",
                     (unsigned long long)gap_ms(at_ns, story->now_ns));
    } else if (count == 0) {
        eca_buf_add_str(out, "  - advance: 1s\n");
    }
    eca_free(items);
}

void hns_story_write(struct story *story, struct eca_buf *out)
{
    const char *slash = strrchr(story->file, '/'), *note;
    eca_auto_free char *name =
        eca_xasprintf("What %s recorded", slash == NULL ? story->file : slash + 1);
    size_t cursor = 0;

    hns_story_quoted(out, "name: ", name);
    eca_buf_add_str(out, "\nnote: written by harness export, to be edited\n");
    if (story->restored > 0) {
        hns_story_note(story, "the tasks of before the recording");
    }
    while (eca_map_next(story->notes, &cursor, &note, NULL)) {
        eca_buf_addf(out, "# not in here: %s\n", note);
    }
    eca_buf_add_str(out, "world:\n");
    write_agent(story, out);
    write_docker(story, out);
    write_timeline(story, out);
}
