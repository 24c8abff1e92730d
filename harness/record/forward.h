#ifndef HARNESS_RECORD_FORWARD_H
#define HARNESS_RECORD_FORWARD_H

#include "agent/record/record.h"
#include "fakes/carry/carry.h"

/*
 * Passes what comes to parties of a hub on to where it was meant to go, through the ports of a
 * recorder: whole messages, answers as they come, ends as they were. The URL is the request's own
 * (scheme of the party, Host header), so a signature stays valid.
 */
struct hns_forward_opts {
    struct fake_hub *hub;
    struct eca_recorder *recorder;
    const char *docker_socket;
    const char *metadata_url; /* "http://169.254.169.254" */
};
/* Parties: what came through a proxy, what came through its tunnels, Docker, metadata. */
#define HNS_FORWARD_PROXY "proxy"
#define HNS_FORWARD_TUNNEL "tunnel"
#define HNS_FORWARD_DOCKER "docker"
#define HNS_FORWARD_METADATA "metadata"

struct hns_forward;
struct hns_forward *hns_forward_new(const struct hns_forward_opts *opts); /* strings are copied */
/* Before the recorder and the hub. NULL ok. */
void hns_forward_free(struct hns_forward *forward);

#endif
