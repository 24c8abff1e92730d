#include "harness/live/backing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/live/child.h"
#include "harness/live/process.h"
#include "harness/scenario/inside.h"

#define IMAGE_WORD "netkitten"
#define ARGUMENTS_MAX 16
#define PORTS_MAX 8

struct process {
    struct hns_child *child;
    struct backed *backed;
    uint16_t container_port, host_port; /* 0, 0: listens nowhere */
};

/* A container and its processes. */
struct backed {
    struct eca_list_node node;
    struct hns_backing *backing;
    char *name;        /* "task/container" */
    char *docker_name; /* what links call it */
    struct process processes[PORTS_MAX];
    size_t count;
};

struct hns_backing {
    struct hns_run *run;
    struct eca_loop *loop;
    struct fake_trace *trace;
    struct eca_list list;
    struct eca_map *docker_names; /* "task/container" -> owned Docker name */
    char *program;
};

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : "";
}

/* ---- ports and names ------------------------------------------------------------------------- */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &len) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return bound ? ntohs(address.sin_port) : 0;
}

/* "-l=80", "--l=80" or "-l" before "80"; the port's text, else NULL. */
static const char *listen_port(const char *word, const char *next, bool *ret_split)
{
    const char *name = word[0] == '-' && word[1] == '-' ? word + 1 : word;

    *ret_split = strcmp(name, "-l") == 0;
    return *ret_split ? next : strncmp(name, "-l=", 3) == 0 ? name + 3 : NULL;
}

static struct backed *by_docker_name(const struct hns_backing *backing, struct eca_view name)
{
    ECA_LIST_FOREACH(it, &backing->list)
    {
        struct backed *backed = eca_list_entry(it, struct backed, node);

        if (eca_view_eq_str(name, backed->docker_name)) {
            return backed;
        }
    }
    return NULL;
}

/* "linkee_alias:80" -> "127.0.0.1:<port>" when a link of the container has this alias; else NULL.
 */
static char *through_link(const struct hns_backing *backing, eca_json config, const char *word)
{
    eca_json links = eca_json_get(eca_json_get(config, "HostConfig"), "Links");
    const char *colon = strrchr(word, ':');
    uint64_t port = 0;

    if (colon == NULL || eca_parse_u64(eca_view_str(colon + 1), UINT16_MAX, &port, NULL) < 0) {
        return NULL;
    }
    for (eca_json it = eca_json_first(links); it != NULL; it = eca_json_next(it)) {
        struct eca_view link =
            eca_view_str(eca_json_type(it) == ECA_JSON_STRING ? eca_json_str(it) : "");
        size_t at = eca_view_find(link, ":", 0);
        struct eca_view alias = eca_view_sub(link, at == SIZE_MAX ? 0 : at + 1, SIZE_MAX);
        const struct backed *target = by_docker_name(backing, eca_view_sub(link, 0, at));

        if (target == NULL || !eca_view_eq(alias, eca_view_of(word, (size_t)(colon - word)))) {
            continue;
        }
        for (size_t i = 0; i < target->count; i++) {
            if (target->processes[i].container_port == port) {
                return eca_xasprintf("127.0.0.1:%u", target->processes[i].host_port);
            }
        }
    }
    return NULL;
}

/* ---- processes ------------------------------------------------------------------------------- */

static void backed_free(struct backed *backed)
{
    for (size_t i = 0; i < backed->count; i++) {
        hns_child_free(backed->processes[i].child);
    }
    eca_list_remove(&backed->backing->list, &backed->node);
    eca_free(backed->name);
    eca_free(backed->docker_name);
    eca_free(backed);
}

static void on_line(void *arg, struct eca_view line)
{
    const struct process *process = arg;

    hns_run_log(process->backed->backing->run, ECA_LOG_DEBUG, line);
}

/* The container ends, and with that this process is freed (on_event). */
static void on_exit(void *arg, int code)
{
    const struct process *process = arg;
    const struct backed *backed = process->backed;

    (void)fake_docker_exit(backed->backing->run->cast.docker, backed->name, code);
}

static void start_process(struct backed *backed, struct process *process, eca_json config)
{
    static const struct hns_child_events events = {on_line, on_exit};
    static const char *const no_environment[] = {NULL};
    const char *argv[ARGUMENTS_MAX + 2] = {backed->backing->program};
    char *made[ARGUMENTS_MAX];
    size_t argc = 1, made_count = 0;
    struct eca_err err = {0};

    for (eca_json it = eca_json_first(eca_json_get(config, "Cmd"));
         it != NULL && argc <= ARGUMENTS_MAX; it = eca_json_next(it)) {
        const char *word = eca_json_type(it) == ECA_JSON_STRING ? eca_json_str(it) : "";
        bool split = false;
        char *other = listen_port(word, "", &split) != NULL && !split
                          ? eca_xasprintf("-l=%u", process->host_port)
                      : argc > 1 && listen_port(argv[argc - 1], word, &split) != NULL && split
                          ? eca_xasprintf("%u", process->host_port)
                          : through_link(backed->backing, config, word);

        if (other != NULL) {
            made[made_count++] = other;
        }
        argv[argc++] = other != NULL ? other : word;
    }
    process->backed = backed;
    if (hns_child_start(backed->backing->loop, argv, no_environment, &events, process,
                        &process->child, &err) < 0) {
        hns_fail(backed->backing->run, NULL, "%s: %s", backed->name, err.msg);
    }
    while (made_count > 0) {
        eca_free(made[--made_count]);
    }
}

/* The port that the program is told to listen on; 0 = none. */
static uint16_t wanted_port(eca_json config)
{
    const char *before = "";
    uint64_t port = 0;

    for (eca_json it = eca_json_first(eca_json_get(config, "Cmd")); it != NULL;
         it = eca_json_next(it)) {
        const char *word = eca_json_type(it) == ECA_JSON_STRING ? eca_json_str(it) : "";
        bool split = false;
        const char *text = listen_port(word, NULL, &split);

        if (text == NULL && listen_port(before, word, &split) != NULL && split) {
            text = word;
        }
        if (text != NULL) {
            (void)eca_parse_u64(eca_view_str(text), UINT16_MAX, &port, NULL);
        }
        before = word;
    }
    return (uint16_t)port;
}

/* "32768->80/tcp" of the running fact; 0 when it is another port's. */
static uint16_t host_port_of(eca_json binding, uint16_t container_port)
{
    struct eca_view text =
        eca_view_str(eca_json_type(binding) == ECA_JSON_STRING ? eca_json_str(binding) : "");
    size_t arrow = eca_view_find(text, "->", 0), slash = eca_view_find(text, "/tcp", 0);
    uint64_t host = 0, container = 0;

    if (arrow == SIZE_MAX || slash == SIZE_MAX || slash < arrow + 2 ||
        eca_parse_u64(eca_view_sub(text, 0, arrow), UINT16_MAX, &host, NULL) < 0 ||
        eca_parse_u64(eca_view_sub(text, arrow + 2, slash - arrow - 2), UINT16_MAX, &container,
                      NULL) < 0) {
        return 0;
    }
    return container == container_port ? (uint16_t)host : 0;
}

static void back(struct hns_backing *backing, const char *name, eca_json config, eca_json ports)
{
    struct backed *backed = eca_xalloc(sizeof(*backed));
    uint16_t wanted = wanted_port(config);

    backed->backing = backing;
    backed->name = eca_xstrdup(name);
    backed->docker_name = eca_xstrdup(eca_map_get(backing->docker_names, name));
    eca_list_push_back(&backing->list, &backed->node);
    for (eca_json it = eca_json_first(ports); it != NULL && backed->count < PORTS_MAX;
         it = eca_json_next(it)) {
        uint16_t host = host_port_of(it, wanted);

        if (wanted != 0 && host != 0) {
            backed->processes[backed->count++] =
                (struct process){.container_port = wanted, .host_port = host};
        }
    }
    if (backed->count == 0) { /* nothing is published: a port that only links lead to */
        backed->processes[backed->count++] =
            (struct process){.container_port = wanted, .host_port = wanted == 0 ? 0 : free_port()};
    }
    for (size_t i = 0; i < backed->count; i++) {
        start_process(backed, &backed->processes[i], config);
    }
}

/* ---- facts of the daemon ----------------------------------------------------------------------
 */

static void on_running(struct hns_backing *backing, const char *name, eca_json fields)
{
    const char *body = fake_docker_body(backing->run->cast.docker, name);
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (body != NULL && eca_json_parse(eca_view_str(body), &doc, NULL) == ECA_OK &&
        strstr(text_of(eca_json_root(doc), "Image"), IMAGE_WORD) != NULL) {
        back(backing, name, eca_json_root(doc), eca_json_get(fields, "ports"));
    }
}

static void on_exited(struct hns_backing *backing, const char *name)
{
    ECA_LIST_FOREACH(it, &backing->list)
    {
        struct backed *backed = eca_list_entry(it, struct backed, node);

        if (strcmp(backed->name, name) == 0) {
            backed_free(backed);
        }
    }
}

static void on_event(void *arg, const struct fake_event *event)
{
    struct hns_backing *backing = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *name;

    if (event->lane != FAKE_LANE_DOCKER ||
        eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    name = text_of(eca_json_root(doc), "container");
    if (strcmp(event->name, "create") == 0) {
        eca_free(eca_map_put(backing->docker_names, name,
                             eca_xstrdup(text_of(eca_json_root(doc), "name"))));
    } else if (strcmp(event->name, "running") == 0) {
        on_running(backing, name, eca_json_root(doc));
    } else if (strcmp(event->name, "exited") == 0) {
        on_exited(backing, name);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct hns_backing *hns_backing_new(struct hns_run *run, struct eca_loop *loop,
                                    struct fake_trace *trace)
{
    struct hns_backing *backing = eca_xalloc(sizeof(*backing));

    *backing = (struct hns_backing){.run = run, .loop = loop, .trace = trace};
    eca_list_init(&backing->list);
    backing->docker_names = eca_map_new();
    backing->program = hns_beside_us("netkitten");
    fake_trace_listen(trace, on_event, backing);
    return backing;
}

void hns_backing_free(struct hns_backing *backing)
{
    size_t cursor = 0;
    void *name;

    if (backing == NULL) {
        return;
    }
    fake_trace_unlisten(backing->trace, on_event, backing);
    ECA_LIST_FOREACH(it, &backing->list)
    {
        backed_free(eca_list_entry(it, struct backed, node));
    }
    while (eca_map_next(backing->docker_names, &cursor, NULL, &name)) {
        eca_free(name);
    }
    eca_map_free(backing->docker_names);
    eca_free(backing->program);
    eca_free(backing);
}
