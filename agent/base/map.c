#include "agent/base/map.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/base/mem.h"

/*
 * Entries live in an array in insertion order; an open-addressing index of slots points into it.
 * Removed entries leave holes that the next growth squeezes out.
 */
struct entry {
    char *key; /* NULL = hole */
    size_t key_len;
    uint64_t hash;
    void *value;
};

struct eca_map {
    struct entry *entries;
    size_t used; /* entries in the array, holes included */
    size_t cap;
    size_t count;      /* live entries */
    uint32_t *slots;   /* entry index + 1; 0 = empty, SLOT_GONE = deleted */
    size_t slot_count; /* power of two */
};

#define SLOT_GONE UINT32_MAX
#define SLOTS_MIN 16

static uint64_t hash_bytes(const char *at, size_t len)
{
    uint64_t hash = UINT64_C(1469598103934665603);

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)at[i]) * UINT64_C(1099511628211);
    }
    return hash ^ (hash >> 29);
}

struct eca_map *eca_map_new(void)
{
    return eca_xalloc(sizeof(struct eca_map));
}

void eca_map_free(struct eca_map *map)
{
    if (map == NULL) {
        return;
    }
    for (size_t i = 0; i < map->used; i++) {
        eca_free(map->entries[i].key);
    }
    eca_free(map->entries);
    eca_free(map->slots);
    eca_free(map);
}

/* Slot of the key, or SIZE_MAX. */
static size_t find(const struct eca_map *map, struct eca_view key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;

    if (map->slot_count == 0) {
        return SIZE_MAX;
    }
    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        uint32_t slot = map->slots[at];
        const struct entry *entry;

        if (slot == 0) {
            return SIZE_MAX;
        }
        if (slot == SLOT_GONE) {
            continue;
        }
        entry = &map->entries[slot - 1];
        if (entry->hash == hash && entry->key_len == key.len &&
            (key.len == 0 || memcmp(entry->key, key.at, key.len) == 0)) {
            return at;
        }
    }
}

static void index_entry(struct eca_map *map, size_t i)
{
    size_t mask = map->slot_count - 1;
    size_t at = (size_t)map->entries[i].hash & mask;

    while (map->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    map->slots[at] = (uint32_t)(i + 1);
}

/* Make room for one more entry: squeeze holes out, keep the index at most half full. */
static void grow(struct eca_map *map)
{
    size_t kept = 0;

    if (map->used < map->cap && map->used * 2 < map->slot_count) {
        return;
    }
    for (size_t i = 0; i < map->used; i++) {
        if (map->entries[i].key != NULL) {
            map->entries[kept++] = map->entries[i];
        }
    }
    map->used = kept;
    map->slot_count = SLOTS_MIN;
    while (map->slot_count < 4 * (kept + 1)) {
        map->slot_count *= 2;
    }
    map->cap = map->slot_count / 2;
    map->entries = eca_xrealloc_array(map->entries, map->cap, sizeof(*map->entries));
    eca_free(map->slots);
    map->slots = eca_xalloc(map->slot_count * sizeof(*map->slots));
    for (size_t i = 0; i < kept; i++) {
        index_entry(map, i);
    }
}

void *eca_map_put(struct eca_map *map, const char *key, void *value)
{
    struct eca_view view = eca_view_str(key);
    uint64_t hash = hash_bytes(view.at, view.len);
    size_t slot = find(map, view, hash);

    assert(value != NULL);
    if (slot != SIZE_MAX) {
        struct entry *entry = &map->entries[map->slots[slot] - 1];
        void *old = entry->value;

        entry->value = value;
        return old;
    }
    grow(map);
    map->entries[map->used] = (struct entry){
        .key = eca_xstrndup(view.at, view.len), .key_len = view.len, .hash = hash, .value = value};
    /* Deleted slots may be reused only through a rebuild: they keep probe chains whole. */
    size_t mask = map->slot_count - 1;
    size_t at = (size_t)hash & mask;
    while (map->slots[at] != 0 && map->slots[at] != SLOT_GONE) {
        at = (at + 1) & mask;
    }
    map->slots[at] = (uint32_t)(map->used + 1);
    map->used++;
    map->count++;
    return NULL;
}

void *eca_map_get(const struct eca_map *map, const char *key)
{
    return eca_map_get_view(map, eca_view_str(key));
}

void *eca_map_get_view(const struct eca_map *map, struct eca_view key)
{
    size_t slot = find(map, key, hash_bytes(key.at, key.len));

    return slot == SIZE_MAX ? NULL : map->entries[map->slots[slot] - 1].value;
}

void *eca_map_remove(struct eca_map *map, const char *key)
{
    struct eca_view view = eca_view_str(key);
    size_t slot = find(map, view, hash_bytes(view.at, view.len));
    struct entry *entry;
    void *value;

    if (slot == SIZE_MAX) {
        return NULL;
    }
    entry = &map->entries[map->slots[slot] - 1];
    value = entry->value;
    eca_free(entry->key);
    *entry = (struct entry){0};
    map->slots[slot] = SLOT_GONE;
    map->count--;
    return value;
}

size_t eca_map_count(const struct eca_map *map)
{
    return map->count;
}

bool eca_map_next(const struct eca_map *map, size_t *cursor, const char **ret_key, void **ret_value)
{
    while (*cursor < map->used) {
        const struct entry *entry = &map->entries[(*cursor)++];

        if (entry->key != NULL) {
            if (ret_key != NULL) {
                *ret_key = entry->key;
            }
            if (ret_value != NULL) {
                *ret_value = entry->value;
            }
            return true;
        }
    }
    return false;
}
