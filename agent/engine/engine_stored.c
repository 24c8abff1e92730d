#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/task_json.h"

/*
 * What is stored of a task: has a step changed it, and its text. A task may have a thousand
 * containers, and what happens to one of them must not cost as much as all: a container is looked
 * at with a sum, and written anew only when that sum says so.
 */
#define TEXTS_FROM 16 /* containers; smaller tasks are written each time and keep no texts */

static uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * UINT64_C(1099511628211);
}

/* NULL and "" are different things to the state. Eight bytes at a time: a task may have a thousand
 * containers, and each step looks at all of them. */
static uint64_t mix_text(uint64_t sum, const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);
    uint64_t piece;

    sum = mix(sum, text == NULL ? 0 : len + 1);
    for (; len >= sizeof(piece); len -= sizeof(piece), text += sizeof(piece)) {
        memcpy(&piece, text, sizeof(piece));
        sum = mix(sum, piece);
        sum ^= sum >> 32; /* what stands at a piece's end counts as well as its begin */
    }
    piece = 0;
    if (len > 0) {
        memcpy(&piece, text, len);
    }
    return mix(sum, piece);
}

static uint64_t mix_bindings(uint64_t sum, const struct eca_container *container)
{
    sum = mix(sum, (uint64_t)container->binding_count << 1 | container->has_bindings);
    for (size_t i = 0; i < container->binding_count; i++) {
        const struct eca_port_binding *binding = &container->bindings[i];

        sum = mix(sum, (uint64_t)binding->container_port << 17 | (uint64_t)binding->host_port << 1 |
                           binding->udp);
        sum = mix_text(sum, binding->bind_ip);
    }
    return sum;
}

/*
 * Of the members that change after the task was accepted, by content: a text that replaces another
 * may come to lie at its address, and the change would not be saved.
 */
static uint64_t container_sum(const struct eca_container *container)
{
    uint64_t sum = UINT64_C(1469598103934665603);

    sum = mix(sum, (uint64_t)container->desired << 24 | (uint64_t)container->known << 16 |
                       (uint64_t)container->applied << 8 | container->sent);
    sum = mix(sum, (uint64_t)container->exit_code << 1 | container->has_exit_code);
    sum = mix_text(sum, container->docker_id);
    sum = mix_text(sum, container->docker_name);
    sum = mix_text(sum, container->image_id);
    sum = mix_text(sum, container->error_name);
    sum = mix_text(sum, container->error_text);
    return mix_bindings(sum, container);
}

uint64_t engine_stored_sum(const struct eca_task *task)
{
    uint64_t sum = UINT64_C(1469598103934665603);

    sum = mix(sum, (uint64_t)task->desired << 16 | (uint64_t)task->known << 8 | task->sent);
    sum = mix(sum, (uint64_t)task->stop_seq);
    for (size_t i = 0; i < task->container_count; i++) {
        sum = mix(sum, container_sum(&task->containers[i]));
    }
    for (size_t i = 0; i < task->volume_count; i++) {
        sum = mix_text(sum, task->volumes[i].host_path);
    }
    return mix_text(sum, task->reason);
}

static void write_container(void *arg, const struct eca_container *container,
                            struct eca_json_writer *w)
{
    struct cell *cell = engine_cell(arg, container);
    uint64_t sum = container_sum(container);

    if (cell->text.len == 0 || cell->text_sum != sum) {
        struct eca_json_writer text = eca_json_writer_to(&cell->text);

        eca_buf_reset(&cell->text);
        eca_container_to_state(container, &text, NULL, true);
        cell->text_sum = sum;
    }
    eca_jw_raw(w, NULL, eca_buf_view(&cell->text));
}

bool engine_serialise_task(void *arg, const char *key, struct eca_buf *out)
{
    const struct eca_engine *engine = arg;
    struct entry *entry = eca_map_get(engine->tasks, key);
    struct eca_json_writer w = eca_json_writer_to(out);

    if (entry == NULL) {
        return false;
    }
    if (entry->task->container_count < TEXTS_FROM) {
        eca_task_to_state(entry->task, &w, NULL, true);
    } else {
        eca_task_to_state_by(entry->task, &w, write_container, entry);
    }
    return true;
}
