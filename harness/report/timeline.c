#include "harness/report/timeline.h"

#include <string.h>
#include <unistd.h>

#include "agent/base/json.h"

#define LANE_WIDTH 12
#define TEXT_BYTES_MAX 150

/* The lanes that are drawn, left to right. */
static const struct column {
    enum fake_lane lane;
    const char *title, *colour;
} columns[] = {
    {FAKE_LANE_ACS, "ACS", "\033[36m"},
    {FAKE_LANE_ECS, "ECS", "\033[33m"},
    {FAKE_LANE_AGENT, "agent", "\033[35m"},
    {FAKE_LANE_DOCKER, "Docker", "\033[32m"},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

void report_timeline_init(struct report_timeline *timeline, FILE *to)
{
    *timeline = (struct report_timeline){.to = to, .colour = isatty(fileno(to)) == 1};
}

static void head(struct report_timeline *timeline)
{
    (void)fprintf(timeline->to, "%10s  ", "seconds");
    for (size_t i = 0; i < COLUMNS; i++) {
        (void)fprintf(timeline->to, "%-*s", LANE_WIDTH, columns[i].title);
    }
    (void)fprintf(timeline->to, "\n");
    timeline->headed = true;
}

static bool says_nothing(eca_json value)
{
    switch (eca_json_type(value)) {
    case ECA_JSON_STRING:
        return eca_json_str(value)[0] == '\0';
    case ECA_JSON_ARRAY:
        return eca_json_first(value) == NULL;
    default:
        return false;
    }
}

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : "";
}

/* The form that scenarios use for a submission: "task RUNNING shop", "container RUNNING shop/web".
 */
static bool describe_submission(const struct fake_event *event, eca_json fields,
                                struct eca_buf *text)
{
    bool container = strcmp(event->name, "SubmitContainerStateChange") == 0;

    if (!container && strcmp(event->name, "SubmitTaskStateChange") != 0) {
        return false;
    }
    eca_buf_addf(text, "%s %s %s%s%s", container ? "container" : "task", text_of(fields, "status"),
                 text_of(fields, "task"), container ? "/" : "", text_of(fields, "container"));
    return true;
}

static bool told_by_submission(const char *key)
{
    return strcmp(key, "task") == 0 || strcmp(key, "container") == 0 || strcmp(key, "status") == 0;
}

/* "name key=value key=value" without empty values. */
static void describe(const struct fake_event *event, struct eca_buf *text)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json fields;
    bool submission;

    if (eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        eca_buf_add_str(text, event->name);
        return;
    }
    fields = eca_json_root(doc);
    if (strcmp(event->name, "say") == 0) {
        eca_buf_add_str(text, text_of(fields, "text"));
        return;
    }
    submission = describe_submission(event, fields, text);
    if (!submission) {
        eca_buf_add_str(text, event->name);
    }
    for (eca_json m = eca_json_first(fields); m != NULL; m = eca_json_next(m)) {
        if (says_nothing(m) || (submission && told_by_submission(eca_json_key(m)))) {
            continue;
        }
        eca_buf_addf(text, " %s=", eca_json_key(m));
        if (eca_json_type(m) == ECA_JSON_STRING) {
            eca_buf_add_str(text, eca_json_str(m));
        } else {
            eca_json_print(m, text);
        }
    }
}

void report_timeline_event(void *arg, const struct fake_event *event)
{
    struct report_timeline *timeline = arg;
    eca_auto_buf struct eca_buf text = {0};
    size_t column = COLUMNS;

    for (size_t i = 0; i < COLUMNS; i++) {
        column = columns[i].lane == event->lane ? i : column;
    }
    if (column == COLUMNS && event->lane != FAKE_LANE_SCENARIO) {
        return; /* metadata, telemetry and ECR stay out of the picture */
    }
    if (!timeline->headed) {
        head(timeline);
    }
    describe(event, &text);
    (void)fprintf(timeline->to, "%10.3f  ", (double)event->at_ns / 1e9);
    if (column == COLUMNS) {
        (void)fprintf(timeline->to, "%s-- %.*s%s\n", timeline->colour ? "\033[1m" : "",
                      TEXT_BYTES_MAX, eca_buf_str(&text), timeline->colour ? "\033[0m" : "");
        (void)fflush(timeline->to);
        return;
    }
    for (size_t i = 0; i < column; i++) {
        (void)fprintf(timeline->to, "%-*s", LANE_WIDTH, "|");
    }
    (void)fprintf(timeline->to, "%s* %.*s%s\n", timeline->colour ? columns[column].colour : "",
                  TEXT_BYTES_MAX, eca_buf_str(&text), timeline->colour ? "\033[0m" : "");
    (void)fflush(timeline->to);
}
