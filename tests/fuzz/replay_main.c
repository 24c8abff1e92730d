/* Runs saved fuzz inputs with any compiler: replay FILE|FOLDER... The input count is printed. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    INPUT_BYTES_MAX = 1024 * 1024, /* like libFuzzer's largest inputs */
    PATH_BYTES_MAX = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns the number of inputs run: one. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *data = malloc(INPUT_BYTES_MAX);
    uint8_t *exact = NULL;
    size_t size = 0;

    if (file == NULL || data == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size = fread(data, 1, INPUT_BYTES_MAX, file);
    (void)fclose(file);
    /* A block of exactly this size, so that a sanitizer sees the first byte too far. */
    exact = malloc(size > 0 ? size : 1);
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, data, size);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

/* Returns the number of inputs run, or -1. */
static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    if (folder == NULL) {
        perror(path);
        return -1;
    }
    for (const struct dirent *at = readdir(folder); at != NULL; at = readdir(folder)) {
        char name[PATH_BYTES_MAX];

        if (at->d_name[0] != '.') {
            (void)snprintf(name, sizeof(name), "%s/%s", path, at->d_name);
            count += replay_file(name);
        }
    }
    (void)closedir(folder);
    return count;
}

int main(int argc, char *argv[])
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        struct stat info;
        int count = -1;

        if (stat(argv[i], &info) < 0) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        count = S_ISDIR(info.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
        if (count <= 0) {
            (void)fprintf(stderr, "%s: no inputs\n", argv[i]);
            return EXIT_FAILURE;
        }
        total += count;
    }
    (void)printf("%d inputs\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
