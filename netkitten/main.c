/*
 * netkitten: serve a text on a TCP port, read from a TCP target, relay one to the other. The only
 * file of its container image and process 1 there (NKT-101).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "netkitten/options.h"
#include "netkitten/relay.h"

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SIGNAL_AS_INIT = 2, /* NKT-143 */
    DNS_PORT = 53,
};

static void end_as_init(int signal_number)
{
    (void)signal_number;
    _exit(EXIT_SIGNAL_AS_INIT);
}

/*
 * NKT-143: these signals end the program in every state, whatever its parent blocked or ignored.
 * The kernel spares process 1 the default action, so there a handler ends it. SIGPIPE is only ever
 * raised by a broken standard output (NKT-142).
 */
static void set_up_signals(void)
{
    static const int ending[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
    struct sigaction action = {.sa_handler = getpid() == 1 ? end_as_init : SIG_DFL};
    sigset_t set;

    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        (void)sigaction(ending[i], &action, NULL);
        (void)sigaddset(&set, ending[i]);
    }
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/*
 * A closed standard descriptor must stay unusable: otherwise the next socket would take its number
 * and what is meant for standard output would go to the target (NKT-142). A path-only descriptor
 * refuses every read and write, and needs no file but the root.
 */
static void occupy_closed_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            (void)open("/", O_PATH | O_CLOEXEC); /* takes the lowest free number: this one */
        }
    }
}

/* NKT-131: one line, stamped with local time. */
static void report(const struct nk_err *err)
{
    time_t now = time(NULL);
    struct tm local = {0};
    char stamp[32] = "";

    (void)localtime_r(&now, &local);
    (void)strftime(stamp, sizeof(stamp), "%Y/%m/%d %H:%M:%S", &local);
    (void)fprintf(stderr, "%s %s\n", stamp, err->msg);
}

int main(int argc, char *argv[])
{
    static const struct nk_resolver resolver = {
        .hosts_path = "/etc/hosts", .conf_path = "/etc/resolv.conf", .dns_port = DNS_PORT};
    struct nk_options options;
    struct nk_err err;

    set_up_signals();
    occupy_closed_descriptors();
    if (nk_options_parse(argc, argv, &options, &err) < 0) {
        if (err.msg[0] != '\0') {
            (void)fprintf(stderr, "%s\n", err.msg);
        }
        nk_options_usage(stderr);
        return EXIT_USAGE;
    }
    if (nk_relay_run(&options, &resolver, &err) < 0) {
        report(&err);
        return EXIT_FAILED;
    }
    return 0;
}
