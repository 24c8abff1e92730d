#ifndef TESTS_SUPPORT_MANUAL_HOST_H
#define TESTS_SUPPORT_MANUAL_HOST_H

#include "agent/ports/host.h"

/* A machine made of tables: environment, files, sizes. Texts are copied. */
#define MANUAL_HOST_ENTRIES_MAX 64

struct manual_host_file {
    char *path;
    char *text; /* NULL: reading fails with `code` */
    enum eca_code code;
    bool is_directory;
};

struct manual_host {
    char *env[MANUAL_HOST_ENTRIES_MAX]; /* "NAME=value" */
    size_t env_count;
    struct manual_host_file files[MANUAL_HOST_ENTRIES_MAX];
    size_t file_count;
    uint32_t cpus;       /* manual_host_init: 2 */
    uint64_t memory_mib; /* manual_host_init: 3768; 0 = unknown (an error) */
    size_t reads;        /* read_file calls */
};

void manual_host_init(struct manual_host *host);
void manual_host_clear(struct manual_host *host);
struct eca_host manual_host_port(struct manual_host *host);

void manual_host_setenv(struct manual_host *host, const char *name,
                        const char *value); /* NULL: unset */
void manual_host_file(struct manual_host *host, const char *path, const char *text);
void manual_host_file_error(struct manual_host *host, const char *path, enum eca_code code);
void manual_host_directory(struct manual_host *host, const char *path);

#endif
