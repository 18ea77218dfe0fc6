// SPDX-License-Identifier: MIT
/* What one gateway reads in a listing, and others on the same store learn of it:
 * gateway/device/device_directory.h, device_table_follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sched.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"
#include "support/directory.h"

#define COLLAR "dtmi:herd:Collar;1"
#define TANK   "dtmi:herd:Tank;1"

#define PATIENCE_MS (60 * 1000)

struct side {
        struct device_keeper keeper;
        struct device_directory *directory;
        struct device_table *table;
        size_t woken;
        size_t read;
};

/* Two gateways on one store. */
struct world {
        char *folder;
        struct settings settings;
        struct store *store;
        struct loop *loop;
        struct side lister;
        struct side other;
};

static void wake(struct device *device)
{
        list_entry(device->keeper, struct side, keeper)->woken++;
}

static void side_open(struct world *world, struct side *side)
{
        struct reason reason = REASON_INIT;
        const struct store_shards all = store_shards_all();

        side->keeper.wake = wake;
        side->directory = device_directory_new(&world->settings, world->store);
        side->table =
                device_table_new(&world->settings, world->store, side->directory, world->loop);
        device_table_keep(side->table, &side->keeper);
        device_table_gain(side->table, &all, clock_steady_ms());
        assert_int_equal(device_directory_load(side->directory, &reason), 0);
}

static void side_close(struct side *side)
{
        device_table_free(side->table);
        device_directory_free(side->directory);
}

static int set_up(void **state)
{
        struct world *world = mem_new(1, sizeof(*world));
        struct reason reason = REASON_INIT;

        world->folder = test_directory_new();
        settings_init(&world->settings);
        if (store_open(&(struct store_options){.backend = "sqlite", .directory = world->folder},
                       &world->store, &reason) != 0)
                fail_msg("%s", reason.text);
        world->loop = loop_new();
        side_open(world, &world->lister);
        side_open(world, &world->other);
        *state = world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        store_close(world->store);
        side_close(&world->lister);
        side_close(&world->other);
        loop_free(world->loop);
        settings_deinit(&world->settings);
        test_directory_remove(world->folder);
        free(world);
        return 0;
}

static void list(struct world *world, const char *id, const struct device_attributes *attributes)
{
        CLEANUP(mem_cleanup) char *device = mem_text(id);
        CLEANUP(mem_cleanup) char *dev_eui = mem_text("70B3D57ED0048A12");
        const struct listed_device listed = {
                .device = device, .dev_eui = dev_eui, .attributes = *attributes};
        struct reason reason = REASON_INIT;

        assert_non_null(device_table_list(world->lister.table, network_by_name("things-stack"),
                                          "herd", &listed, &reason));
}

static void take(void *context, struct list *items)
{
        struct side *side = context;
        struct list_node *node;

        while ((node = list_pop_front(items))) {
                struct directory_item *item = list_entry(node, struct directory_item, node);

                side->read++;
                if (device_directory_take(side->directory, item))
                        device_table_follow(side->table, item->device_key);
                directory_item_free(item);
        }
}

static void read_once(struct side *side)
{
        assert_int_equal(device_directory_read(side->directory, take, side), 0);
}

/* Until so many items have been read: the store writes when it pleases. */
static void read_until(struct side *side, size_t items)
{
        int64_t end_ms = clock_steady_ms() + PATIENCE_MS;

        while (side->read < items) {
                read_once(side);
                assert_true(clock_steady_ms() < end_ms);
                sched_yield();
        }
        assert_int_equal(side->read, items);
}

static bool integrates(const struct side *side, const char *id)
{
        CLEANUP(mem_cleanup) char *application = mem_text("herd");
        CLEANUP(mem_cleanup) char *device = mem_text(id);
        const struct event event = {
                .network = "things-stack", .application = application, .device = device};

        return device_directory_integrates(side->directory, &event);
}

static const struct device *find(const struct side *side, const char *key)
{
        return device_table_find(side->table, key);
}

static void what_one_gateway_lists_the_others_know(void **state)
{
        CLEANUP(mem_cleanup) char *model = mem_text(COLLAR);
        struct world *world = *state;
        struct side *other = &world->other;

        list(world, "cow-1", &(struct device_attributes){.integration = INTEGRATION_OFF});
        list(world, "cow-2", &(struct device_attributes){.model_id = model});
        assert_true(integrates(other, "cow-1"));
        device_table_listed(world->lister.table);
        read_until(other, 2);
        assert_false(integrates(other, "cow-1"));
        assert_true(integrates(other, "cow-2"));
        assert_true(find(other, "things-stack/herd/cow-1")->off);
        assert_string_equal(find(other, "things-stack/herd/cow-2")->model_id, COLLAR);
        assert_int_equal(other->woken, 2);
        assert_string_equal(
                device_directory_find(other->directory, "things-stack/herd/cow-2")->dev_eui,
                "70B3D57ED0048A12");
}

static void what_has_not_changed_is_not_read_again(void **state)
{
        CLEANUP(mem_cleanup) char *collar = mem_text(COLLAR);
        CLEANUP(mem_cleanup) char *tank = mem_text(TANK);
        struct world *world = *state;
        struct side *other = &world->other;

        list(world, "cow-1", &(struct device_attributes){.model_id = collar});
        device_table_listed(world->lister.table);
        read_until(other, 1);
        list(world, "cow-1", &(struct device_attributes){.model_id = collar});
        device_table_listed(world->lister.table);
        read_once(other);
        assert_int_equal(other->read, 1);
        list(world, "cow-1", &(struct device_attributes){.model_id = tank});
        device_table_listed(world->lister.table);
        read_until(other, 2);
        assert_string_equal(find(other, "things-stack/herd/cow-1")->model_id, TANK);
        assert_true(find(other, "things-stack/herd/cow-1")->changed);
        assert_int_equal(other->woken, 2);
}

static void a_device_of_another_gateway_is_known_and_not_made(void **state)
{
        struct world *world = *state;
        struct side *other = &world->other;
        const struct store_shards all = store_shards_all();
        const char *key = "things-stack/herd/cow-1";

        device_table_lose(other->table, &all);
        list(world, "cow-1", &(struct device_attributes){.integration = INTEGRATION_OFF});
        device_table_listed(world->lister.table);
        read_until(other, 1);
        assert_false(integrates(other, "cow-1"));
        assert_null(find(other, key));
        device_table_gain(other->table, &all, clock_steady_ms());
        device_table_take_listed(other->table, &all);
        assert_non_null(find(other, key));
        assert_true(find(other, key)->off);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(what_one_gateway_lists_the_others_know),
                CASE(what_has_not_changed_is_not_read_again),
                CASE(a_device_of_another_gateway_is_known_and_not_made),
        };

        return cmocka_run_group_tests_name("device_follow", tests, NULL, NULL);
}
