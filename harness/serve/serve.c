#include "harness/serve/serve.h"

#include <errno.h>
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
#include "agent/sys/entropy.h"
#include "agent/sys/http_client.h"
#include "fakes/acs/acs.h"
#include "fakes/carry/socket.h"
#include "fakes/docker/daemon.h"
#include "fakes/docker/relay.h"
#include "fakes/ecr/ecr.h"
#include "fakes/ecs/ecs.h"
#include "fakes/metadata/metadata.h"
#include "fakes/tcs/tcs.h"
#include "harness/live/child.h"
#include "harness/live/process.h"
#include "harness/live/tree.h"
#include "harness/report/timeline.h"
#include "harness/report/files.h"
#include "harness/serve/control.h"

#define REGION "us-west-2"
#define ACCOUNT "111122223333"
#define KEY_ID "AKIDHARNESSSERVE"
#define KEY_SECRET "harness-serve-secret"
#define RESTART_MS 1000
#define AGENT_ENV_MAX 24
#define EXIT_FINAL 5 /* the agent's word for: do not start me again */

struct serve {
    const struct hns_serve_opts *opts;
    struct eca_loop *loop;
    struct eca_http_client *http;
    struct fake_base base;
    struct fake_socket *sockets;
    struct eca_fd_watch *watch;
    struct fake_auth *auth;
    struct fake_metadata *metadata;
    struct fake_ecs *ecs;
    struct fake_acs *acs;
    struct fake_tcs *tcs;
    struct fake_ecr *ecr;
    struct fake_docker *docker;
    struct fake_docker_relay *relay;
    struct hns_control *control;
    struct report_timeline timeline;
    char *dir, *data_dir, *agent_path;
    char *env[AGENT_ENV_MAX + 1]; /* "NAME=value" of the agent, owned */
    size_t env_count;
    FILE *log, *trace;
    struct hns_child *agent;
    struct eca_timer restart;
    bool stopping;
    int code;
};

/* ---- the agent ------------------------------------------------------------------------------ */

static void set_env(struct serve *serve, const char *name, const char *value)
{
    if (serve->env_count < AGENT_ENV_MAX) {
        serve->env[serve->env_count++] = eca_xasprintf("%s=%s", name, value);
    }
}

static void on_line(void *arg, struct eca_view line)
{
    struct serve *serve = arg;

    if (serve->log != NULL) {
        (void)fprintf(serve->log, "%.*s\n", (int)line.len, line.at);
        (void)fflush(serve->log);
    }
}

/* As an init system: once more, unless the agent said that it makes no sense. */
static void on_agent_exit(void *arg, int code)
{
    struct serve *serve = arg;

    (void)fprintf(stderr, "the agent ended with %d\n", code);
    fake_ecs_agent_crashed(serve->ecs);
    if (serve->stopping || code == EXIT_FINAL) {
        serve->code = serve->stopping ? EXIT_SUCCESS : EXIT_FAILURE;
        eca_loop_stop(serve->loop);
    } else {
        eca_timer_start_ms(&serve->restart, RESTART_MS);
    }
}

static void start_agent(void *arg)
{
    static const struct hns_child_events events = {on_line, on_agent_exit};
    struct serve *serve = arg;
    const char *const argv[] = {serve->agent_path, NULL};
    const char *envp[AGENT_ENV_MAX + 1] = {NULL};
    struct eca_err err = {0};

    memcpy(envp, serve->env, serve->env_count * sizeof(envp[0]));
    hns_child_free(eca_take(serve->agent));
    if (hns_child_start(serve->loop, argv, envp, &events, serve, &serve->agent, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        serve->code = EXIT_FAILURE;
        eca_loop_stop(serve->loop);
    }
}

static void on_signal(void *arg, int number)
{
    struct serve *serve = arg;

    (void)number;
    eca_timer_stop(&serve->restart);
    if (serve->agent == NULL || serve->stopping) { /* the second one does not wait */
        eca_loop_stop(serve->loop);
        return;
    }
    serve->stopping = true;
    hns_child_signal(serve->agent, SIGTERM);
}

/* ---- the fakes ------------------------------------------------------------------------------ */

static void open_fakes(struct serve *serve)
{
    const struct fake_base base = serve->base;

    serve->auth = fake_auth_new(base.sched);
    fake_auth_add(serve->auth, KEY_ID, KEY_SECRET, NULL, 0);
    serve->metadata = fake_metadata_new(
        &(struct fake_metadata_opts){.base = base, .auth = serve->auth, .region = REGION});
    serve->ecs = fake_ecs_new(&(struct fake_ecs_opts){
        .base = base, .auth = serve->auth, .region = REGION, .account = ACCOUNT});
    serve->acs = fake_acs_new(&(struct fake_acs_opts){
        .base = base,
        .auth = serve->auth,
        .region = REGION,
        .cluster_arn = "arn:aws:ecs:" REGION ":" ACCOUNT ":cluster/default"});
    serve->tcs =
        fake_tcs_new(&(struct fake_tcs_opts){.base = base, .auth = serve->auth, .region = REGION});
    serve->ecr = fake_ecr_new(&(struct fake_ecr_opts){.base = base, .auth = serve->auth});
    if (serve->opts->real_docker != NULL) {
        serve->relay = fake_docker_relay_new(
            &(struct fake_docker_relay_opts){.base = base,
                                             .http = eca_http_client_port(serve->http),
                                             .unix_socket = serve->opts->real_docker});
    } else {
        serve->docker =
            fake_docker_new(&(struct fake_docker_opts){.base = base, .any_image = true});
    }
    serve->control = hns_control_new(&(struct hns_control_opts){
        .base = base, .ecs = serve->ecs, .acs = serve->acs, .region = REGION, .account = ACCOUNT});
}

/* "OPERATION=PRESET:TIMES" */
static int add_failure(struct serve *serve, struct eca_view rule, struct eca_err *err)
{
    size_t equals = eca_view_find(rule, "=", 0), colon = eca_view_find(rule, ":", 0);
    eca_auto_buf struct eca_buf operation = {0}, preset = {0};
    uint64_t times = 0;

    if (equals != SIZE_MAX && colon != SIZE_MAX && colon > equals &&
        eca_parse_u64(eca_view_sub(rule, colon + 1, SIZE_MAX), UINT32_MAX, &times, NULL) == 0) {
        eca_buf_add_view(&operation, eca_view_sub(rule, 0, equals));
        eca_buf_add_view(&preset, eca_view_sub(rule, equals + 1, colon - equals - 1));
        if (fake_ecs_fail(serve->ecs, eca_buf_str(&operation), eca_buf_str(&preset),
                          (uint32_t)times, false) != 0) {
            return ECA_OK;
        }
    }
    return eca_err_set(err, ECA_E_INVALID, "--fail takes OPERATION=PRESET:TIMES,..., not \"%.*s\"",
                       (int)rule.len, rule.at);
}

static int add_failures(struct serve *serve, struct eca_err *err)
{
    struct eca_view rest = eca_view_str(serve->opts->fail);

    while (rest.len > 0) {
        size_t comma = eca_view_find(rest, ",", 0);
        if (add_failure(serve, eca_view_sub(rest, 0, comma), err) < 0) {
            return ECA_E_INVALID;
        }
        rest = comma == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, comma + 1, SIZE_MAX);
    }
    return ECA_OK;
}

static int set_docker_api(struct serve *serve, struct eca_err *err)
{
    struct eca_view range = eca_view_str(serve->opts->docker_api);
    size_t dash = eca_view_find(range, "-", 0);
    eca_auto_buf struct eca_buf min = {0}, max = {0};

    if (serve->opts->docker_api == NULL || serve->docker == NULL) {
        return ECA_OK;
    }
    if (dash == SIZE_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "--docker-api takes MIN-MAX, not \"%.80s\"",
                           serve->opts->docker_api);
    }
    eca_buf_add_view(&min, eca_view_sub(range, 0, dash));
    eca_buf_add_view(&max, eca_view_sub(range, dash + 1, SIZE_MAX));
    fake_docker_set_versions(serve->docker, NULL, eca_buf_str(&max), eca_buf_str(&min));
    return ECA_OK;
}

static int listen_at(struct serve *serve, const char *party, uint16_t port, bool tls,
                     uint16_t *ret_port, struct eca_err *err)
{
    struct fake_socket_listen opts = {
        .party = party, .address = serve->opts->address, .port = port, .tls = tls};

    return fake_socket_listen(serve->sockets, &opts, ret_port, err) < 0
               ? eca_err_wrap(err, "listen for %s", party)
               : ECA_OK;
}

static int open_sockets(struct serve *serve, struct eca_err *err)
{
    eca_auto_free char *docker_path = eca_xasprintf("%s/docker.sock", serve->dir);
    eca_auto_free char *acs_url = NULL, *tcs_url = NULL, *ecs_url = NULL, *metadata_url = NULL,
                       *docker_host = NULL, *audit = NULL, *config = NULL;
    const char *host = serve->opts->host == NULL ? "localhost" : serve->opts->host;
    struct fake_certs_opts certs_opts = {.dir = serve->dir,
                                         .wall_ms = eca_sched_wall_ms(serve->base.sched),
                                         .names = &host,
                                         .name_count = 1};
    struct fake_socket_listen docker = {.party = "docker", .unix_path = docker_path};
    struct fake_certs certs;
    uint16_t ecs, acs, tcs, ecr, metadata;

    if (fake_certs_make(&certs_opts, &certs, err) < 0 ||
        fake_socket_use_certs(serve->sockets, certs.cert_file, certs.key_file, err) < 0 ||
        listen_at(serve, "ecs", (uint16_t)serve->opts->port, false, &ecs, err) < 0 ||
        listen_at(serve, "acs", 0, true, &acs, err) < 0 ||
        listen_at(serve, "tcs", 0, true, &tcs, err) < 0 ||
        listen_at(serve, "ecr", 0, false, &ecr, err) < 0 ||
        listen_at(serve, "metadata", 0, false, &metadata, err) < 0 ||
        fake_socket_listen(serve->sockets, &docker, NULL, err) < 0) {
        return ECA_E_INTERNAL;
    }
    acs_url = eca_xasprintf("https://%s:%u/", host, acs);
    tcs_url = eca_xasprintf("https://%s:%u/", host, tcs);
    fake_ecs_set_endpoints(serve->ecs,
                           serve->opts->acs_url == NULL ? acs_url : serve->opts->acs_url, tcs_url);
    ecs_url = eca_xasprintf("http://%s:%u", host, ecs);
    metadata_url = eca_xasprintf("http://%s:%u", host, metadata);
    docker_host = eca_xasprintf("unix://%s", docker_path);
    audit = eca_xasprintf("%s/audit.log", serve->dir);
    config = eca_xasprintf("%s/no-config.json", serve->dir);
    set_env(serve, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    set_env(serve, "AWS_DEFAULT_REGION", REGION);
    set_env(serve, "AWS_ACCESS_KEY_ID", KEY_ID);
    set_env(serve, "AWS_SECRET_ACCESS_KEY", KEY_SECRET);
    set_env(serve, "ECS_BACKEND_HOST", ecs_url);
    set_env(serve, "AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata_url);
    set_env(serve, "DOCKER_HOST", docker_host);
    set_env(serve, "SSL_CERT_FILE", certs.ca_file);
    set_env(serve, "ECS_DATADIR", serve->data_dir);
    set_env(serve, "ECS_AUDIT_LOGFILE", audit);
    set_env(serve, "ECS_AGENT_CONFIG_FILE_PATH", config);
    set_env(serve, "ECS_LOGLEVEL", "debug");
    set_env(serve, "ECS_ENABLE_TASK_IAM_ROLE", "true");
    (void)printf("export AWS_ENDPOINT_URL=%s\nexport AWS_ENDPOINT_URL_ECR=http://%s:%u\n", ecs_url,
                 host, ecr);
    return ECA_OK;
}

static int make_dirs(struct serve *serve, struct eca_err *err)
{
    char pattern[] = "/tmp/harness-serve-XXXXXX";

    if (mkdtemp(pattern) == NULL) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "%s", pattern);
    }
    serve->dir = eca_xstrdup(pattern);
    serve->data_dir = eca_xasprintf("%s/data", pattern);
    return mkdir(serve->data_dir, 0700) == 0
               ? ECA_OK
               : eca_err_set_sys(err, ECA_E_INTERNAL, errno, "%s", serve->data_dir);
}

static void on_event(void *arg, const struct fake_event *event)
{
    struct serve *serve = arg;

    report_files_event(&(struct report_files){.trace = serve->trace}, event);
    (void)fflush(serve->trace);
}

static int open_all(struct serve *serve, struct eca_err *err)
{
    struct eca_http_client_opts http_opts = {0};
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    serve->loop = eca_loop_new(&(struct eca_loop_opts){0}, err);
    if (serve->loop == NULL || make_dirs(serve, err) < 0 ||
        eca_loop_signals(serve->loop, &signals, on_signal, serve, err) < 0) {
        return ECA_E_INTERNAL;
    }
    http_opts.loop = serve->loop;
    serve->http = eca_http_client_new(&http_opts, err);
    if (serve->http == NULL) {
        return ECA_E_INTERNAL;
    }
    serve->base.sched = eca_loop_sched(serve->loop);
    serve->base.entropy = eca_entropy_system();
    serve->base.trace = fake_trace_new(serve->base.sched);
    serve->base.hub = fake_hub_new(serve->base.sched, serve->base.entropy, serve->base.trace);
    serve->sockets = fake_socket_new(serve->base.hub, serve->base.sched);
    serve->watch = eca_loop_watch(serve->loop, fake_socket_fd(serve->sockets), EPOLLIN,
                                  fake_socket_on_ready, serve->sockets);
    if (serve->opts->verbose) {
        report_timeline_init(&serve->timeline, stderr);
        fake_trace_listen(serve->base.trace, report_timeline_event, &serve->timeline);
    }
    if (serve->trace != NULL) {
        fake_trace_listen(serve->base.trace, on_event, serve);
    }
    open_fakes(serve);
    if (add_failures(serve, err) < 0 || set_docker_api(serve, err) < 0) {
        return ECA_E_INVALID;
    }
    return open_sockets(serve, err);
}

static void close_all(struct serve *serve)
{
    eca_timer_stop(&serve->restart);
    hns_child_free(serve->agent);
    hns_control_free(serve->control);
    eca_loop_unwatch(serve->watch);
    fake_socket_free(serve->sockets);
    fake_docker_relay_free(serve->relay);
    fake_docker_free(serve->docker);
    fake_ecr_free(serve->ecr);
    fake_tcs_free(serve->tcs);
    fake_acs_free(serve->acs);
    fake_ecs_free(serve->ecs);
    fake_metadata_free(serve->metadata);
    fake_auth_free(serve->auth);
    fake_hub_free(serve->base.hub);
    fake_trace_free(serve->base.trace);
    eca_http_client_free(serve->http);
    eca_loop_free(serve->loop);
    for (size_t i = 0; i < serve->env_count; i++) {
        eca_free(serve->env[i]);
    }
    if (serve->dir != NULL && !serve->opts->keep) {
        hns_tree_remove(serve->dir);
    }
    FILE *const files[] = {serve->log, serve->trace};
    for (size_t i = 0; i < ECA_ARRAY_LEN(files); i++) {
        if (files[i] != NULL) {
            (void)fclose(files[i]);
        }
    }
    eca_free(serve->dir);
    eca_free(serve->data_dir);
    eca_free(serve->agent_path);
}

static void say_ready(struct serve *serve)
{
    (void)printf("export AWS_DEFAULT_REGION=" REGION "\nexport AWS_ACCESS_KEY_ID=" KEY_ID
                 "\nexport AWS_SECRET_ACCESS_KEY=" KEY_SECRET "\n");
    for (size_t i = 0; serve->opts->no_agent && i < serve->env_count; i++) {
        (void)printf("# agent: %s\n", serve->env[i]);
    }
    (void)printf("# ready; the files are in %s\n", serve->dir);
    (void)fflush(stdout);
}

static bool open_output(const char *path, FILE **ret_file)
{
    if (path != NULL && (*ret_file = fopen(path, "w")) == NULL) {
        (void)fprintf(stderr, "%s: cannot be written\n", path);
        return false;
    }
    return true;
}

int hns_serve(const struct hns_serve_opts *opts)
{
    struct serve serve = {.opts = opts, .code = EXIT_SUCCESS};
    struct eca_err err = {0};

    if (!open_output(opts->log, &serve.log) || !open_output(opts->trace, &serve.trace)) {
        return EXIT_FAILURE;
    }
    serve.agent_path = hns_beside_us("ecs-agent");
    if (opts->port > UINT16_MAX || open_all(&serve, &err) < 0) {
        (void)fprintf(stderr, "%s\n", opts->port > UINT16_MAX ? "no such port" : err.msg);
        serve.code = EXIT_FAILURE;
    } else {
        eca_timer_init(&serve.restart, serve.base.sched, start_agent, &serve);
        say_ready(&serve);
        if (!opts->no_agent) {
            eca_timer_start(&serve.restart, 0);
        }
        eca_loop_run(serve.loop);
    }
    close_all(&serve);
    return serve.code;
}
