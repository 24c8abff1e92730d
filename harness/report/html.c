#include "harness/report/html.h"

/* The assembler takes the page as it is; the Makefile names it as a source of this object. */
__asm__(".pushsection .rodata\n"
        "report_page:\n"
        ".incbin \"harness/report/page.html\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char report_page[]; /* of this file, as the assembler sees it */

void report_html_begin(FILE *to)
{
    (void)fputs(report_page, to);
}

/* '<' stands in texts only, where it can be written otherwise: nothing ends the element early. */
void report_html_line(FILE *to, struct eca_view line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] == '<') {
            (void)fputs("\\u003c", to);
        } else {
            (void)fputc(line.at[i], to);
        }
    }
    (void)fputc('\n', to);
}

void report_html_end(FILE *to)
{
    (void)fputs("</script>\n</html>\n", to);
}
