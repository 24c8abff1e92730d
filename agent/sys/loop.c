#include "agent/sys/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <libwebsockets.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/sys/clock.h"

#define EVENTS_PER_ROUND 64
#define LWS_DESCRIPTORS 256     /* websockets and our epoll; not RLIMIT_NOFILE (16 MiB) */
#define LWS_BACKSTOP_S 300      /* its own limits; ours are timers, and shorter (WS-105, TCS-304) */
#define LWS_SERVICE_BYTES 16384 /* room for a session token among the headers */

struct eca_fd_watch {
    struct eca_loop *loop;
    struct eca_list_node node;
    int fd;
    eca_fd_fn *fn;
    void *arg;
    bool dead; /* unwatched while events of this round are being dispatched */
};

struct eca_loop {
    struct eca_sched *sched;
    bool own_clock;
    bool stop;
    int epoll_fd, timer_fd, signal_fd;
    struct lws_context *lws;
    struct eca_list watches, dead;
    struct eca_loop_hook *hooks;
    struct eca_fd_watch *timer_watch, *signal_watch;
    eca_signal_fn *on_signal;
    void *signal_arg;
    size_t dispatched; /* in this round */
    size_t work;       /* under way in threads */
    uint64_t armed_ns; /* deadline in the timerfd, 0 = none */
};

static void dispatch(struct eca_loop *loop)
{
    struct epoll_event events[EVENTS_PER_ROUND];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, 0);

    eca_sched_update_now(loop->sched);
    for (int i = 0; i < count; i++) {
        struct eca_fd_watch *watch = events[i].data.ptr;

        if (!watch->dead) {
            loop->dispatched++;
            watch->fn(watch->arg, events[i].events);
        }
    }
    for (struct eca_list_node *node = eca_list_pop_front(&loop->dead); node != NULL;
         node = eca_list_pop_front(&loop->dead)) {
        eca_free(eca_list_entry(node, struct eca_fd_watch, node));
    }
}

static int on_loop_file(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t len)
{
    (void)user;
    (void)in;
    (void)len;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        dispatch(lws_context_user(lws_get_context(wsi)));
    }
    return 0;
}

/* The library's log hook is process-wide and has no argument. */
static struct eca_log *library_log;

static void on_library_log(int level, const char *line)
{
    struct eca_view text = eca_view_trim(eca_view_str(line));

    if (eca_view_find(text, "http_proxy needs to be", 0) != SIZE_MAX) {
        return; /* its answer to the empty address that keeps it from reading the environment */
    }

    ECA_LOG_AT((level & LLL_ERR) != 0 ? ECA_LOG_WARN : ECA_LOG_DEBUG, library_log, "libwebsockets",
               ECA_NO_KV, "%.*s", (int)text.len, text.at);
}

static const struct lws_protocols loop_protocols[] = {
    {.name = "eca-loop", .callback = on_loop_file},
    {.name = NULL},
};

static int make_lws(struct eca_loop *loop, struct eca_err *err)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS, /* without TLS, which is the stream's */
        .fd_limit_per_thread = LWS_DESCRIPTORS,
        .pt_serv_buf_size = LWS_SERVICE_BYTES,
        .timeout_secs = LWS_BACKSTOP_S,
        .user = loop,
    };
    struct lws_context_creation_info vhost_info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .vhost_name = "loop",
        .protocols = loop_protocols,
    };
    lws_sock_file_fd_type desc = {.filefd = (lws_filefd_type)(long long)dup(loop->epoll_fd)};
    struct lws_vhost *vhost;

    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
    loop->lws = lws_create_context(&info);
    if (loop->lws == NULL) {
        (void)close((int)desc.filefd);
        return eca_err_set(err, ECA_E_INTERNAL, "libwebsockets: no context");
    }
    vhost = lws_create_vhost(loop->lws, &vhost_info);
    if (vhost == NULL || lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, desc,
                                                    "eca-loop", NULL) == NULL) {
        return eca_err_set(err, ECA_E_INTERNAL, "libwebsockets: cannot adopt our descriptor");
    }
    return ECA_OK;
}

static void on_timer_fd(void *arg, uint32_t events)
{
    struct eca_loop *loop = arg;
    uint64_t fired;

    (void)events;
    loop->armed_ns = 0;
    (void)!read(loop->timer_fd, &fired,
                sizeof(fired)); /* only woken: the scheduler knows what is due */
}

struct eca_loop *eca_loop_new(const struct eca_loop_opts *opts, struct eca_err *err)
{
    struct eca_loop *loop = eca_xalloc(sizeof(*loop));
    struct eca_clock clock = opts->clock != NULL ? *opts->clock : eca_clock_system();

    library_log = opts->log;
    loop->own_clock = opts->clock != NULL;
    loop->signal_fd = -1;
    eca_list_init(&loop->watches);
    eca_list_init(&loop->dead);
    loop->sched = eca_sched_new(clock);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->timer_fd < 0) {
        (void)eca_err_set_sys(err, ECA_E_INTERNAL, errno, "epoll and timerfd");
        eca_loop_free(loop);
        return NULL;
    }
    loop->timer_watch = eca_loop_watch(loop, loop->timer_fd, EPOLLIN, on_timer_fd, loop);
    if (make_lws(loop, err) < 0) {
        eca_loop_free(loop);
        return NULL;
    }
    return loop;
}

void eca_loop_free(struct eca_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->lws != NULL) {
        lws_context_destroy(loop->lws);
    }
    eca_loop_unwatch(loop->timer_watch);
    eca_loop_unwatch(loop->signal_watch);
    for (struct eca_list_node *node = eca_list_pop_front(&loop->dead); node != NULL;
         node = eca_list_pop_front(&loop->dead)) {
        eca_free(eca_list_entry(node, struct eca_fd_watch, node));
    }
    const int fds[] = {loop->epoll_fd, loop->timer_fd, loop->signal_fd};
    for (size_t i = 0; i < ECA_ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    eca_sched_free(loop->sched);
    eca_free(loop);
}

struct eca_sched *eca_loop_sched(struct eca_loop *loop)
{
    return loop->sched;
}

struct lws_context *eca_loop_lws(struct eca_loop *loop)
{
    return loop->lws;
}

void eca_loop_work_begin(struct eca_loop *loop)
{
    loop->work++;
}

void eca_loop_work_end(struct eca_loop *loop)
{
    assert(loop->work > 0);
    loop->work--;
}

bool eca_loop_has_work(const struct eca_loop *loop)
{
    return loop->work > 0;
}

bool eca_loop_holds_input(struct eca_loop *loop)
{
    return lws_service_adjust_timeout(loop->lws, 1, 0) == 0;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

struct eca_fd_watch *eca_loop_watch(struct eca_loop *loop, int fd, uint32_t events, eca_fd_fn *fn,
                                    void *arg)
{
    struct eca_fd_watch *watch = eca_xalloc(sizeof(*watch));
    struct epoll_event event = {.events = events, .data.ptr = watch};

    *watch = (struct eca_fd_watch){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
    eca_list_push_back(&loop->watches, &watch->node);
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    return watch;
}

void eca_loop_rewatch(struct eca_fd_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    (void)epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void eca_loop_unwatch(struct eca_fd_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    (void)epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->dead = true; /* an event of this round may still point here */
    eca_list_remove(&watch->loop->watches, &watch->node);
    eca_list_push_back(&watch->loop->dead, &watch->node);
}

void eca_loop_add_hook(struct eca_loop *loop, struct eca_loop_hook *hook)
{
    struct eca_loop_hook **at = &loop->hooks;

    while (*at != NULL) {
        at = &(*at)->next;
    }
    hook->next = NULL;
    *at = hook;
}

void eca_loop_remove_hook(struct eca_loop *loop, struct eca_loop_hook *hook)
{
    for (struct eca_loop_hook **at = &loop->hooks; *at != NULL; at = &(*at)->next) {
        if (*at == hook) {
            *at = hook->next;
            return;
        }
    }
}

/* ---- signals -------------------------------------------------------------------------------- */

static void on_signal_fd(void *arg, uint32_t events)
{
    struct eca_loop *loop = arg;
    struct signalfd_siginfo info;

    (void)events;
    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        loop->on_signal(loop->signal_arg, (int)info.ssi_signo);
    }
}

int eca_loop_signals(struct eca_loop *loop, const sigset_t *signals, eca_signal_fn *fn, void *arg,
                     struct eca_err *err)
{
    if (sigprocmask(SIG_BLOCK, signals, NULL) < 0 ||
        (loop->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "signalfd");
    }
    loop->on_signal = fn;
    loop->signal_arg = arg;
    loop->signal_watch = eca_loop_watch(loop, loop->signal_fd, EPOLLIN, on_signal_fd, loop);
    return ECA_OK;
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void arm_timer(struct eca_loop *loop, uint64_t deadline_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                           .tv_nsec = (long)(deadline_ns % 1000000000u)}};

    if (deadline_ns == loop->armed_ns) {
        return;
    }
    when.it_value.tv_nsec += deadline_ns == 0; /* zero would disarm */
    loop->armed_ns = deadline_ns;
    (void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

bool eca_loop_step(struct eca_loop *loop, bool may_sleep)
{
    size_t ran = eca_sched_run(loop->sched);
    uint64_t deadline;
    bool due = false;

    for (struct eca_loop_hook *hook = loop->hooks, *next; hook != NULL; hook = next) {
        next = hook->next;
        hook->fn(hook->arg);
    }
    loop->dispatched = 0;
    if (eca_sched_next_deadline(loop->sched, &deadline)) {
        due = deadline <= eca_sched_now_ns(loop->sched);
        if (!loop->own_clock && !due) {
            arm_timer(loop, deadline);
        }
    }
    /* A value below zero never sleeps; any other sleeps until something happens. */
    (void)lws_service(loop->lws, due || !may_sleep || loop->stop ? -1 : 0);
    return ran > 0 || loop->dispatched > 0;
}

void eca_loop_run(struct eca_loop *loop)
{
    while (!loop->stop) {
        (void)eca_loop_step(loop, true);
    }
}

void eca_loop_stop(struct eca_loop *loop)
{
    loop->stop = true;
    if (loop->lws != NULL) {
        lws_cancel_service(loop->lws);
    }
}
