#include "agent/sys/tls_trust.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char system_dir[] = "/etc/ssl/certs";
static const char system_bundle[] = "/etc/ssl/certs/ca-certificates.crt";

/* A directory prepared by c_rehash holds names like "5ad8a5d6.0". */
static bool is_hashed(const char *path)
{
    DIR *dir = opendir(path);
    bool hashed = false;

    if (dir == NULL) {
        return false;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && !hashed; entry = readdir(dir)) {
        hashed = strlen(entry->d_name) == 10 && entry->d_name[8] == '.' &&
                 strspn(entry->d_name, "0123456789abcdef") == 8;
    }
    (void)closedir(dir);
    return hashed;
}

struct eca_tls_trust eca_tls_trust_find(const char *ssl_cert_file, const char *ssl_cert_dir)
{
    struct eca_tls_trust trust = {
        .file = ssl_cert_file != NULL && ssl_cert_file[0] != '\0' ? ssl_cert_file : NULL,
        .dir = ssl_cert_dir != NULL && ssl_cert_dir[0] != '\0' ? ssl_cert_dir : NULL,
    };

    if (trust.file == NULL && trust.dir == NULL) {
        if (is_hashed(system_dir)) {
            trust.dir = system_dir;
        } else {
            trust.file = system_bundle;
        }
    }
    return trust;
}
