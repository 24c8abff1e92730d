#include "harness/record/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/version.h"
#include "agent/sys/channel_lws.h"
#include "agent/sys/clock.h"
#include "agent/sys/entropy.h"
#include "agent/sys/host_linux.h"
#include "agent/sys/http_client.h"
#include "fakes/carry/certs.h"
#include "fakes/carry/socket.h"
#include "harness/live/child.h"
#include "harness/live/tree.h"
#include "harness/record/forward.h"

#define METADATA_URL "http://169.254.169.254"
#define DOCKER_SOCKET "/var/run/docker.sock"
#define NAMES_MAX 64

struct outside {
    const struct hns_outside_opts *opts;
    char dir[32];
    FILE *out;
    struct eca_loop *loop;
    struct eca_http_client *http;
    struct eca_channel_lws *channel;
    struct fake_trace *trace;
    struct fake_hub *hub;
    struct fake_socket *sockets;
    struct eca_fd_watch *watch;
    struct eca_mask mask;
    struct eca_recorder *recorder;
    struct hns_forward *forward;
    struct hns_child *child;
    struct fake_certs certs;
    uint16_t proxy_port, metadata_port;
    int exit_code;
};

/* ---- the file ----------------------------------------------------------------------------------
 */

static void on_line(void *impl, struct eca_view line)
{
    struct outside *outside = impl;

    (void)fwrite(line.at, 1, line.len, outside->out);
    (void)fputc('\n', outside->out);
}

static void write_head(struct outside *outside)
{
    eca_auto_buf struct eca_buf line = {0};
    struct eca_json_writer w = eca_json_writer_to(&line);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "recording", "an agent, seen from outside");
    eca_jw_u64(&w, "format", ECA_RECORDING_FORMAT);
    eca_jw_str(&w, "version", eca_version_text);
    eca_jw_str(&w, "agent", outside->opts->agent);
    eca_jw_end_object(&w);
    on_line(outside, eca_buf_view(&line));
}

/* What the agent will read of its settings. */
static void write_environment(struct outside *outside)
{
    struct eca_host host = eca_recorder_ports(outside->recorder)->host;

    for (char **pair = environ; *pair != NULL; pair++) {
        if (strncmp(*pair, "ECS_", 4) == 0) {
            eca_auto_free char *name = eca_xstrndup(*pair, strcspn(*pair, "="));

            (void)eca_host_env(host, name);
        }
    }
}

/* ---- the agent ---------------------------------------------------------------------------------
 */

static void on_output(void *arg, struct eca_view line)
{
    (void)arg;
    (void)fwrite(line.at, 1, line.len, stdout);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

static void on_exit_of_agent(void *arg, int code)
{
    struct outside *outside = arg;

    outside->exit_code = code;
    eca_recorder_exit(outside->recorder, code);
    eca_loop_stop(outside->loop);
}

static void on_signal(void *arg, int number)
{
    struct outside *outside = arg;

    if (number != SIGUSR1) {
        eca_recorder_enter(outside->recorder, "terminate");
        eca_recorder_leave(outside->recorder);
    }
    if (outside->child != NULL) {
        hns_child_signal(outside->child, number);
    }
}

static bool is_ours(const char *pair)
{
    static const char *const names[] = {
        "HTTP_PROXY=", "http_proxy=", "HTTPS_PROXY=",   "https_proxy=",
        "NO_PROXY=",   "no_proxy=",   "SSL_CERT_FILE=", "DOCKER_HOST="};

    for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
        if (strncmp(pair, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return strncmp(pair, "AWS_EC2_METADATA_SERVICE_ENDPOINT=", 34) == 0;
}

static int start_agent(struct outside *outside, struct eca_err *err)
{
    static const struct hns_child_events events = {on_output, on_exit_of_agent};
    eca_auto_free char *http = eca_xasprintf("HTTP_PROXY=http://127.0.0.1:%u", outside->proxy_port);
    eca_auto_free char *https =
        eca_xasprintf("HTTPS_PROXY=http://127.0.0.1:%u", outside->proxy_port);
    eca_auto_free char *trust = eca_xasprintf("SSL_CERT_FILE=%s", outside->certs.ca_file);
    eca_auto_free char *docker = eca_xasprintf("DOCKER_HOST=unix://%s/docker.sock", outside->dir);
    eca_auto_free char *metadata = eca_xasprintf(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:%u", outside->metadata_port);
    size_t envc = 0, argc = 0, count = 0;
    const char **envp, **argv;
    int rc;

    while (environ[envc] != NULL) {
        envc++;
    }
    while (outside->opts->arguments[argc] != NULL) {
        argc++;
    }
    envp = eca_xalloc((envc + 6) * sizeof(*envp));
    argv = eca_xalloc((argc + 2) * sizeof(*argv));
    for (size_t i = 0; i < envc; i++) {
        if (!is_ours(environ[i])) {
            envp[count++] = environ[i];
        }
    }
    envp[count++] = http;
    envp[count++] = https;
    envp[count++] = trust;
    envp[count++] = docker;
    envp[count] = metadata;
    argv[0] = outside->opts->agent;
    memcpy(argv + 1, outside->opts->arguments, argc * sizeof(*argv));
    rc = hns_child_start(outside->loop, argv, envp, &events, outside, &outside->child, err);
    eca_free(envp);
    eca_free(argv);
    return rc;
}

/* ---- between -----------------------------------------------------------------------------------
 */

static const char *env_of(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

static int make_ports(struct outside *outside, struct eca_err *err)
{
    struct eca_tls_trust trust =
        eca_tls_trust_find(getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR"));
    struct eca_http_client_opts http_opts = {.trust = trust, .env = env_of};
    struct eca_channel_lws_opts channel_opts = {.trust = trust, .env = env_of};
    struct eca_loop_opts loop_opts = {0};
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    outside->loop = eca_loop_new(&loop_opts, err);
    if (outside->loop == NULL ||
        eca_loop_signals(outside->loop, &signals, on_signal, outside, err) < 0) {
        return ECA_E_INTERNAL;
    }
    http_opts.loop = channel_opts.loop = outside->loop;
    outside->http = eca_http_client_new(&http_opts, err);
    if (outside->http == NULL) {
        return ECA_E_INTERNAL;
    }
    outside->channel = eca_channel_lws_new(&channel_opts);
    return ECA_OK;
}

/* The certificate names every host that an agent asks by itself. */
static int make_certs(struct outside *outside, struct eca_err *err)
{
    const char *region = getenv("AWS_DEFAULT_REGION");
    eca_auto_free char *ecs =
        eca_xasprintf("*.%s.amazonaws.com", region == NULL ? "us-east-1" : region);
    eca_auto_free char *ecr =
        eca_xasprintf("*.ecr.%s.amazonaws.com", region == NULL ? "us-east-1" : region);
    const char *names[NAMES_MAX] = {ecs, ecr, "*.amazonaws.com", "*.s3.amazonaws.com"};
    struct fake_certs_opts opts = {.dir = outside->dir,
                                   .wall_ms = eca_clock_wall_ms(eca_clock_system()),
                                   .names = names,
                                   .name_count = 4};

    for (int i = 0; i < outside->opts->name_count && opts.name_count < NAMES_MAX; i++) {
        names[opts.name_count++] = outside->opts->names[i];
    }
    return fake_certs_make(&opts, &outside->certs, err);
}

static int listen_all(struct outside *outside, struct eca_err *err)
{
    eca_auto_free char *docker_path = eca_xasprintf("%s/docker.sock", outside->dir);
    struct fake_socket_listen proxy = {.party = HNS_FORWARD_PROXY,
                                       .tunnel_party = HNS_FORWARD_TUNNEL};
    struct fake_socket_listen docker = {.party = HNS_FORWARD_DOCKER, .unix_path = docker_path};
    struct fake_socket_listen metadata = {.party = HNS_FORWARD_METADATA};
    struct eca_sched *sched = eca_loop_sched(outside->loop);

    outside->trace = fake_trace_new(sched);
    outside->hub = fake_hub_new(sched, eca_entropy_system(), outside->trace);
    outside->sockets = fake_socket_new(outside->hub, sched);
    outside->watch = eca_loop_watch(outside->loop, fake_socket_fd(outside->sockets), EPOLLIN,
                                    fake_socket_on_ready, outside->sockets);
    return fake_socket_use_certs(outside->sockets, outside->certs.cert_file,
                                 outside->certs.key_file, err) < 0 ||
                   fake_socket_listen(outside->sockets, &proxy, &outside->proxy_port, err) < 0 ||
                   fake_socket_listen(outside->sockets, &metadata, &outside->metadata_port, err) <
                       0 ||
                   fake_socket_listen(outside->sockets, &docker, NULL, err) < 0
               ? ECA_E_INTERNAL
               : ECA_OK;
}

static const char *docker_socket(const struct outside *outside)
{
    const char *host = getenv("DOCKER_HOST");

    if (outside->opts->docker != NULL) {
        return outside->opts->docker;
    }
    return host != NULL && strncmp(host, "unix://", 7) == 0 ? host + 7 : DOCKER_SOCKET;
}

static int open_all(struct outside *outside, struct eca_err *err)
{
    const char *metadata = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct eca_agent_ports outer = {0};
    int fd = open(outside->opts->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    outside->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (outside->out == NULL) {
        return eca_err_set_sys(err, ECA_E_DENIED, errno, "%s", outside->opts->out);
    }
    if (mkdtemp(outside->dir) == NULL) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "temporary directory");
    }
    if (make_ports(outside, err) < 0 || make_certs(outside, err) < 0 ||
        listen_all(outside, err) < 0) {
        return ECA_E_INTERNAL;
    }
    outer.sched = eca_loop_sched(outside->loop);
    outer.http = eca_http_client_port(outside->http);
    outer.channel = eca_channel_lws_port(outside->channel);
    outer.host = eca_host_linux();
    write_head(outside);
    outside->recorder =
        eca_recorder_new(&outer, &outside->mask, (struct eca_record_sink){on_line, outside});
    eca_recorder_enter(outside->recorder, "start");
    write_environment(outside);
    eca_recorder_leave(outside->recorder);
    outside->forward = hns_forward_new(&(struct hns_forward_opts){
        .hub = outside->hub,
        .recorder = outside->recorder,
        .docker_socket = docker_socket(outside),
        .metadata_url = metadata == NULL || metadata[0] == '\0' ? METADATA_URL : metadata});
    return start_agent(outside, err);
}

static void close_all(struct outside *outside)
{
    hns_child_free(outside->child);
    if (outside->recorder != NULL) {
        eca_recorder_stop(outside->recorder);
    }
    eca_loop_unwatch(outside->watch);
    fake_socket_free(outside->sockets);
    hns_forward_free(outside->forward);
    eca_recorder_free(outside->recorder);
    fake_hub_free(outside->hub);
    fake_trace_free(outside->trace);
    eca_channel_lws_free(outside->channel);
    eca_http_client_free(outside->http);
    eca_loop_free(outside->loop);
    eca_mask_clear(&outside->mask);
    if (outside->out != NULL) {
        (void)fclose(outside->out);
    }
    hns_tree_remove(outside->dir);
}

int hns_record_outside(const struct hns_outside_opts *opts)
{
    struct outside outside = {
        .opts = opts, .dir = "/tmp/ecs-record-XXXXXX", .exit_code = EXIT_FAILURE};
    struct eca_err err = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    eca_mask_init(&outside.mask);
    outside.mask.is_blind = true; /* the agent has secrets that never come by */
    if (open_all(&outside, &err) < 0) {
        (void)fprintf(stderr, "record: %s\n", err.msg);
    } else {
        eca_loop_run(outside.loop);
    }
    close_all(&outside);
    return outside.exit_code;
}
