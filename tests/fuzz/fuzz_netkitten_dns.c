/* Replies of name servers come from the network: any bytes must be safe (NKT-101). */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "netkitten/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {NK_DNS_TYPE_A, NK_DNS_TYPE_AAAA};
    unsigned char query[NK_DNS_QUERY_MAX];
    char name[512];
    size_t len = size < sizeof(name) - 1 ? size : sizeof(name) - 1;

    memcpy(name, data, len);
    name[len] = '\0';
    assert(nk_dns_query(1, name, NK_DNS_TYPE_A, query) <= sizeof(query));
    for (size_t i = 0; i < 2; i++) {
        struct nk_addrs addrs = {0};
        uint16_t id = (uint16_t)(size < 2 ? 0 : data[0] << 8 | data[1]); /* always the right one */
        enum nk_dns_status status = nk_dns_reply(data, size, id, types[i], &addrs);

        assert(addrs.count <= NK_ADDRS_MAX);
        assert(addrs.count == 0 || status == NK_DNS_ANSWER);
        for (size_t k = 0; k < addrs.count; k++) {
            assert(addrs.at[k].family == (i == 0 ? AF_INET : AF_INET6));
        }
    }
    return 0;
}
