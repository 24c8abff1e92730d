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
    const struct hns_recording *recording;
    uint64_t now_ns, before_ns, first_ns, acs_free_ns; /* before: of the entry before this time */
    struct eca_list calls, conns;
    struct item *items;
    size_t count, cap;
    struct eca_map *env;        /* name -> owned value */
    struct eca_map *tasks;      /* ARN -> owned name */
    struct eca_map *names;      /* name -> (void *)1 */
    struct eca_map *containers; /* Docker id -> owned struct container */
    struct eca_map *by_name;    /* task/name, and Docker name -> borrowed struct container */
    struct eca_map *images;     /* name -> owned struct image */
    struct eca_map *passed;     /* party and operation -> (void *)(uintptr_t)times it went well */
    struct fault *faults;
    size_t fault_count;
    struct eca_buf version;
    size_t restored; /* tasks of before */
    bool terminated;
};

/* export.c: steps and expectations; `text` is taken, the index + 1 comes back. */
size_t hns_story_add(struct story *story, bool expects, char *text);
void hns_story_quoted(struct eca_buf *out, const char *before, const char *text);
const char *hns_story_task(const struct story *story, const char *arn); /* NULL: unknown */

/* export_acs.c: lines "channel.*" */
void hns_story_channel(struct story *story, const char *what, eca_json line);

/* export_calls.c: lines "http.*" */
void hns_story_http(struct story *story, const char *what, eca_json line);
/* Submissions whose answer the recording does not hold any more. */
void hns_story_expect_open(struct story *story);
void hns_story_call_free(struct story *story, struct call *call);

/* export_docker.c: what containers and images did */
struct container *hns_story_container(struct story *story, const char *id_or_name);
struct image *hns_story_image(struct story *story, const struct call *call); /* made when new */
int hns_story_event(void *arg, struct eca_view value, struct eca_err *err);
void hns_story_created(struct story *story, const struct call *call);
void hns_story_inspected(struct story *story, const char *id, const struct call *call);
void hns_story_pulled(struct story *story, const struct call *call, bool went_well);

/* export_write.c */
void hns_story_write(struct story *story, struct eca_buf *out);

#endif
