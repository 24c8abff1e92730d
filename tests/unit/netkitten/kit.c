#include "tests/unit/netkitten/kit.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The pipes between a process and us. */
enum {
    OUT,
    ERR,
    LIFE,
    PIPES,
};

enum {
    OUTPUT_BYTES = 4096,
    PROBE_MS = 1, /* between two looks at a condition that nothing announces */
};

int64_t kit_now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void kit_program_path(char *path)
{
    char self[KIT_PATH_BYTES / 2];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    ck_assert_int_gt(len, 0);
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    (void)snprintf(path, KIT_PATH_BYTES, "%s/../../../netkitten", self);
    ck_assert_msg(access(path, X_OK) == 0, "%s is not built", path);
}

/* Runs in the child: only calls that are safe after fork(). */
static void become(const char *path, const char *const args[], const struct kit_start *start,
                   const int pipes[3])
{
    const char *argv[KIT_ARGS_MAX + 2] = {"netkitten"};
    static const int ending[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    sigset_t set;

    for (size_t i = 0; i < KIT_ARGS_MAX && args[i] != NULL; i++) {
        argv[i + 1] = args[i];
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing running */
    (void)fcntl(pipes[LIFE], F_SETFD, 0);   /* netkitten holds it, unknowingly, until it ends */
    (void)dup2(pipes[ERR], STDERR_FILENO);
    if (start->out_closed) {
        (void)close(STDOUT_FILENO);
    } else {
        (void)dup2(pipes[OUT], STDOUT_FILENO);
    }
    (void)sigemptyset(&set);
    for (size_t i = 0; i < 4 && start->signals_blocked; i++) {
        (void)sigaddset(&set, ending[i]);
        (void)signal(ending[i], SIG_IGN);
    }
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    if (start->descriptors != 0) {
        struct rlimit limit = {.rlim_cur = start->descriptors, .rlim_max = start->descriptors};

        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)execv(path, (char *const *)(uintptr_t)argv);
    _exit(126);
}

/* read and write: PIPES descriptors each. */
static void open_pipes(int read_ends[], int write_ends[])
{
    for (int i = 0; i < PIPES; i++) {
        int ends[2];

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        read_ends[i] = ends[0];
        write_ends[i] = ends[1];
    }
}

static struct kit_process our_side(pid_t pid, const int read_ends[], const int write_ends[])
{
    for (int i = 0; i < PIPES; i++) {
        (void)close(write_ends[i]);
    }
    return (struct kit_process){.pid = pid,
                                .child = pid,
                                .out = read_ends[OUT],
                                .err = read_ends[ERR],
                                .life = read_ends[LIFE]};
}

struct kit_process kit_run_with(const struct kit_start *start, const char *const args[])
{
    char path[KIT_PATH_BYTES];
    int read_ends[PIPES];
    int write_ends[PIPES];
    pid_t pid = -1;

    kit_program_path(path);
    open_pipes(read_ends, write_ends);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        become(path, args, start, write_ends);
    }
    return our_side(pid, read_ends, write_ends);
}

struct kit_process kit_run(const char *first, ...)
{
    const char *args[KIT_ARGS_MAX + 1] = {first};
    struct kit_start start = {0};
    va_list rest;

    va_start(rest, first);
    for (size_t i = 1; i < KIT_ARGS_MAX && args[i - 1] != NULL; i++) {
        args[i] = va_arg(rest, const char *);
    }
    va_end(rest);
    return kit_run_with(&start, args);
}

/* The parent of process 1: passes its id on and ends with its exit code. */
static void stand_between(const char *path, const char *const args[], int report,
                          const int write_ends[PIPES])
{
    struct kit_start start = {0};
    int flags = CLONE_NEWPID | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    pid_t init = -1;
    int status = 0;

    if (unshare(flags) == 0) {
        init = fork();
    }
    if (init == 0) {
        become(path, args, &start, write_ends);
    }
    (void)!write(report, &init, sizeof(init));
    if (init < 0 || waitpid(init, &status, 0) != init) {
        _exit(125);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

bool kit_run_as_init(const char *const args[], struct kit_process *ret_process)
{
    char path[KIT_PATH_BYTES];
    int read_ends[PIPES];
    int write_ends[PIPES];
    int report[2];
    pid_t between = -1;

    kit_program_path(path);
    open_pipes(read_ends, write_ends);
    ck_assert_int_eq(pipe2(report, O_CLOEXEC), 0);
    between = fork();
    ck_assert_int_ge(between, 0);
    if (between == 0) {
        stand_between(path, args, report[1], write_ends);
    }
    *ret_process = our_side(between, read_ends, write_ends);
    ck_assert_int_eq(read(report[0], &ret_process->pid, sizeof(ret_process->pid)),
                     sizeof(ret_process->pid));
    (void)close(report[0]);
    (void)close(report[1]);
    if (ret_process->pid < 0) {
        ck_assert_int_eq(kit_wait(ret_process), 125);
        return false;
    }
    return true;
}

int kit_wait(struct kit_process *process)
{
    struct pollfd pollfd = {.fd = process->life, .events = POLLIN};
    int status = 0;

    ck_assert_msg(poll(&pollfd, 1, KIT_PATIENCE_MS) == 1, "netkitten does not end");
    ck_assert_int_eq(waitpid(process->child, &status, 0), process->child);
    (void)close(process->life);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void kit_expect_end(struct kit_process *process, int code, const char *out, const char *err)
{
    char text[OUTPUT_BYTES] = "";
    int fds[2] = {process->out, process->err};
    const char *expected[2] = {out, err};
    int result = kit_wait(process);

    for (int i = 0; i < 2; i++) {
        ssize_t len = fds[i] < 0 ? 0 : kit_read_all(fds[i], text, sizeof(text) - 1);

        ck_assert_int_ge(len, 0);
        text[len] = '\0';
        if (expected[i] == NULL) {
            ck_assert_str_ne(text, "");
        } else {
            ck_assert_str_eq(text, expected[i]);
        }
        (void)close(fds[i]);
    }
    ck_assert_int_eq(result, code);
}

void kit_halt(const struct kit_process *process)
{
    siginfo_t info = {0};

    ck_assert_int_eq(kill(process->pid, SIGSTOP), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)process->pid, &info, WSTOPPED), 0);
}

void kit_go_on(const struct kit_process *process)
{
    ck_assert_int_eq(kill(process->pid, SIGCONT), 0);
}

void kit_kill(struct kit_process *process)
{
    ck_assert_int_eq(kill(process->pid, SIGKILL), 0);
    ck_assert_int_eq(kit_wait(process), 128 + SIGKILL);
    (void)close(process->out);
    (void)close(process->err);
}

/* One look at a condition later; fails when the process has ended or patience is over. */
static void look_again(const struct kit_process *process, int64_t since_ms, const char *what)
{
    struct pollfd pollfd = {.fd = process->life, .events = POLLIN};

    ck_assert_msg(poll(&pollfd, 1, PROBE_MS) == 0, "netkitten ended instead of %s", what);
    ck_assert_msg(kit_now_ms() - since_ms < KIT_PATIENCE_MS, "still waiting for %s", what);
}

/* The state letter of the process once it has become netkitten; before that 0. */
static char state_letter(pid_t pid)
{
    char path[64];
    char text[512] = "";
    const char *end = NULL;
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    (void)!fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    end = strstr(text, "(netkitten) ");
    return end == NULL ? 0 : end[strlen("(netkitten) ")];
}

/* Is this socket one of the process's? */
static bool holds_socket(pid_t pid, unsigned long inode)
{
    char path[64];
    char name[64];
    char expected[64];
    bool found = false;
    DIR *dir = NULL;

    (void)snprintf(expected, sizeof(expected), "socket:[%lu]", inode);
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    for (const struct dirent *at = readdir(dir); at != NULL && !found; at = readdir(dir)) {
        ssize_t len = readlinkat(dirfd(dir), at->d_name, name, sizeof(name) - 1);

        if (len > 0) {
            name[len] = '\0';
            found = strcmp(name, expected) == 0;
        }
    }
    (void)closedir(dir);
    return found;
}

uint16_t kit_port_in_state(const struct kit_process *process, unsigned state)
{
    static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};

    if (state_letter(process->pid) == 0) {
        return 0; /* between fork() and exec() it holds all our sockets */
    }
    for (size_t i = 0; i < 2; i++) {
        FILE *table = fopen(tables[i], "re");
        char line[512];

        while (table != NULL && fgets(line, sizeof(line), table) != NULL) {
            unsigned port = 0;
            unsigned line_state = 0;
            unsigned long inode = 0;

            /* NOLINTNEXTLINE(cert-err34-c): the kernel's own table */
            if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F:] %x %*s %*s %*s %*u %*u %lu", &port,
                       &line_state, &inode) == 3 &&
                line_state == state && holds_socket(process->pid, inode)) {
                (void)fclose(table);
                return (uint16_t)port;
            }
        }
        if (table != NULL) {
            (void)fclose(table);
        }
    }
    return 0;
}

uint16_t kit_port(const struct kit_process *process)
{
    int64_t since_ms = kit_now_ms();
    uint16_t port = 0;

    while ((port = kit_port_in_state(process, 10)) == 0) {
        look_again(process, since_ms, "listening");
    }
    return port;
}

void kit_await_asleep(const struct kit_process *process)
{
    int64_t since_ms = kit_now_ms();

    while (state_letter(process->pid) != 'S') {
        look_again(process, since_ms, "sleeping");
    }
}

struct kit_target kit_target_open(void)
{
    struct kit_target target = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(self);

    ck_assert_int_eq(bind(target.listener, (struct sockaddr *)&self, len), 0);
    ck_assert_int_eq(listen(target.listener, 16), 0);
    ck_assert_int_eq(getsockname(target.listener, (struct sockaddr *)&self, &len), 0);
    target.port = ntohs(self.sin_port);
    (void)snprintf(target.address, sizeof(target.address), "127.0.0.1:%u", target.port);
    return target;
}

int kit_target_accept(const struct kit_target *target)
{
    struct pollfd pollfd = {.fd = target->listener, .events = POLLIN};
    int fd = -1;

    ck_assert_msg(poll(&pollfd, 1, KIT_PATIENCE_MS) == 1, "netkitten does not connect");
    fd = accept4(target->listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

int kit_connect(uint16_t port)
{
    struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
    return fd;
}

void kit_send(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

        ck_assert_msg(sent > 0, "send: %s", strerror(errno));
        at += sent;
        len -= (size_t)sent;
    }
}

/* Like read(), but with patience. */
static ssize_t read_some(int fd, char *buffer, size_t cap)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&pollfd, 1, KIT_PATIENCE_MS) == 1, "nothing comes, not even the end");
    return read(fd, buffer, cap);
}

ssize_t kit_read_all(int fd, char *buffer, size_t cap)
{
    size_t used = 0;

    while (used < cap) {
        ssize_t len = read_some(fd, buffer + used, cap - used);

        if (len < 0) {
            return -1;
        }
        if (len == 0) {
            break;
        }
        used += (size_t)len;
    }
    return (ssize_t)used;
}

void kit_expect_next(int fd, const char *text)
{
    char got[OUTPUT_BYTES] = "";
    size_t expected_len = strlen(text);

    ck_assert_uint_lt(expected_len, sizeof(got));
    ck_assert_int_eq(kit_read_all(fd, got, expected_len), (ssize_t)expected_len);
    ck_assert_str_eq(got, text);
}

void kit_expect_data(int fd, const char *text)
{
    char got[OUTPUT_BYTES] = "";
    ssize_t len = kit_read_all(fd, got, sizeof(got) - 1);

    ck_assert_msg(len >= 0, "read: %s", strerror(errno));
    ck_assert_str_eq(got, text);
    ck_assert_int_eq(len, (ssize_t)strlen(text));
    (void)close(fd);
}
