#include "harness/report/trace_file.h"

#include <stdio.h>

#include "agent/base/json.h"

void report_trace_run(struct eca_buf *line, const char *name)
{
    struct eca_json_writer w = eca_json_writer_to(line);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "run", name);
    eca_jw_end_object(&w);
}

void report_trace_result(struct eca_buf *line, const char *result, const char *text)
{
    struct eca_json_writer w = eca_json_writer_to(line);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "result", result);
    eca_jw_str(&w, "text", text);
    eca_jw_end_object(&w);
}

void report_trace_event(struct eca_buf *line, const struct fake_event *event)
{
    struct eca_json_writer w = eca_json_writer_to(line);
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
    eca_jw_end_object(&w);
}
