#ifndef HARNESS_LIVE_INSIDE_H
#define HARNESS_LIVE_INSIDE_H

#include "agent/sys/http_client.h"
#include "fakes/carry/socket.h"
#include "fakes/docker/relay.h"
#include "harness/live/backing.h"
#include "harness/live/child.h"
#include "harness/live/process.h"
#include "harness/live/programs.h"
#include "harness/scenario/run.h"
#include "harness/sim/rng.h"

/*
 * What the live and the wire stage have in common: the fakes on real sockets, a data directory, the
 * agent's environment, questions to its local endpoints.
 */
struct live {
    struct hns_run *run;
    struct eca_loop *loop;
    struct eca_sched *sched;
    struct eca_http_client *curl;
    struct sim_rng rng;
    struct fake_trace *trace;
    struct fake_hub *hub;
    struct fake_socket *sockets;
    struct eca_fd_watch *socket_watch;
    struct fake_docker_relay *relay;
    char *dir, *data_dir, *agent_path;
    bool foreign; /* not our own binary */
    bool records; /* it makes a flight recording now */
    bool keep_files;
    const char *record;
    uint64_t record_bytes;
    struct eca_map *env; /* name -> owned "NAME=value" */
    struct hns_child *child;
    struct hns_programs *programs; /* beside the agent; live only */
    struct hns_backing *backing;   /* NKT-150; live with the fake daemon only */
    bool owns_metadata;            /* 169.254.169.254 is ours */
    bool ended;
    struct hns_idle_clients idle;
    int silent_fd;          /* 0 = none */
    struct eca_clock clock; /* what the run goes by; live: the system's */
    void *wire;             /* of the wire stage */
};

/* clock of the run; own_clock: it is not the system's, so the loop never sleeps for it. */
int hns_live_set_stage(struct live *live, const struct hns_stage_opts *opts, bool own_clock,
                       struct fake_base *ret_base, struct eca_err *err);
void hns_live_free(struct live *live);
void hns_live_unplug(struct live *live);
void hns_live_connections(void *impl, const struct hns_connections *how);
void hns_live_env(void *impl, const char *name, const char *value);
int hns_live_http(void *impl, const char *method, uint16_t port, const char *path,
                  hns_http_fn *on_done, void *arg, struct eca_err *err);
int hns_live_file_read(void *impl, const char *path, struct eca_buf *out, struct eca_err *err);
int hns_live_file_write(void *impl, const char *path, struct eca_view text, struct eca_err *err);
size_t hns_live_file_count(void *impl, const char *pattern);
void hns_live_durable_text(void *impl, struct eca_buf *out);

#endif
