#include "agent/sys/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/mem.h"

/* Lines are small and many; what a crash of the machine could lose is at most this much. */
#define BUFFER_BYTES 65536

struct eca_record_file {
    FILE *file;
    uint64_t bytes, bytes_max;
    bool full;
};

struct eca_record_file *eca_record_file_open(const char *path, uint64_t bytes_max,
                                             struct eca_err *err)
{
    eca_auto_free char *before = eca_xasprintf("%s.1", path);
    struct eca_record_file *file;
    int fd;

    (void)rename(path, before); /* the first recording has none before it */
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void)eca_err_set_sys(err, ECA_E_DENIED, errno, "flight recording %s", path);
        return NULL;
    }
    file = eca_xalloc(sizeof(*file));
    file->file = fdopen(fd, "w");
    file->bytes_max = bytes_max;
    if (file->file == NULL) {
        (void)eca_err_set_sys(err, ECA_E_INTERNAL, errno, "flight recording %s", path);
        (void)close(fd);
        eca_free(file);
        return NULL;
    }
    (void)setvbuf(file->file, NULL, _IOFBF, BUFFER_BYTES);
    return file;
}

static void put(struct eca_record_file *file, struct eca_view line)
{
    (void)fwrite(line.at, 1, line.len, file->file);
    (void)fputc('\n', file->file);
}

void eca_record_file_line(void *impl, struct eca_view line)
{
    struct eca_record_file *file = impl;

    if (file->full) {
        return;
    }
    if (file->bytes + line.len + 1 > file->bytes_max || ferror(file->file) != 0) {
        file->full = true;
        put(file, eca_view_str("{\"end\":\"the recording reached its limit\"}"));
        (void)fflush(file->file);
        return;
    }
    put(file, line);
    file->bytes += line.len + 1;
}

void eca_record_file_close(struct eca_record_file *file)
{
    if (file != NULL) {
        (void)fclose(file->file);
        eca_free(file);
    }
}
