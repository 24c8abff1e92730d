#include "agent/sys/resolve.h"

#include <arpa/inet.h>
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
    char address[INET6_ADDRSTRLEN];
    int failure; /* of getaddrinfo; 0 = address is set */
};

struct eca_resolve {
    struct question *question; /* NULL: numeric */
    struct eca_loop *loop;
    struct eca_fd_watch *watch;
    struct eca_deferred numeric;
    char address[INET6_ADDRSTRLEN];
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

static void *thread_main(void *arg)
{
    struct question *question = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    uint64_t one = 1;

    question->failure = getaddrinfo(question->host, NULL, &hints, &found);
    if (question->failure == 0) {
        question->failure = getnameinfo(found->ai_addr, found->ai_addrlen, question->address,
                                        sizeof(question->address), NULL, 0, NI_NUMERICHOST);
        freeaddrinfo(found);
    }
    (void)!write(question->event_fd, &one, sizeof(one));
    question_drop(question);
    return NULL;
}

static void finish(struct eca_resolve *resolve, const char *address, const struct eca_err *err)
{
    eca_resolve_fn *on_done = resolve->on_done;
    void *arg = resolve->arg;
    char copy[INET6_ADDRSTRLEN] = "";

    (void)snprintf(copy, sizeof(copy), "%s", address == NULL ? "" : address);
    eca_resolve_cancel(resolve);
    on_done(arg, address == NULL ? NULL : copy, err);
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
        finish(resolve, question->address, NULL);
    }
}

static void on_numeric(void *arg)
{
    struct eca_resolve *resolve = arg;

    finish(resolve, resolve->address, NULL);
}

static bool is_numeric(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

struct eca_resolve *eca_resolve_start(struct eca_loop *loop, const char *host,
                                      eca_resolve_fn *on_done, void *arg)
{
    struct eca_resolve *resolve = eca_xalloc(sizeof(*resolve));
    struct question *question;
    pthread_attr_t detached;
    pthread_t thread;

    *resolve = (struct eca_resolve){.loop = loop, .on_done = on_done, .arg = arg};
    eca_deferred_init(&resolve->numeric, eca_loop_sched(loop), on_numeric, resolve);
    if (is_numeric(host)) {
        (void)snprintf(resolve->address, sizeof(resolve->address), "%s", host);
        eca_deferred_queue(&resolve->numeric);
        return resolve;
    }
    question = eca_xalloc(sizeof(*question));
    (void)pthread_mutex_init(&question->lock, NULL);
    question->holders = 2;
    question->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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
    eca_deferred_cancel(&resolve->numeric);
    eca_loop_unwatch(resolve->watch);
    if (resolve->question != NULL) {
        eca_loop_work_end(resolve->loop);
        question_drop(resolve->question);
    }
    eca_free(resolve);
}
