/* The configuration file and the same bytes as values of the environment (CFG-201..206,
 * CFG-401..407). */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const char *text;
    bool in_environment;
};

static const char *host_env(void *impl, const char *name)
{
    const struct source *source = impl;
    (void)name;
    return source->in_environment ? source->text : NULL;
}

static const char *host_env_at(void *impl, size_t index)
{
    (void)impl;
    (void)index;
    return NULL;
}

static int host_read_file(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                          struct eca_err *err)
{
    const struct source *source = impl;
    (void)path;
    (void)bytes_max;
    if (source->in_environment) {
        return eca_err_set(err, ECA_E_NOT_FOUND, "no file");
    }
    eca_buf_add_str(out, source->text);
    return ECA_OK;
}

static void load(const char *text, bool in_environment)
{
    static const struct eca_host_ops ops = {
        .env = host_env, .env_at = host_env_at, .read_file = host_read_file};
    struct source source = {.text = text, .in_environment = in_environment};
    struct eca_config *config = eca_config_load((struct eca_host){.ops = &ops, .impl = &source});
    const struct eca_config_values *values = eca_config_values(config);
    eca_auto_buf struct eca_buf out = {0};
    size_t fatal = eca_config_validate(config);

    assert(eca_config_print(config, &out) == 1 || fatal == 0);
    assert(values->task_cleanup_wait_ns > 0 && values->image_cleanup_interval_ns > 0);
    assert(values->images_per_cycle >= 1 && values->image_minimum_age_ns >= 0);
    assert(fatal > 0 || values->container_stop_timeout_ns > 0);
    for (size_t i = 0; i < out.len; i++) { /* one clean line per setting */
        assert(out.at[i] == '\n' || (unsigned char)out.at[i] >= 0x20);
    }
    eca_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = eca_xalloc(size + 1);

    if (size > 0) {
        memcpy(text, data, size);
    }
    load(text, false);
    load(text, true);
    eca_free(text);
    return 0;
}
