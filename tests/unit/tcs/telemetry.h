#ifndef TESTS_UNIT_TCS_TELEMETRY_H
#define TESTS_UNIT_TCS_TELEMETRY_H

#include "agent/stats/engine.h"
#include "agent/tcs/session.h"
#include "fakes/ecs/ecs.h"
#include "fakes/tcs/tcs.h"
#include "tests/unit/fakes/stage.h"
#include "tests/unit/support/manual_host.h"

/*
 * A telemetry session and its watch list between the fakes of ECS and TCS on the one side and, on
 * the other, a daemon of this tele's own: it lists what the test says and streams samples one a
 * second, or takes TELE_POLL_MS for a one-shot, TELE_HANG_MS for one of a silent container.
 */
#define TELE_CONTAINERS_MAX 640
#define TELE_POLL_MS 1500
#define TELE_HANG_MS 10000

struct tele_container {
    char id[16], task[32];
    bool known, stopped, task_stopped;
    const char *family, *version;
    bool running;  /* in the listing */
    bool silent;   /* its stream says nothing */
    bool refused;  /* its stream ends at once */
    bool canceled; /* the latest stream was canceled */
    size_t streams;
    bool polled; /* the latest stream is a one-shot, and under way */
    uint64_t ticks, polled_ms;
    const struct eca_stats_stream_events *events;
    void *arg;
    struct eca_timer timer;
};

struct tele {
    struct stage stage;
    struct fake_auth *auth;
    struct fake_ecs *ecs;
    struct fake_tcs *tcs;
    struct manual_host host;
    struct eca_log log;
    struct eca_buf lines;
    struct eca_imds *imds;
    struct eca_aws_creds *creds;
    struct eca_ecs *client;
    struct eca_stats *stats;
    struct eca_tcs_session *session;
    struct tele_container containers[TELE_CONTAINERS_MAX];
    size_t container_count;
    /* The listing. */
    bool list_fails, list_hangs;
    bool no_descriptors;     /* new streams are refused inside the call */
    uint64_t poll_ms;        /* polling instead of streams */
    size_t polls, polls_max; /* one-shots under way, and the most of them so far */
    size_t lists;
    eca_runtime_list_fn *on_list;
    void *list_arg;
    struct eca_timer list_timer;
};
extern struct tele tele;

void tele_open(void);
void tele_close(void);
/* Known to the task engine and running, of task `task`; not announced yet. */
struct tele_container *tele_add(const char *id, const char *task);
void tele_start(void); /* watch list and session */
void tele_run_ms(uint64_t ms);
size_t tele_logged(const char *part);
size_t tele_events(const char *name, const char *part); /* of lane tcs */

#endif
