#include "harness/live/live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/sys/clock.h"
#include "fakes/carry/certs.h"
#include "harness/live/inside.h"
#include "harness/live/netns.h"
#include "harness/live/tree.h"
#include "harness/scenario/inside.h"

#define ENV_MAX 256
#define ASK_MS 5000
#define RECORD_END_MS 2000

/* ---- the agent ------------------------------------------------------------------------------ */

/* Level of a line of the agent's log format: "2016-11-01T00:00:00Z [INFO] ...". */
static enum eca_log_level level_of(struct eca_view line)
{
    static const struct {
        const char *mark;
        enum eca_log_level level;
    } marks[] = {{"[DEBUG]", ECA_LOG_DEBUG},
                 {"[INFO]", ECA_LOG_INFO},
                 {"[WARN]", ECA_LOG_WARN},
                 {"[ERROR]", ECA_LOG_ERROR},
                 {"[CRITICAL]", ECA_LOG_CRIT}};

    for (size_t i = 0; i < ECA_ARRAY_LEN(marks); i++) {
        size_t at = eca_view_find(line, marks[i].mark, 0);

        if (at != SIZE_MAX && at < 40) {
            return marks[i].level;
        }
    }
    return ECA_LOG_DEBUG;
}

static void on_line(void *arg, struct eca_view line)
{
    struct live *live = arg;

    hns_run_log(live->run, level_of(line), line);
}

static void on_exit_of_child(void *arg, int code)
{
    struct live *live = arg;

    live->ended = true;
    hns_run_agent_exit(live->run, code);
}

static void set_env(struct live *live, const char *name, const char *value)
{
    if (value == NULL) {
        eca_free(eca_map_remove(live->env, name));
    } else {
        eca_free(eca_map_put(live->env, name, eca_xasprintf("%s=%s", name, value)));
    }
}

void hns_live_env(void *impl, const char *name, const char *value)
{
    set_env(impl, name, value);
}

static int agent_start(void *impl, struct eca_err *err)
{
    static const struct hns_child_events events = {on_line, on_exit_of_child};
    struct live *live = impl;
    const struct hns_node *options = hns_run_world(live->run, "options", NULL);
    const char *argv[32] = {live->agent_path};
    const char *envp[ENV_MAX + 1] = {NULL};
    size_t argc = 1, envc = 0, cursor = 0;
    void *pair;

    if (live->foreign) {
        argv[argc++] = "-k"; /* other trust stores cannot be told about the test authority */
    }
    for (size_t i = 0; options != NULL && options->kind == HNS_LIST && i < options->count; i++) {
        if (argc < ECA_ARRAY_LEN(argv) - 1) {
            argv[argc++] = hns_run_text(live->run, options->items[i]);
        }
    }
    while (envc < ENV_MAX && eca_map_next(live->env, &cursor, NULL, &pair)) {
        envp[envc++] = pair;
    }
    hns_child_free(eca_take(live->child));
    live->ended = false;
    live->records = live->record != NULL;
    return hns_child_start(live->loop, argv, envp, &events, live, &live->child, err);
}

static void agent_kill(void *impl)
{
    struct live *live = impl;

    hns_child_free(eca_take(live->child));
}

static void agent_end(void *impl)
{
    struct live *live = impl;

    if (live->records) {
        hns_child_end(live->child, RECORD_END_MS);
    }
    agent_kill(impl);
}

static void agent_terminate(void *impl)
{
    struct live *live = impl;

    if (live->child != NULL) {
        hns_child_signal(live->child, SIGTERM);
    }
}

/* The signal turns it over; the agent was started with it on when the run is recorded. */
static int agent_record(void *impl, bool on, struct eca_err *err)
{
    struct live *live = impl;

    if (live->foreign) {
        return eca_err_set(err, ECA_E_INVALID, "no other agent records itself");
    }
    if (live->records != on) {
        live->records = on;
        hns_child_signal(live->child, SIGUSR2);
    }
    return ECA_OK;
}

static bool agent_running(void *impl)
{
    struct live *live = impl;

    return live->child != NULL && !live->ended;
}

static bool resources(void *impl, bool with_memory, struct hns_resources *ret_resources)
{
    struct live *live = impl;

    (void)with_memory;
    if (!agent_running(live)) {
        return false;
    }
    hns_process_resources(hns_child_pid(live->child), ret_resources);
    return true;
}

static int limit_descriptors(void *impl, uint64_t limit, struct eca_err *err)
{
    struct live *live = impl;

    return agent_running(live)
               ? hns_process_limit_descriptors(hns_child_pid(live->child), limit, err)
               : eca_err_set(err, ECA_E_CONFLICT, "the agent does not run");
}

static void find_agent(struct live *live, const char *path);

/* Another agent could reach the machine's own metadata service. */
static int check_foreign(const struct live *live, struct eca_err *err)
{
    return live->foreign && !live->owns_metadata
               ? eca_err_set(err, ECA_E_DENIED,
                             "another agent is only run where " HNS_METADATA_ADDRESS " is ours")
               : ECA_OK;
}

static int agent_binary(void *impl, const char *path, struct eca_err *err)
{
    struct live *live = impl;

    find_agent(live, path);
    return check_foreign(live, err);
}

static int run_program(void *impl, const char *const *argv, hns_program_fn *on_done, void *arg,
                       struct eca_err *err)
{
    return hns_program_run(((struct live *)impl)->programs, argv, on_done, arg, err);
}

static int idle_open(void *impl, uint16_t port, size_t clients, struct eca_err *err)
{
    return hns_idle_open(&((struct live *)impl)->idle, port, clients, err);
}

static size_t idle_count(void *impl)
{
    return hns_idle_still_open(&((struct live *)impl)->idle);
}

static int turn(void *impl, struct eca_err *err)
{
    struct live *live = impl;

    (void)err;
    (void)eca_loop_step(live->loop, true);
    return ECA_OK;
}

/* ---- the machine ---------------------------------------------------------------------------- */

struct ask {
    hns_http_fn *on_done;
    void *arg;
};

static void on_answer(void *arg, const struct eca_http_answer *answer)
{
    struct ask *ask = arg;
    bool complete = answer->end.err.code == ECA_OK;

    ask->on_done(ask->arg, complete ? answer->status : 0, answer->body,
                 complete ? NULL : answer->end.err.msg);
    eca_free(ask);
}

int hns_live_http(void *impl, const char *method, uint16_t port, const char *path,
                  hns_http_fn *on_done, void *arg, struct eca_err *err)
{
    struct live *live = impl;
    struct ask *ask = eca_xalloc(sizeof(*ask));
    eca_auto_free char *url = eca_xasprintf("http://127.0.0.1:%u%s", port, path);
    struct eca_http_fetch *fetch;
    struct eca_http_opts opts = {.method = method,
                                 .url = url,
                                 .total_ms = ASK_MS,
                                 .proxy = ECA_HTTP_PROXY_NEVER,
                                 .party = "agent"};
    int rc;

    *ask = (struct ask){on_done, arg};
    rc = eca_http_fetch_start(eca_http_client_port(live->curl), &opts, on_answer, ask, &fetch, err);
    if (rc < 0) {
        eca_free(ask);
    }
    return rc;
}

static char *full_path(const struct live *live, const char *path)
{
    return path[0] == '/' ? eca_xstrdup(path) : eca_xasprintf("%s/%s", live->data_dir, path);
}

int hns_live_file_read(void *impl, const char *path, struct eca_buf *out, struct eca_err *err)
{
    eca_auto_free char *full = full_path(impl, path);

    return hns_file_read(full, out, err);
}

int hns_live_file_write(void *impl, const char *path, struct eca_view text, struct eca_err *err)
{
    eca_auto_free char *full = full_path(impl, path);
    FILE *file = fopen(full, "w");

    if (file == NULL) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "%s", full);
    }
    (void)fwrite(text.at, 1, text.len, file);
    return fclose(file) == 0 ? ECA_OK : eca_err_set_sys(err, ECA_E_INTERNAL, errno, "%s", full);
}

size_t hns_live_file_count(void *impl, const char *pattern)
{
    struct live *live = impl;
    DIR *dir = opendir(live->data_dir);
    size_t count = 0;

    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        count += fake_glob(pattern, entry->d_name) ? 1 : 0;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

void hns_live_durable_text(void *impl, struct eca_buf *out)
{
    struct live *live = impl;
    DIR *dir = opendir(live->data_dir);

    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        eca_auto_free char *path = eca_xasprintf("%s/%s", live->data_dir, entry->d_name);

        if (entry->d_name[0] != '.') {
            (void)hns_file_read(path, out, NULL);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

/* ---- setting the stage ---------------------------------------------------------------------- */

void hns_live_connections(void *impl, const struct hns_connections *how)
{
    struct live *live = impl;

    if (how == NULL) {
        fake_socket_fault_clear(live->sockets);
    } else {
        fake_socket_fault(live->sockets, how->party, how->stage, how->stop, how->skip, how->times);
    }
}

void hns_live_unplug(struct live *live)
{
    hns_child_free(eca_take(live->child));
    hns_programs_free(eca_take(live->programs));
    hns_backing_free(eca_take(live->backing));
    eca_loop_unwatch(eca_take(live->socket_watch));
    fake_socket_free(eca_take(live->sockets));
}

void hns_live_free(struct live *live)
{
    size_t cursor = 0;
    void *pair;

    hns_idle_close(&live->idle);
    if (live->silent_fd > 0) {
        (void)close(live->silent_fd);
    }
    fake_docker_relay_free(live->relay);
    fake_hub_free(live->hub);
    fake_trace_free(live->trace);
    eca_http_client_free(live->curl);
    eca_loop_free(live->loop);
    while (live->env != NULL && eca_map_next(live->env, &cursor, NULL, &pair)) {
        eca_free(pair);
    }
    eca_map_free(live->env);
    if (live->dir != NULL && !live->keep_files) {
        hns_tree_remove(live->dir);
    } else if (live->dir != NULL) {
        (void)printf("files of this run: %s\n", live->dir);
    }
    eca_free(live->dir);
    eca_free(live->data_dir);
    eca_free(live->agent_path);
    eca_free(live);
}

static void on_sockets(void *arg, uint32_t events)
{
    struct live *live = arg;

    (void)events;
    (void)fake_socket_dispatch(live->sockets);
}

static int make_dirs(struct live *live, struct eca_err *err)
{
    char pattern[] = "/tmp/ecs-harness-XXXXXX";
    const char *base = mkdtemp(pattern);

    if (base == NULL) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "temporary directory");
    }
    live->dir = eca_xstrdup(base);
    live->data_dir = eca_xasprintf("%s/data", base);
    return mkdir(live->data_dir, 0700) == 0
               ? ECA_OK
               : eca_err_set_sys(err, ECA_E_INTERNAL, errno, "%s", live->data_dir);
}

static void find_agent(struct live *live, const char *path)
{
    live->foreign = path != NULL;
    eca_free(eca_take(live->agent_path));
    live->agent_path = path != NULL ? eca_xstrdup(path) : hns_beside_us("ecs-agent");
}

static int listen_party(struct live *live, const char *party, const char *address, uint16_t port,
                        bool tls, uint16_t *ret_port, struct eca_err *err)
{
    struct fake_socket_listen opts = {.party = party, .address = address, .port = port, .tls = tls};

    if (fake_socket_listen(live->sockets, &opts, ret_port, err) < 0) {
        return eca_err_wrap(err, "listen for %s", party);
    }
    return ECA_OK;
}

/* ${acs.url} and, for another name in front of it, ${acs.port} */
static void set_endpoint_vars(struct live *live, const char *party, const char *scheme,
                              uint16_t port)
{
    eca_auto_free char *url_name = eca_xasprintf("%s.url", party);
    eca_auto_free char *url = eca_xasprintf("%s://localhost:%u/", scheme, port);
    eca_auto_free char *port_name = eca_xasprintf("%s.port", party);
    eca_auto_free char *number = eca_xasprintf("%u", port);

    hns_vars_set(live->run, url_name, url);
    hns_vars_set(live->run, port_name, number);
}

static int open_sockets(struct live *live, struct eca_err *err)
{
    eca_auto_free char *docker_path = eca_xasprintf("%s/docker.sock", live->dir);
    struct fake_socket_listen docker = {.party = "docker", .unix_path = docker_path};
    struct fake_certs_opts certs_opts = {.dir = live->dir,
                                         .wall_ms = eca_clock_wall_ms(live->clock)};
    struct fake_certs certs;
    uint16_t ecs, ecs_tls, acs, tcs, ecr, updates, silent, metadata;
    eca_auto_free char *agent = hns_beside_us("ecs-agent");
    eca_auto_free char *netkitten = hns_beside_us("netkitten");
    eca_auto_free char *backend = NULL, *metadata_url = NULL, *docker_host = NULL, *proxy = NULL,
                       *updates_proxy = NULL;

    if (fake_certs_make(&certs_opts, &certs, err) < 0 ||
        fake_socket_use_certs(live->sockets, certs.cert_file, certs.key_file, err) < 0 ||
        listen_party(live, "ecs", NULL, 0, false, &ecs, err) < 0 ||
        listen_party(live, "ecs", NULL, 0, true, &ecs_tls, err) < 0 ||
        listen_party(live, "acs", NULL, 0, true, &acs, err) < 0 ||
        listen_party(live, "tcs", NULL, 0, true, &tcs, err) < 0 ||
        listen_party(live, "ecr", NULL, 0, false, &ecr, err) < 0 ||
        listen_party(live, "updates", NULL, 0, false, &updates, err) < 0 ||
        listen_party(live, "metadata", NULL, 0, false, &metadata, err) < 0 ||
        (live->owns_metadata &&
         listen_party(live, "metadata", HNS_METADATA_ADDRESS, 80, false, NULL, err) < 0) ||
        fake_socket_listen(live->sockets, &docker, NULL, err) < 0 ||
        (live->silent_fd = hns_silent_listen(&silent, err)) < 0) {
        return ECA_E_INTERNAL;
    }
    backend = eca_xasprintf("http://127.0.0.1:%u", ecs);
    metadata_url = eca_xasprintf("http://127.0.0.1:%u", metadata);
    docker_host = eca_xasprintf("unix://%s", docker_path);
    set_env(live, "ECS_BACKEND_HOST", backend);
    set_env(live, "AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata_url);
    set_env(live, "DOCKER_HOST", docker_host);
    set_env(live, "SSL_CERT_FILE", certs.ca_file);
    set_endpoint_vars(live, "ecs", "https", ecs_tls); /* ECS_BACKEND_HOST is without TLS */
    set_endpoint_vars(live, "acs", "https", acs);
    set_endpoint_vars(live, "tcs", "https", tcs);
    set_endpoint_vars(live, "ecr", "http", ecr);
    set_endpoint_vars(live, "silent", "https", silent);
    proxy = eca_xasprintf("http://127.0.0.1:%u", silent);
    hns_vars_set(live->run, "silent.proxy", proxy);
    updates_proxy = eca_xasprintf("http://127.0.0.1:%u", updates); /* stands in for S3 (WS-313) */
    hns_vars_set(live->run, "updates.proxy", updates_proxy);
    hns_vars_set(live->run, "data.dir", live->data_dir);
    hns_vars_set(live->run, "ecs-agent", agent);
    hns_vars_set(live->run, "netkitten", netkitten);
    return ECA_OK;
}

static void set_environment(struct live *live)
{
    const struct hns_node *env = hns_run_world(live->run, "agent", NULL);
    eca_auto_free char *audit = eca_xasprintf("%s/audit.log", live->dir);
    eca_auto_free char *config = eca_xasprintf("%s/no-config.json", live->dir);
    const char *const defaults[][2] = {
        {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
        {"HOME", live->dir},
        {"AWS_DEFAULT_REGION", "us-west-2"},
        {"AWS_ACCESS_KEY_ID", HNS_KEY_ID},
        {"AWS_SECRET_ACCESS_KEY", HNS_KEY_SECRET},
        {"ECS_DATADIR", live->data_dir},
        {"ECS_AUDIT_LOGFILE", audit},
        {"ECS_AGENT_CONFIG_FILE_PATH", config},
        {"ECS_LOGLEVEL", "debug"},
        {"ECS_CLUSTER", "default"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(defaults); i++) {
        set_env(live, defaults[i][0], defaults[i][1]);
    }
    set_env(live, "ECS_FLIGHT_RECORDING", live->record);
    for (size_t i = 0; env != NULL && i < env->count; i++) {
        set_env(live, env->keys[i]->text,
                hns_node_is_null(env->items[i]) ? NULL : hns_run_text(live->run, env->items[i]));
    }
}

static int write_data(struct live *live, struct eca_err *err)
{
    const struct hns_node *data = hns_run_world(live->run, "data", NULL);

    for (size_t i = 0; data != NULL && i < data->count; i++) {
        if (hns_live_file_write(live, data->keys[i]->text,
                                eca_view_str(hns_run_text(live->run, data->items[i])), err) < 0) {
            return ECA_E_INTERNAL;
        }
    }
    return ECA_OK;
}

int hns_live_set_stage(struct live *live, const struct hns_stage_opts *opts, bool own_clock,
                       struct fake_base *base, struct eca_err *err)
{
    struct eca_loop_opts loop_opts = {.clock = own_clock ? &live->clock : NULL};
    struct eca_http_client_opts curl_opts = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    live->run = opts->run;
    live->keep_files = opts->keep_files;
    live->record = opts->record;
    live->record_bytes = opts->record_bytes;
    live->env = eca_map_new();
    find_agent(live, opts->agent_path);
    if (make_dirs(live, err) < 0) {
        return ECA_E_INTERNAL;
    }
    live->owns_metadata = hns_netns_enter(err) == ECA_OK;
    if (check_foreign(live, err) < 0) {
        return ECA_E_DENIED;
    }
    live->loop = eca_loop_new(&loop_opts, err);
    if (live->loop == NULL) {
        return ECA_E_INTERNAL;
    }
    curl_opts.loop = live->loop;
    live->curl = eca_http_client_new(&curl_opts, err);
    if (live->curl == NULL) {
        return ECA_E_INTERNAL;
    }
    live->sched = eca_loop_sched(live->loop);
    sim_rng_init(&live->rng, opts->seed, 1);
    live->trace = fake_trace_new(live->sched);
    live->hub = fake_hub_new(live->sched, sim_rng_port(&live->rng), live->trace);
    live->sockets = fake_socket_new(live->hub, live->sched);
    live->socket_watch =
        eca_loop_watch(live->loop, fake_socket_fd(live->sockets), EPOLLIN, on_sockets, live);
    *base = (struct fake_base){.sched = live->sched,
                               .entropy = sim_rng_port(&live->rng),
                               .hub = live->hub,
                               .trace = live->trace};
    if (open_sockets(live, err) < 0) {
        return ECA_E_INTERNAL;
    }
    set_environment(live);
    if (opts->real_docker != NULL) {
        live->relay = fake_docker_relay_new(
            &(struct fake_docker_relay_opts){.base = *base,
                                             .http = eca_http_client_port(live->curl),
                                             .unix_socket = opts->real_docker});
    }
    return write_data(live, err);
}

static void unplug(void *impl)
{
    hns_live_unplug(impl);
}

static void free_stage(void *impl)
{
    hns_live_free(impl);
}

int hns_live_open(const struct hns_stage_opts *opts, struct hns_stage *ret_stage,
                  struct eca_err *err)
{
    static const struct hns_stage_ops ops = {.agent_start = agent_start,
                                             .agent_kill = agent_kill,
                                             .agent_end = agent_end,
                                             .agent_terminate = agent_terminate,
                                             .agent_record = agent_record,
                                             .agent_running = agent_running,
                                             .agent_env = hns_live_env,
                                             .turn = turn,
                                             .http = hns_live_http,
                                             .file_read = hns_live_file_read,
                                             .file_write = hns_live_file_write,
                                             .file_count = hns_live_file_count,
                                             .durable_text = hns_live_durable_text,
                                             .resources = resources,
                                             .limit_descriptors = limit_descriptors,
                                             .idle_open = idle_open,
                                             .idle_count = idle_count,
                                             .agent_binary = agent_binary,
                                             .run_program = run_program,
                                             .connections = hns_live_connections,
                                             .unplug = unplug,
                                             .free = free_stage};
    struct live *live = eca_xalloc(sizeof(*live));
    struct fake_base base = {0};

    live->clock = eca_clock_system();
    if (hns_live_set_stage(live, opts, false, &base, err) < 0) {
        hns_live_unplug(live);
        hns_live_free(live);
        return ECA_E_INTERNAL;
    }
    live->programs = hns_programs_new(live->loop);
    if (live->relay == NULL) {
        live->backing = hns_backing_new(live->run, live->loop, live->trace);
    }
    *ret_stage = (struct hns_stage){.ops = &ops, .impl = live, .base = base, .relay = live->relay};
    return ECA_OK;
}
