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
#include "harness/record/export.h"
#include "harness/record/outside.h"
#include "harness/record/replay.h"
#include "harness/report/report.h"
#include "harness/run_command.h"
#include "harness/scenario/schema.h"
#include "harness/serve/serve.h"

#define EXIT_USAGE 2

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
    return hns_run_command(options);
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
    struct hns_outputs outputs;
    struct hns_soak_opts opts = {
        .days = options->days, .tasks = options->tasks, .seed = options->seed, .out = stdout};
    int code;

    hns_outputs_open(&outputs, options);
    opts.trace = outputs.files.trace;
    opts.html = outputs.files.html;
    code = hns_soak(&opts);
    return hns_outputs_close(&outputs, options) ? code : EXIT_FAILURE;
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
            } else if (!result.ended && !result.complete) {
                (void)printf(", where it just stops: the agent was killed, or the rest is lost");
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
    {"run", hns_run_command, true},
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
