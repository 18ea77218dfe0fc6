// SPDX-License-Identifier: MIT
/* Intrusive doubly linked list; a node is on one list at most, and its list is often its state. */
#ifndef ISTHMUS_BASE_LIST_H
#define ISTHMUS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
        struct list_node *next;
        struct list_node *previous;
};

struct list {
        struct list_node head;
        size_t count;
};

/* The struct of `type` whose member `member` is `node`. */
#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#define list_for_each(node, list)                                                                  \
        for (struct list_node *node = (list)->head.next; node != &(list)->head; node = node->next)

/* The current node may be removed or freed inside the loop. */
#define list_for_each_safe(node, list)                                                             \
        for (struct list_node *node = (list)->head.next, *node##_next = node->next;                \
             node != &(list)->head; node = node##_next, node##_next = node->next)

static inline void list_init(struct list *list)
{
        list->head.next = list->head.previous = &list->head;
        list->count = 0;
}

static inline bool list_is_empty(const struct list *list)
{
        return list->count == 0;
}

static inline void list_insert_after(struct list *list, struct list_node *before,
                                     struct list_node *node)
{
        node->previous = before;
        node->next = before->next;
        before->next->previous = node;
        before->next = node;
        list->count++;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
        list_insert_after(list, list->head.previous, node);
}

static inline void list_push_front(struct list *list, struct list_node *node)
{
        list_insert_after(list, &list->head, node);
}

/* `node` must be on `list`. */
static inline void list_remove(struct list *list, struct list_node *node)
{
        node->previous->next = node->next;
        node->next->previous = node->previous;
        node->next = node->previous = NULL;
        list->count--;
}

/* The first node, taken off; NULL when empty. */
static inline struct list_node *list_pop_front(struct list *list)
{
        struct list_node *node = list->head.next;

        if (list_is_empty(list))
                return NULL;
        /* As list_remove, in a form that clang's analyzer can follow. */
        list->head.next = node->next;
        node->next->previous = &list->head;
        node->next = node->previous = NULL;
        list->count--;
        return node;
}

/* The same with the last one. */
static inline struct list_node *list_pop_back(struct list *list)
{
        struct list_node *node = list->head.previous;

        if (list_is_empty(list))
                return NULL;
        list_remove(list, node);
        return node;
}

/* Moves all of `from` to the end of `to`. */
static inline void list_splice_back(struct list *to, struct list *from)
{
        if (list_is_empty(from))
                return;
        from->head.next->previous = to->head.previous;
        to->head.previous->next = from->head.next;
        from->head.previous->next = &to->head;
        to->head.previous = from->head.previous;
        to->count += from->count;
        list_init(from);
}

#endif
