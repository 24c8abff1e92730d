#include "netkitten/dns.h"

#include <stdbool.h>
#include <string.h>

enum {
    HEADER_BYTES = 12,
    LABEL_BYTES_MAX = 63,
    NAME_BYTES_MAX = 253, /* as text, without the final dot */
    CLASS_IN = 1,
    FLAG_REPLY = 0x80,       /* in byte 2 */
    FLAG_WANT_RECURSION = 1, /* in byte 2 */
    RCODE_NO_NAME = 3,
};

void nk_addrs_add(struct nk_addrs *addrs, sa_family_t family, const void *bytes)
{
    if (addrs->count < NK_ADDRS_MAX) {
        struct nk_addr *addr = &addrs->at[addrs->count++];

        addr->family = family;
        memset(addr->bytes, 0, sizeof(addr->bytes));
        memcpy(addr->bytes, bytes, family == AF_INET ? 4 : 16);
    }
}

static void put_u16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

static unsigned get_u16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

size_t nk_dns_query(uint16_t id, const char *name, uint16_t type, unsigned char *out)
{
    size_t len = strlen(name);
    size_t used = HEADER_BYTES;

    if (len > 0 && name[len - 1] == '.') {
        len--;
    }
    if (len == 0 || len > NAME_BYTES_MAX) {
        return 0;
    }
    memset(out, 0, HEADER_BYTES);
    put_u16(out, id);
    out[2] = FLAG_WANT_RECURSION;
    put_u16(out + 4, 1); /* one question */
    for (size_t at = 0; at <= len;) {
        const char *dot = memchr(name + at, '.', len - at);
        size_t label_len = dot == NULL ? len - at : (size_t)(dot - (name + at));

        if (label_len == 0 || label_len > LABEL_BYTES_MAX) {
            return 0;
        }
        out[used++] = (unsigned char)label_len;
        memcpy(out + used, name + at, label_len);
        used += label_len;
        at += label_len + 1;
    }
    out[used++] = 0;
    put_u16(out + used, type);
    put_u16(out + used + 2, CLASS_IN);
    return used + 4;
}

/* Step over a name; a compression pointer ends it. False when it runs out of the message. */
static bool skip_name(const unsigned char *message, size_t len, size_t *at)
{
    while (*at < len) {
        unsigned label = message[*at];

        if (label == 0) {
            *at += 1;
            return true;
        }
        if ((label & 0xC0) == 0xC0) {
            *at += 2;
            return *at <= len;
        }
        if (label > LABEL_BYTES_MAX) {
            return false;
        }
        *at += label + 1;
    }
    return false;
}

/* Step over one record and keep its address. False when the message ends inside it. */
static bool take_record(const unsigned char *message, size_t len, size_t *at, unsigned type,
                        struct nk_addrs *addrs)
{
    unsigned data_len = 0;

    if (!skip_name(message, len, at) || len - *at < 10) {
        return false;
    }
    data_len = get_u16(message + *at + 8);
    if (len - *at - 10 < data_len) {
        return false;
    }
    if (get_u16(message + *at) == type && get_u16(message + *at + 2) == CLASS_IN &&
        data_len == (type == NK_DNS_TYPE_A ? 4U : 16U)) {
        nk_addrs_add(addrs, type == NK_DNS_TYPE_A ? AF_INET : AF_INET6, message + *at + 10);
    }
    *at += 10 + data_len;
    return true;
}

enum nk_dns_status nk_dns_reply(const unsigned char *at, size_t len, uint16_t id, uint16_t type,
                                struct nk_addrs *addrs)
{
    size_t offset = HEADER_BYTES;
    unsigned answers = 0;

    if (len < HEADER_BYTES || get_u16(at) != id || (at[2] & FLAG_REPLY) == 0 ||
        get_u16(at + 4) != 1 || !skip_name(at, len, &offset) || len - offset < 4 ||
        get_u16(at + offset) != type || get_u16(at + offset + 2) != CLASS_IN) {
        return NK_DNS_NOT_OURS;
    }
    offset += 4;
    switch (at[3] & 0x0F) {
    case 0:
        break;
    case RCODE_NO_NAME:
        return NK_DNS_NO_NAME;
    default:
        return NK_DNS_FAILED;
    }
    answers = get_u16(at + 6);
    for (unsigned i = 0; i < answers; i++) {
        if (!take_record(at, len, &offset, type, addrs)) {
            break; /* cut short: what came whole is still good */
        }
    }
    return NK_DNS_ANSWER;
}
