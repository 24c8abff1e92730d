/* The program as others see it: processes, sockets, exit codes (NKT-151). */
#include <arpa/inet.h>
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/netkitten/kit.h"

enum {
    MIB = 1024 * 1024,
    RELAY_BYTES = 10 * MIB,
    CLIENT_RUBBISH_BYTES = 64 * 1024,
    ROUNDS = 1000,
    DESCRIPTORS_MAX = 64,
    TCP_SYN_SENT = 2,
    TCP_LISTENING = 10,
    TEST_SECONDS_MAX = 60,
    END_MS_MAX = 100, /* NKT-143 */
    IDLE_MS_MAX =
        1000,          /* a run that has nothing to do: far below anything that it might wait for */
    TIMED_TRIES = 5,   /* a busy machine gets as many chances to keep a limit */
    DRAIN_MS_MAX = 200 /* NKT-141 */
};

/* --- the table of A3, row by row --- */

/* NKT-112, NKT-133, NKT-135, NKT-138: -l P -serve X */
START_TEST(serve_gives_one_client_the_text_and_exits_0)
{
    struct kit_process process = kit_run("-l", "0", "-serve", "hello", NULL);

    kit_expect_data(kit_connect(kit_port(&process)), "hello");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-114, NKT-134, NKT-138: -l P -serve X -loop */
START_TEST(serve_loop_gives_every_client_the_text_until_killed)
{
    struct kit_process process = kit_run("-l=0", "-serve=again", "-loop", NULL);
    uint16_t port = kit_port(&process);
    int clients[10];

    for (int i = 0; i < 100; i++) {
        kit_expect_data(kit_connect(port), "again");
    }
    for (int i = 0; i < 10; i++) {
        clients[i] = kit_connect(port);
    }
    for (int i = 0; i < 10; i++) {
        kit_expect_data(clients[i], "again");
    }
    ck_assert_uint_eq(kit_port(&process), port);
    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    kit_expect_end(&process, 128 + SIGTERM, "", "");
}
END_TEST

/* NKT-111, NKT-134: -l P */
START_TEST(listen_alone_accepts_one_client_and_sends_nothing)
{
    struct kit_process process = kit_run("-l", "0", NULL);

    kit_expect_data(kit_connect(kit_port(&process)), "");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-115, NKT-130, NKT-137: h:p */
START_TEST(target_alone_is_printed)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run(target.address, "ignored", "-l", NULL);
    int fd = kit_target_accept(&target);

    kit_send(fd, "from the target", 15);
    (void)close(fd);
    kit_expect_end(&process, 0, "from the target", "");
}
END_TEST

/* NKT-113, NKT-132, NKT-137: -write X h:p; the target sees no end of data */
START_TEST(write_sends_the_text_and_leaves_the_write_side_open)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-write", "question\\n", target.address, NULL);
    int fd = kit_target_accept(&target);
    char more = 0;

    kit_expect_next(fd, "question\\n");
    kit_send(fd, "answer", 6);
    kit_expect_next(process.out, "answer");
    /* By now an end of data would have come before the answer was printed. */
    ck_assert_int_eq(recv(fd, &more, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
    (void)close(fd);
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-130, NKT-135: -l P h:p */
START_TEST(relay_passes_the_target_to_one_client)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-l", "0", target.address, NULL);
    int fd = kit_target_accept(&target);
    int client = kit_connect(kit_port(&process));

    kit_send(fd, "first ", 6);
    kit_expect_next(client, "first ");
    kit_send(fd, "second", 6);
    (void)close(fd);
    kit_expect_data(client, "second");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-132, NKT-135: -l P -serve X -write Y h:p; the target has Y before the client is there */
START_TEST(serve_text_comes_before_the_answer_of_the_target)
{
    struct kit_target target = kit_target_open();
    struct kit_process process =
        kit_run("-l", "0", "-serve", "pre:", "-write", "ask", target.address, NULL);
    int fd = kit_target_accept(&target);
    int client = -1;

    kit_expect_next(fd, "ask");
    kit_send(fd, "hello", 5);
    (void)close(fd);
    client = kit_connect(kit_port(&process));
    kit_expect_data(client, "pre:hello");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-139: nothing to do; within 50 ms */
START_TEST(no_arguments_exit_0_at_once)
{
    int64_t best_ms = INT64_MAX;

    for (int i = 0; i < TIMED_TRIES && best_ms > IDLE_MS_MAX; i++) {
        int64_t since_ms = kit_now_ms();
        struct kit_process process = kit_run(NULL, NULL);

        kit_expect_end(&process, 0, "", "");
        best_ms = kit_now_ms() - since_ms;
    }
    ck_assert_int_le(best_ms, IDLE_MS_MAX);
}
END_TEST

/* NKT-112, NKT-113, NKT-115: texts without anybody to give them to, an empty target */
START_TEST(texts_without_a_peer_are_ignored)
{
    struct kit_process process = kit_run("-serve", "X", "-write", "Y", "", NULL);

    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-139 [BUG]: -loop alone waits for a signal and burns no CPU */
START_TEST(loop_with_nothing_to_do_sleeps_until_a_signal)
{
    struct kit_process process = kit_run("-loop", NULL);

    kit_await_asleep(&process);
    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    kit_expect_end(&process, 128 + SIGTERM, "", "");
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* sanitizers need the shared C library */
/* NKT-101, NKT-104: no interpreter, hence no shared library and nothing else to put into the image
 */
START_TEST(program_is_static)
{
    char path[KIT_PATH_BYTES];
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    FILE *file = NULL;

    kit_program_path(path);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(&header, sizeof(header), 1, file), 1);
    ck_assert_mem_eq(header.e_ident, ELFMAG, SELFMAG);
    ck_assert_uint_gt(header.e_phnum, 0);
    ck_assert_int_eq(fseek(file, (long)header.e_phoff, SEEK_SET), 0);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        ck_assert_uint_eq(fread(&segment, sizeof(segment), 1, file), 1);
        ck_assert_uint_ne(segment.p_type, PT_INTERP);
    }
    (void)fclose(file);
}
END_TEST
#endif

/* --- refusals --- */

/* NKT-102, NKT-123: exit code 2, the problem and the usage text on standard error */
START_TEST(usage_errors_exit_2)
{
    static const struct {
        const char *args[3];
        const char *problem;
    } rows[] = {
        {{"-nonsense", NULL}, "unknown option: -nonsense\nUsage:"},
        {{"-l", "abc", NULL}, "invalid value \"abc\" for option -l"},
        {{"-l", NULL}, "option needs a value: -l\nUsage:"},
        {{"-loop=maybe", NULL}, "invalid boolean value \"maybe\" for option -loop"},
        {{"---l", NULL}, "bad option syntax: ---l\nUsage:"},
        {{"-h", NULL}, "Usage:"},
        {{"--help", NULL}, "Usage:"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kit_start start = {0};
        struct kit_process process = kit_run_with(&start, rows[i].args);
        char text[2048] = "";

        ck_assert_int_eq(kit_wait(&process), 2);
        ck_assert_int_gt(kit_read_all(process.err, text, sizeof(text) - 1), 0);
        ck_assert_msg(strncmp(text, rows[i].problem, strlen(rows[i].problem)) == 0, "%s", text);
        ck_assert_ptr_nonnull(strstr(text, "HOST:PORT"));
        kit_expect_data(process.out, "");
        (void)close(process.err);
    }
}
END_TEST

/* Exit code 1 and one line "YYYY/MM/DD HH:MM:SS <step>: <cause>" (NKT-131, NKT-146). */
static void expect_failure(struct kit_process *process, const char *step)
{
    char text[1024] = "";
    int used = 0;

    ck_assert_int_eq(kit_wait(process), 1);
    ck_assert_int_gt(kit_read_all(process->err, text, sizeof(text) - 1), 0);
    (void)sscanf(text, "%*4d/%*2d/%*2d %*2d:%*2d:%*2d %n", &used);
    ck_assert_msg(used == 20, "no time stamp: %s", text);
    ck_assert_msg(strncmp(text + used, step, strlen(step)) == 0, "%s: not %s", text, step);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    kit_expect_data(process->out, "");
    (void)close(process->err);
}

/* NKT-131, NKT-124: refused, missing port, unknown names; also under -loop without a retry */
START_TEST(unreachable_target_exits_1_without_a_retry)
{
    struct kit_target dead = kit_target_open();
    const char *const targets[] = {
        dead.address, "127.0.0.1", "127.0.0.1:70000", "localhost:nonsense", "::1:80", "-", "[::1]"};

    (void)close(dead.listener);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct kit_process process = kit_run(targets[i], NULL);

        expect_failure(&process, "Error connecting to target: ");
        process = kit_run("-l", "0", "-serve", "X", "-loop", targets[i], NULL);
        expect_failure(&process, "Error connecting to target: ");
    }
}
END_TEST

/* NKT-131, NKT-138: a target that goes away ends a loop of relays */
START_TEST(loop_ends_when_the_target_is_gone)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-l", "0", "-loop", target.address, NULL);
    int fd = kit_target_accept(&target);
    int client = kit_connect(kit_port(&process));

    (void)close(target.listener);
    kit_send(fd, "once", 4);
    (void)close(fd);
    kit_expect_data(client, "once");
    expect_failure(&process, "Error connecting to target: ");
}
END_TEST

/* NKT-133: port in use, port out of range */
START_TEST(ports_that_cannot_be_opened_exit_1)
{
    struct kit_target taken = kit_target_open();
    char port[8];
    struct kit_process process;

    (void)snprintf(port, sizeof(port), "%u", taken.port);
    process = kit_run("-l", port, "-serve", "X", NULL);
    expect_failure(&process, "Error listening: ");
    process = kit_run("-l", "70000", NULL);
    expect_failure(&process, "Error listening: ");
    process = kit_run("-l", "0x10000", "-loop", NULL);
    expect_failure(&process, "Error listening: ");
}
END_TEST

/* NKT-133: the target comes first, also when the port is bad */
START_TEST(target_is_connected_before_the_port_is_tried)
{
    struct kit_process process = kit_run("-l", "70000", "127.0.0.1", NULL);

    expect_failure(&process, "Error connecting to target: ");
}
END_TEST

/* NKT-130, NKT-133: no port while the target does not answer */
START_TEST(port_stays_closed_until_the_target_answers)
{
    struct kit_target target = kit_target_open();
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons(target.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct kit_process process;
    int64_t since_ms = kit_now_ms();
    int fillers[4];

    /* A full queue answers nothing at all. */
    ck_assert_int_eq(listen(target.listener, 0), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&peer, sizeof(peer));
    }
    process = kit_run("-l", "0", target.address, NULL);
    while (kit_port_in_state(&process, TCP_SYN_SENT) == 0) {
        ck_assert_int_lt(kit_now_ms() - since_ms, KIT_PATIENCE_MS);
    }
    kit_await_asleep(&process);
    ck_assert_uint_eq(kit_port_in_state(&process, TCP_LISTENING), 0);
    kit_kill(&process);
    for (int i = 0; i < 4; i++) {
        (void)close(fillers[i]);
    }
}
END_TEST

/* --- addresses --- */

static int connect_v6(uint16_t port)
{
    struct sockaddr_in6 peer = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* NKT-124, NKT-133: IPv4 and IPv6 reach the same port; every form of a target */
START_TEST(both_address_families_and_every_target_form_work)
{
    static const char *const hosts[] = {"127.0.0.1", "", "localhost", "[127.0.0.1]", "[::1]"};
    struct kit_process server = kit_run("-l", "0", "-serve", "here", "-loop", NULL);
    uint16_t port = kit_port(&server);
    int v6 = connect_v6(port);
    size_t count = sizeof(hosts) / sizeof(hosts[0]);

    if (v6 >= 0) {
        kit_expect_data(v6, "here");
    } else {
        (void)fprintf(stderr, "no IPv6 loopback here: IPv6 not tested\n");
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        char address[64];
        struct kit_process process;

        (void)snprintf(address, sizeof(address), "%s:%u", hosts[i], port);
        process = kit_run(address, NULL);
        kit_expect_end(&process, 0, "here", "");
    }
    kit_kill(&server);
}
END_TEST

/* NKT-145: the port of an ended netkitten is free at once, although its connection lingers */
START_TEST(port_can_be_taken_again_at_once)
{
    struct kit_process process = kit_run("-l", "0", "-serve", "one", NULL);
    uint16_t port = kit_port(&process);
    char text[8];

    (void)snprintf(text, sizeof(text), "%u", port);
    kit_expect_data(kit_connect(port), "one");
    kit_expect_end(&process, 0, "", "");
    process = kit_run("-l", text, "-serve", "two", NULL);
    ck_assert_uint_eq(kit_port(&process), port);
    kit_expect_data(kit_connect(port), "two");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* --- clients that behave badly, and much data --- */

/* NKT-136, NKT-141 [BUG]: unread data of the client must not cost it the text */
START_TEST(client_that_sends_64_kib_first_still_gets_the_text)
{
    struct kit_process process = kit_run("-l", "0", "-serve", "all of it", NULL);
    uint16_t port = kit_port(&process);
    char *rubbish = calloc(1, CLIENT_RUBBISH_BYTES);
    int client = -1;

    ck_assert_ptr_nonnull(rubbish);
    kit_halt(&process); /* so that everything is there before it closes */
    client = kit_connect(port);
    kit_send(client, rubbish, CLIENT_RUBBISH_BYTES);
    kit_go_on(&process);
    kit_expect_end(&process, 0, "", ""); /* although the client has not read and stays */
    kit_expect_data(client, "all of it");
    free(rubbish);
}
END_TEST

/* NKT-141: a client that stays is left after 200 ms; one that goes is not waited for */
START_TEST(client_that_stays_is_left_after_200_ms)
{
    struct kit_process process = kit_run("-l", "0", "-serve", "x", NULL);
    int client = kit_connect(kit_port(&process));
    int64_t since_ms = kit_now_ms();
    int64_t best_ms = INT64_MAX;

    ck_assert_int_eq(kit_wait(&process), 0);
    ck_assert_int_ge(kit_now_ms() - since_ms, DRAIN_MS_MAX - 20);
    kit_expect_data(client, "x");

    for (int i = 0; i < TIMED_TRIES && best_ms >= DRAIN_MS_MAX; i++) {
        process = kit_run("-l", "0", "-serve", "x", NULL);
        client = kit_connect(kit_port(&process));
        since_ms = kit_now_ms();
        kit_expect_data(client, "x");
        ck_assert_int_eq(kit_wait(&process), 0);
        best_ms = kit_now_ms() - since_ms;
    }
    ck_assert_int_lt(best_ms, DRAIN_MS_MAX);
}
END_TEST

/* NKT-135: an error at the client ends the round, and no signal (NKT-142) ends the program */
START_TEST(client_that_resets_ends_the_round)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-l", "0", target.address, NULL);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = kit_target_accept(&target);
    int client = kit_connect(kit_port(&process));

    kit_send(fd, "x", 1);
    kit_expect_next(client, "x");
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    (void)close(client);
    kit_expect_end(&process, 0, "", ""); /* the target has neither ended nor sent more */
    (void)close(fd);
}
END_TEST

/* NKT-142: a write to a client that has ended and then reset raises no signal */
START_TEST(client_that_is_already_gone_is_no_error)
{
    struct kit_process process = kit_run("-l", "0", "-serve", "too late", NULL);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    uint16_t port = kit_port(&process);
    int client = -1;

    kit_halt(&process);
    client = kit_connect(port);
    ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    (void)close(client);
    kit_go_on(&process);
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-132: errors of the write are ignored */
START_TEST(target_that_resets_is_no_error)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-write", "x", target.address, NULL);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = kit_target_accept(&target);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    (void)close(fd);
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-134: the second client waits until the first one is done */
START_TEST(clients_are_served_one_after_the_other)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-l", "0", "-serve", ">", "-loop", target.address, NULL);
    int first_target = kit_target_accept(&target);
    uint16_t port = kit_port(&process);
    int first = kit_connect(port);
    int second = kit_connect(port);
    struct pollfd pollfd = {.fd = second, .events = POLLIN};
    int second_target = -1;

    kit_send(first_target, "1", 1);
    kit_expect_next(first, ">1");
    ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
    (void)close(first_target);
    kit_expect_data(first, "");
    second_target = kit_target_accept(&target); /* a new one for each round (NKT-138) */
    kit_send(second_target, "2", 1);
    (void)close(second_target);
    kit_expect_data(second, ">2");
    kit_kill(&process);
}
END_TEST

/* A byte stream that does not repeat at any buffer size. */
static void fill(char *at, size_t len)
{
    uint32_t state = 1;

    for (size_t i = 0; i < len; i++) {
        state = state * 1664525 + 1013904223;
        at[i] = (char)(state >> 24);
    }
}

/* Send from another process, so that this one can read at the same time. */
static pid_t send_behind(int fd, const char *data, size_t len)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        while (len > 0) {
            ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

            if (sent <= 0) {
                _exit(1);
            }
            data += sent;
            len -= (size_t)sent;
        }
        _exit(0);
    }
    (void)close(fd);
    return pid;
}

static long peak_memory_kib(pid_t pid)
{
    char path[64];
    char line[256];
    long kib = -1;
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (kib < 0 && fgets(line, sizeof(line), file) != NULL) {
        /* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
        (void)sscanf(line, "VmHWM: %ld kB", &kib);
    }
    (void)fclose(file);
    return kib;
}

/* NKT-144: 10 MiB through a relay, complete, with constant memory; slow reader, short writes */
START_TEST(ten_mib_pass_a_relay_unharmed)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-l", "0", target.address, NULL);
    int fd = kit_target_accept(&target);
    int client = kit_connect(kit_port(&process));
    char *sent = malloc(RELAY_BYTES);
    char *got = malloc(RELAY_BYTES);
    char more = 0;
    long early_kib = 0;

    ck_assert(sent != NULL && got != NULL);
    fill(sent, RELAY_BYTES);
    (void)send_behind(fd, sent, RELAY_BYTES);
    ck_assert_int_eq(kit_read_all(client, got, MIB), MIB);
    early_kib = peak_memory_kib(process.pid);
    kit_halt(&process);
    kit_go_on(&process);
    ck_assert_int_eq(kit_read_all(client, got + MIB, RELAY_BYTES - MIB - 1), RELAY_BYTES - MIB - 1);
    ck_assert_int_gt(early_kib, 0);
    ck_assert_int_lt(peak_memory_kib(process.pid) - early_kib, 256);
    ck_assert_int_eq(kit_read_all(client, got + RELAY_BYTES - 1, 1), 1);
    ck_assert_int_eq(memcmp(sent, got, RELAY_BYTES), 0);
    ck_assert_int_eq(kit_read_all(client, &more, 1), 0);
    (void)close(client);
    kit_expect_end(&process, 0, "", "");
    free(sent);
    free(got);
}
END_TEST

/* NKT-144: waits go on after an interruption */
START_TEST(interrupted_accept_goes_on)
{
    struct kit_process process = kit_run("-l", "0", "-serve", "still here", NULL);
    uint16_t port = kit_port(&process);

    for (int i = 0; i < 3; i++) {
        kit_await_asleep(&process);
        kit_halt(&process);
        kit_go_on(&process);
        ck_assert_int_eq(kill(process.pid, SIGWINCH), 0);
    }
    kit_expect_data(kit_connect(port), "still here");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* NKT-140 [BUG]: a round gives its target connection back */
START_TEST(thousand_rounds_need_few_descriptors)
{
    static const struct kit_start start = {.descriptors = DESCRIPTORS_MAX};
    struct kit_target target = kit_target_open();
    const char *args[] = {"-l", "0", "-loop", target.address, NULL};
    struct kit_process process = kit_run_with(&start, args);
    uint16_t port = 0;

    for (int i = 0; i < ROUNDS; i++) {
        int fd = kit_target_accept(&target);

        if (port == 0) {
            port = kit_port(&process);
        }
        kit_send(fd, "round", 5);
        (void)close(fd);
        kit_expect_data(kit_connect(port), "round");
    }
    kit_kill(&process);
}
END_TEST

/* NKT-137, NKT-138, NKT-140: the same without -l */
START_TEST(thousand_rounds_without_a_port_print_everything)
{
    static const struct kit_start start = {.descriptors = DESCRIPTORS_MAX};
    struct kit_target target = kit_target_open();
    const char *args[] = {"-loop", target.address, NULL};
    struct kit_process process = kit_run_with(&start, args);

    for (int i = 0; i < ROUNDS; i++) {
        int fd = kit_target_accept(&target);

        kit_send(fd, "round", 5);
        (void)close(fd);
        kit_expect_next(process.out, "round");
    }
    kit_kill(&process);
}
END_TEST

/* --- standard output --- */

/* NKT-142: a broken pipe ends it by its signal */
START_TEST(broken_standard_output_ends_it_by_sigpipe)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run(target.address, NULL);
    int fd = kit_target_accept(&target);

    (void)close(process.out);
    process.out = -1;
    kit_send(fd, "x", 1);
    kit_expect_end(&process, 128 + SIGPIPE, "", "");
    (void)close(fd);
}
END_TEST

/* NKT-142: a closed descriptor does no harm, and the target does not get its own bytes back */
START_TEST(closed_standard_output_exits_0)
{
    static const struct kit_start start = {.out_closed = true};
    struct kit_target target = kit_target_open();
    const char *args[] = {target.address, NULL};
    struct kit_process process = kit_run_with(&start, args);
    int fd = kit_target_accept(&target);

    kit_send(fd, "echo?", 5);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    kit_expect_data(fd, "");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

/* --- signals (NKT-143) --- */

static const int ENDING[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

/* Bring one into the state, then end it by the signal; returns how long that took. */
static int64_t end_by(struct kit_process *process, int number, int code)
{
    int64_t since_ms = 0;

    kit_await_asleep(process);
    since_ms = kit_now_ms();
    ck_assert_int_eq(kill(process->pid, number), 0);
    ck_assert_int_eq(kit_wait(process), code);
    since_ms = kit_now_ms() - since_ms;
    (void)close(process->out);
    (void)close(process->err);
    return since_ms;
}

static struct kit_process start_accepting(void)
{
    struct kit_process process = kit_run("-l", "0", NULL);

    (void)kit_port(&process);
    return process;
}

static struct kit_process start_reading(void)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run(target.address, NULL);

    (void)kit_target_accept(&target); /* stays open and silent as long as the test runs */
    return process;
}

static struct kit_process start_relaying(void)
{
    struct kit_target target = kit_target_open();
    struct kit_process process = kit_run("-l", "0", target.address, NULL);
    int fd = kit_target_accept(&target);
    int client = kit_connect(kit_port(&process));

    kit_send(fd, "x", 1);
    kit_expect_next(client, "x");
    return process;
}

/* Blocked in a write: the target never reads what it is sent. */
static struct kit_process start_writing(void)
{
    static char text[120 * 1024];
    struct kit_target target = kit_target_open();
    int small = 2048;
    struct kit_process process;

    memset(text, 'x', sizeof(text) - 1);
    ck_assert_int_eq(setsockopt(target.listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    process = kit_run("-write", text, target.address, NULL);
    (void)kit_target_accept(&target);
    return process;
}

static struct kit_process start_pausing(void)
{
    return kit_run("-loop", NULL);
}

/* NKT-143: every signal in every state; an ordinary process dies by it */
START_TEST(signals_end_it_in_every_state_within_100_ms)
{
    static struct kit_process (*const states[])(void) = {
        start_accepting, start_reading, start_relaying, start_writing, start_pausing};

    for (size_t state = 0; state < sizeof(states) / sizeof(states[0]); state++) {
        for (size_t i = 0; i < sizeof(ENDING) / sizeof(ENDING[0]); i++) {
            int64_t best_ms = INT64_MAX;

            for (int try = 0; try < TIMED_TRIES && best_ms > END_MS_MAX; try++) {
                struct kit_process process = states[state]();

                best_ms = end_by(&process, ENDING[i], 128 + ENDING[i]);
            }
            ck_assert_int_le(best_ms, END_MS_MAX);
        }
    }
}
END_TEST

/* NKT-143: also when the parent had them blocked and ignored */
START_TEST(inherited_blocked_signals_end_it_too)
{
    static const struct kit_start start = {.signals_blocked = true};
    static const char *const args[] = {"-l", "0", NULL};

    for (size_t i = 0; i < sizeof(ENDING) / sizeof(ENDING[0]); i++) {
        struct kit_process process = kit_run_with(&start, args);

        (void)kit_port(&process);
        (void)end_by(&process, ENDING[i], 128 + ENDING[i]);
    }
}
END_TEST

/* NKT-143: as process 1 exit code 2, within 100 ms */
START_TEST(signals_end_process_1_with_code_2)
{
    static const char *const args[] = {"-l", "0", "-serve", "X", NULL};

    for (size_t i = 0; i < sizeof(ENDING) / sizeof(ENDING[0]); i++) {
        int64_t best_ms = INT64_MAX;

        for (int try = 0; try < TIMED_TRIES && best_ms > END_MS_MAX; try++) {
            struct kit_process process;

            if (!kit_run_as_init(args, &process)) {
                (void)fprintf(stderr, "no new PID namespace permitted here: not tested\n");
                return;
            }
            (void)kit_port(&process);
            best_ms = end_by(&process, ENDING[i], 2);
        }
        ck_assert_int_le(best_ms, END_MS_MAX);
    }
}
END_TEST

/* NKT-101, NKT-142, NKT-143: as process 1 it serves, ends with 0, and a broken output ends it too
 */
START_TEST(process_1_serves_and_exits_0)
{
    static const char *const args[] = {"-l", "0", "-serve", "X", NULL};
    struct kit_process process;

    if (!kit_run_as_init(args, &process)) {
        (void)fprintf(stderr, "no new PID namespace permitted here: not tested\n");
        return;
    }
    kit_expect_data(kit_connect(kit_port(&process)), "X");
    kit_expect_end(&process, 0, "", "");
}
END_TEST

static void add_rows(Suite *suite)
{
    TCase *rows = tcase_create("rows");

    tcase_set_timeout(rows, TEST_SECONDS_MAX);
    tcase_add_test(rows, serve_gives_one_client_the_text_and_exits_0);
    tcase_add_test(rows, serve_loop_gives_every_client_the_text_until_killed);
    tcase_add_test(rows, listen_alone_accepts_one_client_and_sends_nothing);
    tcase_add_test(rows, target_alone_is_printed);
    tcase_add_test(rows, write_sends_the_text_and_leaves_the_write_side_open);
    tcase_add_test(rows, relay_passes_the_target_to_one_client);
    tcase_add_test(rows, serve_text_comes_before_the_answer_of_the_target);
    tcase_add_test(rows, no_arguments_exit_0_at_once);
    tcase_add_test(rows, texts_without_a_peer_are_ignored);
    tcase_add_test(rows, loop_with_nothing_to_do_sleeps_until_a_signal);
#ifndef __SANITIZE_ADDRESS__
    tcase_add_test(rows, program_is_static);
#endif
    suite_add_tcase(suite, rows);
}

static void add_refusals(Suite *suite)
{
    TCase *refusals = tcase_create("refusals");

    tcase_set_timeout(refusals, TEST_SECONDS_MAX);
    tcase_add_test(refusals, usage_errors_exit_2);
    tcase_add_test(refusals, unreachable_target_exits_1_without_a_retry);
    tcase_add_test(refusals, loop_ends_when_the_target_is_gone);
    tcase_add_test(refusals, ports_that_cannot_be_opened_exit_1);
    tcase_add_test(refusals, target_is_connected_before_the_port_is_tried);
    tcase_add_test(refusals, port_stays_closed_until_the_target_answers);
    suite_add_tcase(suite, refusals);
}

static void add_transfers(Suite *suite)
{
    TCase *transfers = tcase_create("transfers");

    tcase_set_timeout(transfers, TEST_SECONDS_MAX);
    tcase_add_test(transfers, both_address_families_and_every_target_form_work);
    tcase_add_test(transfers, port_can_be_taken_again_at_once);
    tcase_add_test(transfers, client_that_sends_64_kib_first_still_gets_the_text);
    tcase_add_test(transfers, client_that_stays_is_left_after_200_ms);
    tcase_add_test(transfers, client_that_resets_ends_the_round);
    tcase_add_test(transfers, client_that_is_already_gone_is_no_error);
    tcase_add_test(transfers, target_that_resets_is_no_error);
    tcase_add_test(transfers, clients_are_served_one_after_the_other);
    tcase_add_test(transfers, ten_mib_pass_a_relay_unharmed);
    tcase_add_test(transfers, interrupted_accept_goes_on);
    tcase_add_test(transfers, thousand_rounds_need_few_descriptors);
    tcase_add_test(transfers, thousand_rounds_without_a_port_print_everything);
    suite_add_tcase(suite, transfers);
}

static void add_signals(Suite *suite)
{
    TCase *signals = tcase_create("signals");

    tcase_set_timeout(signals, TEST_SECONDS_MAX);
    tcase_add_test(signals, broken_standard_output_ends_it_by_sigpipe);
    tcase_add_test(signals, closed_standard_output_exits_0);
    tcase_add_test(signals, signals_end_it_in_every_state_within_100_ms);
    tcase_add_test(signals, inherited_blocked_signals_end_it_too);
    tcase_add_test(signals, signals_end_process_1_with_code_2);
    tcase_add_test(signals, process_1_serves_and_exits_0);
    suite_add_tcase(suite, signals);
}

int main(void)
{
    Suite *suite = suite_create("netkitten");
    SRunner *runner = NULL;
    int failed = 0;

    add_rows(suite);
    add_refusals(suite);
    add_transfers(suite);
    add_signals(suite);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
