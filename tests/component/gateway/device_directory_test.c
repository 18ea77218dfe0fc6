// SPDX-License-Identifier: MIT
/* The laws of gateway/device/device_directory.h and of the devices made from it, on a real store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"
#include "support/directory.h"
#include "support/load_records.h"

#define COLLAR "dtmi:herd:Collar;1"
#define TANK   "dtmi:herd:Tank;1"

/* A store in a folder of its own, and what is built on it; may be closed and opened again. */
struct world {
        char *folder;
        struct settings settings;
        struct store *store;
        struct device_directory *directory;
        struct device_table *table;
        struct loop *loop; /* of which nothing is run */
};

static void world_open(struct world *world)
{
        struct reason reason = REASON_INIT;
        const struct store_shards all = store_shards_all();

        if (store_open(&(struct store_options){.backend = "sqlite", .directory = world->folder},
                       &world->store, &reason) != 0)
                fail_msg("%s", reason.text);
        world->loop = loop_new();
        world->directory = device_directory_new(&world->settings, world->store);
        world->table =
                device_table_new(&world->settings, world->store, world->directory, world->loop);
        device_table_gain(world->table, &all, clock_steady_ms());
        assert_int_equal(device_directory_load(world->directory, &reason), 0);
        assert_int_equal(load_records(world->store, DEVICE_APPLICATION_KIND,
                                      device_directory_restore, world->directory),
                         0);
        assert_int_equal(
                load_records(world->store, DEVICE_OWNER_KIND, device_table_take, world->table), 0);
}

static void world_close(struct world *world)
{
        store_close(world->store);
        device_table_free(world->table);
        device_directory_free(world->directory);
        loop_free(world->loop);
}

static void world_reopen(struct world *world)
{
        world_close(world);
        world_open(world);
}

static int set_up(void **state)
{
        struct world *world = mem_new(1, sizeof(*world));

        world->folder = test_directory_new();
        settings_init(&world->settings);
        world_open(world);
        *state = world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        world_close(world);
        settings_deinit(&world->settings);
        test_directory_remove(world->folder);
        free(world);
        return 0;
}

static struct event event_of(const char *network, const char *application, const char *device)
{
        return (struct event){.network = network,
                              .kind = EVENT_UPLINK,
                              .application = mem_text(application),
                              .device = mem_text(device)};
}

static struct device *list(struct world *world, const char *network, const char *application,
                           const char *id, const struct device_attributes *attributes)
{
        CLEANUP(mem_cleanup) char *device = mem_text(id);
        struct listed_device listed = {.device = device, .attributes = *attributes};
        struct reason reason = REASON_INIT;

        return device_table_list(world->table, network_by_name(network), application, &listed,
                                 &reason);
}

static struct device *uplink(struct world *world, const char *network, const char *application,
                             const char *id)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        struct uplink_event event = {.event = event_of(network, application, id)};
        struct device *device;

        event_device_key(&event.event, &key);
        event.device_key = key.data;
        device = device_table_get(world->table, &event);
        event_deinit(&event.event);
        return device;
}

static bool integrates(struct device_directory *directory, const char *network,
                       const char *application, const char *id)
{
        struct event event = event_of(network, application, id);
        bool result = device_directory_integrates(directory, &event);

        event_deinit(&event);
        return result;
}

/* --- tests -------------------------------------------------------------------------------- */

static void what_a_registry_says_outlives_a_restart(void **state)
{
        CLEANUP(mem_cleanup) char *model = mem_text(COLLAR);
        CLEANUP(mem_cleanup) char *formatter = mem_text("collar");
        struct world *world = *state;
        const struct device_attributes said = {
                .model_id = model, .uplink_formatter = formatter, .integration = INTEGRATION_OFF};
        const struct device *device;

        list(world, "things-stack", "herd", "cow-1", &said);
        world_reopen(world);
        device = device_table_find(world->table, "things-stack/herd/cow-1");
        assert_non_null(device);
        assert_string_equal(device->model_id, COLLAR);
        assert_string_equal(device->attributes.uplink_formatter, "collar");
        assert_null(device->attributes.downlink_formatter);
        assert_true(device->listed && device->off && !device->changed);
        assert_false(integrates(world->directory, "things-stack", "herd", "cow-1"));
        assert_true(integrates(world->directory, "things-stack", "meadow", "cow-1"));
}

static void only_what_changes_what_it_is_connected_as_is_a_change(void **state)
{
        CLEANUP(mem_cleanup) char *model = mem_text(COLLAR);
        CLEANUP(mem_cleanup) char *formatter = mem_text("collar");
        struct world *world = *state;
        struct device_attributes said = {.model_id = model};
        struct device *device = list(world, "things-stack", "herd", "cow-1", &said);

        assert_false(device->changed);
        said.uplink_formatter = formatter;
        list(world, "things-stack", "herd", "cow-1", &said);
        assert_string_equal(device->attributes.uplink_formatter, "collar");
        assert_false(device->changed);
        said.model_id = NULL;
        list(world, "things-stack", "herd", "cow-1", &said);
        assert_null(device->model_id);
        assert_true(device->changed);
        device->changed = false;
        said.integration = INTEGRATION_OFF;
        list(world, "things-stack", "herd", "cow-1", &said);
        assert_true(device->changed && device->off);
}

static void a_module_is_one_device_whatever_its_application(void **state)
{
        struct world *world = *state;
        const struct device_attributes nothing = {.model_id = NULL};
        struct device *device = list(world, "myriota", NULL, "0042", &nothing);

        assert_string_equal(device->application, "");
        assert_ptr_equal(uplink(world, "myriota", "herd", "0042"), device);
        assert_string_equal(device->application, "herd");
        /* Nothing of the settings depends on the application here. */
        assert_false(device->changed);
        assert_null(device->clash);

        world_reopen(world);
        device = device_table_find(world->table, "myriota//0042");
        assert_non_null(device);
        assert_string_equal(device->application, "herd");
        list(world, "myriota", NULL, "0042", &nothing);
        assert_string_equal(device->application, "herd");
}

/* The device as which a module's event is sent that waits in the queue of `lane`. */
static struct device *place(struct world *world, struct device *lane, const char *application)
{
        struct event event = event_of("myriota", application, lane->name);
        struct device *device = device_table_place(world->table, lane, &event);

        event_deinit(&event);
        return device;
}

static void an_id_made_of_the_application_is_a_device_of_its_own(void **state)
{
        CLEANUP(mem_cleanup) char *model = mem_text(TANK);
        struct world *world = *state;
        const struct device_attributes said = {.model_id = model};
        struct device *herd;
        struct device *meadow;

        free(world->settings.azure.device_id_template);
        world->settings.azure.device_id_template = mem_text("{application}-{device}");
        assert_null(list(world, "myriota", NULL, "0042", &said));
        herd = uplink(world, "myriota", "herd", "0042");
        assert_string_equal(herd->hub_id, "herd-0042");
        assert_string_equal(herd->model_id, TANK);
        assert_ptr_equal(uplink(world, "myriota", "meadow", "0042"), herd);
        assert_string_equal(herd->hub_id, "herd-0042");
        assert_ptr_equal(place(world, herd, "herd"), herd);
        meadow = place(world, herd, "meadow");
        assert_string_equal(meadow->hub_id, "meadow-0042");
        assert_string_equal(meadow->model_id, TANK);
        assert_ptr_equal(meadow->lane, herd);
        assert_ptr_equal(place(world, herd, "meadow"), meadow);

        world_reopen(world);
        herd = device_table_find(world->table, "myriota//0042");
        assert_string_equal(herd->hub_id, "herd-0042");
        meadow = device_table_find(world->table, "myriota/meadow/0042");
        assert_string_equal(meadow->hub_id, "meadow-0042");
        assert_string_equal(meadow->application, "meadow");
        assert_string_equal(meadow->model_id, TANK);
        assert_ptr_equal(place(world, herd, "meadow"), meadow);
}

/* Applications with hubs of their own, by name and host. */
static void set_hubs(struct world *world, const char *const hubs[][2], size_t count)
{
        world->settings.applications = mem_new(count, sizeof(*world->settings.applications));
        world->settings.application_count = count;
        for (size_t i = 0; i < count; i++) {
                struct settings_application *application = &world->settings.applications[i];

                application->name = mem_text(hubs[i][0]);
                application->connection_string = mem_format(
                        "HostName=%s;SharedAccessKeyName=device;SharedAccessKey=a2V5", hubs[i][1]);
                application->mapped_dtdl_model_id = mem_format("dtmi:x:%s;1", hubs[i][0]);
        }
}

static void each_event_has_the_place_of_its_own_application(void **state)
{
        static const char *const hubs[][2] = {
                {"east", "one.azure-devices.net"},
                {"west", "two.azure-devices.net"},
                {"north", "two.azure-devices.net"},
        };
        struct world *world = *state;
        struct device *east;
        struct device *west;

        set_hubs(world, hubs, 3);
        east = uplink(world, "myriota", "east", "0042");
        assert_ptr_equal(uplink(world, "myriota", "west", "0042"), east);
        assert_string_equal(east->application, "east");
        west = place(world, east, "west");
        assert_ptr_not_equal(west, east);
        assert_string_equal(west->application, "west");
        assert_string_equal(west->model_id, "dtmi:x:west;1");
        assert_null(west->clash);
        for (int i = 0; i < 3; i++) {
                assert_ptr_equal(place(world, east, "east"), east);
                assert_ptr_equal(place(world, east, "west"), west);
                assert_ptr_equal(place(world, east, "north"), west);
        }
        assert_false(east->changed || west->changed);
        assert_string_equal(east->model_id, "dtmi:x:east;1");

        world_reopen(world);
        east = device_table_find(world->table, "myriota//0042");
        assert_string_equal(east->application, "east");
        west = place(world, east, "west");
        assert_ptr_equal(west, device_table_find(world->table, "myriota/west/0042"));
        assert_null(west->clash);
}

static void a_model_alone_moves_at_most_once_in_ten_minutes(void **state)
{
        static const char *const hubs[][2] = {
                {"east", "one.azure-devices.net"},
                {"west", "one.azure-devices.net"},
        };
        struct world *world = *state;
        struct device *device;

        set_hubs(world, hubs, 2);
        device = uplink(world, "myriota", "east", "0042");
        for (int i = 0; i < 10; i++)
                assert_ptr_equal(place(world, device, i % 2 ? "east" : "west"), device);
        assert_string_equal(device->model_id, "dtmi:x:east;1");
        assert_false(device->changed);
        device->adopted_ms -= DEVICE_APPLICATION_PAUSE_MS;
        place(world, device, "west");
        place(world, device, "east");
        assert_string_equal(device->model_id, "dtmi:x:west;1");
        assert_true(device->changed);

        world_reopen(world);
        assert_string_equal(device_table_find(world->table, "myriota//0042")->application, "west");
}

static void two_networks_do_not_share_an_id(void **state)
{
        struct world *world = *state;
        const struct device_attributes nothing = {.model_id = NULL};

        assert_null(list(world, "myriota", NULL, "0042", &nothing)->clash);
        assert_non_null(list(world, "things-stack", "herd", "0042", &nothing)->clash);
}

/* --- threads ------------------------------------------------------------------------------ */

struct asker {
        struct device_directory *directory;
        atomic_bool stop;
        atomic_int asked;
};

static void *ask(void *context)
{
        struct asker *asker = context;

        while (!atomic_load(&asker->stop)) {
                integrates(asker->directory, "things-stack", "herd", "cow-7");
                atomic_fetch_add(&asker->asked, 1);
        }
        return NULL;
}

static void webhooks_may_ask_while_a_list_is_taken_in(void **state)
{
        struct world *world = *state;
        struct asker asker = {.directory = world->directory};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
        for (int i = 0; i < 2000 || atomic_load(&asker.asked) < 100; i++) {
                CLEANUP(mem_cleanup) char *id = mem_format("cow-%d", i % 20);
                const struct device_attributes said = {.integration =
                                                               (enum device_integration)(i % 3)};

                list(world, "things-stack", "herd", id, &said);
        }
        atomic_store(&asker.stop, true);
        pthread_join(thread, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(what_a_registry_says_outlives_a_restart),
                CASE(only_what_changes_what_it_is_connected_as_is_a_change),
                CASE(a_module_is_one_device_whatever_its_application),
                CASE(an_id_made_of_the_application_is_a_device_of_its_own),
                CASE(each_event_has_the_place_of_its_own_application),
                CASE(a_model_alone_moves_at_most_once_in_ten_minutes),
                CASE(two_networks_do_not_share_an_id),
                CASE(webhooks_may_ask_while_a_list_is_taken_in),
        };

        return cmocka_run_group_tests_name("device_directory", tests, NULL, NULL);
}
