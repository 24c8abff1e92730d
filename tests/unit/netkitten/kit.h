#ifndef TESTS_NETKITTEN_KIT_H
#define TESTS_NETKITTEN_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Runs the netkitten program of this build and talks to it. Every wait here is for a condition and
 * ends with a failed test after KIT_PATIENCE_MS.
 */

enum {
    KIT_PATIENCE_MS = 20000,
    KIT_ARGS_MAX = 12,
    KIT_PATH_BYTES = 4096,
};

struct kit_process {
    pid_t pid;
    pid_t child; /* ours to wait for: pid, or the parent of a process 1 */
    int life;    /* read end of a pipe that ends with the process */
    int out;     /* read end of its standard output, -1 when that is closed */
    int err;
};

/* How to start; zero = as a shell would. */
struct kit_start {
    bool out_closed;      /* no standard output descriptor */
    bool signals_blocked; /* the four ending signals blocked and ignored */
    uint64_t descriptors; /* limit of open descriptors; 0 = unchanged */
};

/* Where the program is: three folders above the test program. path: KIT_PATH_BYTES. */
void kit_program_path(char *path);

/* Start netkitten; the arguments end with NULL. */
struct kit_process kit_run(const char *first, ...) __attribute__((sentinel));
struct kit_process kit_run_with(const struct kit_start *start, const char *const args[]);

/*
 * Start netkitten as process 1 of a new namespace. False when this is not permitted here.
 */
bool kit_run_as_init(const char *const args[], struct kit_process *ret_process);

/* Await its end: exit code, or 128 + signal. The two output pipes stay open. */
int kit_wait(struct kit_process *process);

/* Await its end, with everything it wrote to the two outputs compared: NULL = anything but nothing.
 */
void kit_expect_end(struct kit_process *process, int code, const char *out, const char *err);

/* Halt it, and let it go on. */
void kit_halt(const struct kit_process *process);
void kit_go_on(const struct kit_process *process);

/* Kill and forget. */
void kit_kill(struct kit_process *process);

/* Await that it listens; returns the port. Fails the test when it ends before. */
uint16_t kit_port(const struct kit_process *process);

/* Does it hold a TCP socket in this state (10 = listening, 2 = connecting) now? Its port, else 0.
 */
uint16_t kit_port_in_state(const struct kit_process *process, unsigned state);

/* Await that the process sleeps in a system call. */
void kit_await_asleep(const struct kit_process *process);

/* A listening socket on 127.0.0.1 and "127.0.0.1:PORT" as text. */
struct kit_target {
    int listener;
    uint16_t port;
    char address[32];
};
struct kit_target kit_target_open(void);
int kit_target_accept(const struct kit_target *target);

int kit_connect(uint16_t port);
void kit_send(int fd, const void *data, size_t len);

/* Read up to cap bytes until end of data; -1 when the connection ends with an error. */
ssize_t kit_read_all(int fd, char *buffer, size_t cap);

/* Read until end of data and compare, then close. */
void kit_expect_data(int fd, const char *text);

/* Read exactly this text, more may follow. */
void kit_expect_next(int fd, const char *text);

int64_t kit_now_ms(void);

#endif
