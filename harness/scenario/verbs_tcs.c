#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* Verbs that speak as the telemetry service. */

static int verb_close(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    int code = (int)hns_arg_int(args, "code", 1000);
    const char *reason = hns_arg_text(args, "reason", "");

    (void)cursor;
    if (hns_arg_node(args, "after") != NULL) {
        fake_tcs_close_after(run->cast.tcs, (uint32_t)hns_arg_int(args, "after", 0), code, reason);
        return ECA_OK;
    }
    hns_points_to_now(run, FAKE_LANE_TCS);
    fake_tcs_close(run->cast.tcs, code, reason);
    return ECA_OK;
}

static int verb_cut(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    hns_points_to_now(run, FAKE_LANE_TCS);
    fake_tcs_cut(run->cast.tcs);
    return ECA_OK;
}

static int verb_refuse(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_tcs_refuse(run->cast.tcs, (uint32_t)hns_arg_int(args, "times", 0),
                    (int)hns_arg_int(args, "status", 400), hns_arg_text(args, "body", ""));
    return ECA_OK;
}

static int verb_accept(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    fake_tcs_accept(run->cast.tcs, false);
    return ECA_OK;
}

static int verb_hold(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    fake_tcs_accept(run->cast.tcs, true);
    return ECA_OK;
}

static int verb_reading(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_tcs_set_reading(run->cast.tcs, strcmp(hns_run_text(run, args->node), "true") == 0);
    return ECA_OK;
}

static int verb_acks(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *word = hns_arg_text(args, "acks", "all");

    (void)cursor;
    fake_tcs_set_acks(run->cast.tcs,
                      strcmp(word, "none") == 0   ? FAKE_TCS_ACK_NONE
                      : strcmp(word, "once") == 0 ? FAKE_TCS_ACK_ONCE
                                                  : FAKE_TCS_ACK_ALL,
                      hns_arg_ms(args, "takes", 0));
    return ECA_OK;
}

static int verb_heartbeats(struct hns_run *run, struct hns_cursor *cursor,
                           const struct hns_args *args)
{
    bool off = strcmp(hns_run_text(run, args->node), "off") == 0;

    (void)cursor;
    fake_tcs_set_heartbeat(run->cast.tcs,
                           off ? 0 : hns_run_duration_ns(run, args->node, 0) / 1000000);
    return ECA_OK;
}

static int verb_raw(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_tcs_send_text(run->cast.tcs, hns_run_text(run, args->node));
    return ECA_OK;
}

static int verb_ping(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_tcs_ping(run->cast.tcs, hns_node_is_null(args->node) ? "" : hns_run_text(run, args->node));
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_tcs[] = {
    {"tcs.close", verb_close},
    {"tcs.cut", verb_cut},
    {"tcs.refuse", verb_refuse},
    {"tcs.accept", verb_accept},
    {"tcs.hold", verb_hold},
    {"tcs.reading", verb_reading},
    {"tcs.acks", verb_acks},
    {"tcs.heartbeats", verb_heartbeats},
    {"tcs.raw", verb_raw},
    {"tcs.ping", verb_ping},
    {0},
};
