#include <string.h>

#include "agent/base/mem.h"
#include "fakes/docker/state.h"

/* What happens to containers without the agent, their scripts, and questions about them. */

static struct container *find_alive(const struct fake_docker *docker, const char *ref)
{
    struct container *container = docker_find(docker, ref);

    return container != NULL && docker_is_alive(container) ? container : NULL;
}

bool fake_docker_exit(struct fake_docker *docker, const char *ref, int exit_code)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        docker_die(container, exit_code, false);
    }
    return container != NULL;
}

bool fake_docker_oom(struct fake_docker *docker, const char *ref)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        docker_die(container, 137, true);
    }
    return container != NULL;
}

bool fake_docker_kill(struct fake_docker *docker, const char *ref)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        docker_emit(container, "kill");
        docker_die(container, 137, false);
    }
    return container != NULL;
}

bool fake_docker_stop(struct fake_docker *docker, const char *ref)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        container->stop_asked = true;
        docker_terminate(container, TERM_GRACE_S);
    }
    return container != NULL;
}

bool fake_docker_remove(struct fake_docker *docker, const char *ref)
{
    struct container *container = docker_find(docker, ref);

    if (container != NULL) {
        docker_remove_now(container);
    }
    return container != NULL;
}

bool fake_docker_restart_container(struct fake_docker *docker, const char *ref)
{
    struct container *container = docker_find(docker, ref);

    if (container == NULL) {
        return false;
    }
    if (docker_is_alive(container)) {
        docker_emit(container, "kill");
        docker_die(container, 137, false);
    }
    if (docker_assign_ports(container) == 0) {
        docker_begin_running(container);
        docker_emit(container, "restart");
    }
    return true;
}

static bool set_paused(struct fake_docker *docker, const char *ref, bool pause)
{
    struct container *container = docker_find(docker, ref);

    if (container == NULL ||
        container->state != (pause ? FAKE_DOCKER_RUNNING : FAKE_DOCKER_PAUSED)) {
        return false;
    }
    container->state = pause ? FAKE_DOCKER_PAUSED : FAKE_DOCKER_RUNNING;
    docker_fact(container, pause ? "paused" : "unpaused");
    docker_emit(container, pause ? "pause" : "unpause");
    return true;
}

bool fake_docker_pause(struct fake_docker *docker, const char *ref)
{
    return set_paused(docker, ref, true);
}

bool fake_docker_unpause(struct fake_docker *docker, const char *ref)
{
    return set_paused(docker, ref, false);
}

bool fake_docker_exec(struct fake_docker *docker, const char *ref, const char *command)
{
    struct container *container = find_alive(docker, ref);
    eca_auto_buf struct eca_buf create = {0}, start = {0};

    if (container == NULL) {
        return false;
    }
    eca_buf_addf(&create, "exec_create: %s", command);
    eca_buf_addf(&start, "exec_start: %s", command);
    docker_emit(container, eca_buf_str(&create));
    docker_emit(container, eca_buf_str(&start));
    docker_emit(container, "exec_die");
    return true;
}

bool fake_docker_emit(struct fake_docker *docker, const char *ref, const char *status)
{
    struct container *container = docker_find(docker, ref);

    if (container != NULL) {
        docker_emit(container, status);
    }
    return container != NULL;
}

/* ---- scripts and questions --------------------------------------------------------------------
 */

void fake_docker_add_script(struct fake_docker *docker, const struct fake_docker_script *spec)
{
    struct script *script = eca_xalloc(sizeof(*script));

    script->spec = *spec;
    script->container = eca_xstrdup(spec->container);
    script->image = eca_xstrdup(spec->image);
    script->start_error = eca_xstrdup(spec->start_error);
    script->samples = eca_xstrdup(spec->samples);
    eca_list_push_back(&docker->scripts, &script->node);
}

enum fake_docker_state fake_docker_state(const struct fake_docker *docker, const char *ref)
{
    const struct container *container = docker_find(docker, ref);

    return container == NULL ? FAKE_DOCKER_NONE : container->state;
}

size_t fake_docker_count(const struct fake_docker *docker)
{
    return docker->containers.count;
}

size_t fake_docker_running(const struct fake_docker *docker, const char *task)
{
    size_t count = 0, len = task == NULL ? 0 : strlen(task);

    ECA_LIST_FOREACH(it, &docker->containers)
    {
        const struct container *container = eca_list_entry(it, struct container, node);
        bool mine = task == NULL ||
                    (strncmp(container->display, task, len) == 0 && container->display[len] == '/');
        count += mine && docker_is_alive(container);
    }
    return count;
}

const char *fake_docker_id(const struct fake_docker *docker, const char *ref)
{
    const struct container *container = docker_find(docker, ref);

    return container == NULL ? NULL : container->id;
}

uint16_t fake_docker_port(const struct fake_docker *docker, const char *ref,
                          uint16_t container_port)
{
    const struct container *container = docker_find(docker, ref);

    for (size_t i = 0; container != NULL && i < container->port_count; i++) {
        if (container->ports[i].container_port == container_port) {
            return container->ports[i].host_port;
        }
    }
    return 0;
}

const char *fake_docker_body(const struct fake_docker *docker, const char *ref)
{
    const struct container *container = docker_find(docker, ref);

    return container == NULL ? NULL : container->body;
}
