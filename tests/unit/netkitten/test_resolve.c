/* Names to addresses, with files of our own and a name server of our own on the loopback. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netkitten/dns.h"
#include "netkitten/resolve.h"
#include "netkitten/target.h"
#include "tests/unit/netkitten/kit.h"

enum {
    HEADER_BYTES = 12,
    MESSAGE_BYTES = 512,
};

/* --- messages --- */

static const unsigned char V4[4] = {10, 0, 0, 7};
static const unsigned char V6[16] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};

static const unsigned char *address(uint16_t type)
{
    return type == NK_DNS_TYPE_A ? V4 : V6;
}

static size_t put(unsigned char *at, const void *data, size_t len)
{
    memcpy(at, data, len);
    return len;
}

/* Append one record whose owner is a pointer to the question's name. */
static size_t put_record(unsigned char *at, uint16_t type, const void *data, size_t data_len)
{
    unsigned char head[12] = {0xC0, HEADER_BYTES, 0, (unsigned char)type,    0, 1, 0, 0,
                              0,    60,           0, (unsigned char)data_len};
    size_t used = put(at, head, sizeof(head));

    return used + put(at + used, data, data_len);
}

/* A reply to the query with an alias record and one address of the wanted type. */
static size_t make_reply(const unsigned char *query, size_t query_len, uint16_t type,
                         unsigned char *out)
{
    size_t used = put(out, query, query_len);

    out[2] |= 0x80;
    out[7] = 2;
    used += put_record(out + used, 5, "\3www\300\14", 6);
    return used + put_record(out + used, type, address(type), type == NK_DNS_TYPE_A ? 4 : 16);
}

/* NKT-101: the question, byte for byte; with and without a final dot */
START_TEST(query_is_exact)
{
    static const unsigned char expected[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3web\4site\0\0\34\0\1";
    unsigned char query[NK_DNS_QUERY_MAX];

    ck_assert_uint_eq(nk_dns_query(0x1234, "web.site", NK_DNS_TYPE_AAAA, query),
                      sizeof(expected) - 1);
    ck_assert_mem_eq(query, expected, sizeof(expected) - 1);
    ck_assert_uint_eq(nk_dns_query(0x1234, "web.site.", NK_DNS_TYPE_AAAA, query),
                      sizeof(expected) - 1);
    ck_assert_mem_eq(query, expected, sizeof(expected) - 1);
}
END_TEST

/* NKT-101: what is no DNS name is never asked for; the longest one is */
START_TEST(query_refuses_what_is_no_name)
{
    static const char *const bad[] = {"", ".", "..", "a..b", ".a", "a.."};
    unsigned char query[NK_DNS_QUERY_MAX];
    char name[300];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(nk_dns_query(1, bad[i], NK_DNS_TYPE_A, query) == 0, "'%s'", bad[i]);
    }
    memset(name, 'a', sizeof(name));
    name[64] = '\0';
    ck_assert_uint_eq(nk_dns_query(1, name, NK_DNS_TYPE_A, query), 0);
    name[63] = '\0';
    ck_assert_uint_gt(nk_dns_query(1, name, NK_DNS_TYPE_A, query), 0);
    for (size_t i = 0; i < sizeof(name); i++) {
        name[i] = i % 50 == 49 ? '.' : 'a';
    }
    name[254] = '\0';
    ck_assert_uint_eq(nk_dns_query(1, name, NK_DNS_TYPE_A, query), 0);
    name[253] = '\0';
    ck_assert_uint_eq(nk_dns_query(1, name, NK_DNS_TYPE_A, query), HEADER_BYTES + 255 + 4);
}
END_TEST

/* NKT-101 */
START_TEST(reply_gives_its_addresses)
{
    static const uint16_t types[] = {NK_DNS_TYPE_A, NK_DNS_TYPE_AAAA};

    for (size_t i = 0; i < 2; i++) {
        unsigned char query[NK_DNS_QUERY_MAX];
        unsigned char reply[MESSAGE_BYTES];
        struct nk_addrs addrs = {0};
        size_t len = nk_dns_query(9, "a.b", types[i], query);

        len = make_reply(query, len, types[i], reply);
        ck_assert_int_eq(nk_dns_reply(reply, len, 9, types[i], &addrs), NK_DNS_ANSWER);
        ck_assert_uint_eq(addrs.count, 1);
        ck_assert_uint_eq(addrs.at[0].family, i == 0 ? AF_INET : AF_INET6);
        ck_assert_mem_eq(addrs.at[0].bytes, address(types[i]), i == 0 ? 4 : 16);
    }
}
END_TEST

/* NKT-101: answers of others, and refusals */
START_TEST(reply_of_another_kind_is_told_apart)
{
    static const struct {
        size_t at;
        unsigned char value;
        enum nk_dns_status expected;
    } rows[] = {
        {0, 1, NK_DNS_NOT_OURS},     /* another id */
        {2, 1, NK_DNS_NOT_OURS},     /* a question */
        {5, 0, NK_DNS_NOT_OURS},     /* no question in it */
        {5, 2, NK_DNS_NOT_OURS},     /* two */
        {18, 28, NK_DNS_NOT_OURS},   /* another type */
        {20, 3, NK_DNS_NOT_OURS},    /* another class */
        {12, 0x80, NK_DNS_NOT_OURS}, /* a label of no known kind */
        {3, 3, NK_DNS_NO_NAME},      {3, 2, NK_DNS_FAILED}, {3, 5, NK_DNS_FAILED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned char query[NK_DNS_QUERY_MAX];
        unsigned char reply[MESSAGE_BYTES];
        struct nk_addrs addrs = {0};
        size_t len = nk_dns_query(9, "a.b", NK_DNS_TYPE_A, query);

        len = make_reply(query, len, NK_DNS_TYPE_A, reply);
        reply[rows[i].at] = rows[i].value;
        ck_assert_msg(nk_dns_reply(reply, len, 9, NK_DNS_TYPE_A, &addrs) == rows[i].expected,
                      "row %zu", i);
        ck_assert_uint_eq(addrs.count, 0);
    }
}
END_TEST

/* NKT-101: cut anywhere, changed anywhere: no read outside the message (the sanitizer looks on) */
START_TEST(damaged_reply_does_no_harm)
{
    unsigned char query[NK_DNS_QUERY_MAX];
    unsigned char whole[MESSAGE_BYTES];
    size_t len = nk_dns_query(9, "a.b", NK_DNS_TYPE_A, query);

    len = make_reply(query, len, NK_DNS_TYPE_A, whole);
    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *reply = malloc(cut + 1); /* + 1: zero bytes are something to malloc too */
        struct nk_addrs addrs = {0};

        ck_assert_ptr_nonnull(reply);
        memcpy(reply, whole, cut);
        (void)nk_dns_reply(reply, cut, 9, NK_DNS_TYPE_A, &addrs);
        ck_assert_uint_eq(addrs.count, 0);
        free(reply);
    }
    for (size_t at = 0; at < len; at++) {
        for (unsigned value = 0; value < 256; value++) {
            unsigned char *reply = malloc(len);
            struct nk_addrs addrs = {0};

            ck_assert_ptr_nonnull(reply);
            memcpy(reply, whole, len);
            reply[at] = (unsigned char)value;
            (void)nk_dns_reply(reply, len, 9, NK_DNS_TYPE_A, &addrs);
            ck_assert_uint_le(addrs.count, 1);
            free(reply);
        }
    }
}
END_TEST

/* NKT-101: more addresses than we try are dropped */
START_TEST(too_many_addresses_are_dropped)
{
    struct nk_addrs addrs = {0};

    for (int i = 0; i < 2 * NK_ADDRS_MAX; i++) {
        nk_addrs_add(&addrs, AF_INET, V4);
    }
    ck_assert_uint_eq(addrs.count, NK_ADDRS_MAX);
}
END_TEST

/* --- resolving --- */

struct world {
    char folder[64];
    char hosts[96];
    char conf[96];
    int socket;
    struct nk_resolver resolver;
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void world_init(struct world *world, const char *hosts, const char *conf)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(self);

    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/netkitten-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(world->folder));
    (void)snprintf(world->hosts, sizeof(world->hosts), "%s/hosts", world->folder);
    (void)snprintf(world->conf, sizeof(world->conf), "%s/resolv.conf", world->folder);
    write_file(world->hosts, hosts);
    write_file(world->conf, conf);
    world->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(world->socket, (struct sockaddr *)&self, len), 0);
    ck_assert_int_eq(getsockname(world->socket, (struct sockaddr *)&self, &len), 0);
    world->resolver = (struct nk_resolver){
        .hosts_path = world->hosts, .conf_path = world->conf, .dns_port = ntohs(self.sin_port)};
}

static void world_clear(struct world *world)
{
    (void)close(world->socket);
    (void)unlink(world->hosts);
    (void)unlink(world->conf);
    (void)rmdir(world->folder);
}

/* The name in a question, with dots. */
static void question_name(const unsigned char *query, char *out)
{
    size_t used = 0;

    for (size_t at = HEADER_BYTES; query[at] != 0; at += (size_t)query[at] + 1) {
        if (used > 0) {
            out[used++] = '.';
        }
        used += put((unsigned char *)out + used, query + at + 1, query[at]);
    }
    out[used] = '\0';
}

/*
 * Answer like a name server that knows these names; what the first label says is done:
 * both, only4, only6: these addresses; late: first a reply to another question; broken: SERVFAIL
 * for IPv6, address for IPv4; refused: an error for both; silent: nothing.
 */
static void answer(int fd, const unsigned char *query, size_t len, const struct sockaddr_in *peer)
{
    unsigned char reply[MESSAGE_BYTES] = {0};
    char name[256];
    uint16_t type = query[len - 3];
    size_t reply_len = put(reply, query, len);
    bool wants_v6 = type == NK_DNS_TYPE_AAAA;

    question_name(query, name);
    reply[2] |= 0x80;
    if (strncmp(name, "silent.", 7) == 0) {
        return;
    }
    if (strncmp(name, "refused.", 8) == 0 || (strncmp(name, "broken.", 7) == 0 && wants_v6)) {
        reply[3] = 2;
    } else if (strcmp(name + strcspn(name, "."), ".test") != 0) {
        reply[3] = 3;
    } else if (!(strncmp(name, "only4", 5) == 0 && wants_v6) &&
               !(strncmp(name, "only6", 5) == 0 && !wants_v6)) {
        reply_len = make_reply(query, len, type, reply);
    }
    if (strncmp(name, "late.", 5) == 0) {
        reply[0] ^= 0xFF;
        (void)sendto(fd, reply, reply_len, 0, (const struct sockaddr *)peer, sizeof(*peer));
        reply[0] ^= 0xFF;
    }
    (void)sendto(fd, reply, reply_len, 0, (const struct sockaddr *)peer, sizeof(*peer));
}

/* A name server in a process of its own, which ends with this one. */
static pid_t serve_names(const struct world *world)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid != 0) {
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) {
        unsigned char query[MESSAGE_BYTES];
        struct sockaddr_in peer;
        socklen_t peer_len = sizeof(peer);
        ssize_t len =
            recvfrom(world->socket, query, sizeof(query), 0, (struct sockaddr *)&peer, &peer_len);

        if (len > HEADER_BYTES + 4) {
            answer(world->socket, query, (size_t)len, &peer);
        }
    }
    _exit(0);
}

static void end_server(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* "v4", "v6", "v4 v6", "error" or whatever addresses there are. */
static const char *resolve(const struct world *world, const char *host, struct nk_err *err)
{
    static char text[NK_ADDRS_MAX * INET6_ADDRSTRLEN];
    struct nk_addrs addrs = {0};

    text[0] = '\0';
    if (nk_resolve(&world->resolver, host, &addrs, err) < 0) {
        return "error";
    }
    for (size_t i = 0; i < addrs.count; i++) {
        size_t used = strlen(text);

        text[used] = ' ';
        (void)inet_ntop(addrs.at[i].family, addrs.at[i].bytes, text + used + (used > 0),
                        INET6_ADDRSTRLEN);
    }
    return text;
}

/* NKT-101, NKT-124: numbers and the hosts file need no server */
START_TEST(numbers_and_hosts_file_come_first)
{
    static const char *const rows[][2] = {
        {"1.2.3.4", "1.2.3.4"},      {"fd00::1", "fd00::1"},      {"localhost", "127.0.0.1 ::1"},
        {"web", "10.1.1.1 fd00::5"}, {"WEB", "10.1.1.1 fd00::5"}, {"alias", "10.1.1.1"},
        {"second", "10.1.1.2"},      {"only4.test", "10.9.9.9"},
    };
    struct world world;
    struct nk_err err;

    world_init(&world,
               "# 10.0.0.1 commented\n10.1.1.1\tweb alias # second\nfd00::5 web\n\n"
               "   10.1.1.2  second\n10.9.9.9 only4.test\nnonsense broken.line\n10.1.1.3",
               "nameserver 127.0.0.1\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_str_eq(resolve(&world, rows[i][0], &err), rows[i][1]);
    }
    world_clear(&world);
}
END_TEST

/* NKT-101: a line of any length is skipped whole */
START_TEST(endless_hosts_line_is_skipped)
{
    struct world world;
    struct nk_err err;
    char text[8192];

    memset(text, 'x', sizeof(text));
    (void)snprintf(text + sizeof(text) - 64, 64, "\n10.1.1.1 after\n");
    world_init(&world, text, "");
    ck_assert_str_eq(resolve(&world, "after", &err), "10.1.1.1");
    world_clear(&world);
}
END_TEST

/* NKT-101, NKT-130: DNS, IPv4 before IPv6; one family is enough */
START_TEST(server_is_asked_for_both_families)
{
    static const char *const rows[][2] = {
        {"both.test", "10.0.0.7 fd00::9"}, {"both.test.", "10.0.0.7 fd00::9"},
        {"only4.test", "10.0.0.7"},        {"only6.test", "fd00::9"},
        {"late.test", "10.0.0.7 fd00::9"}, {"broken.test", "10.0.0.7"},
        {"both", "10.0.0.7 fd00::9"}, /* through the search list */
    };
    struct world world;
    struct nk_err err;
    pid_t server = 0;

    world_init(&world, "",
               "search nowhere.invalid test\nnameserver 127.0.0.1\noptions timeout:20\n");
    server = serve_names(&world);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_str_eq(resolve(&world, rows[i][0], &err), rows[i][1]);
    }
    end_server(server);
    world_clear(&world);
}
END_TEST

/* NKT-131: the cause says whether the name or the server is missing */
START_TEST(names_that_cannot_be_found_say_why)
{
    static const char *const rows[][2] = {
        {"unknown.name", "no such host"},
        {"both.", "no such host"}, /* a final dot: no search list */
        {"a..b", "no such host"},
        {"refused.test", "no answer"},
        {"silent.test", "no answer"},
        {"", "not a host name"},
    };
    struct world world;
    struct nk_err err;
    pid_t server = 0;
    char host[400];

    world_init(&world, "", "nameserver 127.0.0.1\nsearch test\noptions timeout:1 attempts:1 x\n");
    server = serve_names(&world);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_str_eq(resolve(&world, rows[i][0], &err), "error");
        ck_assert_msg(strstr(err.msg, rows[i][1]) != NULL, "%s", err.msg);
    }
    memset(host, 'a', sizeof(host));
    host[sizeof(host) - 1] = '\0';
    ck_assert_str_eq(resolve(&world, host, &err), "error");
    end_server(server);
    world_clear(&world);
}
END_TEST

/* NKT-130: a server that is not there costs no time; the next one is asked */
START_TEST(next_server_is_asked_after_a_dead_one)
{
    struct world world;
    struct nk_err err;
    int64_t since_ms = kit_now_ms();
    pid_t server = 0;

    /* Nobody serves on the second loopback address. */
    world_init(&world, "", "nameserver 127.0.0.2\nnameserver nonsense\nnameserver 127.0.0.1\n");
    server = serve_names(&world);
    ck_assert_str_eq(resolve(&world, "only4.test", &err), "10.0.0.7");
    ck_assert_int_lt(kit_now_ms() - since_ms, 4000); /* less than the time-out of 5 s */
    end_server(server);
    world_clear(&world);
}
END_TEST

/* NKT-101: without a file the server on this machine is asked, and its absence is no time-out */
START_TEST(missing_files_are_no_error)
{
    struct world world;
    struct nk_err err;
    pid_t server = 0;

    world_init(&world, "", "");
    (void)unlink(world.hosts);
    (void)unlink(world.conf);
    server = serve_names(&world);
    ck_assert_str_eq(resolve(&world, "only4.test", &err), "10.0.0.7");
    end_server(server);
    (void)close(world.socket);
    ck_assert_str_eq(resolve(&world, "only4.test", &err), "error");
    world_clear(&world);
}
END_TEST

/* --- targets --- */

/* NKT-124 */
START_TEST(target_forms)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } rows[] = {
        {"host:80", "host", 80},
        {"1.2.3.4:65535", "1.2.3.4", 65535},
        {"[fd00::1]:7", "fd00::1", 7},
        {":9", "", 9},
        {"[]:9", "", 9},
        {"host:http", "host", 80},
        {"h:https", "h", 443},
        {"h:", "h", 0},
        {"h:0080", "h", 80},
    };
    static const char *const bad[] = {"",          "host",    "[::1]",   "::1:80",
                                      "a:b:c",     "[::1:80", "h:65536", "h:99999999999999999999",
                                      "h:nothing", "h:-1",    "h:+1",    "h: 1",
                                      "h:HTTP"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nk_target target;
        struct nk_err err;

        ck_assert_msg(nk_target_parse(rows[i].text, &target, &err) == 0, "%s", rows[i].text);
        ck_assert_str_eq(target.host, rows[i].host);
        ck_assert_uint_eq(target.port, rows[i].port);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct nk_target target;
        struct nk_err err = {""};

        ck_assert_msg(nk_target_parse(bad[i], &target, &err) == -1, "%s accepted", bad[i]);
        ck_assert_str_ne(err.msg, "");
    }
}
END_TEST

/* NKT-130: every address is tried; the first failure is told */
START_TEST(second_address_is_tried_when_the_first_refuses)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(self);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct world world;
    struct nk_err err;
    char text[32];
    int fd = -1;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&self, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&self, &len), 0);
    world_init(&world, "127.0.0.2 two\n127.0.0.1 two\n127.0.0.3 dead\n127.0.0.2 dead", "");
    (void)snprintf(text, sizeof(text), "two:%u", ntohs(self.sin_port));
    fd = nk_target_connect(&world.resolver, text, &err);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    (void)snprintf(text, sizeof(text), "dead:%u", ntohs(self.sin_port));
    ck_assert_int_eq(nk_target_connect(&world.resolver, text, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.msg, "127.0.0.3"));
    (void)close(listener);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netkitten resolve");
    TCase *messages = tcase_create("messages");
    TCase *names = tcase_create("names");
    SRunner *runner = NULL;
    int failed = 0;

    tcase_add_test(messages, query_is_exact);
    tcase_add_test(messages, query_refuses_what_is_no_name);
    tcase_add_test(messages, reply_gives_its_addresses);
    tcase_add_test(messages, reply_of_another_kind_is_told_apart);
    tcase_add_test(messages, damaged_reply_does_no_harm);
    tcase_add_test(messages, too_many_addresses_are_dropped);
    suite_add_tcase(suite, messages);
    tcase_set_timeout(names, 60);
    tcase_add_test(names, numbers_and_hosts_file_come_first);
    tcase_add_test(names, endless_hosts_line_is_skipped);
    tcase_add_test(names, server_is_asked_for_both_families);
    tcase_add_test(names, names_that_cannot_be_found_say_why);
    tcase_add_test(names, next_server_is_asked_after_a_dead_one);
    tcase_add_test(names, missing_files_are_no_error);
    tcase_add_test(names, target_forms);
    tcase_add_test(names, second_address_is_tried_when_the_first_refuses);
    suite_add_tcase(suite, names);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
