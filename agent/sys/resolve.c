#include "agent/sys/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/mem.h"

/* Shared by the loop and the thread; the last of the two frees it. */
struct question {
    pthread_mutex_t lock;
    int holders;
    int event_fd;
    char host[256];
    struct eca_addresses found;
    int failure; /* of getaddrinfo; 0 = found is set */
};

struct eca_resolve {
    struct question *question; /* NULL: numeric */
    struct eca_loop *loop;
    struct eca_fd_watch *watch;
    struct eca_deferred known;  /* without a thread: */
    struct eca_addresses found; /* a numeric one, or */
    struct eca_err failure;
    eca_resolve_fn *on_done;
    void *arg;
};

static void question_drop(struct question *question)
{
    bool last;

    (void)pthread_mutex_lock(&question->lock);
    last = --question->holders == 0;
    (void)pthread_mutex_unlock(&question->lock);
    if (last) {
        (void)pthread_mutex_destroy(&question->lock);
        (void)close(question->event_fd);
        eca_free(question);
    }
}

static bool is_of(const struct addrinfo *info, bool v6)
{
    return info->ai_family == (v6 ? AF_INET6 : AF_INET) &&
           info->ai_addrlen <= sizeof(union eca_address);
}

static const struct addrinfo *next_of(const struct addrinfo *info, bool v6)
{
    while (info != NULL && !is_of(info, v6)) {
        info = info->ai_next;
    }
    return info;
}

static void take_turns(const struct addrinfo *list, struct eca_addresses *ret)
{
    const struct addrinfo *left[2] = {next_of(list, false), next_of(list, true)};
    size_t turn = list->ai_family == AF_INET6 ? 1 : 0;

    while (ret->count < ECA_ADDRESSES_MAX && (left[0] != NULL || left[1] != NULL)) {
        const struct addrinfo *info = left[turn];

        if (info != NULL) {
            memcpy(&ret->at[ret->count++], info->ai_addr, info->ai_addrlen);
            left[turn] = next_of(info->ai_next, turn == 1);
        }
        turn = 1 - turn;
    }
}

/* 0, or what getaddrinfo says. */
static int look_up(const char *host, int flags, struct eca_addresses *ret)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(host, NULL, &hints, &list);

    if (failure == 0) {
        take_turns(list, ret);
        freeaddrinfo(list);
        failure = ret->count == 0 ? EAI_FAMILY : 0;
    }
    return failure;
}

static void *thread_main(void *arg)
{
    struct question *question = arg;
    uint64_t one = 1;

    question->failure = look_up(question->host, 0, &question->found);
    (void)!write(question->event_fd, &one, sizeof(one));
    question_drop(question);
    return NULL;
}

static void finish(struct eca_resolve *resolve, const struct eca_addresses *found,
                   const struct eca_err *err)
{
    eca_resolve_fn *on_done = resolve->on_done;
    void *arg = resolve->arg;
    struct eca_addresses copy = {0};

    if (found != NULL) {
        copy = *found;
    }
    eca_resolve_cancel(resolve);
    on_done(arg, found == NULL ? NULL : &copy, err);
}

static void on_event(void *arg, uint32_t events)
{
    struct eca_resolve *resolve = arg;
    struct question *question = resolve->question;
    struct eca_err err = {0};

    (void)events;
    if (question->failure != 0) {
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "lookup %s: %s", question->host,
                          gai_strerror(question->failure));
        finish(resolve, NULL, &err);
    } else {
        finish(resolve, &question->found, NULL);
    }
}

static void on_known(void *arg)
{
    struct eca_resolve *resolve = arg;
    struct eca_err failure = resolve->failure;

    finish(resolve, failure.code == ECA_OK ? &resolve->found : NULL, &failure);
}

struct eca_resolve *eca_resolve_start(struct eca_loop *loop, const char *host,
                                      eca_resolve_fn *on_done, void *arg)
{
    struct eca_resolve *resolve = eca_xalloc(sizeof(*resolve));
    struct question *question;
    pthread_attr_t detached;
    pthread_t thread;
    int event_fd;

    *resolve = (struct eca_resolve){.loop = loop, .on_done = on_done, .arg = arg};
    eca_deferred_init(&resolve->known, eca_loop_sched(loop), on_known, resolve);
    if (look_up(host, AI_NUMERICHOST, &resolve->found) == 0) {
        eca_deferred_queue(&resolve->known);
        return resolve;
    }
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0) {
        (void)eca_err_set_sys(&resolve->failure, ECA_E_TRANSIENT, errno, "lookup %s", host);
        eca_deferred_queue(&resolve->known);
        return resolve;
    }
    question = eca_xalloc(sizeof(*question));
    (void)pthread_mutex_init(&question->lock, NULL);
    question->holders = 2;
    question->event_fd = event_fd;
    (void)snprintf(question->host, sizeof(question->host), "%s", host);
    resolve->question = question;
    eca_loop_work_begin(loop);
    resolve->watch = eca_loop_watch(loop, question->event_fd, EPOLLIN, on_event, resolve);
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, thread_main, question) != 0) {
        uint64_t one = 1;

        question->failure = EAI_AGAIN;
        (void)!write(question->event_fd, &one, sizeof(one));
        question_drop(question);
    }
    (void)pthread_attr_destroy(&detached);
    return resolve;
}

void eca_resolve_cancel(struct eca_resolve *resolve)
{
    if (resolve == NULL) {
        return;
    }
    eca_deferred_cancel(&resolve->known);
    eca_loop_unwatch(resolve->watch);
    if (resolve->question != NULL) {
        eca_loop_work_end(resolve->loop);
        question_drop(resolve->question);
    }
    eca_free(resolve);
}
