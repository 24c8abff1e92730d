#ifndef ECA_AWS_BACKEND_H
#define ECA_AWS_BACKEND_H

#include "agent/aws/credentials.h"
#include "agent/aws/ecs_client.h"
#include "agent/ports/channel.h"

/*
 * One connection to a backend websocket, ACS or TCS, from the question where it lives to its end:
 * discover the endpoint, get credentials, sign the upgrade, dial (WS-1xx). A session makes a new
 * one for each attempt. Callbacks run from the loop, never inside an eca_backend_* call.
 */
struct eca_backend_opts {
    struct eca_sched *sched;
    struct eca_channel channel;
    struct eca_ecs *ecs;
    struct eca_aws_creds *creds;
    struct eca_log *log;
    const char *module; /* of log lines: "acs client" */
    enum eca_ecs_backend backend;
    const char *cluster, *instance_arn, *region;
    bool insecure, plain_http;
    uint64_t connect_ms;         /* dial to complete upgrade answer (WS-105): 30 s */
    uint64_t write_stall_ms;     /* WS-150: 30 s; TCS-706: 60 s */
    uint64_t message_bytes_max;  /* incoming */
    size_t send_queue_bytes_max; /* outgoing and not yet written */
};

struct eca_backend_end {
    const struct eca_channel_end *channel; /* NULL: it ended before the dial */
    bool opened;
    uint64_t lived_ms; /* since the upgrade */
    struct eca_err err;
};
struct eca_backend_events {
    /* Append the query of the URL, encoded (eca_sigv4_query_add); runs just before the dial. */
    void (*write_query)(void *arg, struct eca_buf *query);
    void (*on_open)(void *arg);
    void (*on_text)(void *arg, struct eca_view message);
    void (*on_end)(void *arg, const struct eca_backend_end *end); /* once, last */
    void (*on_written)(void *arg);                                /* of the channel; NULL ok */
};

struct eca_backend;
/* opts' texts and events are borrowed for the life of the object. Starts at once. */
struct eca_backend *eca_backend_connect(const struct eca_backend_opts *opts,
                                        const struct eca_backend_events *events, void *arg);
/* Drops whatever is under way without an event. NULL ok; allowed inside its callbacks. */
void eca_backend_free(struct eca_backend *backend);

bool eca_backend_is_open(const struct eca_backend *backend);
const char *eca_backend_url(const struct eca_backend *backend); /* of the dial; "" before */
int eca_backend_send(struct eca_backend *backend, struct eca_view text, struct eca_err *err);
/* Close frame, bounded to 1 s by the port, then on_end. Before the upgrade: on_end with CANCELED.
 */
void eca_backend_close(struct eca_backend *backend, int code);

/* endpoint + "/" if missing + "ws?" + query (ACS-203, TCS-301). */
void eca_backend_build_url(const char *endpoint, struct eca_view query, struct eca_buf *url);

#endif
