#include "netkitten/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_BYTES_MAX = 1024,
    HOST_BYTES_MAX = 256,
    SERVERS_MAX = 3, /* like the C library */
    SEARCH_MAX = 6,
    NDOTS_MAX = 15,
    TIMEOUT_S_MAX = 30,
    ATTEMPTS_MAX = 5,
};

/* What /etc/resolv.conf says. */
struct conf {
    struct nk_addrs servers;
    char search[SEARCH_MAX][HOST_BYTES_MAX];
    size_t search_count;
    unsigned ndots;
    unsigned timeout_s;
    unsigned attempts;
};

static bool add_numeric(struct nk_addrs *addrs, const char *text)
{
    unsigned char bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        nk_addrs_add(addrs, AF_INET, bytes);
        return true;
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        nk_addrs_add(addrs, AF_INET6, bytes);
        return true;
    }
    return false;
}

/* Cut the next word off a line; NULL at its end or at a comment. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t\r\n");

    if (*word == '\0' || *word == '#' || *word == ';') {
        *line = word + strlen(word);
        return NULL;
    }
    *line = word + strcspn(word, " \t\r\n");
    if (**line != '\0') {
        *(*line)++ = '\0';
    }
    return word;
}

/* Read one line; the rest of a line that is too long is skipped. False at the end of the file. */
static bool next_line(FILE *file, char *line)
{
    if (fgets(line, LINE_BYTES_MAX, file) == NULL) {
        return false;
    }
    if (strchr(line, '\n') == NULL) {
        for (int c = getc(file); c != EOF && c != '\n'; c = getc(file)) {
        }
    }
    return true;
}

static void look_up_hosts(const char *path, const char *host, struct nk_addrs *addrs)
{
    char line[LINE_BYTES_MAX];
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return; /* an image need not have one */
    }
    while (next_line(file, line)) {
        char *rest = line;
        const char *address = next_word(&rest);

        for (char *name = next_word(&rest); name != NULL; name = next_word(&rest)) {
            if (strcasecmp(name, host) == 0) {
                (void)add_numeric(addrs, address);
                break;
            }
        }
    }
    (void)fclose(file);
}

/* Read "NAME:NUMBER" into *value, at most max; anything else changes nothing. */
static void take_option(const char *word, const char *name, unsigned max, unsigned *value)
{
    size_t len = strlen(name);
    unsigned number = 0;

    if (strncmp(word, name, len) != 0 || word[len] == '\0') {
        return;
    }
    for (const char *digit = word + len; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9') {
            return;
        }
        number = number * 10 + (unsigned)(*digit - '0');
        if (number > max) {
            number = max;
        }
    }
    *value = number;
}

static void take_search(struct conf *conf, char *rest)
{
    conf->search_count = 0; /* the last line of this kind wins */
    for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
        if (conf->search_count < SEARCH_MAX && strlen(word) < HOST_BYTES_MAX) {
            (void)snprintf(conf->search[conf->search_count++], HOST_BYTES_MAX, "%s", word);
        }
    }
}

static void take_conf_line(struct conf *conf, char *line)
{
    char *rest = line;
    const char *key = next_word(&rest);

    if (key == NULL) {
        return;
    }
    if (strcmp(key, "nameserver") == 0) {
        const char *server = next_word(&rest);

        if (server != NULL && conf->servers.count < SERVERS_MAX) {
            (void)add_numeric(&conf->servers, server);
        }
    } else if (strcmp(key, "search") == 0 || strcmp(key, "domain") == 0) {
        take_search(conf, rest);
    } else if (strcmp(key, "options") == 0) {
        for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
            take_option(word, "ndots:", NDOTS_MAX, &conf->ndots);
            take_option(word, "timeout:", TIMEOUT_S_MAX, &conf->timeout_s);
            take_option(word, "attempts:", ATTEMPTS_MAX, &conf->attempts);
        }
    }
}

static void read_conf(const char *path, struct conf *conf)
{
    char line[LINE_BYTES_MAX];
    FILE *file = fopen(path, "re");

    *conf = (struct conf){.ndots = 1, .timeout_s = 5, .attempts = 2};
    if (file != NULL) {
        while (next_line(file, line)) {
            take_conf_line(conf, line);
        }
        (void)fclose(file);
    }
    if (conf->servers.count == 0) {
        (void)add_numeric(&conf->servers, "127.0.0.1");
    }
    if (conf->timeout_s == 0) {
        conf->timeout_s = 1;
    }
    if (conf->attempts == 0) {
        conf->attempts = 1;
    }
}

static int64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A datagram socket connected to the server, so that only its replies come in; -1 on failure. */
static int open_server(const struct nk_addr *server, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = server->family == AF_INET;
    const struct sockaddr *peer = is_v4 ? (const struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    int fd = socket(server->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(&v4.sin_addr, server->bytes, sizeof(v4.sin_addr));
    memcpy(&v6.sin6_addr, server->bytes, sizeof(v6.sin6_addr));
    if (fd >= 0 && connect(fd, peer, is_v4 ? sizeof(v4) : sizeof(v6)) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* The two questions about one name that are under way at one server. */
struct questions {
    uint16_t id[2];
    bool open[2];
    bool failed; /* the server refused one of them or cannot be reached */
};

static const uint16_t QUESTION_TYPE[2] = {NK_DNS_TYPE_A, NK_DNS_TYPE_AAAA};

/* Ask both. Without an open or failed question afterwards, the name cannot be asked for. */
static void send_questions(int fd, const char *name, struct questions *questions)
{
    unsigned char query[NK_DNS_QUERY_MAX];

    if (getrandom(questions->id, sizeof(questions->id), 0) < 0) {
        questions->id[0] = (uint16_t)now_ms(); /* an old kernel; the source port is random too */
    }
    questions->id[1] = (uint16_t)(questions->id[0] ^ 1U); /* two different ones */
    for (int i = 0; i < 2; i++) {
        size_t len = nk_dns_query(questions->id[i], name, QUESTION_TYPE[i], query);

        if (len == 0) {
            return;
        }
        if (send(fd, query, len, MSG_NOSIGNAL) < 0) {
            /* The second send gets the refusal of the first: no server on that port. */
            questions->open[0] = false;
            questions->failed = true;
            return;
        }
        questions->open[i] = true;
    }
}

static void take_reply(const unsigned char *reply, size_t len, struct questions *questions,
                       struct nk_addrs *found)
{
    for (int i = 0; i < 2; i++) {
        enum nk_dns_status status = NK_DNS_NOT_OURS;

        if (questions->open[i]) {
            status = nk_dns_reply(reply, len, questions->id[i], QUESTION_TYPE[i], &found[i]);
        }
        if (status != NK_DNS_NOT_OURS) {
            questions->open[i] = false;
            questions->failed = questions->failed || status == NK_DNS_FAILED;
            return;
        }
    }
}

/* Wait for the replies to both questions, until the time is over or the server is unreachable. */
static void wait_replies(int fd, unsigned timeout_s, struct questions *questions,
                         struct nk_addrs *found)
{
    int64_t deadline_ms = now_ms() + (int64_t)timeout_s * 1000;

    while (questions->open[0] || questions->open[1]) {
        unsigned char reply[NK_DNS_REPLY_MAX];
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - now_ms();
        ssize_t len = 0;

        if (left_ms <= 0) {
            questions->failed = true;
            return;
        }
        if (poll(&pollfd, 1, (int)left_ms) <= 0) {
            continue; /* the top of the loop tells time-out from interruption */
        }
        len = recv(fd, reply, sizeof(reply), 0);
        if (len >= 0) {
            take_reply(reply, (size_t)len, questions, found);
        } else if (errno != EINTR) {
            questions->failed = true; /* for example: no server on that port */
            return;
        }
    }
}

enum asked { ASKED_FOUND, ASKED_NO_NAME, ASKED_NO_ANSWER };

/* Ask one server for one complete name. One family's addresses do, if the other's do not come. */
static enum asked ask_server(const struct nk_addr *server, uint16_t port, unsigned timeout_s,
                             const char *name, struct nk_addrs *addrs)
{
    struct questions questions = {0};
    struct nk_addrs found[2] = {0};
    int fd = open_server(server, port);

    if (fd < 0) {
        return ASKED_NO_ANSWER;
    }
    send_questions(fd, name, &questions);
    wait_replies(fd, timeout_s, &questions, found);
    (void)close(fd);
    for (size_t family = 0; family < 2; family++) {
        for (size_t i = 0; i < found[family].count; i++) {
            nk_addrs_add(addrs, found[family].at[i].family, found[family].at[i].bytes);
        }
    }
    if (addrs->count > 0) {
        return ASKED_FOUND;
    }
    return questions.failed ? ASKED_NO_ANSWER : ASKED_NO_NAME;
}

/* Ask every server in turn for one complete name, until one of them knows. */
static enum asked ask(const struct nk_resolver *resolver, const struct conf *conf, const char *name,
                      struct nk_addrs *addrs)
{
    for (unsigned attempt = 0; attempt < conf->attempts; attempt++) {
        for (size_t i = 0; i < conf->servers.count; i++) {
            enum asked result =
                ask_server(&conf->servers.at[i], resolver->dns_port, conf->timeout_s, name, addrs);

            if (result != ASKED_NO_ANSWER) {
                return result;
            }
        }
    }
    return ASKED_NO_ANSWER;
}

/* Ask for the name as it is and with each search suffix; dots in it say which comes first. */
static enum asked ask_with_search(const struct nk_resolver *resolver, const struct conf *conf,
                                  const char *host, struct nk_addrs *addrs)
{
    unsigned dots = 0;
    bool complete = host[strlen(host) - 1] == '.';
    enum asked result = ASKED_NO_NAME;

    for (const char *c = host; *c != '\0'; c++) {
        dots += *c == '.';
    }
    if (complete || dots >= conf->ndots) {
        result = ask(resolver, conf, host, addrs);
        if (complete || result != ASKED_NO_NAME) {
            return result;
        }
    }
    for (size_t i = 0; i < conf->search_count; i++) {
        char name[2 * HOST_BYTES_MAX];

        (void)snprintf(name, sizeof(name), "%s.%s", host, conf->search[i]);
        result = ask(resolver, conf, name, addrs);
        if (result != ASKED_NO_NAME) {
            return result;
        }
    }
    return dots >= conf->ndots ? result : ask(resolver, conf, host, addrs);
}

int nk_resolve(const struct nk_resolver *resolver, const char *host, struct nk_addrs *ret_addrs,
               struct nk_err *err)
{
    struct nk_addrs addrs = {0};
    struct conf conf;

    if (host[0] == '\0' || strlen(host) >= HOST_BYTES_MAX) {
        return nk_fail(err, "lookup %.64s: not a host name", host);
    }
    if (!add_numeric(&addrs, host)) {
        look_up_hosts(resolver->hosts_path, host, &addrs);
    }
    if (addrs.count == 0 && strcasecmp(host, "localhost") == 0) {
        (void)add_numeric(&addrs, "127.0.0.1"); /* also where no hosts file says so */
        (void)add_numeric(&addrs, "::1");
    }
    if (addrs.count == 0) {
        read_conf(resolver->conf_path, &conf);
        switch (ask_with_search(resolver, &conf, host, &addrs)) {
        case ASKED_FOUND:
            break;
        case ASKED_NO_NAME:
            return nk_fail(err, "lookup %.255s: no such host", host);
        case ASKED_NO_ANSWER:
            return nk_fail(err, "lookup %.255s: no answer from a name server", host);
        }
    }
    *ret_addrs = addrs;
    return 0;
}
