/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list for queues: the link lives inside the item, so linking never allocates and never fails.
 *
 *   list <-> item.link <-> item.link <-> (back to list)     an empty list and an item in no list point at themselves
 *
 * Thread: one at a time, or under the caller's lock. */
#ifndef TRIB_BASE_LIST_H
#define TRIB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Both the head of a list and the link in an item. */
typedef struct trib_list {
    struct trib_list *prev, *next;
} trib_list;

/* The item that holds `link` as its `member`. */
#define TRIB_LIST_ITEM(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* for (each link of the list): `link` must not be removed inside; use the second form for that. */
#define TRIB_LIST_EACH(link, list) for (trib_list *link = (list)->next; link != (list); link = link->next)
#define TRIB_LIST_EACH_SAFE(link, list)                                                                                \
    for (trib_list *link = (list)->next, *link##_next = link->next; link != (list);                                    \
         link = link##_next, link##_next = link->next)

/* Heads and items both, before the first use. */
static inline void trib_list_init(trib_list *list) {
    list->prev = list->next = list;
}

static inline bool trib_list_is_empty(const trib_list *list) {
    return list->next == list;
}

/* True while the item is in some list (it was initialised). */
static inline bool trib_list_is_linked(const trib_list *link) {
    return link->next != link;
}

static inline void trib_list_insert_before(trib_list *at, trib_list *link) {
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

static inline void trib_list_push_back(trib_list *list, trib_list *link) {
    trib_list_insert_before(list, link);
}

static inline void trib_list_push_front(trib_list *list, trib_list *link) {
    trib_list_insert_before(list->next, link);
}

/* Takes the item out of its list; harmless when it is in none. */
static inline void trib_list_remove(trib_list *link) {
    link->prev->next = link->next;
    link->next->prev = link->prev;
    trib_list_init(link);
}

/* First and last link, NULL when empty. */
static inline trib_list *trib_list_first(const trib_list *list) {
    return list->next == list ? NULL : list->next;
}

static inline trib_list *trib_list_last(const trib_list *list) {
    return list->prev == list ? NULL : list->prev; // NOLINT(clang-analyzer-unix.Malloc): what is freed was unlinked
}

/* Removes and returns the first link, NULL when empty. */
static inline trib_list *trib_list_take_first(trib_list *list) {
    trib_list *link = trib_list_first(list);
    if (link) trib_list_remove(link);
    return link;
}

/* Moves everything from `from` to the end of `list`; `from` is empty afterwards. */
static inline void trib_list_splice_back(trib_list *list, trib_list *from) {
    if (trib_list_is_empty(from)) return;
    from->next->prev = list->prev;
    from->prev->next = list;
    list->prev->next = from->next;
    list->prev = from->prev;
    trib_list_init(from);
}

#endif
