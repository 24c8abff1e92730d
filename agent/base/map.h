#ifndef ECA_BASE_MAP_H
#define ECA_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/buf.h"

/*
 * String-keyed hash map with iteration in insertion order (a run never depends on hashes).
 * Keys are copied; values are borrowed pointers, not NULL. Look-up, insert and remove are O(1).
 */
struct eca_map;

struct eca_map *eca_map_new(void);
void eca_map_free(struct eca_map *map); /* NULL ok; values are not touched */
/* Insert or replace; returns the replaced value or NULL. A replaced key keeps its place. */
void *eca_map_put(struct eca_map *map, const char *key, void *value);
void *eca_map_get(const struct eca_map *map, const char *key);
void *eca_map_get_view(const struct eca_map *map, struct eca_view key);
void *eca_map_remove(struct eca_map *map, const char *key); /* the removed value or NULL */
size_t eca_map_count(const struct eca_map *map);

/* Cursor 0 starts; false at the end. Removing the entry just returned is allowed. */
bool eca_map_next(const struct eca_map *map, size_t *cursor, const char **ret_key,
                  void **ret_value);

#endif
