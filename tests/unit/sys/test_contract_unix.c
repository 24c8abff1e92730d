#include "tests/unit/sys/rig_sockets.h"

/* DKR-101: exchanges over a unix socket keep the contract of the http port as well. */
int main(void)
{
    struct contract_rig rig = rig_sockets_contract;
    Suite *suite = suite_create("unix sockets");

    rig.over_unix = true;
    contract_http_add(suite);
    return contract_main(&rig, suite);
}
