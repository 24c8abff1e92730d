#include "fakes/carry/memory.h"

#include <assert.h>
#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"

struct fake_memory *fake_memory_new(struct fake_hub *hub, struct eca_sched *sched,
                                    struct eca_entropy entropy)
{
    struct fake_memory *memory = eca_xalloc(sizeof(*memory));

    memory->hub = hub;
    memory->sched = sched;
    memory->entropy = entropy;
    memory->parties = eca_map_new();
    eca_list_init(&memory->calls);
    eca_list_init(&memory->conns);
    return memory;
}

void fake_memory_free(struct fake_memory *memory)
{
    size_t cursor = 0;
    const char *key;
    void *party;

    if (memory == NULL) {
        return;
    }
    fake_memory_drop_calls(memory, false);
    fake_memory_drop_conns(memory, false);
    while (eca_map_next(memory->parties, &cursor, &key, &party)) {
        eca_free(party);
    }
    eca_map_free(memory->parties);
    eca_free(memory);
}

void fake_memory_map(struct fake_memory *memory, const char *authority_or_path, const char *party)
{
    void *old = party == NULL ? eca_map_remove(memory->parties, authority_or_path)
                              : eca_map_put(memory->parties, authority_or_path, eca_xstrdup(party));
    eca_free(old);
}

void fake_memory_latency(struct fake_memory *memory, uint64_t latency_us, uint64_t jitter_us)
{
    memory->latency_us = latency_us;
    memory->jitter_us = jitter_us;
}

struct eca_http fake_memory_http(struct fake_memory *memory)
{
    return (struct eca_http){&fake_memory_http_ops, memory};
}

struct eca_channel fake_memory_channel(struct fake_memory *memory)
{
    return (struct eca_channel){&fake_memory_channel_ops, memory};
}

void fake_memory_drop_client(struct fake_memory *memory)
{
    fake_memory_drop_calls(memory, true);
    fake_memory_drop_conns(memory, true);
}

bool fake_memory_party(const struct fake_memory *memory, const char *unix_socket,
                       struct eca_view authority, const char **ret_party)
{
    const char *party = unix_socket != NULL ? eca_map_get(memory->parties, unix_socket)
                                            : eca_map_get_view(memory->parties, authority);
    if (party == NULL) {
        return false;
    }
    *ret_party = party;
    return true;
}

char *fake_memory_target(struct eca_view path, struct eca_view query)
{
    eca_auto_buf struct eca_buf out = {0};

    eca_buf_add_view(&out, path.len == 0 ? eca_view_str("/") : path);
    if (query.at != NULL) {
        eca_buf_add_char(&out, '?');
        eca_buf_add_view(&out, query);
    }
    return eca_buf_take(&out);
}

static char *lower(const char *name)
{
    char *copy = eca_xstrdup(name);

    for (char *c = copy; *c != '\0'; c++) {
        *c = eca_ascii_lower(*c);
    }
    return copy;
}

struct eca_http_header *fake_memory_headers(const struct eca_http_header *headers, size_t count,
                                            struct eca_view host, size_t *ret_count)
{
    struct eca_http_header *copy = eca_xalloc((count + 1) * sizeof(*copy));
    size_t n = 0;
    bool has_host = false;

    for (size_t i = 0; i < count; i++) {
        copy[n].name = lower(headers[i].name);
        copy[n].value = eca_xstrdup(headers[i].value);
        has_host = has_host || strcmp(copy[n].name, "host") == 0;
        n++;
    }
    if (!has_host) {
        copy[n].name = eca_xstrdup("host");
        copy[n++].value = eca_xstrndup(host.at == NULL ? "" : host.at, host.len);
    }
    *ret_count = n;
    return copy;
}

void fake_memory_headers_free(struct eca_http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        eca_free((void *)(uintptr_t)headers[i].name);
        eca_free((void *)(uintptr_t)headers[i].value);
    }
    eca_free(headers);
}

/* ---- pipes ---------------------------------------------------------------------------------- */

uint64_t fake_memory_due_ns(struct fake_memory *memory)
{
    uint64_t delay_us = memory->latency_us;

    if (memory->jitter_us > 0) {
        delay_us += eca_entropy_below(memory->entropy, memory->jitter_us);
    }
    return eca_sched_now_ns(memory->sched) + delay_us * 1000;
}

void mem_pipe_init(struct mem_pipe *pipe, struct fake_memory *memory, eca_work_fn *on_due,
                   void *arg)
{
    pipe->memory = memory;
    pipe->left = UINT64_MAX;
    eca_list_init(&pipe->items);
    eca_timer_init(&pipe->timer, memory->sched, on_due, arg);
}

void mem_item_free(struct mem_item *item)
{
    eca_buf_clear(&item->bytes);
    eca_free(item->head);
    eca_free(item);
}

void mem_pipe_clear(struct mem_pipe *pipe)
{
    struct eca_list_node *node;

    eca_timer_stop(&pipe->timer);
    while ((node = eca_list_pop_front(&pipe->items)) != NULL) {
        mem_item_free(eca_list_entry(node, struct mem_item, node));
    }
    pipe->bytes = 0;
}

static void pipe_arm(struct mem_pipe *pipe)
{
    struct eca_list_node *node = eca_list_first(&pipe->items);

    if (node == NULL || pipe->blocked) {
        eca_timer_stop(&pipe->timer);
    } else if (!eca_timer_is_armed(&pipe->timer)) {
        eca_timer_start_at(&pipe->timer, eca_list_entry(node, struct mem_item, node)->due_ns);
    }
}

struct mem_item *mem_pipe_put(struct mem_pipe *pipe, int kind, int code, struct eca_view bytes)
{
    struct mem_item *item = eca_xalloc(sizeof(*item));
    uint64_t due_ns = fake_memory_due_ns(pipe->memory);

    item->cause = eca_sched_cause(pipe->memory->sched);
    item->kind = kind;
    item->code = code;
    eca_buf_add_view(&item->bytes, bytes);
    item->due_ns = due_ns > pipe->last_due_ns ? due_ns : pipe->last_due_ns; /* order is kept */
    pipe->last_due_ns = item->due_ns;
    pipe->bytes += bytes.len;
    eca_list_push_back(&pipe->items, &item->node);
    pipe_arm(pipe);
    return item;
}

struct mem_item *mem_pipe_take(struct mem_pipe *pipe)
{
    struct eca_list_node *node = eca_list_first(&pipe->items);
    struct mem_item *item;

    if (node == NULL || pipe->blocked) {
        return NULL;
    }
    item = eca_list_entry(node, struct mem_item, node);
    if (item->due_ns > eca_sched_now_ns(pipe->memory->sched)) {
        pipe_arm(pipe);
        return NULL;
    }
    if (item->bytes.len > pipe->left) {
        pipe->blocked = true;
        return NULL;
    }
    eca_list_remove(&pipe->items, node);
    pipe->bytes -= item->bytes.len;
    pipe->left -= pipe->left == UINT64_MAX ? 0 : item->bytes.len;
    eca_sched_set_cause(pipe->memory->sched, item->cause);
    return item;
}

void mem_pipe_read_only(struct mem_pipe *pipe, uint64_t bytes)
{
    pipe->left = bytes;
    pipe->blocked = bytes == 0;
    pipe_arm(pipe);
}
