#include "agent/sys/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"

/* Lines are small and many. What is lost when the process is killed is at most this much, and what
 * came since the last flush; a crash loses nothing (eca_record_file_rescue). */
#define BUFFER_BYTES 65536

struct eca_record_file {
    char *path;
    unsigned count;
    int fd;        /* < 0: no segment is open */
    off_t written; /* of the segment, whole lines all of it */
    size_t len;    /* of the buffer: whole lines, too */
    char buffer[BUFFER_BYTES];
};

/* NAME, NAME.1, NAME.2, ... each becomes the next one. Missing ones are no error. */
static void shift(const struct eca_record_file *file)
{
    for (unsigned i = file->count - 1; i > 0; i--) {
        eca_auto_free char *to = eca_xasprintf("%s.%u", file->path, i);
        eca_auto_free char *from =
            i == 1 ? eca_xstrdup(file->path) : eca_xasprintf("%s.%u", file->path, i - 1);

        (void)rename(from, to);
    }
}

static void close_segment(struct eca_record_file *file)
{
    (void)close(file->fd);
    file->fd = -1;
    file->len = 0;
}

/* A full disk ends the segment with its last whole line: what is there can be replayed, and there
 * is no gap in it. */
static bool write_out(struct eca_record_file *file, const char *bytes, size_t len)
{
    while (file->fd >= 0 && len > 0) {
        ssize_t done = write(file->fd, bytes, len);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            if (ftruncate(file->fd, file->written) < 0) {
                /* Its last line stays a piece: replay says so. */
            }
            close_segment(file);
            return false;
        }
        bytes += done;
        len -= (size_t)done;
    }
    return file->fd >= 0;
}

static void flush(void *impl)
{
    struct eca_record_file *file = impl;

    if (write_out(file, file->buffer, file->len)) {
        file->written += (off_t)file->len;
    }
    file->len = 0;
}

static void end(void *impl)
{
    struct eca_record_file *file = impl;

    flush(file);
    if (file->fd >= 0) {
        close_segment(file);
    }
}

static int begin(void *impl, struct eca_err *err)
{
    struct eca_record_file *file = impl;

    end(file);
    shift(file);
    file->written = 0;
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        return eca_err_set_sys(err, ECA_E_DENIED, errno, "flight recording %s", file->path);
    }
    return ECA_OK;
}

static void put_line(void *impl, struct eca_view line)
{
    struct eca_record_file *file = impl;

    if (file->fd < 0) {
        return;
    }
    if (line.len >= BUFFER_BYTES - file->len) {
        flush(file);
    }
    if (line.len < BUFFER_BYTES) {
        memcpy(file->buffer + file->len, line.at, line.len);
        file->buffer[file->len + line.len] = '\n';
        atomic_signal_fence(memory_order_release); /* whole lines, whenever a signal comes */
        file->len += line.len + 1;
    } else if (write_out(file, line.at, line.len) && write_out(file, "\n", 1)) {
        file->written += (off_t)line.len + 1;
    }
}

/* ---- a crash -------------------------------------------------------------------------------- */

#define SIGNAL_STACK_BYTES 16384 /* the stack may be what has run out */

static struct eca_record_file *rescued;

/* Only what a signal handler may do. The signal is blocked until it returns, and then ends the
 * process as if nobody had handled it, with the same core. */
static void on_crash(int number)
{
    struct eca_record_file *file = rescued;
    ssize_t done = 1;

    rescued = NULL;
    for (size_t at = 0; file != NULL && file->fd >= 0 && at < file->len && done > 0;) {
        done = write(file->fd, file->buffer + at, file->len - at);
        at += done > 0 ? (size_t)done : 0;
    }
    (void)raise(number);
}

void eca_record_file_rescue(struct eca_record_file *file)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
    static char stack_bytes[SIGNAL_STACK_BYTES];
    const stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof(stack_bytes)};
    struct sigaction action = {.sa_handler = on_crash,
                               .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};

    rescued = file;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaltstack(&stack, NULL);
    for (size_t i = 0; i < ECA_ARRAY_LEN(numbers); i++) {
        struct sigaction before;

        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
            (void)sigaction(numbers[i], &action, NULL);
        }
    }
}

struct eca_record_file *eca_record_file_new(const char *path, unsigned count)
{
    struct eca_record_file *file = eca_xalloc(sizeof(*file));

    file->path = eca_xstrdup(path);
    file->count = count;
    file->fd = -1;
    return file;
}

struct eca_segments eca_record_file_port(struct eca_record_file *file)
{
    static const struct eca_segments_ops ops = {
        .begin = begin, .line = put_line, .flush = flush, .end = end};

    return (struct eca_segments){&ops, file};
}

void eca_record_file_free(struct eca_record_file *file)
{
    if (file != NULL) {
        end(file);
        rescued = rescued == file ? NULL : rescued;
        eca_free(file->path);
        eca_free(file);
    }
}
