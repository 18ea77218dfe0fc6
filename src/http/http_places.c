// SPDX-License-Identifier: MIT
#include "http/http_places.h"

#include <string.h>

void http_places_init(struct http_places *places)
{
        memset(places, 0, sizeof(*places));
        for (size_t i = 0; i < HTTP_WAIT_COUNT; i++)
                list_init(&places->waits[i]);
        list_init(&places->strangers);
        for (size_t i = 0; i < HTTP_PLACES_BUCKETS; i++)
                list_init(&places->addresses[i]);
}

/* --- addresses ---------------------------------------------------------------------------- */

struct http_address http_address_of(const struct sockaddr *address)
{
        struct http_address made = {{0}};

        if (address->sa_family == AF_INET) {
                const struct sockaddr_in *v4 = (const void *)address;

                made.bytes[10] = made.bytes[11] = 0xff;
                memcpy(made.bytes + 12, &v4->sin_addr, 4);
        } else if (address->sa_family == AF_INET6) {
                const struct sockaddr_in6 *v6 = (const void *)address;
                bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);

                memcpy(made.bytes, &v6->sin6_addr, mapped ? 16 : 8);
        }
        return made;
}

static bool is_same(const struct http_address *a, const struct http_address *b)
{
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static size_t bucket_of(const struct http_address *address)
{
        uint32_t hash = 2166136261U;

        for (size_t i = 0; i < sizeof(address->bytes); i++)
                hash = (hash ^ address->bytes[i]) * 16777619U;
        return hash % HTTP_PLACES_BUCKETS;
}

/* --- coming and going --------------------------------------------------------------------- */

void http_places_open(struct http_places *places, struct http_place *place, int64_t now_ms)
{
        places->count++;
        place->wait = HTTP_WAIT_HEADERS;
        place->since_ms = now_ms;
        list_push_back(&places->waits[place->wait], &place->wait_node);
        list_push_back(&places->strangers, &place->stranger_node);
        list_push_back(&places->addresses[bucket_of(&place->address)], &place->address_node);
}

void http_places_know(struct http_places *places, struct http_place *place)
{
        if (!place->stranger_node.next)
                return;
        list_remove(&places->strangers, &place->stranger_node);
        list_remove(&places->addresses[bucket_of(&place->address)], &place->address_node);
}

void http_places_close(struct http_places *places, struct http_place *place)
{
        http_places_know(places, place);
        list_remove(&places->waits[place->wait], &place->wait_node);
        places->count--;
}

void http_places_wait(struct http_places *places, struct http_place *place, enum http_wait wait,
                      int64_t now_ms)
{
        if (place->wait == HTTP_WAIT_CLOSE ||
            (place->wait == HTTP_WAIT_LINGER && wait != HTTP_WAIT_CLOSE))
                return;
        if (wait == HTTP_WAIT_CLOSE || wait == HTTP_WAIT_LINGER)
                http_places_know(places, place);
        list_remove(&places->waits[place->wait], &place->wait_node);
        place->wait = wait;
        place->since_ms = now_ms;
        list_push_back(&places->waits[wait], &place->wait_node);
}

/* --- who has to leave --------------------------------------------------------------------- */

static int64_t due_of(const struct http_places *places, enum http_wait wait)
{
        const struct list *list = &places->waits[wait];

        if (places->patience_ms[wait] == 0 || list_is_empty(list))
                return INT64_MAX;
        return list_entry(list->head.next, struct http_place, wait_node)->since_ms +
               places->patience_ms[wait];
}

struct http_place *http_places_late(const struct http_places *places, int64_t now_ms)
{
        for (enum http_wait wait = 0; wait < HTTP_WAIT_COUNT; wait++) {
                if (due_of(places, wait) <= now_ms)
                        return list_entry(places->waits[wait].head.next, struct http_place,
                                          wait_node);
        }
        return NULL;
}

struct http_place *http_places_crowded(const struct http_places *places)
{
        size_t leaving =
                places->waits[HTTP_WAIT_CLOSE].count + places->waits[HTTP_WAIT_LINGER].count;

        if (places->count - leaving <= places->most || places->strangers.count < 2)
                return NULL;
        return list_entry(places->strangers.head.next, struct http_place, stranger_node);
}

struct http_place *http_places_crowded_address(const struct http_places *places,
                                               const struct http_place *place)
{
        const struct list *bucket = &places->addresses[bucket_of(&place->address)];
        struct http_place *oldest = NULL;
        size_t count = 0;

        if (places->most_per_address == 0 || bucket->count <= places->most_per_address)
                return NULL;
        list_for_each (node, bucket) {
                struct http_place *other = list_entry(node, struct http_place, address_node);

                if (is_same(&other->address, &place->address) && count++ == 0)
                        oldest = other;
        }
        return count > places->most_per_address ? oldest : NULL;
}

int64_t http_places_due(const struct http_places *places)
{
        int64_t due_ms = INT64_MAX;

        for (enum http_wait wait = 0; wait < HTTP_WAIT_COUNT; wait++) {
                int64_t one_ms = due_of(places, wait);

                if (one_ms < due_ms)
                        due_ms = one_ms;
        }
        return due_ms;
}
