// SPDX-License-Identifier: MIT
/* Devices and their claims: who has which id in IoT Hub, moves between applications, restarts. */
#include "base/loop.h"
#include "link_world.h"

#include "base/list.h"
#include "base/thread.h"
#include "gateway/device/device.h"
#include "gateway/device/device_place.h"
#include "support/load_records.h"
#include "support/network_places.h"

static char endpoint[] = "dps.example";
static char id_scope[] = "0ne00123ABC";
static char other_scope[] = "0ne00456DEF";
static char group_key[] = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U=";
static char by_device[] = "{device}";
static char by_both[] = "{application}-{device}";
static char hub_string[] = "HostName=A.example;SharedAccessKeyName=device;SharedAccessKey=a2V5";
static char model[] = "dtmi:west;1";
static char east[] = "east";
static char west[] = "west";

struct fixture {
        struct settings settings;
        struct settings_application applications[2];
        struct device_directory *directory;
        struct device_table *devices;
        struct device_places *places;
        struct device_keeper keeper;
};

static void wake(struct device *device)
{
        (void)device;
}

static struct reason refusal; /* what the last answer about a place was; "" = it has it */
static int answers;

static void placed(struct device *device, const struct reason *reason)
{
        (void)device;
        reason_set(&refusal, "%s", reason ? reason->text : "");
        answers++;
}

static void begin_run(struct fixture *fixture)
{
        struct reason reason = REASON_INIT;
        const struct store_shards all = store_shards_all();

        fixture->directory = device_directory_new(&fixture->settings, NULL);
        fixture->devices = device_table_new(&fixture->settings, NULL, fixture->directory, NULL);
        fixture->keeper = (struct device_keeper){.wake = wake, .placed = placed};
        device_table_keep(fixture->devices, &fixture->keeper);
        fixture->places = device_places_new(fixture->devices);
        device_table_gain(fixture->devices, &all, clock_steady_ms());
        assert_int_equal(device_directory_load(fixture->directory, &reason), 0);
        assert_int_equal(load_records(NULL, DEVICE_APPLICATION_KIND, device_directory_restore,
                                      fixture->directory),
                         0);
        assert_int_equal(load_records(NULL, DEVICE_OWNER_KIND, device_table_take, fixture->devices),
                         0);
        assert_int_equal(load_records(NULL, DEVICE_PLACE_KIND, device_places_take, fixture->places),
                         0);
}

static void end_run(struct fixture *fixture)
{
        world_run_posts();
        device_places_free(fixture->places);
        device_table_free(fixture->devices);
        device_directory_free(fixture->directory);
}

static void restart(struct fixture *fixture)
{
        end_run(fixture);
        begin_run(fixture);
}

/* Two applications with the same way, by the provisioning service. */
static int set_up(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));
        struct settings *settings = &fixture->settings;

        thread_enter(LOOP_THREAD);
        settings->azure.connection_type = SETTINGS_DEVICE_PROVISIONING_SERVICE;
        settings->azure.dps.global_device_endpoint = endpoint;
        settings->azure.dps.id_scope = id_scope;
        settings->azure.dps.group_enrollment_key = group_key;
        settings->azure.device_id_template = by_device;
        settings->networks[THINGS_STACK].device_integration = true;
        fixture->applications[0].name = east;
        fixture->applications[1].name = west;
        settings->applications = fixture->applications;
        settings->application_count = 2;
        begin_run(fixture);
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        end_run(*state);
        world_end();
        free(*state);
        return 0;
}

static struct device *get(struct fixture *fixture, const char *network, char *application,
                          const char *name)
{
        CLEANUP(mem_cleanup) char *device_name = mem_text(name);
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        struct uplink_event event = {.event = {.kind = EVENT_UPLINK,
                                               .network = network,
                                               .application = application,
                                               .device = device_name}};

        event_device_key(&event.event, &key);
        event.device_key = key.data;
        return device_table_get(fixture->devices, &event);
}

static struct device *get_lora(struct fixture *fixture, char *application, const char *name)
{
        return get(fixture, "things-stack", application, name);
}

static void assign(struct device *device, const char *hub, const char *device_id)
{
        free(device->assignment.hub);
        free(device->assignment.device_id);
        device->assignment.hub = mem_text(hub);
        device->assignment.device_id = mem_text(device_id);
}

static bool claim(struct fixture *fixture, struct device *device, const char *hub,
                  const char *device_id)
{
        int before = answers;

        assign(device, hub, device_id);
        device_places_claim(fixture->places, device);
        world_run_posts();
        assert_int_equal(answers, before + 1);
        if (refusal.text[0] != '\0')
                assert_non_null(strstr(refusal.text, device->key));
        return refusal.text[0] == '\0';
}

/* --- ids ----------------------------------------------------------------------------------- */

static void an_id_belongs_to_the_device_that_came_first_also_after_a_restart(void **state)
{
        struct fixture *fixture = *state;

        assert_null(get_lora(fixture, east, "d1")->clash);
        assert_non_null(strstr(get_lora(fixture, west, "d1")->clash, "things-stack/east/d1"));
        assert_non_null(strstr(get_lora(fixture, west, "d1")->clash, "things-stack/west/d1"));
        restart(fixture);
        assert_non_null(get_lora(fixture, west, "d1")->clash);
        assert_null(get_lora(fixture, east, "d1")->clash);
}

static void ids_that_the_provisioning_service_would_merge_clash(void **state)
{
        struct fixture *fixture = *state;

        assert_null(get_lora(fixture, east, "D1")->clash);
        assert_non_null(strstr(get_lora(fixture, east, "d1")->clash, "things-stack/east/D1"));
        assert_string_equal(get_lora(fixture, east, "D1")->hub_id, "D1");
        restart(fixture);
        assert_non_null(get_lora(fixture, east, "d1")->clash);
        assert_null(get_lora(fixture, east, "D1")->clash);
        assert_string_equal(get_lora(fixture, east, "D1")->hub_id, "D1");
}

static void two_records_that_the_service_would_merge_make_one_device(void **state)
{
        struct fixture *fixture = *state;
        int clashes = 0;

        /* As versions wrote them that compared ids with case. */
        store_write_copy(NULL, &(struct store_record){.kind = "owner",
                                                      .key = "D1@0ne00123ABC",
                                                      .value = "things-stack/east/D1\n{device}",
                                                      .value_size = 29});
        store_write_copy(NULL, &(struct store_record){.kind = "owner",
                                                      .key = "d1@0ne00123ABC",
                                                      .value = "things-stack/east/d1\n{device}",
                                                      .value_size = 29});
        restart(fixture);
        clashes += get_lora(fixture, east, "d1")->clash != NULL;
        world_run_posts();
        clashes += get_lora(fixture, east, "D1")->clash != NULL;
        assert_int_equal(clashes, 1);
        assert_null(world_record("owner", "D1@0ne00123ABC"));
}

/* So that the store refuses what differs in case only, whichever gateway asks. */
static void a_record_with_capitals_becomes_one_with_small_letters(void **state)
{
        static const char other[] = "things-stack/east/d1\n{device}";
        struct fixture *fixture = *state;
        struct device *device;

        store_write_copy(NULL, &(struct store_record){.kind = "owner",
                                                      .key = "D1@0ne00123ABC",
                                                      .value = "things-stack/east/D1\n{device}",
                                                      .value_size = 29});
        restart(fixture);
        device = device_table_find(fixture->devices, "things-stack/east/D1");
        assert_int_equal(device->claim, DEVICE_CLAIM_ASKED);
        world_run_posts();
        assert_int_equal(device->claim, DEVICE_CLAIMED);
        assert_string_equal(device->hub_id, "D1");
        assert_null(world_record("owner", "D1@0ne00123ABC"));
        assert_string_equal(world_record("owner", "d1@0ne00123ABC"),
                            "things-stack/east/D1\n{device}\nD1");
        /* Another gateway's device with the id came first. */
        store_write_copy(NULL, &(struct store_record){.kind = "owner",
                                                      .key = "d2@0ne00123ABC",
                                                      .value = other,
                                                      .value_size = sizeof(other) - 1});
        device = get_lora(fixture, west, "D2");
        assert_null(device->clash);
        world_run_posts();
        assert_non_null(strstr(device->clash, "things-stack/east/d1 has it"));
}

static void a_hub_tells_ids_apart_that_differ_in_case_only(void **state)
{
        struct fixture *fixture = *state;

        fixture->settings.azure.connection_type = SETTINGS_DEVICE_CONNECTION_STRING;
        fixture->settings.azure.connection_string = hub_string;
        assert_null(get_lora(fixture, east, "D1")->clash);
        assert_null(get_lora(fixture, east, "d1")->clash);
        restart(fixture);
        assert_null(device_table_find(fixture->devices, "things-stack/east/d1")->clash);
        assert_null(device_table_find(fixture->devices, "things-stack/east/D1")->clash);
}

static void scopes_of_their_own_keep_equal_ids_apart(void **state)
{
        struct fixture *fixture = *state;

        fixture->applications[1].id_scope = other_scope;
        fixture->applications[1].group_enrollment_key = group_key;
        assert_null(get_lora(fixture, east, "d1")->clash);
        assert_null(get_lora(fixture, west, "d1")->clash);
}

static void a_claim_of_another_template_still_holds(void **state)
{
        struct fixture *fixture = *state;

        assert_null(get_lora(fixture, east, "west-d1")->clash);
        fixture->settings.azure.device_id_template = by_both;
        restart(fixture);
        assert_null(device_table_find(fixture->devices, "things-stack/east/west-d1"));
        assert_non_null(get_lora(fixture, west, "d1")->clash);
}

/* --- moves between applications ------------------------------------------------------------- */

static void the_first_uplink_of_a_listed_module_names_its_application(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;
        CLEANUP(mem_cleanup) char *name = mem_text("m1");
        const struct listed_device listed = {.device = name};
        struct device *device;

        fixture->applications[1].dtdl_model_id = model;
        device = device_table_list(fixture->devices, network_by_name("myriota"), NULL, &listed,
                                   &reason);
        assert_string_equal(device->application, "");
        assert_null(device->model_id);
        assert_ptr_equal(get(fixture, "myriota", west, "m1"), device);
        assert_string_equal(device->application, "west");
        assert_string_equal(device->model_id, "dtmi:west;1");
        assert_true(device->changed);
        restart(fixture);
        device = device_table_find(fixture->devices, "myriota//m1");
        assert_string_equal(device->application, "west");
        assert_string_equal(device->model_id, "dtmi:west;1");
        assert_false(device->changed);
}

static void a_listed_module_whose_application_has_another_way_gives_its_id_back(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;
        CLEANUP(mem_cleanup) char *name = mem_text("m1");
        const struct listed_device listed = {.device = name};
        struct device *device;

        fixture->applications[1].id_scope = other_scope;
        fixture->applications[1].group_enrollment_key = group_key;
        device = device_table_list(fixture->devices, network_by_name("myriota"), NULL, &listed,
                                   &reason);
        assert_non_null(get_lora(fixture, east, "m1")->clash);
        get(fixture, "myriota", west, "m1");
        assert_true(device->changed);
        assert_null(get_lora(fixture, east, "M1")->clash);
        assert_non_null(get_lora(fixture, west, "m1")->clash);
}

/* --- places -------------------------------------------------------------------------------- */

static void a_place_in_a_hub_belongs_to_one_device_whatever_its_way(void **state)
{
        struct fixture *fixture = *state;
        struct device *first;
        struct device *second;

        fixture->applications[1].id_scope = other_scope;
        fixture->applications[1].group_enrollment_key = group_key;
        first = get_lora(fixture, east, "d1");
        second = get_lora(fixture, west, "d1");
        assert_true(claim(fixture, first, "A.example", "d1"));
        assert_false(claim(fixture, second, "a.EXAMPLE", "d1"));
        assert_true(claim(fixture, first, "a.example", "d1"));
        /* A hub tells ids apart that differ in case; and there are other hubs. */
        assert_true(claim(fixture, second, "a.example", "D1"));
        assert_true(claim(fixture, second, "b.example", "d1"));
}

static void a_place_is_kept_over_a_restart_and_given_back_for_another(void **state)
{
        struct fixture *fixture = *state;

        assert_true(claim(fixture, get_lora(fixture, east, "d1"), "a.example", "one"));
        restart(fixture);
        assert_false(claim(fixture, get_lora(fixture, east, "d2"), "a.example", "one"));
        assert_true(claim(fixture, get_lora(fixture, east, "d1"), "b.example", "one"));
        assert_true(claim(fixture, get_lora(fixture, east, "d2"), "a.example", "one"));
        restart(fixture);
        assert_false(claim(fixture, get_lora(fixture, east, "d1"), "a.example", "one"));
        assert_true(claim(fixture, get_lora(fixture, east, "d1"), "b.example", "one"));
}

/* --- release ------------------------------------------------------------------------------- */

/* As the control socket does it. */
static void release(struct fixture *fixture, struct device *device)
{
        struct reason reason = REASON_INIT;
        CLEANUP(mem_cleanup)
        char *record = device_table_release(fixture->devices, device, &reason);

        assert_non_null(record);
        store_write_copy(NULL, &(struct store_record){.kind = DEVICE_OWNER_KIND, .key = record});
}

static void a_released_id_belongs_to_whoever_sends_next(void **state)
{
        struct fixture *fixture = *state;
        struct device *first = get_lora(fixture, east, "d1");
        struct device *second = get_lora(fixture, west, "d1");
        struct reason reason = REASON_INIT;

        assert_null(device_table_release(fixture->devices, second, &reason));
        assert_non_null(strstr(reason.text, "things-stack/east/d1 has it"));
        release(fixture, first);
        assert_non_null(strstr(first->clash, "released"));
        /* The same struct, which others may still point to. */
        assert_ptr_equal(get_lora(fixture, west, "d1"), second);
        assert_null(second->clash);
        assert_ptr_equal(get_lora(fixture, east, "d1"), first);
        assert_non_null(first->clash);
        restart(fixture);
        assert_null(get_lora(fixture, west, "d1")->clash);
        assert_non_null(strstr(get_lora(fixture, east, "d1")->clash, "west/d1 has it"));
}

static void a_released_device_that_sends_again_gets_its_id_back(void **state)
{
        struct fixture *fixture = *state;

        release(fixture, get_lora(fixture, east, "d1"));
        restart(fixture);
        assert_null(device_table_find(fixture->devices, "things-stack/east/d1"));
        release(fixture, get_lora(fixture, east, "d1"));
        assert_null(get_lora(fixture, east, "d1")->clash);
        assert_non_null(get_lora(fixture, west, "d1")->clash);
}

static void a_released_place_is_free_for_another_device(void **state)
{
        struct fixture *fixture = *state;

        assert_true(claim(fixture, get_lora(fixture, east, "d1"), "a.example", "one"));
        assert_false(claim(fixture, get_lora(fixture, east, "d2"), "a.example", "one"));
        device_places_release(fixture->places, get_lora(fixture, east, "d1"));
        restart(fixture);
        assert_true(claim(fixture, get_lora(fixture, east, "d2"), "a.example", "one"));
}

static void a_released_device_makes_room_for_a_new_one(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;

        fixture->settings.limits.devices = 2;
        restart(fixture);
        get_lora(fixture, east, "d1");
        assert_true(device_table_admit(fixture->devices, "things-stack/east/d2", &reason));
        assert_true(device_table_admit(fixture->devices, "things-stack/east/d1", &reason));
        assert_false(device_table_admit(fixture->devices, "things-stack/east/d3", &reason));
        assert_non_null(strstr(reason.text, "Limits.Devices"));
        get_lora(fixture, east, "d2");
        restart(fixture);
        assert_false(device_table_admit(fixture->devices, "things-stack/east/d3", &reason));
        release(fixture, get_lora(fixture, east, "d1"));
        assert_true(device_table_admit(fixture->devices, "things-stack/east/d3", &reason));
        assert_false(device_table_admit(fixture->devices, "things-stack/east/d1", &reason));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        an_id_belongs_to_the_device_that_came_first_also_after_a_restart, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(ids_that_the_provisioning_service_would_merge_clash,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        two_records_that_the_service_would_merge_make_one_device, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        a_record_with_capitals_becomes_one_with_small_letters, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_hub_tells_ids_apart_that_differ_in_case_only,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(scopes_of_their_own_keep_equal_ids_apart, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_claim_of_another_template_still_holds, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        the_first_uplink_of_a_listed_module_names_its_application, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        a_listed_module_whose_application_has_another_way_gives_its_id_back, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        a_place_in_a_hub_belongs_to_one_device_whatever_its_way, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_place_is_kept_over_a_restart_and_given_back_for_another, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(a_released_id_belongs_to_whoever_sends_next, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_released_device_that_sends_again_gets_its_id_back,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_released_place_is_free_for_another_device, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_released_device_makes_room_for_a_new_one, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
