#include "harness/apart.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "harness/explore/play.h"

/* Goes through the pipe; the texts of a result follow it. */
enum { BEGINS, OVER, ALL_OVER };
struct told {
    int what; /* BEGINS, ... */
    struct hns_place at;
    struct hns_result result;
    size_t text_len, reference_len;
};

/* ---- in the child ---------------------------------------------------------------------------- */

static void tell(FILE *to, const struct told *told, const char *text, const char *reference)
{
    (void)fwrite(told, sizeof *told, 1, to);
    (void)fwrite(text, 1, told->text_len, to);
    (void)fwrite(reference, 1, told->reference_len, to);
    if (fflush(to) != 0) {
        exit(EXIT_FAILURE); /* nobody listens any more */
    }
}

/* Zeroed before: what stands between the members goes through the pipe, too. */
static void begin_to_tell(struct told *told, int what, const struct hns_place *at)
{
    memset(told, 0, sizeof *told);
    told->what = what;
    if (at != NULL) {
        told->at.file = at->file;
        told->at.combination = at->combination;
        (void)snprintf(told->at.name, sizeof told->at.name, "%s", at->name);
    }
}

void hns_apart_begins(FILE *to, const struct hns_place *at)
{
    struct told told;

    begin_to_tell(&told, BEGINS, at);
    tell(to, &told, "", "");
}

void hns_apart_over(FILE *to, const struct hns_place *at, const struct hns_result *result)
{
    const char *text = eca_buf_str(&result->text);
    const char *reference = result->reference == NULL ? "" : result->reference;
    struct told told;

    begin_to_tell(&told, OVER, at);
    told.result.outcome = result->outcome;
    told.result.virtual_ns = result->virtual_ns;
    told.result.real_ns = result->real_ns;
    told.result.events = result->events;
    (void)snprintf(told.result.name, sizeof told.result.name, "%s", result->name);
    (void)snprintf(told.result.hash, sizeof told.result.hash, "%s", result->hash);
    told.text_len = strlen(text);
    told.reference_len = strlen(reference);
    tell(to, &told, text, reference);
}

/* ---- here ------------------------------------------------------------------------------------ */

static FILE *start(const struct hns_apart_opts *opts, const struct hns_place *from,
                   pid_t *ret_child)
{
    int ends[2];

    (void)fflush(NULL);
    if (pipe(ends) < 0 || (*ret_child = fork()) < 0) {
        perror("harness: a child cannot be made");
        exit(EXIT_FAILURE);
    }
    if (*ret_child == 0) {
        struct told all_over;
        FILE *to = fdopen(ends[1], "w");

        (void)close(ends[0]);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool is_good = opts->play(opts->arg, from, to);
        begin_to_tell(&all_over, ALL_OVER, NULL);
        tell(to, &all_over, "", "");
        (void)fclose(to);
        exit(is_good ? EXIT_SUCCESS
                     : EXIT_FAILURE); /* as the end of the program: leaks are looked for */
    }
    (void)close(ends[1]);
    return fdopen(ends[0], "r");
}

static char *hear_text(FILE *from, size_t len)
{
    char *text = eca_xalloc(len + 1);

    text[fread(text, 1, len, from)] = '\0';
    return text;
}

/* False: nothing more comes. */
static bool hear(const struct hns_apart_opts *opts, FILE *from, struct told *told)
{
    if (fread(told, sizeof *told, 1, from) != 1) {
        return false;
    }
    if (told->what == OVER) {
        eca_auto_free char *text = hear_text(from, told->text_len);
        eca_auto_free char *reference = hear_text(from, told->reference_len);

        told->result.text = (struct eca_buf){0};
        eca_buf_add_str(&told->result.text, text);
        told->result.reference = told->reference_len == 0 ? NULL : reference;
        opts->on_result(opts->arg, &told->at, &told->result);
        hns_result_clear(&told->result);
    }
    return true;
}

/* What comes after a death there; a file that cannot even be read is left. */
static struct hns_place next_place(const struct hns_place *at)
{
    struct hns_place next = {.file = at->file, .combination = at->combination + 1};

    if (at->name[0] == '\0') {
        next.file = at->file + 1;
        next.combination = 0;
    }
    return next;
}

bool hns_apart(const struct hns_apart_opts *opts)
{
    struct hns_place place = {0};

    for (;;) {
        struct told told = {.what = ALL_OVER};
        struct hns_played played;
        pid_t child;
        FILE *from = start(opts, &place, &child);
        int status = 0;

        while (hear(opts, from, &told)) {
        }
        (void)fclose(from);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (told.what == ALL_OVER && status == 0) {
            return true;
        }
        if (told.what == ALL_OVER) {
            hns_played_by_status(status, &played);
            (void)fprintf(stderr, "harness: outside of any run: %s\n", played.kind);
            return false;
        }
        opts->on_death(opts->arg, &told.at, status);
        place = next_place(&told.at);
    }
}
