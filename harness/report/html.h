#ifndef HARNESS_REPORT_HTML_H
#define HARNESS_REPORT_HTML_H

#include <stdio.h>

#include "agent/base/buf.h"

/*
 * Runs as one HTML page that needs nothing else (harness/report/page.html, with the data behind
 * it). report_html_begin once, then the lines of trace_file.h, then _end.
 */
void report_html_begin(FILE *to);
void report_html_line(FILE *to, struct eca_view line); /* without its newline */
void report_html_end(FILE *to);

#endif
