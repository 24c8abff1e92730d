#ifndef HARNESS_WIRE_WIRE_H
#define HARNESS_WIRE_WIRE_H

#include "harness/scenario/run.h"

/*
 * The wire stage: the agent with its production adapters (curl, libwebsockets, libmicrohttpd,
 * SQLite) and the fakes on real sockets, all in this process, under virtual time. Time moves only
 * when nothing is under way on any socket or thread, and never past the next timer.
 */
int hns_wire_open(const struct hns_stage_opts *opts, struct hns_stage *ret_stage,
                  struct eca_err *err);

#endif
