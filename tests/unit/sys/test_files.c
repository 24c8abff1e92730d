#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/files.h"
#include "tests/unit/ports/contract.h"

static struct eca_loop *loop;
static struct eca_files_disk *disk;
static char folder[32];
static struct eca_files_end last;
static size_t ends;

static void open_disk(void)
{
    struct eca_err err = {0};

    ends = 0; /* tests may share a process */
    memcpy(folder, "/tmp/files-XXXXXX", sizeof("/tmp/files-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    disk = eca_files_disk_new(loop);
}

static void close_disk(void)
{
    char command[96];

    eca_files_disk_free(disk);
    eca_loop_free(loop);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static struct eca_files port(void)
{
    return eca_files_disk_port(disk);
}

static void step(void)
{
    (void)eca_loop_step(loop, eca_loop_has_work(loop));
}

static const char *dir(void)
{
    return folder;
}

static const char *path_of(const char *name)
{
    static char path[96];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static bool read_file(const char *name, struct eca_buf *out)
{
    FILE *file = fopen(path_of(name), "re");
    char piece[4096];
    size_t len;

    if (file == NULL) {
        return false;
    }
    len = fread(piece, 1, sizeof(piece), file);
    eca_buf_add(out, piece, len);
    (void)fclose(file);
    return true;
}

static size_t count(void)
{
    DIR *entries = opendir(folder);
    size_t files = 0;

    ck_assert_ptr_nonnull(entries);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        files += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(entries);
    return files;
}

/* A limit on the size of files stands in for a full disk; wait for what was asked before. */
static void fill(bool on)
{
    struct rlimit limit;

    while (eca_loop_has_work(loop)) {
        step();
    }
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = on ? 0 : limit.rlim_max;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void on_end(void *arg, const struct eca_files_end *end)
{
    (void)arg;
    last = *end;
    ends++;
}

static void until_ends(size_t wanted)
{
    for (int i = 0; i < 100000 && ends < wanted; i++) {
        step();
    }
    ck_assert_uint_eq(ends, wanted);
}

static unsigned mode_of(const char *name)
{
    struct stat info;

    ck_assert_int_eq(stat(path_of(name), &info), 0);
    return (unsigned)info.st_mode & 0777;
}

/* UPD-122: 0666 minus umask. UPD-125: 0644 whatever the umask says, the supervisor reads it. */
START_TEST(modes_are_those_of_the_spec)
{
    struct eca_files_op *op;
    mode_t old = umask(0077);

    ck_assert_int_eq(eca_files_create(port(), folder, "a", on_end, NULL, &op, NULL), 0);
    eca_files_finish(port(), op);
    ck_assert_int_eq(
        eca_files_replace(port(), folder, "b", eca_view_str("x"), on_end, NULL, &op, NULL), 0);
    until_ends(2);
    (void)umask(old);
    ck_assert_uint_eq(mode_of("a"), 0600);
    ck_assert_uint_eq(mode_of("b"), 0644);
}
END_TEST

/* A link that somebody laid is not followed. */
START_TEST(links_are_not_followed)
{
    struct eca_files_op *op;
    eca_auto_free char *target = eca_xstrdup(path_of("target"));

    ck_assert_int_eq(symlink(target, path_of("a")), 0);
    ck_assert_int_eq(eca_files_create(port(), folder, "a", on_end, NULL, &op, NULL), 0);
    until_ends(1);
    ck_assert_int_ne(last.err.code, ECA_OK);
    ck_assert_int_ne(access(target, F_OK), 0);
}
END_TEST

/* What waits for the disk is bounded (DESIGN section 5). */
START_TEST(backlog_is_bounded_and_recovers)
{
    size_t piece = (size_t)8 << 20;
    eca_auto_free char *bytes = eca_xalloc(piece);
    struct eca_files_op *op;
    struct eca_err err = {0};
    size_t taken = 0;

    memset(bytes, 'x', piece);
    ck_assert_int_eq(eca_files_create(port(), folder, "a", on_end, NULL, &op, NULL), 0);
    while (eca_files_write(port(), op, eca_view_of(bytes, piece), &err) == ECA_OK) {
        taken++;
    }
    ck_assert_int_eq(err.code, ECA_E_LIMIT);
    ck_assert_uint_eq(taken, ECA_FILES_BACKLOG_BYTES_MAX / piece);
    while (eca_loop_has_work(loop)) {
        step();
    }
    ck_assert_int_eq(eca_files_write(port(), op, eca_view_of(bytes, piece), NULL), ECA_OK);
    eca_files_finish(port(), op);
    until_ends(1);
    ck_assert_int_eq(last.err.code, ECA_OK);
    ck_assert_uint_eq(last.bytes, (taken + 1) * piece);
}
END_TEST

/* The process ends: half a file goes, nobody is called. */
START_TEST(freed_with_operations_open)
{
    struct eca_files_op *op;

    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(eca_files_create(port(), folder, "a", on_end, NULL, &op, NULL), 0);
        ck_assert_int_eq(eca_files_write(port(), op, eca_view_str("half"), NULL), 0);
        if (i % 2 == 0) {
            step();
        }
        eca_files_disk_free(disk);
        disk = eca_files_disk_new(loop);
        ck_assert_uint_eq(count(), 0);
        ck_assert(!eca_loop_has_work(loop));
    }
    ck_assert_uint_eq(ends, 0);
}
END_TEST

int main(void)
{
    static const struct contract_files_rig rig = {open_disk, close_disk, port,  step,
                                                  dir,       read_file,  count, fill};
    Suite *suite = suite_create("files on disk");
    TCase *tcase = tcase_create("disk");

    contract_files_add(suite, &rig);
    tcase_add_checked_fixture(tcase, open_disk, close_disk);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, modes_are_those_of_the_spec);
    tcase_add_test(tcase, links_are_not_followed);
    tcase_add_test(tcase, backlog_is_bounded_and_recovers);
    tcase_add_test(tcase, freed_with_operations_open);
    suite_add_tcase(suite, tcase);
    return contract_main(NULL, suite);
}
