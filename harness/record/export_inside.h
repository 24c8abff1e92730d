#ifndef HARNESS_RECORD_EXPORT_INSIDE_H
#define HARNESS_RECORD_EXPORT_INSIDE_H

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "harness/record/lines.h"

/* The inside of export: what is gathered from a recording, line by line, until it is written. */
#define HNS_STORY_LABEL "com.amazonaws.ecs."

/* A call that the agent made and that is not over. */
struct call {
    struct eca_list_node node;
    uint64_t number, start_ns, before_ns;
    char *party, *method, *path, *operation, *request;
    int status;
    bool answered; /* its head came */
    struct eca_buf response;
    struct eca_json_splitter pieces; /* of Docker's streams */
};

struct conn {
    struct eca_list_node node;
    uint64_t number;
    bool is_acs, ours; /* ours: the agent closed it */
};

/* What the scenario says, in the order of time. */
struct item {
    uint64_t at_ns;
    bool expects;
    char *text; /* of an expectation the pattern, else the step; without the dash */
};

struct container {
    char *name;       /* task/name */
    uint64_t stop_ns; /* of the agent's stop call under way; 0 = none */
    uint64_t term_ns; /* from that call to the end */
    int code;         /* exit code of an end without the agent, until it is known */
    bool unstoppable; /* a stop call was given up and it did not end */
    bool killed, stopped, oom, removed;
    bool runs;        /* as far as the agent was told */
    uint64_t seen_ns; /* it was told so */
    size_t exit_item; /* index + 1 of the step that waits for its exit code */
};

struct image {
    char *error;
    int error_status;
    uint64_t takes_ns;
    size_t failures;
    bool failed_last, present, silent;
};

struct fault {
    char *head, *tail;
    unsigned times;
};

struct story {
    const char *file;                                  /* the newest */
    uint64_t now_ns, before_ns, first_ns, acs_free_ns; /* before: of the entry before this time */
    struct eca_list calls, conns;
    struct item *items;
    size_t count, cap;
    struct eca_map *env;        /* of the first life: name -> owned value */
    struct eca_map *set;        /* of the life that is read: name -> owned value */
    struct eca_map *tasks;      /* ARN -> owned name */
    struct eca_map *names;      /* name -> (void *)1 */
    struct eca_map *containers; /* Docker id -> owned struct container */
    struct eca_map *by_name;    /* task/name, and Docker name -> borrowed struct container */
    struct eca_map *images;     /* name -> owned struct image */
    struct eca_map *passed;     /* party and operation -> (void *)(uintptr_t)times it went well */
    struct fault *faults;
    size_t fault_count;
    struct eca_buf version;
    struct eca_map *submitted;      /* and taken, see export_check.h */
    struct eca_map *notes;          /* what the scenario does not say -> anything */
    size_t restored;                /* tasks of before */
    uint64_t docker_ns, refused_ns; /* Docker's last answer; the start of the last call without */
    uint64_t up_ns;                 /* it was there again */
    size_t events_item;             /* index + 1 of the step that ended a stream of events */
    const char *ecr_answer;         /* as the verb has it; NULL: as it should be */
    size_t lives;                   /* begun: one per segment */
    size_t env_item;                /* index + 1 of the step with what changed of the environment */
    uint64_t shift_ns;              /* the lines' times are so much too small */
    uint64_t life_ns;               /* this life's start; 0: the first */
    const char *wrong;              /* with the line that is read; NULL: nothing */
    bool terminated, ended, down, down_at_start;
    bool starts; /* a later life, before its first line */
    bool unseen; /* a segment ended before the core did */
};

/* export.c: steps and expectations; `text` is taken, the index + 1 comes back. */
size_t hns_story_add(struct story *story, bool expects, char *text);
/* What happened and is not in the scenario: one line of a comment in it. */
void hns_story_note(struct story *story, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hns_story_quoted(struct eca_buf *out, const char *before, const char *text);
const char *hns_story_task(const struct story *story, const char *arn); /* NULL: unknown */

/* export_life.c: where one segment ends and the next begins; settings; exits */
void hns_story_begin_life(struct story *story);
void hns_story_start(struct story *story);
void hns_story_query(struct story *story, const char *what, eca_json line);
void hns_story_exit(struct story *story, eca_json line);

/* export_acs.c: lines "channel.*" */
void hns_story_channel(struct story *story, const char *what, eca_json line);

/* export_calls.c: lines "http.*" */
void hns_story_http(struct story *story, const char *what, eca_json line);
/* Submissions whose answer the recording does not hold any more. */
void hns_story_expect_open(struct story *story);
void hns_story_call_free(struct story *story, struct call *call);

/* export_daemon.c: the daemon as a whole */
/* As a fault's `what`: "stop:web/main"; NULL for what the fakes do by themselves. */
char *hns_story_docker_operation(struct story *story, const struct call *call, const char *url);
void hns_story_events_end(struct story *story, const struct eca_err *err);
void hns_story_docker_refused(struct story *story, const struct call *call);
void hns_story_docker_answered(struct story *story);

/* export_ecr.c: what tokens ECR gave */
void hns_story_ecr(struct story *story, const struct call *call);

/* export_docker.c: what containers and images did */
struct container *hns_story_container(struct story *story, const char *id_or_name);
struct image *hns_story_image(struct story *story, const struct call *call); /* made when new */
int hns_story_event(void *arg, struct eca_view value, struct eca_err *err);
void hns_story_runs(struct story *story, struct container *container);
void hns_story_created(struct story *story, const struct call *call);
void hns_story_inspected(struct story *story, const char *id, const struct call *call);
void hns_story_pulled(struct story *story, const struct call *call, bool went_well);

/* export_write.c */
void hns_story_write(struct story *story, struct eca_buf *out);

#endif
