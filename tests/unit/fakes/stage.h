#ifndef TESTS_UNIT_FAKES_STAGE_H
#define TESTS_UNIT_FAKES_STAGE_H

#include "fakes/carry/auth.h"
#include "fakes/carry/carry.h"
#include "tests/unit/support/manual_clock.h"

/* A trace, a hub, a memory carrier on a manual clock, and clients that remember what they got. */
struct stage {
    struct manual_clock clock;
    struct manual_entropy random;
    struct fake_base base;
    struct fake_memory *memory;
    struct eca_http http;
    struct eca_channel channel;
};
void stage_open(struct stage *stage);
void stage_close(struct stage *stage); /* after the fakes */
/* Free the carrier first; then the fakes, then stage_close. */
void stage_drop_carrier(struct stage *stage);

/* One exchange. */
struct client {
    bool head, done;
    int status;
    struct eca_buf body;
    struct eca_buf head_text; /* "name: value\n" of each header */
    struct eca_http_end end;
    uint64_t done_ms; /* since the start */
    struct stage *stage;
    struct eca_http_call *call;
};
/* url "http://ecs/..." or, with party path "/socket", over the unix socket. */
struct ask {
    const char *method, *url, *unix_socket;
    struct eca_http_header headers[8];
    size_t header_count;
    const char *body;
    uint64_t total_ms, idle_ms, body_bytes_max;
    bool endless;
};
void client_start(struct client *client, struct stage *stage, const struct ask *ask);
/* Start and run until the end (at most an hour of virtual time). */
void client_run(struct client *client, struct stage *stage, const struct ask *ask);
void client_clear(struct client *client);

/*
 * POST to an AWS JSON API, signed as an agent signs: target "AmazonEC2...V20141113.Op". keys NULL =
 * without a signature. Runs until the end.
 */
struct stage_keys {
    const char *id, *secret, *token;
};
void client_api(struct client *client, struct stage *stage, const char *host, const char *service,
                const char *target, const char *body, const struct stage_keys *keys);

/* One websocket. */
struct wire {
    bool open, ended;
    enum eca_channel_how how;
    int close_code, status;
    struct eca_buf texts; /* each followed by '\n' */
    struct eca_buf reason, body;
    size_t text_count;
    char why[ECA_ERR_MSG_BYTES];
    struct stage *stage;
    struct eca_channel_conn *conn;
};
void wire_dial(struct wire *wire, struct stage *stage, const struct eca_channel_opts *opts);
void wire_open(struct wire *wire, struct stage *stage, const char *url);
void wire_open_signed(struct wire *wire, struct stage *stage, const char *url,
                      const struct stage_keys *keys);
void wire_send(struct wire *wire, const char *text);
void wire_clear(struct wire *wire);

/* How many events have this lane, name, and a part of the fields (NULL = any). */
size_t stage_events(const struct stage *stage, enum fake_lane lane, const char *name,
                    const char *part);
/* The whole trace, "lane name fields" lines, for messages and comparison. */
void stage_print(const struct stage *stage, struct eca_buf *out);

#endif
