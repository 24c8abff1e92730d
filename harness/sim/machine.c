#include "harness/sim/machine.h"

#include <string.h>

#include "agent/base/mem.h"

void sim_machine_init(struct sim_machine *machine, const char *data_dir)
{
    *machine = (struct sim_machine){.env = eca_map_new(),
                                    .files = eca_map_new(),
                                    .data_dir = data_dir,
                                    .cpus = 2,
                                    .memory_mib = 3768};
}

static void clear_map(struct eca_map *map)
{
    size_t cursor = 0;
    void *value;

    while (eca_map_next(map, &cursor, NULL, &value)) {
        eca_free(value);
    }
    eca_map_free(map);
}

void sim_machine_clear(struct sim_machine *machine)
{
    clear_map(machine->env);
    clear_map(machine->files);
}

void sim_machine_env(struct sim_machine *machine, const char *name, const char *value)
{
    if (value == NULL) {
        eca_free(eca_map_remove(machine->env, name));
    } else {
        eca_free(eca_map_put(machine->env, name, eca_xasprintf("%s=%s", name, value)));
    }
}

void sim_machine_file(struct sim_machine *machine, const char *path, struct eca_view text)
{
    eca_free(eca_map_put(machine->files, path, eca_xstrndup(text.at, text.len)));
}

void sim_machine_unlink(struct sim_machine *machine, const char *path)
{
    eca_free(eca_map_remove(machine->files, path));
}

/* ---- host port ------------------------------------------------------------------------------ */

static const char *host_env(void *impl, const char *name)
{
    struct sim_machine *machine = impl;
    const char *pair = eca_map_get(machine->env, name);

    return pair == NULL ? NULL : pair + strlen(name) + 1;
}

static const char *host_env_at(void *impl, size_t index)
{
    struct sim_machine *machine = impl;
    size_t cursor = 0;
    void *pair = NULL;

    for (size_t i = 0; i <= index; i++) {
        if (!eca_map_next(machine->env, &cursor, NULL, &pair)) {
            return NULL;
        }
    }
    return pair;
}

static uint32_t host_cpus(void *impl)
{
    return ((struct sim_machine *)impl)->cpus;
}

static int host_memory(void *impl, uint64_t *ret_mib, struct eca_err *err)
{
    struct sim_machine *machine = impl;

    if (machine->memory_mib == 0) {
        return eca_err_set(err, ECA_E_INTERNAL, "/proc/meminfo cannot be read");
    }
    *ret_mib = machine->memory_mib;
    return ECA_OK;
}

static int host_read(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                     struct eca_err *err)
{
    struct sim_machine *machine = impl;
    const char *text = eca_map_get(machine->files, path);

    if (text == NULL) {
        return eca_err_set(err, ECA_E_NOT_FOUND, "open %s: No such file or directory", path);
    }
    if (strlen(text) > bytes_max) {
        return eca_err_set(err, ECA_E_LIMIT, "%s: more than %zu bytes", path, bytes_max);
    }
    eca_buf_add_str(out, text);
    return ECA_OK;
}

static bool host_is_directory(void *impl, const char *path)
{
    struct sim_machine *machine = impl;
    size_t len = strlen(machine->data_dir);

    return strncmp(path, machine->data_dir, len) == 0 &&
           (path[len] == '\0' || strcmp(path + len, "/") == 0);
}

static struct eca_host_usage host_usage(void *impl)
{
    (void)impl;
    return (struct eca_host_usage){0};
}

struct eca_host sim_machine_host(struct sim_machine *machine)
{
    static const struct eca_host_ops ops = {.env = host_env,
                                            .env_at = host_env_at,
                                            .cpu_count = host_cpus,
                                            .memory_mib = host_memory,
                                            .read_file = host_read,
                                            .is_directory = host_is_directory,
                                            .usage = host_usage};

    return (struct eca_host){&ops, machine};
}

/* ---- local servers -------------------------------------------------------------------------- */

static int endpoint_listen(void *impl, const struct eca_endpoint_opts *opts,
                           eca_endpoint_fn *handler, void *arg, struct eca_listener **ret_listener,
                           struct eca_err *err)
{
    struct sim_machine *machine = impl;

    for (size_t i = 0; i < SIM_LISTENERS_MAX; i++) {
        if (machine->listeners[i].port == 0) {
            machine->listeners[i] = (struct eca_listener){opts->port, handler, arg};
            *ret_listener = &machine->listeners[i];
            return ECA_OK;
        }
    }
    return eca_err_set(err, ECA_E_LIMIT, "more than %d listeners", SIM_LISTENERS_MAX);
}

static void endpoint_close(void *impl, struct eca_listener *listener)
{
    (void)impl;
    listener->port = 0;
}

struct eca_endpoint sim_machine_endpoint(struct sim_machine *machine)
{
    static const struct eca_endpoint_ops ops = {endpoint_listen, endpoint_close};

    return (struct eca_endpoint){&ops, machine};
}

bool sim_machine_ask(struct sim_machine *machine, uint16_t port, const char *method,
                     const char *target, struct eca_endpoint_response *ret_response)
{
    eca_auto_free char *path = eca_xstrdup(target);
    char *query = strchr(path, '?');
    struct eca_endpoint_request request = {.method = method,
                                           .path = path,
                                           .user_agent = "harness",
                                           .has_user_agent = true,
                                           .remote = "127.0.0.1:40000"};

    if (query != NULL) {
        *query++ = '\0';
        request.query = query;
    }
    for (size_t i = 0; i < SIM_LISTENERS_MAX; i++) {
        if (port != 0 && machine->listeners[i].port == port) {
            *ret_response = (struct eca_endpoint_response){.status = 500};
            machine->listeners[i].handler(machine->listeners[i].arg, &request, ret_response);
            return true;
        }
    }
    return false;
}
