#include "harness/run_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "harness/apart.h"
#include "harness/explore/play.h"
#include "harness/live/live.h"
#include "harness/report/html.h"
#include "harness/report/junit.h"
#include "harness/sim/sim.h"
#include "harness/wire/wire.h"

struct totals {
    size_t passed, failed, skipped;
    uint64_t virtual_ns, real_ns;
    struct report_junit junit;
    struct eca_buf json;
};

static const char *const outcome_names[] = {
    [HNS_PASSED] = "passed", [HNS_FAILED] = "failed", [HNS_SKIPPED] = "skipped"};

/* ---- results -------------------------------------------------------------------------------- */

static void add_result(struct totals *totals, const char *file, const struct hns_result *result)
{
    struct eca_json_writer w = eca_json_writer_to(&totals->json);

    report_junit_add(&totals->junit, file, result);
    if (totals->json.len > 0) {
        eca_buf_add_str(&totals->json, ",\n");
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "file", file);
    eca_jw_str(&w, "name", result->name);
    eca_jw_str(&w, "outcome", outcome_names[result->outcome]);
    eca_jw_u64(&w, "events", result->events);
    eca_jw_u64(&w, "virtualNs", result->virtual_ns);
    eca_jw_u64(&w, "realNs", result->real_ns);
    eca_jw_str(&w, "hash", result->hash);
    eca_jw_str(&w, "text", eca_buf_str(&result->text));
    if (result->reference != NULL) {
        eca_jw_str(&w, "reference", result->reference);
    }
    eca_jw_end_object(&w);
}

/* False, and said, when not all of it could be written. NULL ok. */
static bool is_written(FILE *file, const char *path)
{
    bool failed = file != NULL && ferror(file) != 0;

    if (file == NULL || (fflush(file) == 0 && !failed)) {
        return true;
    }
    (void)fprintf(stderr, "cannot write all of %s%s%s\n", path, failed ? "" : ": ",
                  failed ? "" : strerror(errno));
    return false;
}

static bool are_written(const struct hns_outputs *outputs, const struct hns_options *options)
{
    bool written = is_written(outputs->log, options->log);

    written = is_written(outputs->files.trace, options->trace) && written;
    return is_written(outputs->files.html, options->html) && written;
}

static bool write_file(const char *path, const char *before, const struct eca_buf *text,
                       const char *after)
{
    FILE *file = fopen(path, "w");
    bool written;

    if (file == NULL) {
        (void)fprintf(stderr, "%s: cannot be written\n", path);
        return false;
    }
    (void)fprintf(file, "%s%s%s", before, eca_buf_str(text), after);
    written = is_written(file, path);
    (void)fclose(file);
    return written;
}

/* ---- run ------------------------------------------------------------------------------------ */

static void on_event(void *arg, const struct fake_event *event)
{
    struct hns_outputs *outputs = arg;

    if (outputs->verbose) {
        report_timeline_event(&outputs->timeline, event);
    }
    report_files_event(&outputs->files, event);
}

/* FOLDER/PATH-OF-THE-FILE.COMBINATION.rec, with dashes for the path's slashes, in place of what an
 * earlier run left there: a ring of segments is one run's. NULL when nothing is recorded. */
static char *record_path(const struct hns_options *options, const struct hns_scenario *scenario,
                         size_t combination)
{
    const char *file = scenario->file + strspn(scenario->file, "./");
    char *path;

    if (options->record == NULL) {
        return NULL;
    }
    path = eca_xasprintf("%s/%s.%zu.rec", options->record, file, combination);
    for (char *at = path + strlen(options->record) + 1; *at != '\0'; at++) {
        *at = *at == '/' ? '-' : *at;
    }
    (void)unlink(path);
    for (unsigned i = 1; i < HNS_RECORD_SEGMENTS; i++) {
        eca_auto_free char *older = eca_xasprintf("%s.%u", path, i);

        (void)unlink(older);
    }
    return path;
}

/* The folder for recordings is made; one that cannot be written to ends the program. */
static void make_folder(const char *path)
{
    if (path != NULL && ((mkdir(path, 0777) < 0 && errno != EEXIST) || access(path, W_OK) < 0)) {
        (void)fprintf(stderr, "cannot record into %s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void play(const struct hns_options *options, struct hns_outputs *outputs,
                 const struct hns_scenario *scenario, size_t combination, struct hns_result *result)
{
    static hns_stage_open_fn *const stages[] = {
        [HNS_SIM] = hns_sim_open, [HNS_WIRE] = hns_wire_open, [HNS_LIVE] = hns_live_open};
    eca_auto_buf struct eca_buf command = {0};
    eca_auto_free char *record = NULL;
    char name[HNS_NAME_BYTES];
    struct hns_run_opts opts = {
        .scenario = scenario,
        .combination = combination,
        .mode = options->mode,
        .open_stage = stages[options->mode],
        .seed = options->seed,
        .agent_path = options->agent_path,
        .real_docker = options->real_docker,
        .allow = options->allow,
        .sets = options->sets,
        .set_count = options->set_count,
        .keep_files = options->keep,
        .log_file = outputs->log,
        .watch = on_event,
        .watch_arg = outputs,
    };

    hns_options_command(options, &command);
    opts.command = eca_buf_str(&command);
    report_timeline_init(&outputs->timeline, stdout);
    hns_result_name(scenario, combination, name);
    report_files_run(&outputs->files, name);
    record = record_path(options, scenario, combination);
    opts.record = record;
    opts.record_bytes = options->record_kib << 10;
    hns_run_scenario(&opts, result);
    if (record != NULL && result->outcome != HNS_SKIPPED && access(record, F_OK) < 0) {
        result->outcome = HNS_FAILED;
        eca_buf_addf(&result->text, "nothing was recorded: no %s\n", record);
    }
    report_files_result(&outputs->files, outcome_names[result->outcome],
                        eca_buf_str(&result->text));
}

static void print_result(const struct hns_options *options, const char *file,
                         const struct hns_result *result)
{
    static const char *const words[] = {"ok", "FAILED", "skipped"};

    (void)printf("%-8s %s: %s", words[result->outcome], file, result->name);
    if (result->outcome == HNS_SKIPPED) {
        (void)printf(" (%s)", eca_buf_str(&result->text));
    }
    (void)printf("\n");
    if (result->outcome == HNS_FAILED) {
        (void)printf("%s\n", eca_buf_str(&result->text));
    }
    if (options->verbose && result->outcome != HNS_SKIPPED) {
        (void)printf("         %zu events, %.3f s virtual in %.3f s, trace %.16s\n", result->events,
                     (double)result->virtual_ns / 1e9, (double)result->real_ns / 1e9, result->hash);
    }
    (void)fflush(stdout);
}

/* All runs of a command. */
struct session {
    const struct hns_options *options;
    struct hns_outputs *outputs;
    struct totals totals;
};

static void count(void *arg, const struct hns_place *at, const struct hns_result *result)
{
    struct session *session = arg;
    struct totals *totals = &session->totals;

    totals->passed += result->outcome == HNS_PASSED;
    totals->failed += result->outcome == HNS_FAILED;
    totals->skipped += result->outcome == HNS_SKIPPED;
    totals->virtual_ns += result->virtual_ns;
    totals->real_ns += result->real_ns;
    add_result(totals, session->options->files[at->file], result);
}

/* to NULL: the runs are counted in this process. */
static void over(struct session *session, FILE *to, const struct hns_place *at,
                 const struct hns_result *result)
{
    print_result(session->options, session->options->files[at->file], result);
    if (to != NULL) {
        hns_apart_over(to, at, result);
    } else {
        count(session, at, result);
    }
}

static void begins(FILE *to, const struct hns_place *at)
{
    if (to != NULL) {
        hns_apart_begins(to, at);
    }
}

static void run_combination(struct session *session, FILE *to, const struct hns_place *at,
                            const struct hns_scenario *scenario)
{
    struct hns_result first = {0}, second = {0};

    play(session->options, session->outputs, scenario, at->combination, &first);
    if (session->options->twice && first.outcome == HNS_PASSED) {
        play(session->options, session->outputs, scenario, at->combination, &second);
        if (strcmp(first.hash, second.hash) != 0) {
            first.outcome = HNS_FAILED;
            eca_buf_addf(&first.text, "the same seed gave two traces: %.16s and %.16s", first.hash,
                         second.hash);
        }
        hns_result_clear(&second);
    }
    over(session, to, at, &first);
    hns_result_clear(&first);
}

/* Nothing of a file is played. */
static void refuse(struct session *session, FILE *to, const struct hns_place *at, const char *name,
                   const char *why)
{
    struct hns_result result = {.outcome = HNS_FAILED};

    (void)snprintf(result.name, sizeof result.name, "%s", name);
    eca_buf_add_str(&result.text, why);
    over(session, to, at, &result);
    hns_result_clear(&result);
}

static void run_file(struct session *session, FILE *to, struct hns_place *at)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;

    at->name[0] = '\0';
    begins(to, at);
    if (hns_scenario_load(session->options->files[at->file], &scenario, &problems) < 0) {
        refuse(session, to, at, "is not a scenario", eca_buf_str(&problems.text));
    } else {
        bool played = at->combination > 0;

        for (; at->combination < scenario->combinations; at->combination++) {
            if (!hns_scenario_is_chosen(scenario, at->combination, session->options->sets,
                                        session->options->set_count)) {
                continue;
            }
            played = true;
            hns_result_name(scenario, at->combination, at->name);
            begins(to, at);
            run_combination(session, to, at, scenario);
        }
        if (!played) {
            refuse(session, to, at, scenario->name, "--set: no combination has this value");
        }
    }
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
}

static bool play_from(void *arg, const struct hns_place *from, FILE *to)
{
    struct session *session = arg;
    struct hns_place at = *from;

    for (; at.file < session->options->file_count; at.file++, at.combination = 0) {
        run_file(session, to, &at);
    }
    return are_written(session->outputs, session->options);
}

static void on_death(void *arg, const struct hns_place *at, int status)
{
    struct session *session = arg;
    const char *file = session->options->files[at->file];
    struct hns_result result = {.outcome = HNS_FAILED};
    struct hns_played played;
    eca_auto_buf struct eca_buf command = {0};

    hns_played_by_status(status, &played);
    hns_options_command(session->options, &command);
    (void)snprintf(result.name, sizeof result.name, "%s",
                   at->name[0] == '\0' ? "cannot be read" : at->name);
    eca_buf_addf(&result.text, "%s: %s: %s\n    reproduce: %s --seed %llu %s\n", file,
                 hns_verdict_name(played.verdict), played.kind, eca_buf_str(&command),
                 (unsigned long long)session->options->seed, file);
    if (at->name[0] != '\0') {
        report_files_result(&session->outputs->files, outcome_names[HNS_FAILED],
                            eca_buf_str(&result.text));
    }
    print_result(session->options, file, &result);
    count(session, at, &result);
    hns_result_clear(&result);
}

/* Line by line: what was written before a crash is what one wants to see. */
static void write_by_line(FILE *file)
{
    if (file != NULL) {
        (void)setvbuf(file, NULL, _IOLBF, BUFSIZ);
    }
}

/* True when nothing but the runs can have failed. */
static bool play_all(struct session *session)
{
    const struct hns_apart_opts apart = {
        .play = play_from, .on_result = count, .on_death = on_death, .arg = session};

    if (session->options->mode == HNS_LIVE) { /* the agent is a process of its own there */
        return play_from(session, &(struct hns_place){0}, NULL);
    }
    write_by_line(session->options->verbose ? stdout : NULL);
    write_by_line(session->outputs->log);
    write_by_line(session->outputs->files.trace);
    write_by_line(session->outputs->files.html);
    return hns_apart(&apart);
}

/* NULL when no file is wanted; an unwritable one ends the program. */
static FILE *open_output(const char *path)
{
    FILE *file = path == NULL ? NULL : fopen(path, "we");

    if (path != NULL && file == NULL) {
        (void)fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
    return file;
}

void hns_outputs_open(struct hns_outputs *outputs, const struct hns_options *options)
{
    *outputs =
        (struct hns_outputs){.log = open_output(options->log),
                             .files = {open_output(options->trace), open_output(options->html)},
                             .verbose = options->verbose};
    if (outputs->files.html != NULL) {
        report_html_begin(outputs->files.html);
    }
}

bool hns_outputs_close(struct hns_outputs *outputs, const struct hns_options *options)
{
    FILE *const files[] = {outputs->log, outputs->files.trace, outputs->files.html};
    bool written;

    if (outputs->files.html != NULL) {
        report_html_end(outputs->files.html);
    }
    written = are_written(outputs, options);
    for (size_t i = 0; i < ECA_ARRAY_LEN(files); i++) {
        if (files[i] != NULL) {
            (void)fclose(files[i]);
        }
    }
    return written;
}

int hns_run_command(struct hns_options *options)
{
    struct hns_outputs outputs;
    struct session session = {.options = options, .outputs = &outputs};
    struct totals *totals = &session.totals;
    eca_auto_buf struct eca_buf junit = {0};
    bool written;

    make_folder(options->record);
    hns_outputs_open(&outputs, options);
    written = play_all(&session);
    written = hns_outputs_close(&outputs, options) && written;
    if (options->junit != NULL) {
        report_junit_print(&totals->junit, &junit);
        written = write_file(options->junit, "", &junit, "") && written;
    }
    if (options->json != NULL) {
        written = write_file(options->json, "[", &totals->json, "]\n") && written;
    }
    report_junit_clear(&totals->junit);
    eca_buf_clear(&totals->json);
    (void)printf("%zu passed, %zu failed", totals->passed, totals->failed);
    (void)printf(totals->skipped > 0 ? ", %zu skipped\n" : "\n", totals->skipped);
    return totals->failed == 0 && totals->passed > 0 && written ? EXIT_SUCCESS : EXIT_FAILURE;
}
