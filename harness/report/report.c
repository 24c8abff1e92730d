#include "harness/report/report.h"

#include <errno.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "harness/report/html.h"
#include "harness/report/timeline.h"

#define RUNS_MAX 2   /* that are compared */
#define AT_S_MAX 1e9 /* some thirty years */
#define LINE_BYTES_MAX ((size_t)16 << 20)

struct report {
    const struct hns_report_opts *opts;
    FILE *html;
    struct report_timeline timeline;
    size_t runs;
    uint64_t seq; /* of the run's last event */
    /* The events of the first runs, as their lines stand. */
    struct {
        char **lines;
        size_t count;
    } kept[RUNS_MAX];
};

/* One line of a file; false at its end. */
static bool read_line(FILE *from, struct eca_buf *line)
{
    int c;

    eca_buf_reset(line);
    while ((c = fgetc(from)) != EOF && c != '\n') {
        if (line->len < LINE_BYTES_MAX) {
            eca_buf_add_char(line, (char)c);
        }
    }
    return c != EOF || line->len > 0;
}

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

static void keep(struct report *report, const struct eca_buf *line)
{
    size_t run = report->runs - 1;

    if (run < RUNS_MAX) {
        report->kept[run].lines = eca_xrealloc_array(report->kept[run].lines,
                                                     report->kept[run].count + 1, sizeof(char *));
        report->kept[run].lines[report->kept[run].count++] = eca_xstrdup(eca_buf_str(line));
    }
}

static int show_event(struct report *report, eca_json root, struct eca_err *err)
{
    const char *lane = text_of(root, "lane"), *name = text_of(root, "event");
    eca_auto_buf struct eca_buf fields = {0};
    struct fake_event event = {.name = name};
    eca_json at = eca_json_get(root, "at");
    double at_s = eca_json_type(at) == ECA_JSON_NUMBER ? eca_json_double(at) : -1;

    if (!(at_s >= 0 && at_s < AT_S_MAX)) {
        return eca_err_set(err, ECA_E_INVALID, "at: want seconds");
    }
    if (lane == NULL || name == NULL || !fake_lane_parse(eca_view_str(lane), &event.lane)) {
        return eca_err_set(err, ECA_E_INVALID, "no event of a run: want lane and event");
    }
    (void)eca_json_u64(eca_json_get(root, "seq"), &event.seq, NULL);
    if (event.seq <= report->seq) {
        return eca_err_set(err, ECA_E_INVALID, "event %llu behind event %llu: lines out of order",
                           (unsigned long long)event.seq, (unsigned long long)report->seq);
    }
    report->seq = event.seq;
    event.at_ns = (uint64_t)(at_s * 1e9);
    eca_json_print(eca_json_get(root, "fields"), &fields);
    event.fields = eca_buf_str(&fields);
    report_timeline_event(&report->timeline, &event);
    return ECA_OK;
}

static const char no_trace[] =
    "no trace, which begins with {\"run\": NAME}: harness run --trace writes one";

static int take_line(struct report *report, const struct eca_buf *line, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json root;

    if (eca_json_parse(eca_buf_view(line), &doc, err) < 0) {
        return report->runs == 0 ? eca_err_set(err, ECA_E_INVALID, "%s", no_trace) : ECA_E_INVALID;
    }
    root = eca_json_root(doc);
    if (text_of(root, "recording") != NULL) {
        return eca_err_set(err, ECA_E_INVALID,
                           "a recording, no trace: harness replay plays it, harness export makes a "
                           "scenario of it");
    }
    report_html_line(report->html, eca_buf_view(line));
    if (text_of(root, "run") != NULL) {
        report->runs++;
        report->seq = 0;
        report_timeline_init(&report->timeline, report->opts->out);
        (void)fprintf(report->opts->out, "%s\n", text_of(root, "run"));
        return ECA_OK;
    }
    if (report->runs == 0) {
        return eca_err_set(err, ECA_E_INVALID, "%s", no_trace);
    }
    if (text_of(root, "result") != NULL) {
        const char *why = text_of(root, "text");

        (void)fprintf(report->opts->out, "%s%s%s\n", text_of(root, "result"),
                      why == NULL || why[0] == '\0' ? "" : "\n", why == NULL ? "" : why);
        return ECA_OK;
    }
    keep(report, line);
    return show_event(report, root, err);
}

static int take_file(struct report *report, const char *path, struct eca_err *err)
{
    FILE *from = fopen(path, "re");
    eca_auto_buf struct eca_buf line = {0};
    unsigned long number = 0;
    int rc = ECA_OK;

    if (from == NULL) {
        return eca_err_set(err, ECA_E_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    while (rc == ECA_OK && read_line(from, &line)) {
        number++;
        rc = line.len == 0 ? ECA_OK : take_line(report, &line, err);
    }
    (void)fclose(from);
    if (rc == ECA_OK && number == 0) {
        number = 1;
        rc = eca_err_set(err, ECA_E_INVALID, "%s", no_trace);
    }
    return rc == ECA_OK ? rc : eca_err_wrap(err, "%s:%lu", path, number);
}

/* The cause is a number of the run's own; the rest of a line tells the same in both. */
static void tell_divergence(const struct report *report)
{
    size_t at = 0;

    if (report->runs != 2) {
        return;
    }
    while (at < report->kept[0].count && at < report->kept[1].count &&
           strcmp(report->kept[0].lines[at], report->kept[1].lines[at]) == 0) {
        at++;
    }
    if (at == report->kept[0].count && at == report->kept[1].count) {
        (void)fprintf(report->opts->out, "the two runs are the same\n");
        return;
    }
    (void)fprintf(report->opts->out, "the two runs part at event %zu:\n", at + 1);
    for (size_t i = 0; i < RUNS_MAX; i++) {
        (void)fprintf(report->opts->out, "  %s\n",
                      at < report->kept[i].count ? report->kept[i].lines[at] : "(over)");
    }
}

int hns_report(const struct hns_report_opts *opts, struct eca_err *err)
{
    struct report report = {.opts = opts};
    eca_auto_free char *path =
        opts->html != NULL ? eca_xstrdup(opts->html) : eca_xasprintf("%s.html", opts->files[0]);
    int rc = ECA_OK;

    report.html = fopen(path, "we");
    if (report.html == NULL) {
        return eca_err_set(err, ECA_E_DENIED, "%s: %s", path, strerror(errno));
    }
    report_html_begin(report.html);
    for (size_t i = 0; i < opts->file_count && rc == ECA_OK; i++) {
        rc = take_file(&report, opts->files[i], err);
    }
    report_html_end(report.html);
    if (fclose(report.html) != 0 && rc == ECA_OK) {
        rc = eca_err_set(err, ECA_E_DENIED, "%s: %s", path, strerror(errno));
    }
    if (report.runs == 0) {
        (void)remove(path); /* of nothing */
    }
    if (rc == ECA_OK) {
        tell_divergence(&report);
        (void)fprintf(opts->out, "page: %s\n", path);
    }
    for (size_t i = 0; i < RUNS_MAX; i++) {
        for (size_t j = 0; j < report.kept[i].count; j++) {
            eca_free(report.kept[i].lines[j]);
        }
        eca_free(report.kept[i].lines);
    }
    return rc;
}
