#include "harness/report/files.h"

#include "harness/report/html.h"
#include "harness/report/trace_file.h"

static void write_line(const struct report_files *files, const struct eca_buf *line)
{
    if (files->trace != NULL) {
        (void)fprintf(files->trace, "%s\n", eca_buf_str(line));
    }
    if (files->html != NULL) {
        report_html_line(files->html, eca_buf_view(line));
    }
}

void report_files_run(const struct report_files *files, const char *name)
{
    eca_auto_buf struct eca_buf line = {0};

    report_trace_run(&line, name);
    write_line(files, &line);
}

void report_files_event(const struct report_files *files, const struct fake_event *event)
{
    eca_auto_buf struct eca_buf line = {0};

    if (files->trace != NULL || files->html != NULL) {
        report_trace_event(&line, event);
        write_line(files, &line);
    }
}

void report_files_result(const struct report_files *files, const char *result, const char *text)
{
    eca_auto_buf struct eca_buf line = {0};

    report_trace_result(&line, result, text);
    write_line(files, &line);
}
