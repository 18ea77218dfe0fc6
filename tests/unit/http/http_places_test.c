// SPDX-License-Identifier: MIT
/* Who keeps a place, and who has to leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "http/http_places.h"

#define MOST 3

struct world {
        struct http_places places;
        struct http_place place[6];
};

static struct http_address address_of(const char *text)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                return http_address_of((const struct sockaddr *)&v4);
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        return http_address_of((const struct sockaddr *)&v6);
}

static void begin(struct world *world)
{
        memset(world, 0, sizeof(*world));
        http_places_init(&world->places);
        world->places.most = MOST;
        world->places.patience_ms[HTTP_WAIT_HEADERS] = 30;
        world->places.patience_ms[HTTP_WAIT_BODY] = 100;
        world->places.patience_ms[HTTP_WAIT_NEXT] = 750;
}

static void open_one(struct world *world, size_t which, const char *address, int64_t now_ms)
{
        world->place[which].address = address_of(address);
        http_places_open(&world->places, &world->place[which], now_ms);
}

static void the_oldest_stranger_leaves_first(void **state)
{
        struct world world;

        (void)state;
        begin(&world);
        for (size_t i = 0; i < MOST; i++)
                open_one(&world, i, "192.0.2.1", 0);
        assert_null(http_places_crowded(&world.places));
        http_places_know(&world.places, &world.place[0]);
        open_one(&world, 3, "192.0.2.2", 0);
        assert_ptr_equal(http_places_crowded(&world.places), &world.place[1]);
        http_places_wait(&world.places, &world.place[1], HTTP_WAIT_CLOSE, 0);
        assert_null(http_places_crowded(&world.places));
        open_one(&world, 4, "192.0.2.2", 0);
        assert_ptr_equal(http_places_crowded(&world.places), &world.place[2]);
}

static void nobody_who_has_shown_a_key_leaves_for_newcomers(void **state)
{
        struct world world;

        (void)state;
        begin(&world);
        for (size_t i = 0; i < MOST; i++) {
                open_one(&world, i, "192.0.2.1", 0);
                http_places_know(&world.places, &world.place[i]);
        }
        open_one(&world, 3, "192.0.2.2", 0);
        assert_null(http_places_crowded(&world.places));
        open_one(&world, 4, "192.0.2.2", 0);
        assert_ptr_equal(http_places_crowded(&world.places), &world.place[3]);
}

static void of_too_many_strangers_of_one_address_the_oldest_leaves(void **state)
{
        struct world world;

        (void)state;
        begin(&world);
        world.places.most = 10;
        world.places.most_per_address = 2;
        open_one(&world, 0, "192.0.2.2", 0);
        open_one(&world, 1, "192.0.2.1", 0);
        open_one(&world, 2, "192.0.2.1", 0);
        assert_null(http_places_crowded_address(&world.places, &world.place[2]));
        open_one(&world, 3, "192.0.2.1", 0);
        assert_ptr_equal(http_places_crowded_address(&world.places, &world.place[3]),
                         &world.place[1]);
        assert_null(http_places_crowded_address(&world.places, &world.place[0]));
        http_places_know(&world.places, &world.place[1]);
        assert_null(http_places_crowded_address(&world.places, &world.place[3]));
        open_one(&world, 4, "192.0.2.1", 0);
        assert_ptr_equal(http_places_crowded_address(&world.places, &world.place[4]),
                         &world.place[2]);
        http_places_close(&world.places, &world.place[2]);
        assert_null(http_places_crowded_address(&world.places, &world.place[4]));
        open_one(&world, 5, "192.0.2.1", 0);
        world.places.most_per_address = 0;
        assert_null(http_places_crowded_address(&world.places, &world.place[5]));
}

static void an_address_is_a_whole_network_of_ipv6_and_one_of_ipv4(void **state)
{
        struct http_address a = address_of("2001:db8::1");
        struct http_address b = address_of("2001:db8::ffff:2");
        struct http_address c = address_of("2001:db8:0:1::1");
        struct http_address v4 = address_of("192.0.2.1");
        struct http_address mapped = address_of("::ffff:192.0.2.1");

        (void)state;
        assert_memory_equal(&a, &b, sizeof(a));
        assert_memory_not_equal(&a, &c, sizeof(a));
        assert_memory_equal(&v4, &mapped, sizeof(v4));
}

static void each_wait_has_its_own_patience(void **state)
{
        struct world world;

        (void)state;
        begin(&world);
        assert_int_equal(http_places_due(&world.places), INT64_MAX);
        open_one(&world, 0, "192.0.2.1", 1000);
        open_one(&world, 1, "192.0.2.1", 1001);
        assert_int_equal(http_places_due(&world.places), 1030);
        http_places_wait(&world.places, &world.place[0], HTTP_WAIT_BODY, 1020);
        assert_int_equal(http_places_due(&world.places), 1031);
        assert_null(http_places_late(&world.places, 1030));
        assert_ptr_equal(http_places_late(&world.places, 1031), &world.place[1]);
        http_places_wait(&world.places, &world.place[1], HTTP_WAIT_CLOSE, 1031);
        assert_null(http_places_late(&world.places, 1119));
        assert_ptr_equal(http_places_late(&world.places, 1120), &world.place[0]);
        http_places_wait(&world.places, &world.place[0], HTTP_WAIT_HANDLER, 1100);
        assert_int_equal(http_places_due(&world.places), INT64_MAX);
        http_places_wait(&world.places, &world.place[0], HTTP_WAIT_NEXT, 1100);
        assert_int_equal(http_places_due(&world.places), 1850);
}

static void who_was_cut_off_stays_so(void **state)
{
        struct world world;

        (void)state;
        begin(&world);
        open_one(&world, 0, "192.0.2.1", 0);
        http_places_wait(&world.places, &world.place[0], HTTP_WAIT_LINGER, 1);
        http_places_wait(&world.places, &world.place[0], HTTP_WAIT_NEXT, 2);
        assert_int_equal(world.place[0].wait, HTTP_WAIT_LINGER);
        http_places_wait(&world.places, &world.place[0], HTTP_WAIT_CLOSE, 3);
        http_places_wait(&world.places, &world.place[0], HTTP_WAIT_HEADERS, 4);
        assert_int_equal(world.place[0].wait, HTTP_WAIT_CLOSE);
        http_places_close(&world.places, &world.place[0]);
        assert_int_equal(world.places.count, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_oldest_stranger_leaves_first),
                cmocka_unit_test(nobody_who_has_shown_a_key_leaves_for_newcomers),
                cmocka_unit_test(of_too_many_strangers_of_one_address_the_oldest_leaves),
                cmocka_unit_test(an_address_is_a_whole_network_of_ipv6_and_one_of_ipv4),
                cmocka_unit_test(each_wait_has_its_own_patience),
                cmocka_unit_test(who_was_cut_off_stays_so),
        };

        return cmocka_run_group_tests_name("http_places", tests, NULL, NULL);
}
