// SPDX-License-Identifier: MIT
/* What a device's keeper is told of its assignment, and when nobody is asked for it. */
#include "link_world.h"

#include "azure/dps/dps_client.h"
#include "base/thread.h"
#include "gateway/provision/device_provision.h"

static char endpoint[] = "dps.example";
static char id_scope[] = "0ne00123ABC";
static char group_key[] = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U=";
static char policy[] = "HostName=hub.example;SharedAccessKeyName=device;SharedAccessKey=a2V5";
static char of_another[] = "HostName=hub.example;DeviceId=d2;SharedAccessKey=a2V5";

static char device_key[] = "things-stack/app/d1";
static char application[] = "app";
static char hub_id[] = "d1";

struct fixture {
        struct device_keeper keeper;
        struct settings settings;
        struct device device;
        struct device_provision *provision;
        int decided;
        bool assigned; /* the last time */
        int woken;
        int told;
        bool told_assigned; /* the last time */
        struct reason reason;
};

static void decided(struct device *device, const struct dps_result *result)
{
        struct fixture *fixture = list_entry(device->keeper, struct fixture, keeper);

        fixture->decided++;
        fixture->assigned = !result;
        if (result)
                fixture->reason = result->reason;
}

static void wake(struct device *device)
{
        struct fixture *fixture = list_entry(device->keeper, struct fixture, keeper);

        fixture->woken++;
}

static void note_told(void *context, struct device *device, const struct dps_result *result)
{
        struct fixture *fixture = context;

        assert_ptr_equal(device, &fixture->device);
        fixture->told++;
        fixture->told_assigned = !result;
}

static int ask(struct fixture *fixture)
{
        struct reason reason = REASON_INIT;

        return device_provision_ask(fixture->provision, &fixture->device, note_told, fixture,
                                    &reason);
}

static int set_up(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        thread_enter(LOOP_THREAD);
        world_begin();
        fixture->keeper.decided = decided;
        fixture->keeper.wake = wake;
        fixture->device.keeper = &fixture->keeper;
        fixture->device.key = device_key;
        fixture->device.application = application;
        fixture->device.hub_id = hub_id;
        fixture->device.lane = &fixture->device;
        uplink_backlog_init(&fixture->device.backlog);
        fixture->settings.azure.connection_type = SETTINGS_DEVICE_PROVISIONING_SERVICE;
        fixture->settings.azure.dps.global_device_endpoint = endpoint;
        fixture->settings.azure.dps.id_scope = id_scope;
        fixture->settings.azure.dps.group_enrollment_key = group_key;
        fixture->provision = device_provision_new(
                &(struct device_provision_options){.settings = &fixture->settings});
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;
        struct device_assignment *assignment = &fixture->device.assignment;

        device_provision_free(fixture->provision);
        free(assignment->hub);
        free(assignment->device_id);
        free(assignment->key);
        free(assignment->key_name);
        world_end();
        free(fixture);
        return 0;
}

static void by_connection_string(struct fixture *fixture, char *text)
{
        fixture->settings.azure.connection_type = SETTINGS_DEVICE_CONNECTION_STRING;
        fixture->settings.azure.connection_string = text;
        device_provision_start(fixture->provision, &fixture->device, true);
        assert_int_equal(fixture->decided, 1);
        assert_int_equal(world_registration_count, 0);
}

static void a_connection_string_assigns_at_once(void **state)
{
        struct fixture *fixture = *state;

        by_connection_string(fixture, policy);
        assert_true(fixture->assigned);
        assert_string_equal(fixture->device.assignment.hub, "hub.example");
        assert_string_equal(fixture->device.assignment.device_id, "d1");
        assert_string_equal(fixture->device.assignment.key_name, "device");
}

static void the_connection_string_of_another_device_is_refused_by_name(void **state)
{
        struct fixture *fixture = *state;

        by_connection_string(fixture, of_another);
        assert_false(fixture->assigned);
        assert_non_null(strstr(fixture->reason.text, "'d2', not of 'd1'"));
        assert_null(fixture->device.assignment.hub);
}

static void what_the_service_said_is_remembered_until_it_is_doubted_or_forgotten(void **state)
{
        struct fixture *fixture = *state;
        struct device *device = &fixture->device;

        device_provision_start(fixture->provision, device, true);
        assert_int_equal(fixture->decided, 0);
        world_assign("d1", "hub.example");
        assert_int_equal(fixture->decided, 1);
        device_provision_start(fixture->provision, device, true);
        assert_int_equal(fixture->decided, 2);
        assert_true(fixture->assigned);
        assert_int_equal(world_registration_count, 1);
        device->assignment.doubted = true;
        device_provision_start(fixture->provision, device, true);
        assert_int_equal(world_asked(), 1);
        world_assign("d1", "other.example");
        assert_string_equal(device->assignment.hub, "other.example");
        device_provision_forget(fixture->provision, device);
        assert_null(world_record(DEVICE_ASSIGNMENT_KIND, device_key));
        device_provision_start(fixture->provision, device, true);
        assert_int_equal(world_asked(), 1);
        world_deny("d1", DPS_DISABLED, 0);
        assert_false(fixture->assigned);
}

/* A new model is a new registration: the old answer is not that of this device any more. */
static void what_was_said_of_another_model_is_asked_again(void **state)
{
        struct fixture *fixture = *state;
        char model_id[] = "dtmi:new;1";

        device_provision_start(fixture->provision, &fixture->device, true);
        world_assign("d1", "hub.example");
        fixture->device.model_id = model_id;
        device_provision_start(fixture->provision, &fixture->device, true);
        assert_int_equal(fixture->decided, 1);
        assert_string_equal(world_registration("d1")->model_id, model_id);
        world_assign("d1", "hub.example");
        fixture->device.model_id = NULL;
}

static void who_is_not_urgent_is_one_of_the_bulk_until_it_is_in_a_hurry(void **state)
{
        struct fixture *fixture = *state;

        device_provision_start(fixture->provision, &fixture->device, false);
        assert_int_equal(world_registration("d1")->kind, DPS_BULK);
        assert_null(world_hurried);
        device_provision_hurry(fixture->provision, &fixture->device);
        assert_string_equal(world_hurried, "d1");
        world_assign("d1", "hub.example");
        assert_int_equal(fixture->decided, 1);
}

static void a_question_in_the_background_disturbs_nobody(void **state)
{
        struct fixture *fixture = *state;

        device_provision_start(fixture->provision, &fixture->device, true);
        world_assign("d1", "hub.example");
        fixture->device.phase = DEVICE_READY;
        assert_int_equal(ask(fixture), 0);
        assert_int_equal(world_registration("d1")->kind, DPS_REPEATED);
        world_assign("d1", "hub.example");
        assert_int_equal(fixture->told, 1);
        assert_true(fixture->told_assigned);
        assert_int_equal(ask(fixture), 0);
        world_deny("d1", DPS_UNAUTHORIZED, 0);
        assert_int_equal(fixture->told, 2);
        assert_false(fixture->told_assigned);
        assert_int_equal(fixture->decided, 1);
        assert_int_equal(fixture->woken, 0);
        assert_non_null(world_record(DEVICE_ASSIGNMENT_KIND, device_key));
}

static void a_device_that_has_moved_is_changed_and_knows_its_new_hub(void **state)
{
        struct fixture *fixture = *state;

        device_provision_start(fixture->provision, &fixture->device, true);
        world_assign("d1", "hub.example");
        fixture->device.phase = DEVICE_READY;
        assert_int_equal(ask(fixture), 0);
        world_assign("d1", "other.example");
        assert_int_equal(fixture->told, 1);
        assert_true(fixture->device.changed);
        assert_int_equal(fixture->woken, 1);
        /* It is connected as it was until then. */
        assert_string_equal(fixture->device.assignment.hub, "hub.example");
        device_provision_start(fixture->provision, &fixture->device, true);
        assert_int_equal(world_asked(), 0);
        assert_string_equal(fixture->device.assignment.hub, "other.example");
}

static void who_must_wait_joins_the_question_that_is_under_way(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(ask(fixture), 0);
        assert_int_equal(world_registration("d1")->kind, DPS_BULK);
        device_provision_start(fixture->provision, &fixture->device, true);
        assert_int_equal(world_asked(), 1);
        assert_string_equal(world_hurried, "d1");
        assert_int_equal(ask(fixture), -EBUSY);
        world_assign("d1", "hub.example");
        assert_int_equal(fixture->decided, 1);
        assert_int_equal(fixture->told, 1);
        assert_string_equal(fixture->device.assignment.hub, "hub.example");
}

static void a_device_moves_to_another_scope_and_stays_there(void **state)
{
        struct fixture *fixture = *state;
        struct device *device = &fixture->device;
        char third[] = "0neTHIRD";
        struct reason reason = REASON_INIT;

        device_provision_start(fixture->provision, device, true);
        world_assign("d1", "hub.example");
        device->phase = DEVICE_READY;
        assert_int_equal(device_provision_move(fixture->provision, device, "0neOTHER", &reason), 0);
        assert_int_equal(device_provision_move(fixture->provision, device, "0neMORE", &reason),
                         -EBUSY);
        world_assign("d1", "other.example");
        assert_true(device->changed);
        assert_non_null(strstr(world_record(DEVICE_ASSIGNMENT_KIND, device_key), "0neOTHER"));
        assert_non_null(strstr(world_record(DEVICE_ASSIGNMENT_KIND, device_key),
                               "\"movedFrom\":\"hub.example\""));
        device_provision_start(fixture->provision, device, true);
        assert_int_equal(world_asked(), 0);
        assert_string_equal(device->assignment.hub, "other.example");
        /* Until the settings name another scope than before. */
        fixture->settings.azure.dps.id_scope = third;
        device_provision_start(fixture->provision, device, true);
        assert_int_equal(world_asked(), 1);
        world_assign("d1", "third.example");
}

static void a_scope_that_refuses_a_device_changes_nothing(void **state)
{
        struct fixture *fixture = *state;
        struct device *device = &fixture->device;
        struct reason reason = REASON_INIT;

        device_provision_start(fixture->provision, device, true);
        world_assign("d1", "hub.example");
        device->phase = DEVICE_READY;
        assert_int_equal(device_provision_move(fixture->provision, device, "0neOTHER", &reason), 0);
        world_deny("d1", DPS_UNAUTHORIZED, 0);
        assert_false(device->changed);
        device_provision_start(fixture->provision, device, true);
        assert_int_equal(world_asked(), 0);
        assert_string_equal(device->assignment.hub, "hub.example");
}

static void another_group_key_is_another_registration(void **state)
{
        struct fixture *fixture = *state;
        char other_key[] = "b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q=";

        device_provision_start(fixture->provision, &fixture->device, true);
        world_assign("d1", "hub.example");
        fixture->settings.azure.dps.group_enrollment_key = other_key;
        device_provision_start(fixture->provision, &fixture->device, true);
        assert_int_equal(world_asked(), 1);
        world_assign("d1", "hub.example");
        device_provision_start(fixture->provision, &fixture->device, true);
        assert_int_equal(world_asked(), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_connection_string_assigns_at_once),
                CASE(the_connection_string_of_another_device_is_refused_by_name),
                CASE(what_the_service_said_is_remembered_until_it_is_doubted_or_forgotten),
                CASE(what_was_said_of_another_model_is_asked_again),
                CASE(who_is_not_urgent_is_one_of_the_bulk_until_it_is_in_a_hurry),
                CASE(a_question_in_the_background_disturbs_nobody),
                CASE(a_device_that_has_moved_is_changed_and_knows_its_new_hub),
                CASE(who_must_wait_joins_the_question_that_is_under_way),
                CASE(a_device_moves_to_another_scope_and_stays_there),
                CASE(a_scope_that_refuses_a_device_changes_nothing),
                CASE(another_group_key_is_another_registration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
