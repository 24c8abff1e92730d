#include "harness/shell.h"

#include <string.h>

void hns_shell_word(const char *word, struct eca_buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=./,:+@%";

    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        eca_buf_add_str(out, word);
        return;
    }
    eca_buf_add_char(out, '\'');
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            eca_buf_add_str(out, "'\\''");
        } else {
            eca_buf_add_char(out, *word);
        }
    }
    eca_buf_add_char(out, '\'');
}
