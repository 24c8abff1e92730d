#ifndef TESTS_DOCKER_RIG_H
#define TESTS_DOCKER_RIG_H

#include "agent/docker/docker.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/script_http.h"

/* The runtime port over an http port that answers by script, and what its calls ended with. */
#define ID "c0ffee"
#define NAME "ecs-f-1-web-00"
#define STATE(members)                                                                             \
    "{\"Id\":\"" ID "\",\"Name\":\"/n\",\"State\":{" members                                       \
    "},\"Config\":{},\"HostConfig\":{},\"NetworkSettings\":{}}"
#define RUNS STATE("\"Running\":true,\"StartedAt\":\"2016-11-15T08:30:00Z\"")
#define INSPECT "*/containers/" ID "/json"

enum ask {
    ASK_VERSION,
    ASK_PING,
    ASK_PROBE,
    ASK_PULL,
    ASK_IMPORT,
    ASK_IMAGE_INSPECT,
    ASK_IMAGE_REMOVE,
    ASK_CREATE,
    ASK_START,
    ASK_STOP,
    ASK_KILL,
    ASK_REMOVE,
    ASK_INSPECT,
    ASK_LIST,
    ASK_STATS,
    ASK_POLL, /* stats, one-shot */
    ASKS,
};

struct got {
    bool done;
    size_t times;
    enum eca_outcome outcome;
    char *error; /* "Name: text", or the sentence of a call without named errors; "" = none */
    char *id, *image_id;
    bool has_info, running, has_exit_code;
    struct eca_buf list; /* "id name running arn;" each; versions of a probe; stats samples */
};

struct rig {
    struct manual_clock clock;
    struct manual_entropy dice;
    struct script_http *http;
    struct eca_log log;
    struct eca_buf lines; /* of the log, debug and above */
    struct eca_docker *docker;
    struct eca_runtime port;
    struct got got;
    /* What the asks are made with; changed by a test before. */
    const char *ref;         /* [ID] container */
    const char *image;       /* ["busybox"] */
    const char *api_version; /* [NULL] */
    uint64_t stop_timeout_s; /* [30] */
    uint64_t memory_mib;     /* [0] of a create */
    struct eca_pull_opts pull;
};

void rig_open(struct rig *rig, struct eca_docker_opts opts); /* endpoint NULL: a unix socket */
void rig_close(struct rig *rig); /* nothing may be under way or unused */

/* Expected requests; at most one answer each. */
void rig_answer(struct rig *rig, const char *method, const char *url, int status, const char *body);
void rig_silent(struct rig *rig, const char *method, const char *url);

/* Begin; the result of the one before is forgotten. */
void rig_begin(struct rig *rig, enum ask ask);
/* Begin and wait, at most three hours, for the one end. */
void rig_ask(struct rig *rig, enum ask ask);
void rig_wait(struct rig *rig);
/* The name that sentences about this call have. */
const char *rig_ask_name(enum ask ask);
bool rig_logged(const struct rig *rig, const char *part);

#endif
