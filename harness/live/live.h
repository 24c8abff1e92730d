#ifndef HARNESS_LIVE_LIVE_H
#define HARNESS_LIVE_LIVE_H

#include "harness/scenario/run.h"

/*
 * The live stage: an agent binary as a child process, the fakes on real sockets, real time. The
 * whole process moves into a network namespace of its own whose loopback owns 169.254.169.254, so
 * no agent can ever reach the machine's metadata service; without the right to do so only agents
 * that honour AWS_EC2_METADATA_SERVICE_ENDPOINT are run.
 */
int hns_live_open(const struct hns_stage_opts *opts, struct hns_stage *ret_stage,
                  struct eca_err *err);

#endif
