#include "tests/unit/sys/rig_sockets.h"

/* The adapters on libcurl and libwebsockets keep the contracts of their ports. */
int main(void)
{
    Suite *suite = suite_create("production adapters");

    contract_http_add(suite);
    contract_channel_add(suite);
    return contract_main(&rig_sockets_contract, suite);
}
