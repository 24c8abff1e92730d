#ifndef HARNESS_SIM_MACHINE_H
#define HARNESS_SIM_MACHINE_H

#include "agent/base/map.h"
#include "agent/ports/endpoint.h"
#include "agent/ports/host.h"

/* The simulated machine: environment, files, sizes, and the agent's local servers. */
#define SIM_LISTENERS_MAX 4

struct eca_listener {
    uint16_t port; /* 0 = closed */
    eca_endpoint_fn *handler;
    void *arg;
};

struct sim_machine {
    struct eca_map *env;   /* name -> owned "NAME=value" */
    struct eca_map *files; /* path -> owned text */
    const char *data_dir;
    uint32_t cpus;
    uint64_t memory_mib;
    struct eca_listener listeners[SIM_LISTENERS_MAX];
};

void sim_machine_init(struct sim_machine *machine, const char *data_dir);
void sim_machine_clear(struct sim_machine *machine);
void sim_machine_env(struct sim_machine *machine, const char *name, const char *value);
void sim_machine_file(struct sim_machine *machine, const char *path, struct eca_view text);
void sim_machine_unlink(struct sim_machine *machine, const char *path); /* it may be absent */
struct eca_host sim_machine_host(struct sim_machine *machine);
struct eca_endpoint sim_machine_endpoint(struct sim_machine *machine);
/* Ask a local server as a client on loopback; false when nobody listens on the port. */
bool sim_machine_ask(struct sim_machine *machine, uint16_t port, const char *method,
                     const char *target, struct eca_endpoint_response *ret_response);

#endif
