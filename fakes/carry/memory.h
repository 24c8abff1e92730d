#ifndef FAKES_CARRY_MEMORY_H
#define FAKES_CARRY_MEMORY_H

#include "agent/base/list.h"
#include "fakes/carry/link.h"

/* The inside of the memory carrier, shared by memory.c (parties, latency), memory_http.c and
 * memory_channel.c only. */
#define FAKE_MEMORY_CALLS_MAX 16384
/* What lies in socket buffers on the way and counts as written; a peer that does not read stalls a
 * writer only behind it. */
#define FAKE_MEMORY_WINDOW_BYTES ((size_t)64 << 10)

struct fake_memory {
    struct fake_hub *hub;
    struct eca_sched *sched;
    struct eca_entropy entropy;
    struct eca_map *parties; /* authority or socket path -> struct mem_party */
    uint64_t latency_us, jitter_us;
    struct eca_list calls, conns;
    uint64_t next_peer;
};

/* One direction of a connection: items arrive in order, each after its latency. */
struct mem_item {
    struct eca_list_node node;
    uint64_t due_ns;
    uint64_t cause; /* eca_sched_cause of whoever sent it */
    int kind;
    int code;
    struct eca_buf bytes;
    struct mem_head *head; /* answer head, owned; memory_http.c */
};
struct mem_pipe {
    struct fake_memory *memory;
    struct eca_list items;
    size_t bytes; /* of the items waiting */
    uint64_t last_due_ns;
    struct eca_timer timer;
    bool blocked;  /* the receiver does not read */
    uint64_t left; /* bytes that it will read; UINT64_MAX = all */
};

uint64_t fake_memory_due_ns(struct fake_memory *memory); /* now + latency + jitter */
void mem_pipe_init(struct mem_pipe *pipe, struct fake_memory *memory, eca_work_fn *on_due,
                   void *arg);
void mem_pipe_clear(struct mem_pipe *pipe);
struct mem_item *mem_pipe_put(struct mem_pipe *pipe, int kind, int code, struct eca_view bytes);
/* The first item when it has arrived (taken off, freed by mem_item_free), else NULL and the timer
 * is armed for it. */
struct mem_item *mem_pipe_take(struct mem_pipe *pipe);
void mem_pipe_read_only(struct mem_pipe *pipe, uint64_t bytes);
void mem_item_free(struct mem_item *item);

/* Party of a URL or unix socket; false: nobody listens there. */
bool fake_memory_party(const struct fake_memory *memory, const char *unix_socket,
                       struct eca_view authority, const char **ret_party);
char *fake_memory_target(struct eca_view path, struct eca_view query); /* owned */
struct eca_http_header *fake_memory_headers(const struct eca_http_header *headers, size_t count,
                                            struct eca_view host, size_t *ret_count);
void fake_memory_headers_free(struct eca_http_header *headers, size_t count);

extern const struct eca_http_ops fake_memory_http_ops;
extern const struct eca_channel_ops fake_memory_channel_ops;
void fake_memory_drop_calls(struct fake_memory *memory, bool tell_servers);
void fake_memory_drop_conns(struct fake_memory *memory, bool tell_servers);

#endif
