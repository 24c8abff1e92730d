#include "harness/explore/soak.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/report/files.h"
#include "harness/scenario/run.h"
#include "harness/sim/sim.h"

#define FOLDER "build/soak"
#define FILE_NAME FOLDER "/soak.yaml"
#define MARKS_PER_LINE 24 /* of the words on the terminal: a day's last */

struct soak {
    const struct hns_soak_opts *opts;
    uint64_t marks;
};

static uint64_t number_of(eca_json fields, const char *key)
{
    int64_t value = 0;

    return eca_json_i64(eca_json_get(fields, key), &value, NULL) < 0 ? 0 : (uint64_t)value;
}

static void print_mark(struct soak *soak, const struct fake_event *event)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json fields;

    if (soak->marks++ % MARKS_PER_LINE != MARKS_PER_LINE - 1 ||
        eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    fields = eca_json_root(doc);
    (void)fprintf(soak->opts->out,
                  "%-9s memory %6llu KiB  descriptors %3llu  tasks %3llu  submissions %3llu  "
                  "timers %3llu  events %8llu\n",
                  eca_json_str(eca_json_get(fields, "mark")),
                  (unsigned long long)number_of(fields, "memoryKiB"),
                  (unsigned long long)number_of(fields, "descriptors"),
                  (unsigned long long)number_of(fields, "tasks"),
                  (unsigned long long)number_of(fields, "submissions"),
                  (unsigned long long)number_of(fields, "timers"), (unsigned long long)event->seq);
    (void)fflush(soak->opts->out);
}

/* The page shows what was done and the marks; hundreds of thousands of events would not fit. */
static bool is_for_page(const struct fake_event *event)
{
    return (event->lane == FAKE_LANE_AGENT && strcmp(event->name, "log") != 0) ||
           strcmp(event->name, "violation") == 0;
}

static void on_event(void *arg, const struct fake_event *event)
{
    struct soak *soak = arg;

    if (event->lane == FAKE_LANE_AGENT && strcmp(event->name, "resources") == 0) {
        print_mark(soak, event);
    }
    report_files_event(&(struct report_files){.trace = soak->opts->trace}, event);
    if (is_for_page(event)) {
        report_files_event(&(struct report_files){.html = soak->opts->html}, event);
    }
}

/* So that `harness run` can play it again. */
static void keep(const struct eca_buf *text)
{
    FILE *file;

    (void)mkdir("build", 0777);
    (void)mkdir(FOLDER, 0777);
    file = fopen(FILE_NAME, "we");
    if (file == NULL || fputs(eca_buf_str(text), file) < 0 || fclose(file) != 0) {
        (void)fprintf(stderr, FILE_NAME ": cannot be written: %s\n", strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static int play(struct soak *soak, const struct hns_scenario *scenario)
{
    struct hns_result result = {0};
    struct hns_run_opts opts = {
        .scenario = scenario,
        .mode = HNS_SIM,
        .open_stage = hns_sim_open,
        .seed = soak->opts->seed,
        .command = "build/harness run",
        .watch = on_event,
        .watch_arg = soak,
    };
    const struct report_files files = {soak->opts->trace, soak->opts->html};
    bool passed;

    report_files_run(&files, scenario->name);
    hns_run_scenario(&opts, &result);
    passed = result.outcome == HNS_PASSED;
    report_files_result(&files, passed ? "passed" : "failed", eca_buf_str(&result.text));
    (void)fprintf(soak->opts->out, "%s%s%zu events, %.0f s of virtual time in %.1f s: %.0f times\n",
                  passed ? "" : eca_buf_str(&result.text), passed ? "" : "\n", result.events,
                  (double)result.virtual_ns / 1e9, (double)result.real_ns / 1e9,
                  (double)result.virtual_ns / (double)result.real_ns);
    (void)fprintf(soak->opts->out, "%d passed, %d failed\n", passed, !passed);
    hns_result_clear(&result);
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int hns_soak(const struct hns_soak_opts *opts)
{
    struct soak soak = {.opts = opts};
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    eca_auto_buf struct eca_buf text = {0};
    int code = EXIT_FAILURE;

    hns_soak_generate(opts, &text);
    keep(&text);
    if (hns_scenario_parse(eca_buf_view(&text), FILE_NAME, &scenario, &problems) < 0) {
        (void)fprintf(opts->out, "%s", eca_buf_str(&problems.text));
    } else {
        code = play(&soak, scenario);
    }
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
    return code;
}
