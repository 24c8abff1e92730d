#include "agent/sys/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/mem.h"

/* Lines are small and many; what a crash of the machine could lose is at most this much. */
#define BUFFER_BYTES 65536

struct eca_record_file {
    char *path;
    unsigned count;
    FILE *file; /* NULL: no segment is open */
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

static void end(void *impl)
{
    struct eca_record_file *file = impl;

    if (file->file != NULL) {
        (void)fclose(eca_take(file->file));
    }
}

static int begin(void *impl, struct eca_err *err)
{
    struct eca_record_file *file = impl;
    int fd;

    end(file);
    shift(file);
    fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return eca_err_set_sys(err, ECA_E_DENIED, errno, "flight recording %s", file->path);
    }
    file->file = fdopen(fd, "w");
    if (file->file == NULL) {
        (void)close(fd);
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "flight recording %s", file->path);
    }
    (void)setvbuf(file->file, NULL, _IOFBF, BUFFER_BYTES);
    return ECA_OK;
}

/* A full disk costs lines of the recording and nothing else. */
static void put_line(void *impl, struct eca_view line)
{
    struct eca_record_file *file = impl;

    if (file->file != NULL) {
        (void)fwrite_unlocked(line.at, 1, line.len, file->file);
        (void)fputc_unlocked('\n', file->file);
    }
}

struct eca_record_file *eca_record_file_new(const char *path, unsigned count)
{
    struct eca_record_file *file = eca_xalloc(sizeof(*file));

    file->path = eca_xstrdup(path);
    file->count = count;
    return file;
}

struct eca_segments eca_record_file_port(struct eca_record_file *file)
{
    static const struct eca_segments_ops ops = {begin, put_line, end};

    return (struct eca_segments){&ops, file};
}

void eca_record_file_free(struct eca_record_file *file)
{
    if (file != NULL) {
        end(file);
        eca_free(file->path);
        eca_free(file);
    }
}
