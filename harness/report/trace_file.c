#include "harness/report/trace_file.h"

#include "agent/base/json.h"

static void print_line(FILE *to, struct eca_json_writer *w, struct eca_buf *line)
{
    eca_jw_end_object(w);
    (void)fprintf(to, "%s\n", eca_buf_str(line));
}

void report_trace_run(FILE *to, const char *name)
{
    eca_auto_buf struct eca_buf line = {0};
    struct eca_json_writer w = eca_json_writer_to(&line);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "run", name);
    print_line(to, &w, &line);
}

void report_trace_event(FILE *to, const struct fake_event *event)
{
    eca_auto_buf struct eca_buf line = {0};
    struct eca_json_writer w = eca_json_writer_to(&line);
    char at[32];

    (void)snprintf(at, sizeof(at), "%.6f", (double)event->at_ns / 1e9);
    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "seq", event->seq);
    eca_jw_raw(&w, "at", eca_view_str(at));
    eca_jw_str(&w, "lane", fake_lane_name(event->lane));
    eca_jw_str(&w, "event", event->name);
    eca_jw_raw(&w, "fields", eca_view_str(event->fields));
    if (event->cause != 0) {
        eca_jw_u64(&w, "cause", event->cause);
    }
    print_line(to, &w, &line);
}
