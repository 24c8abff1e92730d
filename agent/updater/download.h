#ifndef ECA_UPDATER_DOWNLOAD_H
#define ECA_UPDATER_DOWNLOAD_H

#include "agent/base/log.h"
#include "agent/ports/files.h"
#include "agent/ports/http.h"

/*
 * One download of an image (UPD-120..125, UPD-127): hop by hop to the file, its digest on the way,
 * then the name in `desired-image`.
 */
#define ECA_UPDATE_DESIRED_IMAGE "desired-image"
#define ECA_UPDATE_HOPS_MAX 10 /* redirects followed */

/* Zero = the default in brackets. */
struct eca_update_limits {
    uint64_t total_ms;   /* [900000] all hops together */
    uint64_t connect_ms; /* [40000] 30 s to dial and 10 s for TLS: the port has one deadline */
    uint64_t disk_ms;    /* [60000] more for a disk that is slower than the network */
    uint64_t bytes_max;  /* [1 GiB] UPD-127 */
};

/* err NULL: the file is whole, its name is in desired-image, both are on disk. */
typedef void eca_update_download_fn(void *arg, const struct eca_err *err);

struct eca_update_download_opts { /* texts are copied */
    struct eca_sched *sched;
    struct eca_http http;
    struct eca_files files;
    struct eca_update_limits limits;
    const char *url, *signature, *dir, *name;
    eca_update_download_fn *on_done;
    void *arg;
};

struct eca_update_download;
/* on_done runs once, later, from the loop; eca_update_download_free is allowed inside it. */
struct eca_update_download *eca_update_download_start(const struct eca_update_download_opts *opts);
/* What is on disk without being whole is removed, or never named. NULL ok. */
void eca_update_download_free(struct eca_update_download *download);

#endif
