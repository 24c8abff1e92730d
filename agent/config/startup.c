#include "agent/config/startup.h"

#include <string.h>

#define LICENSE_BYTES_MAX ((size_t)4 << 20)
#define SEPARATOR_WIDTH 80

static bool is_arn(const char *name)
{
    return strncmp(name, "arn:", 4) == 0;
}

/* "arn:aws:ecs:us-west-2:111122223333:cluster/blue" gives "blue". */
static const char *short_name(const char *name)
{
    const char *slash = is_arn(name) ? strrchr(name, '/') : NULL;
    return slash == NULL ? name : slash + 1;
}

bool eca_cluster_is_same(const char *a, const char *b)
{
    if (is_arn(a) && is_arn(b)) { /* account and region must match as well */
        return strcmp(a, b) == 0;
    }
    return strcmp(short_name(a), short_name(b)) == 0;
}

bool eca_instance_is_same(const char *saved_id, const char *current_id)
{
    return saved_id[0] == '\0' || current_id[0] == '\0' || strcmp(saved_id, current_id) == 0;
}

void eca_version_print(const char *version, const char *git_hash, const char *docker_version,
                       struct eca_buf *out)
{
    bool dirty = git_hash[0] == '*';

    eca_buf_addf(out, "Amazon ECS Agent:\n\tVersion: %s\n\tCommit: %s\n", version,
                 git_hash + (dirty ? 1 : 0));
    if (dirty) {
        eca_buf_add_str(out, "\tDirty: true\n");
    }
    if (docker_version != NULL) {
        eca_buf_addf(out, "\tDockerVersion: %s\n", docker_version);
    }
}

int eca_license_print(struct eca_host host, struct eca_buf *out, struct eca_err *err)
{
    eca_auto_buf struct eca_buf license = {0}, notice = {0};
    int rc = eca_host_read_file(host, "LICENSE", LICENSE_BYTES_MAX, &license, err);

    if (rc == ECA_OK) {
        rc = eca_host_read_file(host, "NOTICE", LICENSE_BYTES_MAX, &notice, err);
    }
    if (rc < 0) {
        return rc;
    }
    eca_buf_add_view(out, eca_buf_view(&license));
    eca_buf_add_char(out, '\n');
    for (int i = 0; i < SEPARATOR_WIDTH; i++) {
        eca_buf_add_char(out, '=');
    }
    eca_buf_add_char(out, '\n');
    eca_buf_add_view(out, eca_buf_view(&notice));
    eca_buf_add_char(out, '\n');
    return ECA_OK;
}
