#ifndef HARNESS_SCENARIO_INSIDE_H
#define HARNESS_SCENARIO_INSIDE_H

#include "harness/scenario/match.h"
#include "harness/scenario/run.h"

/* The inside of a run, shared by the files that play one: director.c, cursor.c, watch.c, lives.c,
 * cast.c, payload.c, vars.c, failure.c, verbs_*.c and what checks it on the way. */
#define HNS_LOG_LINES_MAX 500000
#define HNS_FRAMES_MAX 16
#define HNS_CURSORS_MAX 256
#define HNS_PATTERNS_MAX 64
#define HNS_WITHIN_DEFAULT_NS (UINT64_C(10) * 1000000000) /* of steps that wait for something */

/* Where agents listen (INTRO-101, CREDEP-101). */
#define HNS_PORT_INTROSPECTION 51678
#define HNS_PORT_CREDENTIALS 51679

/* The access key of every run: known to the fakes, and in the agent's environment. */
#define HNS_KEY_ID "AKIDFAKESCENARIO"
#define HNS_KEY_SECRET "fake-secret-of-the-scenario"

struct hns_log_line {
    enum eca_log_level level;
    uint64_t at_ns;
    char *text;
    bool used; /* matched by a step */
};

/* A step that is not over yet. */
enum hns_wait {
    HNS_WAIT_NOTHING,
    HNS_WAIT_TIME,
    HNS_WAIT_EVENTS,
    HNS_WAIT_QUIET,
    HNS_WAIT_POLL, /* `poll` is asked each turn */
    HNS_WAIT_BRANCHES,
};

struct hns_frame {
    const struct hns_node *steps;
    size_t index;
    uint64_t repeat_times, repeat_number; /* repeat_times 0: once */
    const char *repeat_as;
};

struct hns_expected {
    struct hns_match match;
    const struct hns_node *node;
    uint64_t from; /* index into the trace */
    uint64_t count, seen;
    uint64_t last_seq;
};

struct hns_cursor;
/* 1 = over, 0 = not yet, negative = failed (the failure is set). */
typedef int hns_poll_fn(struct hns_run *run, struct hns_cursor *cursor, bool last);

struct hns_cursor {
    struct hns_cursor *parent;
    size_t children;
    struct hns_frame frames[HNS_FRAMES_MAX];
    size_t depth;
    bool done;
    const struct hns_node *step; /* the running step's value, for messages */
    const struct hns_verb *verb;
    enum hns_wait wait;
    uint64_t wait_since_ns, wait_until_ns;
    struct eca_timer timer; /* wakes the stage at wait_until */
    struct hns_expected *expected;
    size_t scanned; /* events looked at already */
    size_t expected_count;
    hns_poll_fn *poll;
    void *poll_state; /* eca_free when the wait ends */
};

struct hns_never {
    struct hns_match match, after, until;
    bool has_after, has_until, armed;
    const struct hns_node *node;
};

struct hns_invariants;
struct hns_causes;

struct hns_run {
    uint64_t arn_salt; /* 0: names alone make ARNs */
    const struct hns_run_opts *opts;
    uint64_t turns;
    const struct hns_scenario *scenario;
    struct hns_stage stage;
    bool stage_open;
    uint64_t start_ns; /* of the scheduler's time */
    struct hns_cast cast;
    struct eca_map *vars;  /* name -> owned text */
    struct eca_map *sent;  /* task -> its description in an acs.send step (const struct hns_node) */
    struct eca_map *stops; /* task -> the run: ACS wants it STOPPED */
    struct hns_causes *causes;
    struct eca_map *marks; /* name -> owned struct hns_resources, in order of time */
    struct eca_map *rules; /* name -> (void *)(uintptr_t)rule id of a named fault */
    char **kept;
    size_t kept_count;
    struct hns_cursor *cursors[HNS_CURSORS_MAX];
    size_t cursor_count;
    uint8_t *used; /* per event: matched by an expectation */
    size_t used_cap;
    uint64_t point[FAKE_LANES]; /* trace index from which expectations look */
    struct hns_never *never;
    size_t never_count;
    struct hns_match *kill_at;
    const struct hns_never *never_hit; /* of the list above, or NULL */
    uint64_t never_seq;
    bool kill_now;
    struct hns_log_line *lines;
    size_t line_count, line_cap;
    size_t lives;
    int exit_code;
    bool exited;
    bool disk_broke;                /* commits have failed or lingered in this run */
    uint64_t restart_at_ns;         /* an init system starts it again; 0 = no */
    struct eca_timer restart_timer; /* wakes the stage for that */
    struct eca_timer news_timer;    /* hns_wake */
    struct hns_invariants *invariants;
    uint64_t connect_ns[5]; /* the last attempts to reach ACS */
    int64_t drift_ms;       /* of the time of day, each minute */
    struct eca_timer drift_timer;
    size_t connects;
    char *secrets[HNS_SECRET_COUNT_MAX];
    size_t secret_count;
    bool failed, wrong;
    struct eca_buf failure, missed;
};

/* The members of a step's value, by name, with variables replaced. */
struct hns_args {
    struct hns_run *run;
    const struct hns_verb *verb;
    const struct hns_node *node;
};

/* verbs_acs.c: what both websocket services have in common */
/* How an odd message goes out, and its text with its blanks (owned). */
char *hns_odd_of(const struct hns_args *args, struct fake_odd *ret_odd);
/* The members of a refuse step; headers: room for FAKE_REFUSAL_HEADERS_MAX, the texts are kept. */
void hns_refusal_of(const struct hns_args *args, struct eca_http_header *headers,
                    struct fake_refusal *ret_refusal);
uint64_t hns_reading_of(const struct hns_args *args);

/* vars.c */
void hns_vars_set(struct hns_run *run, const char *name, const char *value);
/* Plain text with ${...} replaced; fails the run at `at` for an unknown variable. Owned. */
char *hns_expand(struct hns_run *run, const struct hns_node *at, const char *text);
void hns_node_json(struct hns_run *run, const struct hns_node *node, struct eca_buf *out);
const char *hns_keep(struct hns_run *run, char *text); /* takes text, lives as long as the run */
const struct hns_node *hns_arg_node(const struct hns_args *args, const char *name);
const char *hns_arg_text(const struct hns_args *args, const char *name, const char *otherwise);
uint64_t hns_arg_int(const struct hns_args *args, const char *name, uint64_t otherwise);
bool hns_arg_bool(const struct hns_args *args, const char *name, bool otherwise);
uint64_t hns_arg_ms(const struct hns_args *args, const char *name, uint64_t otherwise_ms);
uint64_t hns_arg_ns(const struct hns_args *args, const char *name, uint64_t otherwise_ns);
int64_t hns_node_duration(struct hns_run *run, const struct hns_node *node);
const char *hns_task_arn(struct hns_run *run, const char *task); /* made when it has none */
void hns_name_task(struct hns_run *run, const char *task, const char *arn);
void hns_secret(struct hns_run *run, const char *value);

/* verbs_expect.c: a pattern with its variables replaced */
/* What a text or a value is compared with, its variables replaced: fails the run if it has a
 * regular expression that is none. */
void hns_need_usable(struct hns_run *run, const struct hns_node *at, eca_json want);
void hns_need_usable_text(struct hns_run *run, const struct hns_node *at, const char *want);
void hns_match_make(struct hns_run *run, const struct hns_node *node, struct hns_match *ret_match);

/* failure.c */
void hns_fail(struct hns_run *run, const struct hns_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same when no patience would help (hns_result.wrong). */
void hns_fail_wrong(struct hns_run *run, const struct hns_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* To the failure of a step that asked again and again: how long. */
void hns_fail_waited(struct hns_run *run, const struct hns_cursor *cursor);
void hns_fail_expected(struct hns_run *run, struct hns_cursor *cursor, bool stuck);
/* The last events of each party before the end of the trace, and how to run it again. */
void hns_fail_surroundings(struct hns_run *run);
void hns_event_line(const struct fake_event *event, struct eca_buf *out);
void hns_format_s(uint64_t ns, struct eca_buf *out); /* "12.345s" */

/* cast.c */
int hns_cast_open(struct hns_run *run, struct eca_err *err);
enum fake_ecr_answer hns_ecr_answer(const char *word);
void hns_cast_close(struct hns_cast *cast);
void hns_cast_inherit(struct hns_run *run); /* inherit.c; fails the run when a file is unusable */
void hns_cast_image(struct hns_run *run, const struct hns_args *args, const char *name);
void hns_cast_behaviour(struct hns_run *run, const struct hns_args *args);
void hns_cast_update(struct hns_run *run, const struct hns_args *args, const char *name);
char *hns_update_url(const char *file); /* owned */

/* payload.c: one task as it goes into a payload */
int hns_payload_task(struct hns_run *run, const struct hns_node *task, const char *name,
                     const char *desired_status, struct eca_buf *out);
void hns_role_credentials(struct hns_run *run, const char *task,
                          struct fake_acs_credentials *ret_credentials);

/* invariants.c */
struct hns_invariants *hns_invariants_new(void);
void hns_invariants_free(struct hns_invariants *invariants);
void hns_invariants_event(struct hns_run *run, const struct fake_event *event);

/* settled.c: what may have ended tasks. */
struct hns_causes *hns_causes_new(void);
void hns_causes_free(struct hns_causes *causes); /* NULL ok */
/* settled.c: what keeps the tasks from being where they belong; nothing when they are. True: one
 * of it is no matter of patience. */
bool hns_settled_differs(struct hns_run *run, struct eca_buf *why);

/* director.c */
uint64_t hns_now_ns(const struct hns_run *run); /* since the start of the run */

/* cursor.c */
/* A timer that only ends the stage's sleep: whoever waits looks at the time. */
void hns_alarm_init(struct hns_run *run, struct eca_timer *timer);
struct hns_cursor *hns_cursor_new(struct hns_run *run, struct hns_cursor *parent,
                                  const struct hns_node *steps);
void hns_cursor_end_wait(struct hns_cursor *cursor);
void hns_cursor_free(struct hns_cursor *cursor);
/* Each cursor whose wait is over goes one step on; stuck: nothing is left to happen, time is up for
 * all. False: none moved. */
bool hns_cursors_poll(struct hns_run *run, bool stuck);
void hns_wait_time(struct hns_run *run, struct hns_cursor *cursor, uint64_t ns);
void hns_wait_poll(struct hns_run *run, struct hns_cursor *cursor, hns_poll_fn *poll, void *state,
                   uint64_t within_ns);
int hns_push_steps(struct hns_run *run, struct hns_cursor *cursor, const struct hns_node *steps,
                   uint64_t times, const char *as);
int hns_push_branches(struct hns_run *run, struct hns_cursor *cursor,
                      const struct hns_node *branches);
bool hns_step_is_for_mode(const struct hns_run *run, const struct hns_node *step);
/* Expectations look from here on; FAKE_LANES: of all lanes. */
void hns_points_to_now(struct hns_run *run, enum fake_lane lane);
void hns_event_use(struct hns_run *run, size_t index); /* no other expectation may match it */
bool hns_event_is_used(const struct hns_run *run, size_t index);

/* watch.c */
void hns_watch_read(struct hns_run *run);                         /* the scenario's `never` */
void hns_watch_event(void *arg, const struct fake_event *event);  /* arg: the run */
bool hns_is_allowed(const struct hns_run *run, const char *rule); /* to be broken, in this run */
/*
 * Something came that a step may wait for: the stage must not sleep before the steps have looked.
 * Live only: in virtual time nothing sleeps.
 */
void hns_wake(struct hns_run *run);

/* lives.c */
int hns_agent_start(struct hns_run *run);
void hns_agent_kill(struct hns_run *run);
/* Killed and started in one go, if it runs. Expectations go on where they are: what they wait for
 * may have come already. */
void hns_agent_die_and_rise(struct hns_run *run);
void hns_agent_terminate(struct hns_run *run);
void hns_use_exit(struct hns_run *run); /* the latest exit of the agent was expected */
/* An end of the agent that nobody asked for and no step expected fails the run. */
void hns_check_exits(struct hns_run *run);

/* verbs: 0 = over or waiting (cursor->wait), negative = failed, the failure is set */
typedef int hns_verb_fn(struct hns_run *run, struct hns_cursor *cursor,
                        const struct hns_args *args);
hns_verb_fn *hns_verb_implementation(const char *name); /* verbs.c */
struct hns_verb_entry {
    const char *name;
    hns_verb_fn *fn;
};
extern const struct hns_verb_entry hns_verbs_acs[], hns_verbs_tcs[], hns_verbs_docker[],
    hns_verbs_other[], hns_verbs_agent[], hns_verbs_resources[], hns_verbs_expect[],
    hns_verbs_log[], hns_verbs_http[], hns_verbs_file[], hns_verbs_check[], hns_verbs_run[],
    hns_verbs_invariants[];

#endif
