#ifndef ECA_BASE_LIST_H
#define ECA_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/mem.h"

/* Intrusive doubly linked list: a node is a member of the element; the list owns nothing. */
struct eca_list_node {
    struct eca_list_node *prev, *next; /* both NULL while in no list */
};
struct eca_list {
    struct eca_list_node head;
    size_t count;
};

static inline void eca_list_init(struct eca_list *list)
{
    list->head.prev = list->head.next = &list->head;
    list->count = 0;
}
static inline bool eca_list_is_linked(const struct eca_list_node *node)
{
    return node->next != NULL;
}
static inline bool eca_list_is_empty(const struct eca_list *list)
{
    return list->count == 0;
}
static inline void eca_list_push_back(struct eca_list *list, struct eca_list_node *node)
{
    node->prev = list->head.prev;
    node->next = &list->head;
    node->prev->next = node;
    list->head.prev = node;
    list->count++;
}
static inline void eca_list_insert_after(struct eca_list *list, struct eca_list_node *place,
                                         struct eca_list_node *node)
{
    node->prev = place;
    node->next = place->next;
    place->next->prev = node;
    place->next = node;
    list->count++;
}
static inline void eca_list_push_front(struct eca_list *list, struct eca_list_node *node)
{
    node->next = list->head.next;
    node->prev = &list->head;
    node->next->prev = node;
    list->head.next = node;
    list->count++;
}
/* No effect on a node that is in no list. */
static inline void eca_list_remove(struct eca_list *list, struct eca_list_node *node)
{
    if (node->next == NULL) {
        return;
    }
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
    list->count--;
}
static inline struct eca_list_node *eca_list_first(const struct eca_list *list)
{
    return list->count == 0 ? NULL : list->head.next;
}
static inline struct eca_list_node *eca_list_pop_front(struct eca_list *list)
{
    struct eca_list_node *node = eca_list_first(list);
    if (node != NULL) {
        eca_list_remove(list, node);
    }
    return node;
}
/* The element after node, or NULL at the end. */
static inline struct eca_list_node *eca_list_next(const struct eca_list *list,
                                                  const struct eca_list_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

/* Iterate; the body may remove `it` (and only `it`). */
/* NOLINTBEGIN(bugprone-macro-parentheses): `it` is declared here */
#define ECA_LIST_FOREACH(it, list)                                                                 \
    for (struct eca_list_node *it = eca_list_first(list), *it##_next_ = NULL;                      \
         it != NULL && ((it##_next_ = eca_list_next((list), it)), true); it = it##_next_)
/* NOLINTEND(bugprone-macro-parentheses) */

#define eca_list_entry(node, type, member) eca_container_of(node, type, member)

#endif
