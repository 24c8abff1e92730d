#include "harness/report/junit.h"

#include <string.h>

static void add_xml(struct eca_buf *out, struct eca_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        switch (c) {
        case '<':
            eca_buf_add_str(out, "&lt;");
            break;
        case '>':
            eca_buf_add_str(out, "&gt;");
            break;
        case '&':
            eca_buf_add_str(out, "&amp;");
            break;
        case '"':
            eca_buf_add_str(out, "&quot;");
            break;
        default:
            eca_buf_add_char(out, (unsigned char)c < 0x20 && c != '\n' ? ' ' : c);
            break;
        }
    }
}

/* message: the first line, which is what a list of results shows. */
static void add_reason(struct eca_buf *out, const char *element, const struct eca_buf *text)
{
    struct eca_view whole = eca_buf_view(text), first = whole;

    first.len = strcspn(eca_buf_str(text), "\n");
    eca_buf_addf(out, "<%s message=\"", element);
    add_xml(out, first);
    eca_buf_add_str(out, "\">");
    add_xml(out, whole);
    eca_buf_addf(out, "</%s>", element);
}

void report_junit_add(struct report_junit *junit, const char *file, const struct hns_result *result)
{
    struct eca_buf *out = &junit->cases;

    junit->tests++;
    junit->failures += result->outcome == HNS_FAILED ? 1 : 0;
    junit->skipped += result->outcome == HNS_SKIPPED ? 1 : 0;
    junit->real_ns += result->real_ns;
    eca_buf_add_str(out, "  <testcase classname=\"");
    add_xml(out, eca_view_str(file));
    eca_buf_add_str(out, "\" name=\"");
    add_xml(out, eca_view_str(result->name));
    eca_buf_addf(out, "\" time=\"%.3f\">", (double)result->real_ns / 1e9);
    if (result->outcome == HNS_FAILED) {
        add_reason(out, "failure", &result->text);
    } else if (result->outcome == HNS_SKIPPED) {
        add_reason(out, "skipped", &result->text);
    }
    eca_buf_add_str(out, "</testcase>\n");
}

void report_junit_print(const struct report_junit *junit, struct eca_buf *out)
{
    eca_buf_addf(out,
                 "<testsuite name=\"scenarios\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
                 "skipped=\"%zu\" time=\"%.3f\">\n",
                 junit->tests, junit->failures, junit->skipped, (double)junit->real_ns / 1e9);
    eca_buf_add_view(out, eca_buf_view(&junit->cases));
    eca_buf_add_str(out, "</testsuite>\n");
}

void report_junit_clear(struct report_junit *junit)
{
    eca_buf_clear(&junit->cases);
    *junit = (struct report_junit){0};
}
