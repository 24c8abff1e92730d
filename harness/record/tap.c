#include "harness/record/tap.h"

#include <stdio.h>

#include "agent/base/mem.h"
#include "agent/record/record.h"
#include "agent/sys/record_file.h"

struct hns_tap {
    struct eca_recorder *recorder;
    struct eca_record_file *file;
};

struct hns_tap *hns_tap_new(const char *path, struct eca_agent_opts *opts)
{
    struct eca_err err = {0};
    struct hns_tap *tap;

    if (path == NULL) {
        return NULL;
    }
    tap = eca_xalloc(sizeof(*tap));
    tap->file = eca_record_file_open(path, ECA_RECORD_FILE_BYTES_MAX, &err);
    if (tap->file == NULL) {
        (void)fprintf(stderr, "%s\n", err.msg);
        eca_free(tap);
        return NULL;
    }
    tap->recorder =
        eca_recorder_new(&opts->ports, (struct eca_record_sink){eca_record_file_line, tap->file});
    eca_recorder_head(tap->recorder, opts);
    opts->ports = *eca_recorder_ports(tap->recorder);
    return tap;
}

static void call(struct hns_tap *tap, struct eca_agent *agent, const char *what,
                 void (*fn)(struct eca_agent *agent))
{
    if (tap == NULL) {
        fn(agent);
        return;
    }
    eca_recorder_enter(tap->recorder, what);
    fn(agent);
    eca_recorder_leave(tap->recorder);
}

void hns_tap_start(struct hns_tap *tap, struct eca_agent *agent)
{
    call(tap, agent, "start", eca_agent_start);
}

void hns_tap_terminate(struct hns_tap *tap, struct eca_agent *agent)
{
    call(tap, agent, "terminate", eca_agent_terminate);
}

void hns_tap_exit(struct hns_tap *tap, int code)
{
    if (tap != NULL) {
        eca_recorder_exit(tap->recorder, code);
    }
}

void hns_tap_stop(struct hns_tap *tap)
{
    if (tap != NULL) {
        eca_recorder_stop(tap->recorder);
    }
}

void hns_tap_free(struct hns_tap *tap)
{
    if (tap != NULL) {
        eca_recorder_free(tap->recorder);
        eca_record_file_close(tap->file);
        eca_free(tap);
    }
}
