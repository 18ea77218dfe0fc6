// SPDX-License-Identifier: MIT
#include "http/client/http_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* On the list while it has anything waiting or active. */
struct http_queue_origin {
        struct list_node node;
        struct list waiting; /* struct http_queue_item */
        long active;
        char *name;
};

void http_queue_init(struct http_queue *queue, long limit)
{
        list_init(&queue->origins);
        queue->active = 0;
        queue->limit = limit > 1 ? limit : 1;
        queue->origin_limit = queue->limit > 1 ? queue->limit * 3 / 4 : 1;
}

void http_queue_deinit(struct http_queue *queue)
{
        list_for_each_safe (node, &queue->origins) {
                struct http_queue_origin *origin = list_entry(node, struct http_queue_origin, node);

                list_remove(&queue->origins, node);
                free(origin->name);
                free(origin);
        }
}

size_t http_queue_origin_length(const char *url)
{
        const char *scheme_end = strstr(url, "://");
        const char *host = scheme_end ? scheme_end + 3 : url;

        return (size_t)(host - url) + strcspn(host, "/?#");
}

static struct http_queue_origin *find_origin(struct http_queue *queue, const char *name)
{
        struct http_queue_origin *origin;

        list_for_each (node, &queue->origins) {
                origin = list_entry(node, struct http_queue_origin, node);
                if (text_equal_nocase(origin->name, name))
                        return origin;
        }
        origin = mem_new(1, sizeof(*origin));
        origin->name = mem_text(name);
        list_init(&origin->waiting);
        list_push_back(&queue->origins, &origin->node);
        return origin;
}

static void forget_if_idle(struct http_queue *queue, struct http_queue_origin *origin)
{
        if (origin->active > 0 || !list_is_empty(&origin->waiting))
                return;
        list_remove(&queue->origins, &origin->node);
        free(origin->name);
        free(origin);
}

void http_queue_push(struct http_queue *queue, struct http_queue_item *item, const char *origin)
{
        item->origin = find_origin(queue, origin);
        list_push_back(&item->origin->waiting, &item->node);
}

static struct http_queue_item *pop(struct http_queue_origin *origin)
{
        struct list_node *node = list_pop_front(&origin->waiting);

        return list_entry(node, struct http_queue_item, node);
}

struct http_queue_item *http_queue_next(struct http_queue *queue)
{
        if (queue->active >= queue->limit)
                return NULL;
        list_for_each (node, &queue->origins) {
                struct http_queue_origin *origin = list_entry(node, struct http_queue_origin, node);

                if (list_is_empty(&origin->waiting) || origin->active >= queue->origin_limit)
                        continue;
                list_remove(&queue->origins, node);
                list_push_back(&queue->origins, node);
                origin->active++;
                queue->active++;
                return pop(origin);
        }
        return NULL;
}

void http_queue_finished(struct http_queue *queue, struct http_queue_item *item)
{
        item->origin->active--;
        queue->active--;
        forget_if_idle(queue, item->origin);
        item->origin = NULL;
}

struct http_queue_item *http_queue_drain(struct http_queue *queue)
{
        list_for_each (node, &queue->origins) {
                struct http_queue_origin *origin = list_entry(node, struct http_queue_origin, node);
                struct http_queue_item *item;

                if (list_is_empty(&origin->waiting))
                        continue;
                item = pop(origin);
                item->origin = NULL;
                forget_if_idle(queue, origin);
                return item;
        }
        return NULL;
}
