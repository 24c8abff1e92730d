#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "tests/unit/sys/rig_sockets.h"

/*
 * Names that are trouble: a server that does not answer the question, a name with several addresses
 * of which not all live. The program's own getaddrinfo takes the library's place, for libcurl too.
 */
#define ADDRESSES_MAX 5
#define HANG_S 20 /* nobody waits that long: the test lets the lookup go */

typedef int lookup_fn(const char *host, const char *service, const struct addrinfo *hints,
                      struct addrinfo **ret_found);

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t hanging; /* lookups of "hang.test" under way */
    bool released;
    const char *addresses[ADDRESSES_MAX]; /* of "many.test" */
} names = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static lookup_fn *real_lookup(void)
{
    lookup_fn *real;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");

    memcpy(&real, &found, sizeof(real));
    return real;
}

static void hang(void)
{
    struct timespec limit;

    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += HANG_S;
    (void)pthread_mutex_lock(&names.lock);
    names.hanging++;
    (void)pthread_cond_broadcast(&names.changed);
    while (!names.released && pthread_cond_timedwait(&names.changed, &names.lock, &limit) == 0) {
    }
    names.hanging--;
    (void)pthread_cond_broadcast(&names.changed);
    (void)pthread_mutex_unlock(&names.lock);
}

static int look_up_many(const char *service, const struct addrinfo *hints,
                        struct addrinfo **ret_found)
{
    struct addrinfo plain = *hints, **end = ret_found;

    plain.ai_flags = AI_NUMERICHOST;
    for (size_t i = 0; i < ADDRESSES_MAX && names.addresses[i] != NULL; i++) {
        int rc = real_lookup()(names.addresses[i], service, &plain, end);

        if (rc != 0) {
            return rc;
        }
        end = &(*end)->ai_next;
    }
    return 0;
}

/* The names are those of <netdb.h>. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *req,
                struct addrinfo **pai)
{
    bool numeric = req != NULL && (req->ai_flags & AI_NUMERICHOST) != 0;

    if (!numeric && strcmp(name, "many.test") == 0) {
        return look_up_many(service, req, pai);
    }
    if (!numeric && strcmp(name, "hang.test") == 0) {
        hang();
        return EAI_AGAIN;
    }
    return real_lookup()(name, service, req, pai);
}

static void await_hanging(bool any)
{
    (void)pthread_mutex_lock(&names.lock);
    while ((names.hanging > 0) != any) {
        (void)pthread_cond_wait(&names.changed, &names.lock);
    }
    (void)pthread_mutex_unlock(&names.lock);
}

static bool is_hanging(void)
{
    bool any;

    (void)pthread_mutex_lock(&names.lock);
    any = names.hanging > 0;
    (void)pthread_mutex_unlock(&names.lock);
    return any;
}

static void release(void)
{
    (void)pthread_mutex_lock(&names.lock);
    names.released = true;
    (void)pthread_cond_broadcast(&names.changed);
    (void)pthread_mutex_unlock(&names.lock);
    await_hanging(false);
}

/* ---- one exchange, one connection ----------------------------------------------------------- */

static struct {
    struct eca_http_call *call;
    bool done;
    struct eca_err err;
} got;
static struct wire wire;

static void setup(void)
{
    contract_set_rig(&rig_sockets_contract);
    contract_open();
    memset(&got, 0, sizeof(got));
    memset(&wire, 0, sizeof(wire));
    memset(names.addresses, 0, sizeof(names.addresses));
    names.released = false;
}

static void teardown(void)
{
    wire_clear(&wire);
    contract_close();
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    (void)arg;
    got.done = true;
    got.err = end->err;
}

static void get(const char *url)
{
    static const struct eca_http_events events = {.on_end = on_end};
    struct eca_http_opts opts = {
        .method = "GET", .url = url, .connect_ms = 1000, .total_ms = 5000, .party = "word"};
    struct eca_err err = {0};

    got.done = false;
    ck_assert_int_eq(eca_http_start(contract.stage.http, &opts, &events, NULL, &got.call, &err), 0);
}

static void dial(uint16_t port)
{
    struct eca_channel_opts opts = {.connect_ms = 30000,
                                    .message_bytes_max = 1 << 20,
                                    .send_queue_bytes_max = 1 << 20,
                                    .insecure = true,
                                    .party = "word"};
    char url[64];

    (void)snprintf(url, sizeof(url), "wss://many.test:%u/ws", port);
    opts.url = url;
    wire_clear(&wire);
    contract_advance_ms(100);
    wire_dial(&wire, &contract.stage, &opts);
    for (int i = 0; i < 2000 && !wire.open && !wire.ended; i++) {
        rig_sockets_round();
    }
}

/* API-102: a lookup that nobody answers costs the call its deadline, and the loop, which
 * serves all others, nothing. So does a call that is canceled. */
START_TEST(a_lookup_that_hangs_holds_nobody_up)
{
    get("http://hang.test/");
    contract_advance_ms(1);
    await_hanging(true);
    contract_until(&got.done, "the connect deadline");
    ck_assert_int_eq(got.err.code, ECA_E_TIMEOUT);
    ck_assert_msg(is_hanging(), "the loop waited for the lookup");
    get("http://hang.test/");
    contract_advance_ms(1);
    eca_http_cancel(contract.stage.http, got.call);
    contract_advance_ms(1);
    ck_assert_msg(is_hanging(), "the loop waited for the lookup");
    release();
}
END_TEST

/* A listener whose queue is full: who connects hears nothing. */
struct silence {
    int fds[4];
};

static void silence_open(struct silence *silence, const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *at = NULL;
    char service[8];

    (void)snprintf(service, sizeof(service), "%u", port);
    ck_assert_int_eq(getaddrinfo(host, service, &hints, &at), 0);
    for (size_t i = 0; i < ECA_ARRAY_LEN(silence->fds); i++) {
        silence->fds[i] = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(silence->fds[i], 0);
        if (i == 0) {
            ck_assert_int_eq(bind(silence->fds[i], at->ai_addr, at->ai_addrlen), 0);
            ck_assert_int_eq(listen(silence->fds[i], 0), 0);
        } else {
            (void)connect(silence->fds[i], at->ai_addr, at->ai_addrlen);
        }
    }
    freeaddrinfo(at);
}

static void silence_close(struct silence *silence)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(silence->fds); i++) {
        (void)close(silence->fds[i]);
    }
}

/* WS-105: of several addresses the first that answers is taken; one that refuses costs nothing, a
 * silent one 5 s, and the families take turns, so that a broken IPv6 does not use up the deadline.
 */
START_TEST(of_several_addresses_a_living_one_is_found)
{
    static const struct {
        const char *addresses[ADDRESSES_MAX];
        bool open;
        uint64_t ms_min, ms_max;
    } rows[] = {
        {{"127.0.0.1"}, true, 0, 200},
        {{"127.0.0.2", "127.0.0.1"}, true, 0, 200},
        {{"::1", "127.0.0.2", "127.0.0.1"}, true, 0, 200},
        {{"127.0.0.3", "127.0.0.1"}, true, 5000, 5200},
        {{"127.0.0.3", "127.0.0.2", "127.0.0.3", "127.0.0.1"}, true, 10000, 10200},
        {{"::1", "::1", "::1", "::1", "127.0.0.1"}, true, 0, 200},
        {{"127.0.0.2", "127.0.0.3"}, false, 30000, 30200},
        {{"127.0.0.2", "127.0.0.2"}, false, 0, 200},
    };
    struct silence silence;

    silence_open(&silence, "127.0.0.3", rig_sockets.tls_port);
    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        uint64_t since_ms, took_ms;

        memcpy(names.addresses, rows[i].addresses, sizeof(names.addresses));
        since_ms = contract_now_ms() + 100; /* dial() waits so long for what was before */
        dial(rig_sockets.tls_port);
        took_ms = contract_now_ms() - since_ms;
        ck_assert_msg(wire.open == rows[i].open, "row %zu: %s", i, wire.why);
        ck_assert_msg(took_ms >= rows[i].ms_min && took_ms <= rows[i].ms_max, "row %zu: %llu ms", i,
                      (unsigned long long)took_ms);
    }
    ck_assert_str_eq(wire.why, "dial: Connection refused");
    silence_close(&silence);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("sockets");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_lookup_that_hangs_holds_nobody_up);
    tcase_add_test(tcase, of_several_addresses_a_living_one_is_found);
    suite_add_tcase(suite, tcase);
    return contract_main(&rig_sockets_contract, suite);
}
