#include "harness/report/html.h"

#include <string.h>

static const enum fake_lane lanes[] = {FAKE_LANE_SCENARIO, FAKE_LANE_ACS,      FAKE_LANE_TCS,
                                       FAKE_LANE_ECS,      FAKE_LANE_METADATA, FAKE_LANE_AGENT,
                                       FAKE_LANE_DOCKER,   FAKE_LANE_UPDATES};
#define LANES (sizeof(lanes) / sizeof(lanes[0]))

static void print_text(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            (void)fputs("&lt;", to);
            break;
        case '>':
            (void)fputs("&gt;", to);
            break;
        case '&':
            (void)fputs("&amp;", to);
            break;
        case '"':
            (void)fputs("&quot;", to);
            break;
        default:
            (void)fputc(*text, to);
        }
    }
}

void report_html_begin(FILE *to)
{
    (void)fputs(
        "<!doctype html><meta charset=\"utf-8\"><title>Scenario runs</title><style>"
        "body{font:14px system-ui,sans-serif;margin:2em;color:#222}"
        "table{border-collapse:collapse}th{position:sticky;top:0;background:#fff;text-align:left}"
        "td,th{padding:2px 10px;border-left:1px solid #ddd;vertical-align:top;max-width:26em}"
        "td.t{font-variant-numeric:tabular-nums;color:#777;border:0;text-align:right}"
        "details{cursor:pointer}pre{white-space:pre-wrap;margin:2px 0;font-size:12px;color:#555}"
        ".violation,.failed{color:#b00;font-weight:bold}.say,.step{color:#06c}.log{color:#a60}"
        "</style>\n",
        to);
}

void report_html_run(FILE *to, const char *name)
{
    (void)fputs("<h2>", to);
    print_text(to, name);
    (void)fputs("</h2>\n<table><tr><th>seconds</th>", to);
    for (size_t i = 0; i < LANES; i++) {
        (void)fprintf(to, "<th>%s</th>", fake_lane_name(lanes[i]));
    }
    (void)fputs("</tr>\n", to);
}

static const char *kind_of(const struct fake_event *event)
{
    size_t len = strlen(event->name);

    if (len > 7 && strcmp(event->name + len - 7, ".failed") == 0) {
        return "failed";
    }
    return event->name;
}

void report_html_event(FILE *to, const struct fake_event *event)
{
    (void)fprintf(to, "<tr id=\"e%llu\"><td class=t>%.3f</td>", (unsigned long long)event->seq,
                  (double)event->at_ns / 1e9);
    for (size_t i = 0; i < LANES; i++) {
        (void)fputs("<td>", to);
        if (lanes[i] == event->lane) {
            (void)fputs("<details class=\"", to);
            print_text(to, kind_of(event));
            (void)fputs("\"><summary>", to);
            print_text(to, event->name);
            (void)fputs("</summary><pre>", to);
            print_text(to, event->fields);
            (void)fputs("</pre></details>", to);
        }
        (void)fputs("</td>", to);
    }
    (void)fputs("</tr>\n", to);
}

void report_html_result(FILE *to, const char *text)
{
    (void)fputs("</table>\n<p>", to);
    if (text == NULL) {
        (void)fputs("passed", to);
    } else {
        (void)fputs("<pre class=failed>", to);
        print_text(to, text);
        (void)fputs("</pre>", to);
    }
    (void)fputs("</p>\n", to);
}

void report_html_end(FILE *to)
{
    (void)fputs("</html>\n", to);
}
