#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/version.h"
#include "agent/config/cmdline.h"
#include "agent/config/config.h"
#include "agent/config/startup.h"
#include "agent/docker/endpoint.h"
#include "agent/introspection/introspection.h"
#include "agent/state/import.h"
#include "agent/state/show.h"
#include "agent/sys/channel_lws.h"
#include "agent/sys/clock.h"
#include "agent/sys/docker_version.h"
#include "agent/sys/endpoint_mhd.h"
#include "agent/sys/entropy.h"
#include "agent/sys/files.h"
#include "agent/sys/healthcheck.h"
#include "agent/sys/host_linux.h"
#include "agent/record/flight.h"
#include "agent/sys/http_client.h"
#include "agent/sys/record_file.h"
#include "agent/sys/log_sink.h"
#include "agent/sys/loop.h"
#include "agent/sys/store_sqlite.h"

/* Wires the adapters to the agent and the process to its signals; decides nothing. */

#define HEALTHCHECK_MS 5000
#define DOCKER_VERSION_MS 2000 /* PROC-502 */
#define FLUSH_MS 1000          /* the log's last lines (PROC-303) */

struct process {
    struct eca_loop *loop;
    struct eca_http_client *http;
    struct eca_channel_lws *channel;
    struct eca_endpoint_mhd *endpoint;
    struct eca_store_sqlite *store;
    struct eca_files_disk *files;
    struct eca_log_writer *log_writer, *audit_writer;
    struct eca_log log, adapter_log;
    struct eca_flight *flight; /* the agent and its recorder */
    struct eca_record_file *record_file;
    int exit_code;
    bool abort_wanted; /* SIGQUIT: dump, then die loudly */
};

static int64_t wall_now(void *arg)
{
    (void)arg;
    return eca_clock_wall_ms(eca_clock_system());
}

static const char *env_of(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

/* ---- audit ---------------------------------------------------------------------------------- */

static int audit_open(void *impl, const char *path, struct eca_err *err)
{
    struct process *process = impl;

    if (process->audit_writer == NULL) {
        process->audit_writer = eca_log_writer_new();
    }
    return eca_log_writer_set_file(process->audit_writer, path, err);
}

static void audit_write(void *impl, const char *line)
{
    struct process *process = impl;
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_addf(&text, "%s\n", line);
    eca_log_writer_add(process->audit_writer, wall_now(NULL), eca_buf_view(&text));
}

/* ---- flight recording (docs/RECORDING.md) ---------------------------------------------------- */

#define RECORDING_SEGMENTS 4
#define RECORDING_MIB_DEFAULT 256
#define RECORDING_MIB_MAX 65536

/* In the data directory, when only a signal asks for it. */
static char *recording_path(void)
{
    const char *path = getenv("ECS_FLIGHT_RECORDING");
    struct eca_config *config;
    char *default_path;

    if (path != NULL && path[0] != '\0') {
        return eca_xstrdup(path);
    }
    config = eca_config_load(eca_host_linux());
    default_path = eca_xasprintf("%s/flight.rec", eca_config_values(config)->data_dir);
    eca_config_free(config);
    return default_path;
}

/* From the environment alone: the recorder stands before the agent reads its configuration. */
static void set_recording(struct process *process, struct eca_flight_opts *opts)
{
    const char *path = getenv("ECS_FLIGHT_RECORDING"), *mib = getenv("ECS_FLIGHT_RECORDING_MIB");
    eca_auto_free char *file = recording_path();
    uint64_t ring_mib = RECORDING_MIB_DEFAULT;

    if (mib != NULL && (eca_parse_u64(eca_view_str(mib), RECORDING_MIB_MAX, &ring_mib, NULL) < 0 ||
                        ring_mib == 0)) {
        ring_mib = RECORDING_MIB_DEFAULT;
        ECA_WARN(&process->log, NULL, ECA_NO_KV,
                 "ECS_FLIGHT_RECORDING_MIB takes 1 to %d, not \"%s\"; it is %d", RECORDING_MIB_MAX,
                 mib, RECORDING_MIB_DEFAULT);
    }
    process->record_file = eca_record_file_new(file, RECORDING_SEGMENTS);
    eca_record_file_rescue(process->record_file);
    opts->segments = eca_record_file_port(process->record_file);
    opts->segment_bytes = (ring_mib << 20) / RECORDING_SEGMENTS;
    opts->record = path != NULL && path[0] != '\0';
}

static void toggle_recording(struct process *process)
{
    bool on = !eca_flight_recording(process->flight);

    eca_flight_record(process->flight, on);
    ECA_INFO(&process->log, NULL, ECA_NO_KV, "Flight recording is switched %s", on ? "on" : "off");
}

/* Whoever mistypes a command has an agent instead of it (PROC-103), and reads here that he does. */
static void tell_ignored(struct process *process, const char *word)
{
    eca_auto_buf struct eca_buf clean = {0};

    eca_escape_controls(eca_view_str(word), &clean); /* a word may hold anything; one line */
    ECA_WARN(&process->log, NULL, ECA_NO_KV,
             "Ignored on the command line: \"%.64s\" and whatever follows it. The agent starts; "
             "what else it does says ecs-agent -help",
             eca_buf_str(&clean));
}

/* ---- the run -------------------------------------------------------------------------------- */

static void on_exit_wanted(void *arg, int code)
{
    struct process *process = arg;

    process->exit_code = code;
    eca_loop_stop(process->loop);
}

static void on_signal(void *arg, int number)
{
    struct process *process = arg;

    switch (number) {
    case SIGUSR1:
        eca_agent_dump(eca_flight_agent(process->flight));
        return;
    case SIGUSR2:
        toggle_recording(process);
        return;
    case SIGQUIT:
        eca_agent_dump(eca_flight_agent(process->flight));
        process->abort_wanted = true;
        eca_loop_stop(process->loop);
        return;
    default:
        eca_flight_terminate(process->flight);
        return;
    }
}

/* Blocked from the first instruction and in every thread; the loop hands them out as events
 * (PROC-203, SIG-107). */
static void block_signals(sigset_t *signals, sigset_t *ret_before)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGHUP);
    (void)sigaddset(signals, SIGQUIT);
    (void)sigaddset(signals, SIGUSR1);
    (void)sigaddset(signals, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, signals, ret_before);
}

static bool make_adapters(struct process *process, const sigset_t *signals, struct eca_err *err)
{
    struct eca_tls_trust trust =
        eca_tls_trust_find(getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR"));
    struct eca_loop_opts loop_opts = {.log = &process->adapter_log};
    struct eca_http_client_opts http_opts = {.trust = trust, .env = env_of};
    struct eca_channel_lws_opts channel_opts = {
        .trust = trust, .env = env_of, .log = &process->adapter_log};

    process->loop = eca_loop_new(&loop_opts, err);
    if (process->loop == NULL) {
        return false;
    }
    if (eca_loop_signals(process->loop, signals, on_signal, process, err) < 0) {
        return false;
    }
    http_opts.loop = channel_opts.loop = process->loop;
    process->http = eca_http_client_new(&http_opts, err);
    if (process->http == NULL) {
        return false;
    }
    process->channel = eca_channel_lws_new(&channel_opts);
    process->endpoint = eca_endpoint_mhd_new(process->loop, &process->adapter_log);
    process->store = eca_store_sqlite_new(process->loop);
    process->files = eca_files_disk_new(process->loop);
    return true;
}

static void free_adapters(struct process *process)
{
    eca_files_disk_free(process->files);
    eca_store_sqlite_free(process->store);
    eca_endpoint_mhd_free(process->endpoint);
    eca_channel_lws_free(process->channel);
    eca_http_client_free(process->http);
    eca_loop_free(process->loop);
}

static int run(const struct eca_cmdline *cmdline, const sigset_t *signals)
{
    static const struct eca_audit_ops audit_ops = {audit_open, audit_write};
    struct process process = {.exit_code = ECA_EXIT_ERROR};
    struct eca_flight_opts opts = {.agent = {.insecure = cmdline->insecure,
                                             .blackhole_metadata = cmdline->blackhole_metadata,
                                             .log_level = cmdline->log_level,
                                             .on_exit = on_exit_wanted,
                                             .arg = &process}};
    struct eca_err err = {0};

    (void)signal(SIGPIPE, SIG_IGN); /* SIG-106 */
    process.log_writer = eca_log_writer_new();
    process.log = (struct eca_log){.level = ECA_LOG_INFO,
                                   .sink = eca_log_writer_sink,
                                   .sink_arg = process.log_writer,
                                   .wall_ms = wall_now};
    process.adapter_log = eca_log_beside(&process.log);
    if (eca_log_writer_set_file(process.log_writer, getenv("ECS_LOGFILE"), &err) < 0) {
        (void)fprintf(stderr, "log file: %s\n", err.msg);
    }
    if (cmdline->ignored != NULL) {
        tell_ignored(&process, cmdline->ignored);
    }
    if (!make_adapters(&process, signals, &err)) {
        ECA_CRIT(&process.log, NULL, ECA_NO_KV, "Cannot start: %s", err.msg);
    } else {
        opts.agent.ports = (struct eca_agent_ports){
            .sched = eca_loop_sched(process.loop),
            .entropy = eca_entropy_system(),
            .http = eca_http_client_port(process.http),
            .files = eca_files_disk_port(process.files),
            .channel = eca_channel_lws_port(process.channel),
            .endpoint = eca_endpoint_mhd_port(process.endpoint),
            .store = eca_store_sqlite_opener(process.store),
            .host = eca_host_linux(),
            .audit = {&audit_ops, &process},
            .log = &process.log,
        };
        set_recording(&process, &opts);
        process.flight = eca_flight_new(&opts);
        eca_flight_start(process.flight);
        eca_loop_run(process.loop);
        eca_flight_free(process.flight);
        eca_record_file_free(process.record_file);
    }
    free_adapters(&process);
    eca_log_writer_free(process.audit_writer, FLUSH_MS);
    eca_log_writer_free(process.log_writer, FLUSH_MS);
    if (process.abort_wanted) {
        abort();
    }
    return process.exit_code;
}

/* ---- the small commands --------------------------------------------------------------------- */

/* The daemon of DOCKER_HOST; false when it cannot be asked within the limit (PROC-502). */
static bool ask_docker_version(struct eca_buf *ret_version)
{
    const char *host = getenv("DOCKER_HOST");
    struct eca_docker_endpoint endpoint;
    bool found;

    if (host == NULL || host[0] == '\0') {
        host = "unix:///var/run/docker.sock";
    }
    if (eca_docker_endpoint_parse(host, getenv("DOCKER_TLS_VERIFY") != NULL, &endpoint, NULL) < 0) {
        return false;
    }
    eca_auto_free char *url = eca_xasprintf("%s/version", endpoint.base_url);
    found = eca_docker_version_ask(url, endpoint.unix_socket, DOCKER_VERSION_MS, ret_version);
    eca_docker_endpoint_clear(&endpoint);
    return found;
}

static int print_version(void)
{
    eca_auto_buf struct eca_buf text = {0}, docker = {0};
    bool found = ask_docker_version(&docker);

    eca_version_print(eca_version, eca_git_hash, found ? eca_buf_str(&docker) : NULL, &text);
    (void)fputs(eca_buf_str(&text), stdout);
    return ECA_EXIT_SUCCESS;
}

static int print_license(void)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_err err = {0};

    if (eca_license_print(eca_host_linux(), &text, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return ECA_EXIT_ERROR;
    }
    (void)fputs(eca_buf_str(&text), stdout);
    return ECA_EXIT_SUCCESS;
}

static int print_config(void)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_config *config = eca_config_load(eca_host_linux());
    int code;

    (void)eca_config_validate(config);
    code = eca_config_print(config, &text);
    (void)fputs(eca_buf_str(&text), stdout);
    eca_config_free(config);
    return code;
}

static int print_settings(void)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_settings_print(&text);
    (void)fputs(eca_buf_str(&text), stdout);
    return ECA_EXIT_SUCCESS;
}

static int check_health(void)
{
    struct eca_err err = {0};

    if (eca_healthcheck(ECA_INTROSPECTION_PORT, HEALTHCHECK_MS, &err) < 0) {
        (void)fprintf(stderr, "unhealthy: %s\n", err.msg);
        return ECA_EXIT_ERROR;
    }
    return ECA_EXIT_SUCCESS;
}

static int write_text(const char *path, const struct eca_buf *text, struct eca_err *err)
{
    FILE *file = stdout;
    size_t written;
    int fd;

    if (path != NULL) { /* as private as the file of v1.13.1 (STATE-101) */
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        file = fd < 0 ? NULL : fdopen(fd, "w");
    }
    if (file == NULL) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "%s", path);
    }
    written = fwrite(eca_buf_str(text), 1, text->len, file);
    if ((path == NULL ? fflush(file) : fclose(file)) != 0 || written != text->len) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "write %s",
                               path == NULL ? "the output" : path);
    }
    return ECA_OK;
}

/* STATE-128: the database is not changed, an agent may run on it. */
static int look_at_state(const struct eca_cmdline *cmdline)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_config *config = eca_config_load(eca_host_linux());
    struct eca_store store = {0};
    struct eca_err err = {0};
    size_t damaged = 0;
    int rc = eca_store_reader_open(eca_config_values(config)->data_dir, &store, &err);

    if (rc == ECA_OK) {
        rc = cmdline->action == ECA_ACTION_STATE_EXPORT
                 ? eca_state_export(store, &text, &err)
                 : eca_state_show(store, &text, &damaged, &err);
    }
    if (rc == ECA_OK) {
        rc = write_text(cmdline->state_file, &text, &err);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "state: %s%s\n", err.msg,
                      err.code == ECA_E_NOT_FOUND ? " (the folder is that of ECS_DATADIR)" : "");
    }
    eca_store_reader_close(store);
    eca_config_free(config);
    return rc < 0 || (cmdline->action == ECA_ACTION_STATE_CHECK && damaged > 0) ? ECA_EXIT_ERROR
                                                                                : ECA_EXIT_SUCCESS;
}

static int print_usage(const char *error)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_cmdline_usage(&text);
    (void)fprintf(stderr, "%s%s%s", error, error[0] == '\0' ? "" : "\n", eca_buf_str(&text));
    return ECA_EXIT_TERMINAL;
}

static int run_command(const struct eca_cmdline *cmdline)
{
    switch (cmdline->action) {
    case ECA_ACTION_RUN:
        break;
    case ECA_ACTION_HELP:
        return print_usage("");
    case ECA_ACTION_USAGE_ERROR:
        return print_usage(cmdline->error);
    case ECA_ACTION_VERSION:
        return print_version();
    case ECA_ACTION_LICENSE:
        return print_license();
    case ECA_ACTION_PRINT_CONFIG:
        return print_config();
    case ECA_ACTION_PRINT_SETTINGS:
        return print_settings();
    case ECA_ACTION_HEALTHCHECK:
        return check_health();
    case ECA_ACTION_STATE_SHOW:
    case ECA_ACTION_STATE_CHECK:
    case ECA_ACTION_STATE_EXPORT:
        return look_at_state(cmdline);
    }
    return ECA_EXIT_ERROR;
}

int main(int argc, char **argv)
{
    struct eca_cmdline cmdline;
    sigset_t signals, before;

    block_signals(&signals, &before);
    eca_cmdline_parse(argc, argv, &cmdline);
    if (cmdline.action == ECA_ACTION_RUN) {
        return run(&cmdline, &signals);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL); /* a small command ends as any program does */
    return run_command(&cmdline);
}
