#include <stdio.h>
#include <string.h>

#include "tests/unit/ports/contract.h"

/* The memory carrier keeps the contracts of the ports that it stands for. */
static void open_memory(void)
{
    struct stage *stage = &contract.stage;

    stage->memory = fake_memory_new(stage->base.hub, stage->base.sched, stage->base.entropy);
    fake_memory_latency(stage->memory, 500, 0);
    fake_memory_map(stage->memory, "word.test", "word");
    fake_memory_map(stage->memory, "/run/word.sock", "word");
    stage->http = fake_memory_http(stage->memory);
    stage->channel = fake_memory_channel(stage->memory);
    (void)snprintf(contract.http, sizeof(contract.http), "http://word.test");
    (void)snprintf(contract.wss, sizeof(contract.wss), "wss://word.test");
    (void)snprintf(contract.nobody, sizeof(contract.nobody), "nobody.test");
    (void)snprintf(contract.unix_socket, sizeof(contract.unix_socket), "/run/word.sock");
    (void)snprintf(contract.no_unix_socket, sizeof(contract.no_unix_socket), "/run/nobody.sock");
}

static void close_memory(void)
{
    fake_memory_free(contract.stage.memory);
    fake_hub_free(contract.stage.base.hub);
    fake_trace_free(contract.stage.base.trace);
}

static void pump(void)
{
    manual_clock_settle(&contract.stage.clock);
}

int main(void)
{
    static const struct contract_rig rig = {
        .open = open_memory, .close = close_memory, .pump = pump};
    Suite *suite = suite_create("memory carrier");

    contract_http_add(suite);
    contract_channel_add(suite);
    return contract_main(&rig, suite);
}
