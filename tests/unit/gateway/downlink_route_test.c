// SPDX-License-Identifier: MIT
/* The laws of gateway/device/downlink_route.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/device/device.h"
#include "gateway/device/downlink_route.h"
#include "support/load_records.h"

#define DEVICES 3

static struct {
        struct downlink_routes *routes;
        struct device devices[DEVICES];
        char *disk[DEVICES]; /* their records */
        size_t written;
} site;

static const char *const names[DEVICES][2] = {{"app", "dev"}, {"app", "second"}, {"other", "dev"}};

static size_t index_of(const char *key)
{
        size_t i = 0;

        while (strcmp(site.devices[i].key, key) != 0)
                i++;
        return i;
}

void store_write_copy(struct store *store, const struct store_record *record)
{
        char **place = &site.disk[index_of(record->key)];

        (void)store;
        assert_string_equal(record->kind, "way");
        free(*place);
        *place = mem_text_n(record->value, record->value_size);
        site.written++;
}

int store_records_each(struct store *store, const char *kind, const struct store_shards *shards,
                       bool (*visit)(void *context, const struct store_record *record),
                       void *context)
{
        (void)store;
        (void)shards;
        for (size_t i = 0; i < DEVICES; i++) {
                if (site.disk[i])
                        visit(context, &(struct store_record){.kind = kind,
                                                              .key = site.devices[i].key,
                                                              .value = site.disk[i],
                                                              .value_size = strlen(site.disk[i])});
        }
        return 0;
}

static int setup(void **state)
{
        (void)state;
        memset(&site, 0, sizeof(site));
        for (size_t i = 0; i < DEVICES; i++) {
                struct device *device = &site.devices[i];

                device->network = mem_text("things-stack");
                device->application = mem_text(names[i][0]);
                device->key = mem_format("things-stack/%s/%s", names[i][0], names[i][1]);
        }
        site.routes = downlink_routes_new(NULL, NULL);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        downlink_routes_free(site.routes);
        for (size_t i = 0; i < DEVICES; i++) {
                downlink_way_deinit(&site.devices[i].way);
                free(site.devices[i].network);
                free(site.devices[i].application);
                free(site.devices[i].key);
                free(site.disk[i]);
        }
        return 0;
}

struct device *device_table_find(const struct device_table *table, const char *key)
{
        (void)table;
        return &site.devices[index_of(key)];
}

void device_table_each(struct device_table *table,
                       bool (*visit)(void *context, struct device *device), void *context)
{
        (void)table;
        for (size_t i = 0; i < ARRAY_SIZE(site.devices); i++)
                visit(context, &site.devices[i]);
}

static void restart(void)
{
        downlink_routes_free(site.routes);
        for (size_t i = 0; i < DEVICES; i++)
                downlink_way_deinit(&site.devices[i].way);
        site.routes = downlink_routes_new(NULL, NULL);
        assert_int_equal(load_records(NULL, DOWNLINK_WAY_KIND, downlink_routes_take, site.routes),
                         0);
}

static bool hear(size_t device, const char *host, bool is_named)
{
        struct downlink_heard heard = {
                .way = {.base_url = mem_format("https://%s/api/v3/as/applications", host),
                        .webhook_id = mem_text("w"),
                        .api_key = mem_text("NNSXS.KEY")},
                .is_named = is_named,
        };
        bool learned = downlink_routes_learn(site.routes, &site.devices[device], &heard);

        downlink_way_deinit(&heard.way);
        return learned;
}

static void check_host(size_t device, const char *host)
{
        CLEANUP(mem_cleanup) char *url = mem_format("https://%s/api/v3/as/applications", host);

        assert_string_equal(site.devices[device].way.base_url, url);
}

#define HONEST "honest.eu1.cloud.thethings.industries"
#define EVIL   "evil.eu1.cloud.thethings.industries"

static void law_an_application_keeps_the_host_that_it_named_first(void **state)
{
        (void)state;
        assert_true(hear(0, HONEST, false));
        assert_false(hear(0, EVIL, false));
        check_host(0, HONEST);
        assert_false(hear(1, EVIL, false));
        assert_null(site.devices[1].way.base_url);
        assert_true(hear(1, HONEST, false));
        check_host(1, HONEST);

        /* Another application has a host of its own. */
        assert_true(hear(2, EVIL, false));
        check_host(2, EVIL);
}

static void law_the_host_is_kept_over_a_restart(void **state)
{
        (void)state;
        assert_true(hear(0, HONEST, false));
        restart();
        check_host(0, HONEST);
        assert_false(hear(0, EVIL, false));
        assert_false(hear(1, EVIL, false));
        check_host(0, HONEST);
}

static void a_change_is_followed_if_the_settings_name_the_host(void **state)
{
        (void)state;
        assert_true(hear(0, HONEST, true));
        assert_true(hear(0, EVIL, true));
        check_host(0, EVIL);
        assert_true(hear(1, EVIL, true));
}

static void what_is_forgotten_of_a_device_that_left_comes_again_from_the_store(void **state)
{
        const struct store_shards all = store_shards_all();
        const struct store_shards none = store_shards_none();

        (void)state;
        assert_true(hear(0, HONEST, false));
        site.devices[0].way_refused = true;
        downlink_routes_forget(site.routes, &none);
        check_host(0, HONEST);
        downlink_routes_forget(site.routes, &all);
        assert_null(site.devices[0].way.base_url);
        assert_false(site.devices[0].way_refused);
        assert_int_equal(load_records(NULL, DOWNLINK_WAY_KIND, downlink_routes_take, site.routes),
                         0);
        check_host(0, HONEST);
}

static void law_what_has_not_changed_is_not_written(void **state)
{
        (void)state;
        assert_true(hear(0, HONEST, false));
        assert_false(hear(0, HONEST, false));
        assert_int_equal(site.written, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define ROUTE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                ROUTE_TEST(law_an_application_keeps_the_host_that_it_named_first),
                ROUTE_TEST(law_the_host_is_kept_over_a_restart),
                ROUTE_TEST(a_change_is_followed_if_the_settings_name_the_host),
                ROUTE_TEST(what_is_forgotten_of_a_device_that_left_comes_again_from_the_store),
                ROUTE_TEST(law_what_has_not_changed_is_not_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
