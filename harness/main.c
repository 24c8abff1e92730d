#include <errno.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/version.h"
#include "harness/live/live.h"
#include "harness/report/timeline.h"
#include "harness/scenario/run.h"
#include "harness/scenario/schema.h"
#include "harness/sim/sim.h"
#include "harness/wire/wire.h"

/* The command line of the harness. */

#define EXIT_USAGE 2
#define FILES_MAX 10000

struct options {
    const char *command;
    enum hns_mode mode;
    uint64_t seed;
    bool verbose, twice, keep;
    const char *agent_path, *real_docker, *junit, *json, *log;
    FILE *log_file;
    char **files;
    size_t file_count;
};

struct totals {
    size_t passed, failed, skipped;
    uint64_t virtual_ns, real_ns;
    struct eca_buf junit, json;
};

static void usage(FILE *to)
{
    (void)fprintf(
        to, "harness run [OPTIONS] FILE-OR-FOLDER...   play scenarios\n"
            "    (default)            simulated: agent in process, virtual time\n"
            "    --wire               agent in process, its production adapters, real sockets,\n"
            "                         virtual time\n"
            "    --live               spawn an agent binary, real sockets, real time\n"
            "    --agent PATH         the binary to spawn; default ecs-agent beside this program\n"
            "    --docker real=SOCKET in front of a real daemon instead of the fake one\n"
            "    --seed N             default 1; same seed, same trace\n"
            "    --twice              run each twice and compare the trace hashes\n"
            "    --keep               leave temporary files of live runs\n"
            "    --log FILE           the agent's whole log, each line with the time of the run\n"
            "    --junit FILE, --json FILE\n"
            "    -v                   show each run's timeline\n"
            "harness check FILE...    is it a scenario? errors with line and column\n"
            "harness demo [--docker real=SOCKET]   a task lives and dies on a timeline\n"
            "harness reference           the scenario language, as Markdown\n"
            "harness schema              the same as a JSON Schema\n"
            "harness version\n");
}

/* ---- files ---------------------------------------------------------------------------------- */

static void add_file(struct options *options, const char *path)
{
    if (options->file_count < FILES_MAX) {
        options->files =
            eca_xrealloc_array(options->files, options->file_count + 1, sizeof(*options->files));
        options->files[options->file_count++] = eca_xstrdup(path);
    }
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_scenario_name(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && strcmp(name + len - 5, ".yaml") == 0 && name[0] != '_';
}

/* A folder stands for every scenario below it; files that begin with '_' are only included. */
static void add_path(struct options *options, const char *path)
{
    struct stat info;
    DIR *dir;

    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        add_file(options, path);
        return;
    }
    dir = opendir(path);
    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        eca_auto_free char *below = eca_xasprintf("%s/%s", path, entry->d_name);

        if (entry->d_name[0] == '.') {
            continue;
        }
        if (stat(below, &info) == 0 && S_ISDIR(info.st_mode)) {
            add_path(options, below);
        } else if (is_scenario_name(entry->d_name)) {
            add_file(options, below);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

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
    static const char *const words[] = {"passed", "failed", "skipped"};
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
    eca_jw_str(&w, "outcome", words[result->outcome]);
    eca_jw_u64(&w, "events", result->events);
    eca_jw_u64(&w, "virtualNs", result->virtual_ns);
    eca_jw_u64(&w, "realNs", result->real_ns);
    eca_jw_str(&w, "hash", result->hash);
    eca_jw_str(&w, "text", eca_buf_str(&result->text));
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

static void play(const struct options *options, const struct hns_scenario *scenario,
                 size_t combination, struct hns_result *result)
{
    static hns_stage_open_fn *const stages[] = {
        [HNS_SIM] = hns_sim_open, [HNS_WIRE] = hns_wire_open, [HNS_LIVE] = hns_live_open};
    static const char *const mode_options[] = {
        [HNS_SIM] = "", [HNS_WIRE] = " --wire", [HNS_LIVE] = " --live"};
    struct report_timeline timeline;
    eca_auto_buf struct eca_buf command = {0};
    struct hns_run_opts opts = {
        .scenario = scenario,
        .combination = combination,
        .mode = options->mode,
        .open_stage = stages[options->mode],
        .seed = options->seed,
        .agent_path = options->agent_path,
        .real_docker = options->real_docker,
        .keep_files = options->keep,
        .log_file = options->log_file,
    };

    eca_buf_addf(&command, "build/harness run%s%s%s", mode_options[options->mode],
                 options->agent_path != NULL ? " --agent " : "",
                 options->agent_path != NULL ? options->agent_path : "");
    opts.command = eca_buf_str(&command);
    report_timeline_init(&timeline, stdout);
    if (options->verbose) {
        opts.watch = report_timeline_event;
        opts.watch_arg = &timeline;
    }
    hns_run_scenario(&opts, result);
}

static void count(struct totals *totals, const struct options *options, const char *file,
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

static void run_combination(const struct options *options, struct totals *totals, const char *file,
                            const struct hns_scenario *scenario, size_t combination)
{
    struct hns_result first = {0}, second = {0};

    play(options, scenario, combination, &first);
    if (options->twice && first.outcome == HNS_PASSED) {
        play(options, scenario, combination, &second);
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

static void run_file(const struct options *options, struct totals *totals, const char *file)
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
            run_combination(options, totals, file, scenario, i);
        }
    }
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
}

static int run(struct options *options)
{
    struct totals totals = {0};
    bool written = true;

    if (options->log != NULL) {
        options->log_file = fopen(options->log, "we");
        if (options->log_file == NULL) {
            (void)fprintf(stderr, "cannot write %s: %s\n", options->log, strerror(errno));
            return EXIT_FAILURE;
        }
    }
    for (size_t i = 0; i < options->file_count; i++) {
        run_file(options, &totals, options->files[i]);
    }
    if (options->junit != NULL) {
        written = write_file(options->junit, "<testsuite name=\"scenarios\">\n", &totals.junit,
                             "</testsuite>\n");
    }
    if (options->json != NULL) {
        written = write_file(options->json, "[", &totals.json, "]\n") && written;
    }
    if (options->log_file != NULL) {
        written = fclose(options->log_file) == 0 && written;
    }
    eca_buf_clear(&totals.junit);
    eca_buf_clear(&totals.json);
    (void)printf("%zu passed, %zu failed", totals.passed, totals.failed);
    (void)printf(totals.skipped > 0 ? ", %zu skipped\n" : "\n", totals.skipped);
    return totals.failed == 0 && totals.passed > 0 && written ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check(struct options *options)
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

/* ---- command line --------------------------------------------------------------------------- */

/* Value of an option that takes one; NULL after a complaint. */
static const char *value_of(int argc, char **argv, int *at)
{
    if (*at + 1 >= argc) {
        (void)fprintf(stderr, "%s needs a value\n", argv[*at]);
        return NULL;
    }
    return argv[++*at];
}

static bool parse_option(struct options *options, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *value;

    if (strcmp(word, "--live") == 0) {
        options->mode = HNS_LIVE;
    } else if (strcmp(word, "--wire") == 0) {
        options->mode = HNS_WIRE;
    } else if (strcmp(word, "--twice") == 0) {
        options->twice = true;
    } else if (strcmp(word, "--keep") == 0) {
        options->keep = true;
    } else if (strcmp(word, "-v") == 0) {
        options->verbose = true;
    } else if (strcmp(word, "--agent") == 0 || strcmp(word, "--seed") == 0 ||
               strcmp(word, "--docker") == 0 || strcmp(word, "--junit") == 0 ||
               strcmp(word, "--json") == 0 || strcmp(word, "--log") == 0) {
        value = value_of(argc, argv, at);
        if (value == NULL) {
            return false;
        }
        switch (word[2]) {
        case 'l':
            options->log = value;
            return true;
        case 'a':
            options->agent_path = value;
            return true;
        case 's':
            return eca_parse_u64(eca_view_str(value), UINT64_MAX, &options->seed, NULL) == ECA_OK;
        case 'd':
            if (strncmp(value, "real", 4) != 0) {
                (void)fprintf(stderr, "--docker takes real or real=SOCKET\n");
                return false;
            }
            options->real_docker = value[4] == '=' ? value + 5 : "/var/run/docker.sock";
            return true;
        default:
            *(strcmp(word, "--junit") == 0 ? &options->junit : &options->json) = value;
            return true;
        }
    } else {
        (void)fprintf(stderr, "unknown option %s\n", word);
        return false;
    }
    return true;
}

static bool parse(struct options *options, int argc, char **argv)
{
    options->seed = 1;
    if (argc < 2) {
        return false;
    }
    options->command = argv[1];
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!parse_option(options, argc, argv, &i)) {
                return false;
            }
        } else {
            add_path(options, argv[i]);
        }
    }
    if (options->file_count > 1) {
        qsort(options->files, options->file_count, sizeof(*options->files), compare_paths);
    }
    return true;
}

static int demo(struct options *options)
{
    options->mode = HNS_LIVE;
    options->verbose = true;
    if (options->file_count == 0) {
        add_file(options, "scenarios/demo.yaml");
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

static int reference(struct options *options)
{
    (void)options;
    return print(hns_reference_print);
}

static int schema(struct options *options)
{
    (void)options;
    return print(hns_schema_print);
}

static int version(struct options *options)
{
    (void)options;
    return puts(eca_version_text) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct command {
    const char *name;
    int (*run)(struct options *options);
    bool needs_files;
} commands[] = {
    {"run", run, true},        {"check", check, true},
    {"demo", demo, false},     {"reference", reference, false},
    {"schema", schema, false}, {"version", version, false},
};

int main(int argc, char **argv)
{
    struct options options = {0};
    const struct command *command = NULL;
    int code = EXIT_USAGE;

    if (parse(&options, argc, argv)) {
        for (size_t i = 0; i < ECA_ARRAY_LEN(commands); i++) {
            command = strcmp(options.command, commands[i].name) == 0 ? &commands[i] : command;
        }
    }
    if (command == NULL || (command->needs_files && options.file_count == 0)) {
        usage(stderr);
    } else {
        code = command->run(&options);
    }
    for (size_t i = 0; i < options.file_count; i++) {
        eca_free(options.files[i]);
    }
    eca_free(options.files);
    return code;
}
