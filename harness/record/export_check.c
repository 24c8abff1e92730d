#include "harness/record/export_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/scenario/run.h"
#include "harness/sim/sim.h"

#define SEED 1

void hns_submission_add(struct eca_map *submissions, const char *task, const char *container,
                        const char *status, const int64_t *exit_code)
{
    eca_auto_free char *key = eca_xasprintf("%s%s%s", task, container == NULL ? "" : "/",
                                            container == NULL ? "" : container);
    eca_auto_free char *one = exit_code == NULL
                                  ? eca_xstrdup(status)
                                  : eca_xasprintf("%s (%lld)", status, (long long)*exit_code);
    const char *before = eca_map_get(submissions, key);
    const char *comma = before == NULL ? NULL : strrchr(before, ',');
    const char *last = comma == NULL ? before : comma + 2;

    /* Once more is no other: the agent did not learn that it had come. */
    if (last == NULL) {
        (void)eca_map_put(submissions, key, eca_take(one));
    } else if (strcmp(last, one) != 0) {
        eca_free(eca_map_put(submissions, key, eca_xasprintf("%s, %s", before, one)));
    }
}

void hns_submissions_free(struct eca_map *submissions)
{
    size_t cursor = 0;
    void *value;

    while (eca_map_next(submissions, &cursor, NULL, &value)) {
        eca_free(value);
    }
    eca_map_free(submissions);
}

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

static void on_event(void *arg, const struct fake_event *event)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    int64_t code = 0;
    const char *task, *status;
    eca_json fields;
    bool has_code;

    if (event->lane != FAKE_LANE_ECS || strncmp(event->name, "Submit", 6) != 0 ||
        eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    fields = eca_json_root(doc);
    task = text_of(fields, "task");
    status = text_of(fields, "status");
    has_code = eca_json_get(fields, "exitCode") != NULL &&
               eca_json_read_i64(fields, "", "exitCode", &code, NULL) == ECA_OK;
    if (task != NULL && status != NULL) {
        hns_submission_add(arg, task, text_of(fields, "container"), status,
                           has_code ? &code : NULL);
    }
}

static void compare(const struct eca_map *recorded, const struct eca_map *played,
                    const struct hns_export_check *check)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(recorded, &cursor, &key, &value)) {
        const char *other = eca_map_get(played, key);

        if (other == NULL || strcmp(other, value) != 0) {
            check->on_difference(check->arg, key, value, other == NULL ? "nothing" : other);
        }
    }
    cursor = 0;
    while (eca_map_next(played, &cursor, &key, &value)) {
        if (eca_map_get(recorded, key) == NULL) {
            check->on_difference(check->arg, key, "nothing", value);
        }
    }
}

/* Its first line, without file and line, which is of a temporary file. */
static void tell_end(const struct hns_export_check *check, const char *file, const char *text)
{
    size_t file_len = strlen(file);

    if (strncmp(text, file, file_len) == 0) {
        text += file_len;
        text += strspn(text, ":0123456789");
        text += strspn(text, " ");
    }
    check->on_end(check->arg, eca_view_of(text, strcspn(text, "\n")));
}

static void play(const char *file, const struct hns_export_check *check)
{
    struct hns_scenario *scenario = NULL;
    struct hns_problems problems = {0};
    struct hns_result result = {0};
    struct eca_map *played = eca_map_new();

    if (hns_scenario_load(file, &scenario, &problems) < 0) {
        tell_end(check, file, eca_buf_str(&problems.text));
    } else {
        hns_run_scenario(&(struct hns_run_opts){.scenario = scenario,
                                                .mode = HNS_SIM,
                                                .open_stage = hns_sim_open,
                                                .seed = SEED,
                                                .command = "",
                                                .watch = on_event,
                                                .watch_arg = played},
                         &result);
        compare(check->recorded, played, check);
        if (result.outcome != HNS_PASSED) {
            tell_end(check, file, eca_buf_str(&result.text));
        }
    }
    hns_result_clear(&result);
    hns_submissions_free(played);
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
}

int hns_export_check(const char *yaml, const struct hns_export_check *check, struct eca_err *err)
{
    char file[] = "/tmp/harness-export-XXXXXX";
    int fd = mkstemp(file);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
    bool written = to != NULL && fputs(yaml, to) >= 0;

    written = to != NULL && fclose(to) == 0 && written;
    if (written) {
        play(file, check);
    }
    if (fd >= 0) {
        (void)unlink(file);
    }
    return written ? ECA_OK : eca_err_set(err, ECA_E_INTERNAL, "%s: cannot be written", file);
}
