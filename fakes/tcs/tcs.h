#ifndef FAKES_TCS_TCS_H
#define FAKES_TCS_TCS_H

#include "fakes/carry/door.h"
#include "fakes/carry/frames.h"

/*
 * The telemetry backend (TCS-901..906): verifies each message over its raw bytes, parses it, checks
 * what must always hold (TCS-604, TCS-605, numbers) and acknowledges.
 *
 * Trace, lane tcs:
 *   connect {session, cluster, containerInstance}   refused {status}
 *   closed {session, code, reason}
 *   metrics {session, cycle, idle, fin, taskCount, names,
 *            tasks:[{task, containers:[{cpu:{...}, memory:{...}}]}]}
 *   sent {type}         but acks and heartbeats
 *   ping {payload}   pong {payload}
 * "cycle" counts the messageIds of the run; "names" are the tasks, separated by blanks; "frames" is
 * there when a message came in several.
 *
 * What is checked of a message stays checked when its session is disturbed, but for the time and
 * the order of cycles: those say nothing after this side has read late or a fault has acted.
 */
enum fake_tcs_acks {
    FAKE_TCS_ACK_ALL,
    FAKE_TCS_ACK_NONE,
    FAKE_TCS_ACK_NTH, /* one message of each session */
};

struct fake_tcs;
struct fake_tcs_opts {
    struct fake_base base;
    const char *party;      /* NULL = "tcs" */
    struct fake_auth *auth; /* NULL: signatures are not checked */
    const char *region;     /* NULL = "us-west-2" */
    enum fake_tcs_acks acks;
    uint32_t ack_nth; /* of ACK_NTH; 0 = the first */
    uint64_t ack_delay_ms;
    uint64_t heartbeat_ms; /* 0 = none */
};
struct fake_tcs *fake_tcs_new(const struct fake_tcs_opts *opts);
void fake_tcs_free(struct fake_tcs *tcs);

void fake_tcs_set_acks(struct fake_tcs *tcs, enum fake_tcs_acks acks, uint32_t nth,
                       uint64_t delay_ms);
void fake_tcs_set_heartbeat(struct fake_tcs *tcs, uint64_t interval_ms);
bool fake_tcs_connected(const struct fake_tcs *tcs);
uint64_t fake_tcs_sessions(const struct fake_tcs *tcs);
uint64_t fake_tcs_messages(const struct fake_tcs *tcs); /* PublishMetricsRequest so far */
/* JSON of the latest message, "" before. */
const char *fake_tcs_last(const struct fake_tcs *tcs);
/* The containers of the latest metrics of a task, [{"cpu":{...},"memory":{...}}]; "null" before. */
const char *fake_tcs_last_of(const struct fake_tcs *tcs, const char *task_arn);

void fake_tcs_send_text(struct fake_tcs *tcs, const char *text);
void fake_tcs_send_raw(struct fake_tcs *tcs, struct eca_view bytes);
void fake_tcs_send_odd(struct fake_tcs *tcs, const char *text, const struct fake_odd *how);
bool fake_tcs_send_broken(struct fake_tcs *tcs, const char *preset); /* fake_frame_broken */
void fake_tcs_ping(struct fake_tcs *tcs, const char *payload);
void fake_tcs_close(struct fake_tcs *tcs, int code, const char *reason);
void fake_tcs_cut(struct fake_tcs *tcs);
/* Read so many bytes more, then stall (FB-26); 0 none, UINT64_MAX all. */
void fake_tcs_read_only(struct fake_tcs *tcs, uint64_t bytes);
/* Answer the next `times` upgrades (0 = until fake_tcs_accept) this way. */
void fake_tcs_refuse(struct fake_tcs *tcs, uint32_t times, const struct fake_refusal *how);
bool fake_tcs_refuse_preset(struct fake_tcs *tcs, uint32_t times, const char *preset);
/* Accept again, at once. With `hold`, upgrades wait unanswered until accept(tcs, false). */
void fake_tcs_accept(struct fake_tcs *tcs, bool hold);
/* End each session with this code after so many messages; 0 messages = off. */
void fake_tcs_close_after(struct fake_tcs *tcs, uint32_t messages, int code, const char *reason);

#endif
