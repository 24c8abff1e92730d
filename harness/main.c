#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/base/str.h"
#include "agent/base/version.h"
#include "harness/cmdline.h"
#include "harness/explore/deaths.h"
#include "harness/explore/explore.h"
#include "harness/explore/fleet.h"
#include "harness/explore/mutations.h"
#include "harness/explore/shrink.h"
#include "harness/explore/soak.h"
#include "harness/live/live.h"
#include "harness/record/export.h"
#include "harness/record/outside.h"
#include "harness/record/replay.h"
#include "harness/report/files.h"
#include "harness/report/html.h"
#include "harness/report/report.h"
#include "harness/report/timeline.h"
#include "harness/scenario/run.h"
#include "harness/scenario/schema.h"
#include "harness/serve/serve.h"
#include "harness/sim/sim.h"
#include "harness/wire/wire.h"

#define EXIT_USAGE 2

/* What a command writes besides its words on the terminal. */
struct outputs {
    FILE *log;
    struct report_files files;
    struct report_timeline timeline;
    bool verbose;
};

struct totals {
    size_t passed, failed, skipped;
    uint64_t virtual_ns, real_ns;
    struct eca_buf junit, json;
};

static const char *const outcome_names[] = {
    [HNS_PASSED] = "passed", [HNS_FAILED] = "failed", [HNS_SKIPPED] = "skipped"};

/* ---- results -------------------------------------------------------------------------------- */

static void add_xml(struct eca_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            eca_buf_add_str(out, "&lt;");
            break;
        case '&':
            eca_buf_add_str(out, "&amp;");
            break;
        case '"':
            eca_buf_add_str(out, "&quot;");
            break;
        default:
            eca_buf_add_char(out, (unsigned char)*text < 0x20 && *text != '\n' ? ' ' : *text);
            break;
        }
    }
}

static void add_result(struct totals *totals, const char *file, const struct hns_result *result)
{
    struct eca_json_writer w = eca_json_writer_to(&totals->json);

    eca_buf_add_str(&totals->junit, "  <testcase classname=\"");
    add_xml(&totals->junit, file);
    eca_buf_add_str(&totals->junit, "\" name=\"");
    add_xml(&totals->junit, result->name);
    eca_buf_addf(&totals->junit, "\" time=\"%.3f\">", (double)result->real_ns / 1e9);
    if (result->outcome == HNS_FAILED) {
        eca_buf_add_str(&totals->junit, "<failure>");
        add_xml(&totals->junit, eca_buf_str(&result->text));
        eca_buf_add_str(&totals->junit, "</failure>");
    } else if (result->outcome == HNS_SKIPPED) {
        eca_buf_add_str(&totals->junit, "<skipped/>");
    }
    eca_buf_add_str(&totals->junit, "</testcase>\n");
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

static bool write_file(const char *path, const char *before, const struct eca_buf *text,
                       const char *after)
{
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        (void)fprintf(stderr, "%s: cannot be written\n", path);
        return false;
    }
    (void)fprintf(file, "%s%s%s", before, eca_buf_str(text), after);
    return fclose(file) == 0;
}

/* ---- run ------------------------------------------------------------------------------------ */

static void on_event(void *arg, const struct fake_event *event)
{
    struct outputs *outputs = arg;

    if (outputs->verbose) {
        report_timeline_event(&outputs->timeline, event);
    }
    report_files_event(&outputs->files, event);
}

/* FOLDER/NAME-OF-THE-FILE.COMBINATION.rec; NULL when nothing is recorded. */
static char *record_path(const struct hns_options *options, const struct hns_scenario *scenario,
                         size_t combination)
{
    const char *slash = strrchr(scenario->file, '/');

    return options->record == NULL
               ? NULL
               : eca_xasprintf("%s/%s.%zu.rec", options->record,
                               slash == NULL ? scenario->file : slash + 1, combination);
}

static void play(const struct hns_options *options, struct outputs *outputs,
                 const struct hns_scenario *scenario, size_t combination, struct hns_result *result)
{
    static hns_stage_open_fn *const stages[] = {
        [HNS_SIM] = hns_sim_open, [HNS_WIRE] = hns_wire_open, [HNS_LIVE] = hns_live_open};
    eca_auto_buf struct eca_buf command = {0};
    eca_auto_free char *record = NULL;
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
    report_files_run(&outputs->files, scenario->name);
    record = record_path(options, scenario, combination);
    opts.record = record;
    opts.record_bytes = options->record_kib << 10;
    hns_run_scenario(&opts, result);
    report_files_result(&outputs->files, outcome_names[result->outcome],
                        eca_buf_str(&result->text));
}

static void count(struct totals *totals, const struct hns_options *options, const char *file,
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
    totals->passed += result->outcome == HNS_PASSED;
    totals->failed += result->outcome == HNS_FAILED;
    totals->skipped += result->outcome == HNS_SKIPPED;
    totals->virtual_ns += result->virtual_ns;
    totals->real_ns += result->real_ns;
    add_result(totals, file, result);
}

static void run_combination(const struct hns_options *options, struct outputs *outputs,
                            struct totals *totals, const char *file,
                            const struct hns_scenario *scenario, size_t combination)
{
    struct hns_result first = {0}, second = {0};

    play(options, outputs, scenario, combination, &first);
    if (options->twice && first.outcome == HNS_PASSED) {
        play(options, outputs, scenario, combination, &second);
        if (strcmp(first.hash, second.hash) != 0) {
            first.outcome = HNS_FAILED;
            eca_buf_addf(&first.text, "the same seed gave two traces: %.16s and %.16s", first.hash,
                         second.hash);
        }
        hns_result_clear(&second);
    }
    count(totals, options, file, &first);
    hns_result_clear(&first);
}

static void run_file(const struct hns_options *options, struct outputs *outputs,
                     struct totals *totals, const char *file)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;

    if (hns_scenario_load(file, &scenario, &problems) < 0) {
        struct hns_result broken = {.outcome = HNS_FAILED};

        (void)snprintf(broken.name, sizeof(broken.name), "is not a scenario");
        eca_buf_add_str(&broken.text, eca_buf_str(&problems.text));
        count(totals, options, file, &broken);
        hns_result_clear(&broken);
    } else {
        for (size_t i = 0; i < scenario->combinations; i++) {
            run_combination(options, outputs, totals, file, scenario, i);
        }
    }
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
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

static void open_outputs(struct outputs *outputs, const struct hns_options *options)
{
    *outputs = (struct outputs){.log = open_output(options->log),
                                .files = {open_output(options->trace), open_output(options->html)},
                                .verbose = options->verbose};
    if (outputs->files.html != NULL) {
        report_html_begin(outputs->files.html);
    }
}

static bool close_outputs(struct outputs *outputs)
{
    FILE *const files[] = {outputs->log, outputs->files.trace, outputs->files.html};
    bool written = true;

    if (outputs->files.html != NULL) {
        report_html_end(outputs->files.html);
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(files); i++) {
        written = (files[i] == NULL || fclose(files[i]) == 0) && written;
    }
    return written;
}

static int run(struct hns_options *options)
{
    struct totals totals = {0};
    struct outputs outputs;
    bool written;

    open_outputs(&outputs, options);
    for (size_t i = 0; i < options->file_count; i++) {
        run_file(options, &outputs, &totals, options->files[i]);
    }
    written = close_outputs(&outputs);
    if (options->junit != NULL) {
        written = write_file(options->junit, "<testsuite name=\"scenarios\">\n", &totals.junit,
                             "</testsuite>\n") &&
                  written;
    }
    if (options->json != NULL) {
        written = write_file(options->json, "[", &totals.json, "]\n") && written;
    }
    eca_buf_clear(&totals.junit);
    eca_buf_clear(&totals.json);
    (void)printf("%zu passed, %zu failed", totals.passed, totals.failed);
    (void)printf(totals.skipped > 0 ? ", %zu skipped\n" : "\n", totals.skipped);
    return totals.failed == 0 && totals.passed > 0 && written ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check(struct hns_options *options)
{
    size_t bad = 0;

    for (size_t i = 0; i < options->file_count; i++) {
        struct hns_problems problems = {0};
        struct hns_scenario *scenario = NULL;

        if (hns_scenario_load(options->files[i], &scenario, &problems) < 0) {
            (void)printf("%s", eca_buf_str(&problems.text));
            bad++;
        }
        hns_problems_clear(&problems);
        hns_scenario_free(scenario);
    }
    (void)printf("%zu passed, %zu failed\n", options->file_count - bad, bad);
    return bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int demo(struct hns_options *options)
{
    options->mode = HNS_LIVE;
    options->verbose = true;
    if (options->file_count == 0) {
        hns_options_add_file(options, "scenarios/demo.yaml");
    }
    return run(options);
}

static int print(void (*to)(struct eca_buf *out))
{
    eca_auto_buf struct eca_buf text = {0};

    to(&text);
    return fputs(eca_buf_str(&text), stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS
                                                                         : EXIT_FAILURE;
}

static int reference(struct hns_options *options)
{
    (void)options;
    return print(hns_reference_print);
}

static int schema(struct hns_options *options)
{
    (void)options;
    return print(hns_schema_print);
}

static int explore(struct hns_options *options)
{
    const struct hns_explore_opts opts = {
        .from = options->from,
        .seeds = options->seeds,
        .minutes = options->minutes,
        .workers = (unsigned)options->workers,
        .verbose = options->verbose,
        .out = stdout,
    };

    return hns_explore(&opts);
}

static int soak(struct hns_options *options)
{
    struct outputs outputs;
    struct hns_soak_opts opts = {
        .days = options->days, .tasks = options->tasks, .seed = options->seed, .out = stdout};
    int code;

    open_outputs(&outputs, options);
    opts.trace = outputs.files.trace;
    opts.html = outputs.files.html;
    code = hns_soak(&opts);
    return close_outputs(&outputs) ? code : EXIT_FAILURE;
}

/* The agent with mutations is in a harness of its own, beside this one. */
static int mutations(struct hns_options *options)
{
    const struct hns_mutations_opts opts = {
        .from = options->from,
        .seeds = options->seeds,
        .workers = (unsigned)options->workers,
        .out = stdout,
    };
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    if (!eca_mutation_set(ECA_MUTATION_NONE) && len > 0) {
        eca_auto_free char *mutant = eca_xasprintf("%.*s-mutant", (int)len, self);

        (void)execv(mutant, options->argv);
        (void)fprintf(stderr, "%s: %s\n", mutant, strerror(errno));
        return EXIT_FAILURE;
    }
    return hns_mutations(&opts);
}

static int deaths(struct hns_options *options)
{
    return hns_deaths((const char *const *)options->files, options->file_count, options->seed,
                      options->every);
}

static int fleet(struct hns_options *options)
{
    int code = EXIT_SUCCESS;

    for (size_t i = 0; i < options->file_count; i++) {
        int one = hns_fleet(options->files[i], options->agents, options->seed, options->peak);

        code = one == EXIT_SUCCESS ? code : one;
    }
    return code;
}

static int shrink(struct hns_options *options)
{
    int code = EXIT_SUCCESS;

    for (size_t i = 0; i < options->file_count; i++) {
        int one = hns_shrink_file(options->files[i], options->seed, (unsigned)options->workers);

        code = one == EXIT_SUCCESS ? code : one;
    }
    return code;
}

static int report(struct hns_options *options)
{
    int code = EXIT_SUCCESS;
    const struct hns_report_opts opts = {.files = (const char *const *)options->files,
                                         .file_count = options->file_count,
                                         .html = options->html,
                                         .out = stdout};
    struct eca_err err = {0};

    if (hns_report(&opts, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        code = EXIT_FAILURE;
    }
    return code;
}

static int version(struct hns_options *options)
{
    (void)options;
    return puts(eca_version_text) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int replay(struct hns_options *options)
{
    size_t failed = 0;

    for (size_t i = 0; i < options->file_count; i++) {
        struct hns_replay_result result;
        struct eca_err err = {0};

        if (hns_replay(options->files[i], &result, &err) < 0) {
            (void)printf("%s\n", err.msg);
            failed++;
        } else if (result.diverged) {
            (void)printf("%s", eca_buf_str(&result.text));
            failed++;
        } else {
            (void)printf("%s: no divergence in %zu lines, %.3f s%s", options->files[i],
                         result.lines, (double)result.duration_ns / 1e9,
                         result.ended ? ", to the agent's end" : "");
            if (result.cut_line > 0) {
                (void)printf(", to the middle of line %zu, where it is cut off", result.cut_line);
            }
            (void)printf("\n");
        }
        hns_replay_result_clear(&result);
    }
    (void)printf("%zu passed, %zu failed\n", options->file_count - failed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int serve(struct hns_options *options)
{
    struct hns_serve_opts opts = {.port = options->port,
                                  .address = options->address,
                                  .host = options->host,
                                  .acs_url = options->acs_url,
                                  .fail = options->fail,
                                  .docker_api = options->docker_api,
                                  .real_docker = options->real_docker,
                                  .no_agent = options->no_agent,
                                  .verbose = options->verbose,
                                  .keep = options->keep,
                                  .log = options->log,
                                  .trace = options->trace};

    return hns_serve(&opts);
}

static int export_recording(struct hns_options *options)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_err err = {0};

    if (hns_export((const char *const *)options->files, options->file_count, &text, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    return fputs(eca_buf_str(&text), stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS
                                                                         : EXIT_FAILURE;
}

/* One sentence, and where the rest stands. */
static int refuse(const struct hns_options *options, const char *why)
{
    const char *command = options->command == NULL ? "" : options->command;
    const char *blank = command[0] == '\0' ? "" : " ";

    (void)fprintf(stderr, "harness%s%s: %s\nharness%s%s --help says what it takes\n", blank,
                  command, why, blank, command);
    return EXIT_USAGE;
}

#define NAMES_MAX 32

static int record(struct hns_options *options)
{
    eca_auto_free char *names = eca_xstrdup(options->names == NULL ? "" : options->names);
    const char *list[NAMES_MAX];
    struct hns_outside_opts opts = {.agent = options->agent_path,
                                    .arguments = options->arguments,
                                    .out = options->out,
                                    .docker = options->real_docker,
                                    .names = list};
    char *rest = names;

    if (opts.agent == NULL || opts.out == NULL) {
        return refuse(options, "want --agent PATH and --out FILE");
    }
    while (rest != NULL && rest[0] != '\0' && opts.name_count < NAMES_MAX) {
        list[opts.name_count++] = strsep(&rest, ",");
    }
    return hns_record_outside(&opts);
}

static const struct command {
    const char *name;
    int (*run)(struct hns_options *options);
    bool needs_files;
} commands[] = {
    {"run", run, true},
    {"check", check, true},
    {"replay", replay, true},
    {"explore", explore, false},
    {"soak", soak, false},
    {"deaths", deaths, true},
    {"fleet", fleet, true},
    {"shrink", shrink, true},
    {"demo", demo, false},
    {"reference", reference, false},
    {"schema", schema, false},
    {"report", report, true},
    {"version", version, false},
    {"serve", serve, false},
    {"export", export_recording, true},
    {"record", record, false},
    {"mutations", mutations, false},
};

static int run_command(struct hns_options *options)
{
    const struct command *command = NULL;

    for (size_t i = 0; i < ECA_ARRAY_LEN(commands); i++) {
        command = strcmp(options->command, commands[i].name) == 0 ? &commands[i] : command;
    }
    assert(command != NULL); /* the parser knows the same ones */
    return command->needs_files && options->file_count == 0
               ? refuse(options, "want one file at least, or a folder that has some")
               : command->run(options);
}

int main(int argc, char **argv)
{
    struct hns_options options = {0};
    struct eca_err err = {0};
    int code = EXIT_SUCCESS;

    if (hns_options_parse(&options, argc, argv, &err) < 0) {
        code = refuse(&options, err.msg);
    } else if (options.help) {
        hns_usage(stdout, options.command);
    } else {
        code = run_command(&options);
    }
    hns_options_clear(&options);
    return code;
}
