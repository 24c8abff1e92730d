#ifndef ECA_DOCKER_INTERNAL_H
#define ECA_DOCKER_INTERNAL_H

#include "agent/base/json.h"
#include "agent/base/list.h"
#include "agent/docker/docker.h"

/* Shared by the files of this folder only. */

#define VERSION_BYTES 16
#define VERSIONS_MAX 40
#define DOCKER_VERSION_LOWEST "1.17" /* that we speak (DKR-120) */

/* One call of the runtime port, from its start to its callback. */
struct eca_op {
    struct eca_docker *docker;
    const char *call;               /* its present request's name in sentences: "create" */
    const char *operation;          /* what it was started for */
    struct eca_list_node node;      /* in docker->ops */
    struct eca_list_node wait_node; /* in docker->waiting, while the limit of calls is reached */
    bool counted;                   /* takes one of ECA_DOCKER_CALLS_MAX */
    bool urgent;                    /* stops go before others (ENG-221) */
    struct eca_timer deadline;      /* of the whole operation, from its first request on */
    uint64_t limit_ms;
    uint64_t begun_ns;
    const char *limit_word; /* DKR-302: "created" */
    struct eca_http_fetch *fetch;
    struct eca_http_call *stream;
    eca_http_answer_fn *on_answer;
    eca_work_fn *again;               /* of the present request; NULL: it is sent once */
    char sent_version[VERSION_BYTES]; /* of the present request; "" none */
    unsigned version_tries;
    eca_work_fn *begin; /* sends the first request */
    void *state;        /* of the kind; freed by free_state */
    void (*free_state)(void *state);
    void (*on_deadline)(struct eca_op *op);
    struct eca_deferred later; /* an end decided inside a call */
    struct eca_runtime_result early;
    eca_runtime_fn *on_done;
    void *arg;
};

struct eca_docker {
    struct eca_docker_opts opts;
    struct eca_docker_endpoint endpoint;
    char *cert_file, *key_file, *ca_file;
    char default_version[VERSION_BYTES];        /* "1.17"; the lowest that the daemon accepts */
    char server_api[VERSION_BYTES];             /* ApiVersion of /version */
    char versions[VERSIONS_MAX][VERSION_BYTES]; /* accepted, ascending */
    size_t version_count;
    char *server_version; /* "1.12.6" */
    struct eca_list ops, waiting;
    size_t calls;
    uint64_t bad_answers;
    struct eca_tally tally;
    struct eca_events *events;
    struct eca_op *range_op; /* asks which versions the daemon has now, or NULL */
};

/* Options of one request: method and path below the version prefix ("/containers/x/json"). */
struct request {
    const char *method;
    const char *version; /* NULL: the default; "" none in the path */
    const char *path;
    const char *content_type;
    struct eca_view body; /* at NULL: none */
    const char *extra_name, *extra_value;
    uint64_t limit_ms;
    size_t body_bytes_max;
    eca_work_fn *again; /* sends the op's request anew, in a version that the daemon accepts */
};
/* Fill opts for a request; url and headers are kept in the given storage for the call. */
struct request_storage {
    struct eca_buf url;
    struct eca_http_header headers[4];
};
void docker_http_opts(struct eca_docker *docker, const struct request *request,
                      struct request_storage *storage, struct eca_http_opts *opts);
void docker_storage_clear(struct request_storage *storage);
/* front, the container or image as it is (DKR-114), back; what would end the path is escaped. */
char *docker_path(const char *front, const char *ref, const char *back);
/* Not empty (DKR-606, IMG-207), and no path of its own. */
bool docker_ref_is_usable(const char *ref);

struct eca_op *docker_op_new(struct eca_docker *docker, const char *call, uint64_t limit_ms,
                             const char *limit_word);
/* Queue it behind the limit of calls, or begin at once; begin runs from the loop. */
void docker_op_start(struct eca_op *op, eca_work_fn *begin, bool counted, bool urgent);
/* Cancels what is under way and frees; starts a waiting one. */
void docker_op_free(struct eca_op *op);
/* Call on_done with the result and free the operation. */
void docker_op_end(struct eca_op *op, const struct eca_runtime_result *result);
/* End an operation that sends nothing, later: REFUSED with this error. */
void docker_op_refuse(struct eca_op *op, const struct eca_named_error *error);
/*
 * Send the op's next request; a refusal by the port becomes an UNREACHABLE answer. With `again`, an
 * answer that refuses the version is not shown to on_answer: what it says is learnt, and the
 * request is sent anew.
 */
void docker_op_send(struct eca_op *op, const struct request *request,
                    eca_http_answer_fn *on_answer);

/* How an exchange ended, in the runtime port's words (DKR-115, DKR-116). */
enum eca_outcome docker_outcome(const struct eca_http_end *end, int status);
/* "API error (500): body" or the transport's sentence. */
void docker_error_text(const struct eca_http_end *end, int status, struct eca_view body,
                       struct eca_buf *text);
/*
 * The answer to the op's request has come. Unless DONE, *text is what docker_error_text says; an
 * answer that is no HTTP, or too long, counts as one that was not understood.
 */
enum eca_outcome docker_answered(struct eca_op *op, const struct eca_http_answer *answer,
                                 struct eca_buf *text);
/* Such an answer: counted and logged. *text: "answer to create: <err>". */
void docker_not_understood(struct eca_docker *docker, const char *call, const struct eca_err *err,
                           struct eca_buf *text);
/* DockerTimeoutError of DKR-302. */
void docker_timeout_error(const char *word, uint64_t limit_ms, struct eca_named_error *error);

/* Versions as numbers: "1.24" -> 1024; 0 = not a version. */
uint32_t docker_version_number(const char *text);
/* Digits, a dot, digits: fit to become part of a path, unlike "1.24-suffix" (DKR-122). */
bool docker_version_is_plain(const char *text);
/* The version to use for a request that asks for `wanted` (DKR-126, DKR-L01). NULL: unavailable. */
const char *docker_version_for(const struct eca_docker *docker, const char *wanted);
/* Before a request is sent: the version that docker_version_refused() compares with. */
void docker_note_version(struct eca_op *op, const struct request *request);
/*
 * The op's request was answered so. True: the daemon, another than at the start, refuses the
 * version (and so has done nothing); which ones it accepts is known now, and sending again makes
 * sense.
 */
bool docker_version_refused(struct eca_op *op, int status, struct eca_view body);
/* In words: "1.12.6". It may be the one that is set already. */
void docker_set_server_version(struct eca_docker *docker, const char *version);
/* Ask the daemon for the versions it accepts; it may be another than before. */
void docker_ask_range(struct eca_docker *docker);

/* docker_calls.c: create, start, stop, kill, inspect. docker_asks.c: the calls of one request. */
int docker_call_create(void *impl, const struct eca_container_spec *spec, eca_runtime_fn *on_done,
                       void *arg, struct eca_op **ret_op, struct eca_err *err);
int docker_call_start(void *impl, const char *id, const char *api_version, eca_runtime_fn *on_done,
                      void *arg, struct eca_op **ret_op, struct eca_err *err);
int docker_call_stop(void *impl, const char *id, uint64_t timeout_s, eca_runtime_fn *on_done,
                     void *arg, struct eca_op **ret_op, struct eca_err *err);
int docker_call_kill(void *impl, const char *id, eca_runtime_fn *on_done, void *arg,
                     struct eca_op **ret_op, struct eca_err *err);
int docker_call_inspect(void *impl, const char *id_or_name, eca_runtime_fn *on_done, void *arg,
                        struct eca_op **ret_op, struct eca_err *err);
int docker_call_remove(void *impl, const char *name_or_id, eca_runtime_fn *on_done, void *arg,
                       struct eca_op **ret_op, struct eca_err *err);
int docker_call_image_inspect(void *impl, const char *name, eca_runtime_fn *on_done, void *arg,
                              struct eca_op **ret_op, struct eca_err *err);
int docker_call_image_remove(void *impl, const char *name_or_id, eca_runtime_fn *on_done, void *arg,
                             struct eca_op **ret_op, struct eca_err *err);
int docker_call_ping(void *impl, uint64_t limit_ms, eca_runtime_fn *on_done, void *arg,
                     struct eca_op **ret_op, struct eca_err *err);
int docker_call_version(void *impl, uint64_t limit_ms, eca_runtime_version_fn *on_done, void *arg,
                        struct eca_op **ret_op, struct eca_err *err);
int docker_call_list(void *impl, bool all, eca_runtime_list_fn *on_done, void *arg,
                     struct eca_op **ret_op, struct eca_err *err);
int docker_probe(void *impl, eca_runtime_probe_fn *on_done, void *arg, struct eca_op **ret_op,
                 struct eca_err *err);
int docker_pull(void *impl, const struct eca_pull_opts *opts, eca_runtime_fn *on_done, void *arg,
                struct eca_op **ret_op, struct eca_err *err);
int docker_import(void *impl, const char *repo, const char *tag, eca_runtime_fn *on_done, void *arg,
                  struct eca_op **ret_op, struct eca_err *err);
int docker_events(void *impl, eca_runtime_event_fn *on_event, void *arg, struct eca_err *err);
void docker_events_free(struct eca_events *events);
int docker_stats(void *impl, const char *id, bool one_shot,
                 const struct eca_stats_stream_events *events, void *arg, struct eca_op **ret_op,
                 struct eca_err *err);

#endif
