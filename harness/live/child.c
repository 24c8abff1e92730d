#include "harness/live/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/mem.h"

#define LINE_BYTES_MAX ((size_t)1 << 20)

struct hns_child {
    struct eca_loop *loop;
    pid_t pid;
    int pid_fd, out_fd;
    struct eca_fd_watch *pid_watch, *out_watch;
    struct eca_buf line;
    struct hns_child_events events;
    void *arg;
    bool reaped;
};

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void take_lines(struct hns_child *child, const char *bytes, size_t len)
{
    eca_buf_add(&child->line, bytes, len);
    for (;;) {
        struct eca_view text = eca_buf_view(&child->line);
        size_t end = eca_view_find(text, "\n", 0);

        if (end == SIZE_MAX) {
            break;
        }
        child->events.on_line(child->arg, eca_view_sub(text, 0, end));
        eca_buf_drop(&child->line, end + 1);
    }
    if (child->line.full) { /* an endless line: what came so far counts as one */
        eca_buf_reset(&child->line);
    }
}

static void read_output(struct hns_child *child)
{
    char bytes[65536];
    ssize_t got;

    while ((got = read(child->out_fd, bytes, sizeof(bytes))) > 0) {
        take_lines(child, bytes, (size_t)got);
    }
    if (got == 0) {
        eca_loop_unwatch(eca_take(child->out_watch));
        if (child->line.len > 0) { /* a last line without its end */
            child->events.on_line(child->arg, eca_buf_view(&child->line));
            eca_buf_reset(&child->line);
        }
    }
}

static void on_output(void *arg, uint32_t events)
{
    (void)events;
    read_output(arg);
}

static void on_end(void *arg, uint32_t events)
{
    struct hns_child *child = arg;
    int status = 0;

    (void)events;
    if (child->reaped || waitpid(child->pid, &status, WNOHANG) != child->pid) {
        return;
    }
    child->reaped = true;
    eca_loop_unwatch(eca_take(child->pid_watch));
    read_output(child);
    child->events.on_exit(child->arg,
                          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Between fork and exec: only what is safe there. */
static void become(const char *const *argv, const char *const *envp, int out_fd)
{
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(out_fd, STDERR_FILENO) >= 0) {
        char *const *arguments;
        char *const *environment;

        memcpy(&arguments, &argv, sizeof(arguments));
        memcpy(&environment, &envp, sizeof(environment));
        (void)execve(argv[0], arguments, environment);
    }
    _exit(127);
}

int hns_child_start(struct eca_loop *loop, const char *const *argv, const char *const *envp,
                    const struct hns_child_events *events, void *arg, struct hns_child **ret_child,
                    struct eca_err *err)
{
    struct hns_child *child;
    int pipe_fds[2];
    pid_t pid;

    if (access(argv[0], X_OK) < 0) {
        return eca_err_set_sys(err, ECA_E_NOT_FOUND, errno, "program %s", argv[0]);
    }
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "pipe");
    }
    (void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
    pid = fork();
    if (pid == 0) {
        become(argv, envp, pipe_fds[1]);
    }
    (void)close(pipe_fds[1]);
    if (pid < 0) {
        (void)close(pipe_fds[0]);
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "fork");
    }
    child = eca_xalloc(sizeof(*child));
    *child = (struct hns_child){.loop = loop,
                                .pid = pid,
                                .out_fd = pipe_fds[0],
                                .line = {.bytes_max = LINE_BYTES_MAX},
                                .events = *events,
                                .arg = arg};
    child->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    child->pid_watch = eca_loop_watch(loop, child->pid_fd, EPOLLIN, on_end, child);
    child->out_watch = eca_loop_watch(loop, child->out_fd, EPOLLIN, on_output, child);
    *ret_child = child;
    return ECA_OK;
}

pid_t hns_child_pid(const struct hns_child *child)
{
    return child->pid;
}

void hns_child_signal(struct hns_child *child, int signal)
{
    if (!child->reaped) {
        (void)kill(child->pid, signal);
    }
}

void hns_child_end(struct hns_child *child, uint64_t within_ms)
{
    uint64_t until_ms = now_ms() + within_ms;

    if (child == NULL || child->reaped) {
        return;
    }
    (void)kill(child->pid, SIGTERM);
    while (waitpid(child->pid, NULL, WNOHANG) != child->pid) {
        struct pollfd fds[] = {{.fd = child->pid_fd, .events = POLLIN},
                               {.fd = child->out_fd, .events = POLLIN}};
        uint64_t at_ms = now_ms();
        char bytes[65536];

        if (at_ms >= until_ms || poll(fds, ECA_ARRAY_LEN(fds), (int)(until_ms - at_ms)) < 0) {
            return;
        }
        if (fds[1].revents != 0 && read(child->out_fd, bytes, sizeof(bytes)) == 0) {
            (void)poll(fds, 1, (int)(until_ms - at_ms)); /* it has closed its output */
        }
    }
    child->reaped = true;
}

void hns_child_free(struct hns_child *child)
{
    if (child == NULL) {
        return;
    }
    if (!child->reaped) {
        (void)kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
    }
    eca_loop_unwatch(child->pid_watch);
    eca_loop_unwatch(child->out_watch);
    (void)close(child->pid_fd);
    (void)close(child->out_fd);
    eca_buf_clear(&child->line);
    eca_free(child);
}
