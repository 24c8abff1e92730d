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
    const char *preset = hns_arg_text(args, "preset", NULL);
    uint32_t times = (uint32_t)hns_arg_int(args, "times", 0);

    if (preset == NULL) {
        struct eca_http_header headers[FAKE_REFUSAL_HEADERS_MAX];
        struct fake_refusal refusal;

        hns_refusal_of(args, headers, &refusal);
        fake_tcs_refuse(run->cast.tcs, times, &refusal);
    } else if (!fake_tcs_refuse_preset(run->cast.tcs, times, preset)) {
        hns_fail(run, cursor->step, "no refusal \"%s\"", preset);
    }
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
    fake_tcs_read_only(run->cast.tcs, hns_reading_of(args));
    return ECA_OK;
}

static int verb_acks(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *word = hns_arg_text(args, "acks", "all");

    (void)cursor;
    fake_tcs_set_acks(run->cast.tcs,
                      strcmp(word, "none") == 0  ? FAKE_TCS_ACK_NONE
                      : strcmp(word, "all") == 0 ? FAKE_TCS_ACK_ALL
                                                 : FAKE_TCS_ACK_NTH,
                      strcmp(word, "nth") == 0 ? (uint32_t)hns_arg_int(args, "nth", 1) : 1,
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
    const char *broken = hns_arg_text(args, "broken", NULL);
    struct fake_odd odd = {0};
    eca_auto_free char *text = hns_odd_of(args, &odd);

    if (broken != NULL) {
        if (!fake_tcs_send_broken(run->cast.tcs, broken)) {
            hns_fail(run, cursor->step, "no broken frame \"%s\"", broken);
        }
    } else if (hns_arg_node(args, "text") == NULL) {
        hns_fail(run, cursor->step, "tcs.raw needs \"text\" or \"broken\"");
    } else if (fake_odd_is_plain(&odd)) {
        fake_tcs_send_text(run->cast.tcs, text);
    } else {
        fake_tcs_send_odd(run->cast.tcs, text, &odd);
    }
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
