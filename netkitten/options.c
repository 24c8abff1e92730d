#include "netkitten/options.h"

#include <limits.h>
#include <string.h>

/* NKT-120: exactly these spellings. */
static int parse_bool(const char *text, bool *ret_value)
{
    static const char *const spellings[2][6] = {
        {"0", "f", "F", "false", "FALSE", "False"},
        {"1", "t", "T", "true", "TRUE", "True"},
    };

    for (int value = 0; value < 2; value++) {
        for (size_t i = 0; i < sizeof(spellings[0]) / sizeof(spellings[0][0]); i++) {
            if (strcmp(text, spellings[value][i]) == 0) {
                *ret_value = value == 1;
                return 0;
            }
        }
    }
    return -1;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return INT_MAX;
}

/* NKT-121: decimal, 0x hexadecimal, leading 0 octal, optional sign, 64 bits. */
static int parse_integer(const char *text, long long *ret_value)
{
    bool negative = *text == '-';
    long long value = 0; /* kept negative while reading: that side has one number more */
    int base = 10;

    if (*text == '-' || *text == '+') {
        text++;
    }
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    } else if (text[0] == '0' && text[1] != '\0') {
        base = 8;
        text++;
    }
    if (*text == '\0') {
        return -1;
    }
    for (; *text != '\0'; text++) {
        int digit = digit_value(*text);

        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return -1;
        }
    }
    if (!negative && value == LLONG_MIN) {
        return -1;
    }
    *ret_value = negative ? value : -value;
    return 0;
}

static int set_loop(const char *value, struct nk_options *options, struct nk_err *err)
{
    if (value == NULL) {
        options->loop = true;
        return 0;
    }
    if (parse_bool(value, &options->loop) < 0) {
        return nk_fail(err, "invalid boolean value \"%.128s\" for option -loop", value);
    }
    return 0;
}

static int set_value(const char *name, size_t name_len, const char *value,
                     struct nk_options *options, struct nk_err *err)
{
    if (name_len == 1) {
        if (parse_integer(value, &options->listen_port) < 0) {
            return nk_fail(err, "invalid value \"%.128s\" for option -l: not an integer", value);
        }
    } else if (name[0] == 's') {
        options->serve_text = value;
    } else {
        options->write_text = value;
    }
    return 0;
}

static bool name_is(const char *name, size_t len, const char *expected)
{
    return strlen(expected) == len && memcmp(name, expected, len) == 0;
}

/* One option, text is argv[*at] which begins with a dash; takes the next argument if it needs one.
 */
static int parse_option(int argc, char *const argv[], int *at, struct nk_options *options,
                        struct nk_err *err)
{
    const char *text = argv[*at];
    const char *name = text + (text[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    if (len == 0 || name[0] == '-') {
        return nk_fail(err, "bad option syntax: %.128s", text);
    }
    if (name_is(name, len, "h") || name_is(name, len, "help")) {
        return nk_fail(err, "%s", "");
    }
    if (name_is(name, len, "loop")) {
        return set_loop(value, options, err);
    }
    if (!name_is(name, len, "l") && !name_is(name, len, "serve") && !name_is(name, len, "write")) {
        return nk_fail(err, "unknown option: %.128s", text);
    }
    if (value == NULL) {
        if (*at + 1 >= argc) {
            return nk_fail(err, "option needs a value: %.128s", text);
        }
        value = argv[++*at];
    }
    return set_value(name, len, value, options, err);
}

int nk_options_parse(int argc, char *const argv[], struct nk_options *ret_options,
                     struct nk_err *err)
{
    struct nk_options options = {
        .listen_port = -1, .serve_text = "", .write_text = "", .target = ""};
    int at = 1;

    for (; at < argc; at++) {
        if (argv[at][0] != '-' || argv[at][1] == '\0') {
            break; /* the target; a single dash is one too */
        }
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        if (parse_option(argc, argv, &at, &options, err) < 0) {
            return -1;
        }
    }
    if (at < argc) {
        options.target = argv[at];
    }
    *ret_options = options;
    return 0;
}

void nk_options_usage(FILE *out)
{
    (void)fputs("Usage: netkitten [-l PORT] [-serve TEXT] [-write TEXT] [-loop] [HOST:PORT]\n"
                "  -l PORT      listen on this port; negative: do not listen (default -1)\n"
                "  -serve TEXT  send TEXT to each client that connects\n"
                "  -write TEXT  send TEXT to the target after connecting to it\n"
                "  -loop        repeat for ever\n"
                "  HOST:PORT    target: its bytes go to the client, without -l to the standard "
                "output\n",
                out);
}
