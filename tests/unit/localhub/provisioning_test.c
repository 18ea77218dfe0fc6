// SPDX-License-Identifier: MIT
/* Who may register, and where a device goes (rules W2 and W12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "localhub/dps/provisioning.h"
#include "localhub/gate/token_check.h"
#include "token_make.h"

#define SCOPE   "0ne00123ABC"
#define NOW     INT64_C(1700000000)
#define EXPIRES INT64_C(1800000000)
#define T1      "+ALK43cotFBHZFwSpkcwTt2XbfO7t/ZBM9DLBqKlOpU="
#define T7                                                                                         \
        "SharedAccessSignature sr=0ne00123ABC%2Fregistrations%2Fdev0001&sig=DH%2BAdocFfKHQaG9Pub"  \
        "J982tqE38E4Ww0cFzG%2FdMPGws%3D&se=1800000000&skn=registration"
#define T8                                                                                         \
        "SharedAccessSignature sr=0ne00123ABC/registrations/dev0001&sig=kP2oXdB%2BVJZO5a9OBmemfg"  \
        "8uTAUqOIRWVD1OumeGFuU%3D&skn=registration&se=1800000000"

static struct registry *registry;
static int hubs[3];

static void put_enrolment(enum registry_enrolment_kind kind, const char *id, const char *key)
{
        struct registry_enrolment enrolment = {.kind = kind, .enabled = true};

        snprintf(enrolment.id, sizeof(enrolment.id), "%s", id);
        snprintf(enrolment.primary_key, sizeof(enrolment.primary_key), "%s", key);
        assert_int_equal(registry_enrolment_put(registry, &enrolment, NULL, NULL), 0);
}

static int set_up(void **state)
{
        (void)state;
        assert_int_equal(
                registry_open(&(struct registry_options){.id_scope = SCOPE}, &registry, NULL), 0);
        assert_int_equal(registry_hub_add(registry, "hub1", 1, &hubs[0], NULL), 0);
        assert_int_equal(registry_hub_add(registry, "hub2", 1, &hubs[1], NULL), 0);
        registry_hub_listens(registry, hubs[0], "localhost:5671", 5671);
        registry_hub_listens(registry, hubs[1], "localhost:5672", 5672);
        put_enrolment(REGISTRY_GROUP, "other", K32);
        put_enrolment(REGISTRY_GROUP, "default", K64);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        registry_close(registry);
        return 0;
}

static int check(const char *id, const char *token, struct registry_enrolment *found)
{
        const struct provisioning_request request = {
                .id_scope = SCOPE, .registration_id = id, .authorization = token, .now_s = NOW};
        struct reason reason = REASON_INIT;
        int r = provisioning_check(registry, &request, found, &reason);

        assert_int_equal(r != 0, reason.text[0] != '\0');
        return r;
}

static int check_made(const char *id, const char *resource, const char *key, const char *key_name)
{
        CLEANUP(mem_cleanup) char *token = token_make(resource, key, EXPIRES, key_name);
        struct registry_enrolment found;

        return check(id, token, &found);
}

/* --- keys ------------------------------------------------------------------------------------ */

static void keys_are_derived_as_in_t0_to_t2(void **state)
{
        static const struct {
                const char *group_key;
                const char *id;
                const char *derived;
        } vectors[] = {
                {"8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChb"
                 "qOS9Egw==",
                 "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6",
                 "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="},
                {K64, "dev0001", T1},
                {K64, "Dev0001", "a6gl2v5rIF9Jh8IFkulbBPMOthznGvRCMFC1UK4zaho="},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                CLEANUP(buf_deinit) struct buf key = BUF_INIT;

                assert_int_equal(provisioning_derive_key(vectors[i].group_key, vectors[i].id, &key),
                                 0);
                assert_string_equal(buf_text(&key), vectors[i].derived);
        }
}

static void a_group_key_that_is_no_base64_is_refused(void **state)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;

        (void)state;
        assert_int_equal(provisioning_derive_key("no base64", "dev0001", &key), -EINVAL);
        assert_int_equal(provisioning_derive_key("", "dev0001", &key), -EINVAL);
}

/* --- who may --------------------------------------------------------------------------------- */

static void t7_and_t8_find_their_group(void **state)
{
        struct registry_enrolment found;

        (void)state;
        assert_int_equal(check("dev0001", T7, &found), 0);
        assert_string_equal(found.id, "default");
        assert_int_equal(found.kind, REGISTRY_GROUP);
        assert_int_equal(check("dev0001", T8, &found), 0);
}

static void the_group_key_itself_is_good_for_nothing(void **state)
{
        (void)state;
        assert_int_equal(check_made("dev0001", SCOPE "/registrations/dev0001", K64, "registration"),
                         PROVISIONING_E_UNAUTHORIZED);
}

static void the_secondary_key_of_a_group_is_good(void **state)
{
        struct registry_enrolment group;
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;

        (void)state;
        assert_true(registry_enrolment_get(registry, REGISTRY_GROUP, "default", &group));
        assert_int_equal(provisioning_derive_key(group.secondary_key, "dev0001", &key), 0);
        assert_int_equal(check_made("dev0001", SCOPE "/registrations/dev0001", buf_text(&key),
                                    "registration"),
                         0);
}

static void an_individual_enrolment_comes_before_groups(void **state)
{
        struct registry_enrolment found;
        CLEANUP(mem_cleanup)
        char *token = token_make(SCOPE "/registrations/dev0001", K32, EXPIRES, "registration");

        (void)state;
        put_enrolment(REGISTRY_INDIVIDUAL, "dev0001", K32);
        assert_int_equal(check("dev0001", token, &found), 0);
        assert_int_equal(found.kind, REGISTRY_INDIVIDUAL);
        /* The key derived from the group's does not count any more. */
        assert_int_equal(check("dev0001", T7, &found), PROVISIONING_E_UNAUTHORIZED);
}

static void a_disabled_enrolment_says_so_only_to_who_has_its_key(void **state)
{
        struct registry_enrolment group;
        struct registry_enrolment found;

        (void)state;
        assert_true(registry_enrolment_get(registry, REGISTRY_GROUP, "default", &group));
        group.enabled = false;
        assert_int_equal(registry_enrolment_put(registry, &group, NULL, NULL), 0);
        assert_int_equal(check("dev0001", T7, &found), PROVISIONING_E_DISABLED);
        assert_int_equal(check("dev0002", T7, &found), PROVISIONING_E_UNAUTHORIZED);
}

static void tokens_for_something_else_are_refused(void **state)
{
        struct registry_enrolment found;

        (void)state;
        assert_int_equal(check_made("dev0001", SCOPE "/registrations/dev0002", T1, "registration"),
                         PROVISIONING_E_UNAUTHORIZED);
        assert_int_equal(check_made("dev0001", SCOPE "/registrations/dev000", T1, "registration"),
                         PROVISIONING_E_UNAUTHORIZED);
        assert_int_equal(
                check_made("dev0001", "0ne00999XYZ/registrations/dev0001", T1, "registration"),
                PROVISIONING_E_UNAUTHORIZED);
        assert_int_equal(check_made("dev0001", SCOPE "/registrations/dev0001", T1, "service"),
                         PROVISIONING_E_UNAUTHORIZED);
        assert_int_equal(check("dev0001", NULL, &found), PROVISIONING_E_UNAUTHORIZED);
        assert_int_equal(check("dev0001", "rubbish", &found), PROVISIONING_E_UNAUTHORIZED);
}

/* Microsoft's SDK for Python names no key. */
static void a_token_need_not_name_its_key(void **state)
{
        (void)state;
        assert_int_equal(check_made("dev0001", SCOPE "/registrations/dev0001", T1, NULL), 0);
}

static void an_expired_token_is_refused(void **state)
{
        struct provisioning_request request = {
                .id_scope = SCOPE,
                .registration_id = "dev0001",
                .authorization = T7,
                .now_s = EXPIRES + TOKEN_CLOCK_SKEW_S - 1, /* clocks may differ so far */
        };
        struct registry_enrolment found;

        (void)state;
        assert_int_equal(provisioning_check(registry, &request, &found, NULL), 0);
        request.now_s++;
        assert_int_equal(provisioning_check(registry, &request, &found, NULL),
                         PROVISIONING_E_UNAUTHORIZED);
}

static void scope_and_registration_id_are_checked(void **state)
{
        const struct provisioning_request request = {.id_scope = "0ne00999XYZ",
                                                     .registration_id = "dev0001",
                                                     .authorization = T7,
                                                     .now_s = NOW};
        struct registry_enrolment found;

        (void)state;
        assert_int_equal(provisioning_check(registry, &request, &found, NULL),
                         PROVISIONING_E_NO_SCOPE);
        assert_int_equal(check("dev 1", T7, &found), PROVISIONING_E_INVALID);
        assert_int_equal(check("", T7, &found), PROVISIONING_E_INVALID);
        assert_int_equal(check("dev.", T7, &found), PROVISIONING_E_INVALID);
}

/* --- where it goes --------------------------------------------------------------------------- */

static void assign(const char *id, const char *model_id, struct registry_registration *result)
{
        const struct provisioning_device device = {
                .registration_id = id,
                .model_id = model_id,
                .thumbprint = "",
        };
        struct registry_enrolment group;

        assert_true(registry_enrolment_get(registry, REGISTRY_GROUP, "default", &group));
        assert_int_equal(provisioning_assign(registry, &group, &device, result, NULL), 0);
}

static void an_assigned_device_is_in_its_hub_with_its_derived_keys(void **state)
{
        struct registry_registration result;
        struct registry_device device;

        (void)state;
        assign("dev0001", "dtmi:com:example:Thermostat;1", &result);
        assert_string_equal(result.device_id, "dev0001");
        assert_string_equal(result.group, "default");
        assert_int_equal(result.count, 1);
        assert_true(registry_device_get(registry, result.hub, "dev0001", &device));
        assert_string_equal(device.primary_key, T1);
        assert_string_equal(device.model_id, "dtmi:com:example:Thermostat;1");
        assert_true(device.enabled);
}

static void a_second_registration_changes_nothing_but_its_count(void **state)
{
        struct registry_registration first;
        struct registry_registration second;

        (void)state;
        assign("dev0001", NULL, &first);
        assign("dev0001", NULL, &second);
        assert_int_equal(second.hub, first.hub);
        assert_int_equal(second.count, 2);
        assert_string_equal(second.hub_address, first.hub_address);
}

static void an_individual_enrolment_may_name_another_device_id(void **state)
{
        struct registry_enrolment enrolment = {.kind = REGISTRY_INDIVIDUAL,
                                               .id = "reg-1",
                                               .primary_key = K32,
                                               .device_id = "Device#1",
                                               .hub_id = "hub2",
                                               .enabled = true};
        const struct provisioning_device wanted = {.registration_id = "reg-1", .thumbprint = ""};
        struct registry_registration result;
        struct registry_device device;

        (void)state;
        assert_int_equal(registry_enrolment_put(registry, &enrolment, &enrolment, NULL), 0);
        assert_int_equal(provisioning_assign(registry, &enrolment, &wanted, &result, NULL), 0);
        assert_string_equal(result.device_id, "Device#1");
        assert_int_equal(result.hub, hubs[1]);
        assert_true(registry_device_get(registry, hubs[1], "Device#1", &device));
        assert_string_equal(device.primary_key, K32);
}

static void a_device_moves_with_its_twin_when_its_enrolment_names_another_hub(void **state)
{
        struct registry_enrolment group;
        struct registry_registration before;
        struct registry_registration after;
        CLEANUP(buf_deinit) struct buf twin = BUF_INIT;
        struct json_object *patch = json_object_new_object();

        (void)state;
        assign("dev0001", NULL, &before);
        json_object_object_add(patch, "kept", json_object_new_int(1));
        assert_int_equal(registry_twin_patch(registry, before.hub, "dev0001", REGISTRY_REPORTED,
                                             patch, false, NULL, NULL),
                         0);
        json_object_put(patch);
        assert_true(registry_enrolment_get(registry, REGISTRY_GROUP, "default", &group));
        snprintf(group.hub_id, sizeof(group.hub_id), "%s", before.hub == hubs[0] ? "hub2" : "hub1");
        assert_int_equal(registry_enrolment_put(registry, &group, NULL, NULL), 0);
        assign("dev0001", NULL, &after);
        assert_int_not_equal(after.hub, before.hub);
        assert_false(registry_device_get(registry, before.hub, "dev0001", NULL));
        assert_true(registry_twin_read(registry, after.hub, "dev0001", REGISTRY_REPORTED, &twin));
        assert_string_equal(buf_text(&twin), "{\"kept\":1,\"$version\":2}");
}

static void without_a_hub_nothing_is_assigned(void **state)
{
        struct registry *empty;
        struct registry_enrolment group = {
                .kind = REGISTRY_GROUP, .id = "default", .primary_key = K64, .enabled = true};
        const struct provisioning_device wanted = {.registration_id = "dev0001", .thumbprint = ""};
        struct registry_registration result;

        (void)state;
        assert_int_equal(registry_open(&(struct registry_options){.id_scope = SCOPE}, &empty, NULL),
                         0);
        assert_int_equal(registry_enrolment_put(empty, &group, &group, NULL), 0);
        assert_int_equal(provisioning_assign(empty, &group, &wanted, &result, NULL),
                         PROVISIONING_E_NO_HUB);
        registry_close(empty);
}

#define DEVICES 20000

static void spread(const struct registry_hub *list, int count, int *shares)
{
        for (int i = 0; i < DEVICES; i++) {
                char id[32];

                snprintf(id, sizeof(id), "device-%d", i);
                shares[provisioning_choose_hub(list, count, "", id)]++;
        }
}

static void hubs_get_devices_by_weight(void **state)
{
        const struct registry_hub list[] = {
                {.id = "a", .weight = 1, .active = true},
                {.id = "b", .weight = 3, .active = true},
                {.id = "c", .weight = 0, .active = true},
                {.id = "d", .weight = 9, .active = false},
        };
        int shares[4] = {0};

        (void)state;
        spread(list, 4, shares);
        assert_in_range(shares[0], DEVICES * 23 / 100, DEVICES * 27 / 100);
        assert_in_range(shares[1], DEVICES * 73 / 100, DEVICES * 77 / 100);
        assert_int_equal(shares[2], 0);
        assert_int_equal(shares[3], 0);
}

static void a_further_hub_takes_only_its_share(void **state)
{
        const struct registry_hub list[] = {
                {.id = "a", .weight = 1, .active = true},
                {.id = "b", .weight = 1, .active = true},
                {.id = "c", .weight = 1, .active = true},
        };
        int moved = 0;

        (void)state;
        for (int i = 0; i < DEVICES; i++) {
                char id[32];
                int before;
                int after;

                snprintf(id, sizeof(id), "device-%d", i);
                before = provisioning_choose_hub(list, 2, "", id);
                after = provisioning_choose_hub(list, 3, "", id);
                assert_true(after == before || after == 2);
                moved += after != before;
        }
        assert_in_range(moved, DEVICES * 30 / 100, DEVICES * 36 / 100);
}

static void a_named_hub_is_chosen_whatever_its_weight(void **state)
{
        const struct registry_hub list[] = {
                {.id = "a", .weight = 1, .active = true},
                {.id = "b", .weight = 0, .active = true},
                {.id = "c", .weight = 1, .active = false},
        };

        (void)state;
        assert_int_equal(provisioning_choose_hub(list, 3, "b", "dev0001"), 1);
        assert_int_equal(provisioning_choose_hub(list, 3, "c", "dev0001"), -1);
        assert_int_equal(provisioning_choose_hub(list, 3, "x", "dev0001"), -1);
        assert_int_equal(provisioning_choose_hub(list, 0, "", "dev0001"), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(keys_are_derived_as_in_t0_to_t2),
                TEST(a_group_key_that_is_no_base64_is_refused),
                TEST(t7_and_t8_find_their_group),
                TEST(the_group_key_itself_is_good_for_nothing),
                TEST(the_secondary_key_of_a_group_is_good),
                TEST(an_individual_enrolment_comes_before_groups),
                TEST(a_disabled_enrolment_says_so_only_to_who_has_its_key),
                TEST(tokens_for_something_else_are_refused),
                TEST(a_token_need_not_name_its_key),
                TEST(an_expired_token_is_refused),
                TEST(scope_and_registration_id_are_checked),
                TEST(an_assigned_device_is_in_its_hub_with_its_derived_keys),
                TEST(a_second_registration_changes_nothing_but_its_count),
                TEST(an_individual_enrolment_may_name_another_device_id),
                TEST(a_device_moves_with_its_twin_when_its_enrolment_names_another_hub),
                TEST(without_a_hub_nothing_is_assigned),
                TEST(hubs_get_devices_by_weight),
                TEST(a_further_hub_takes_only_its_share),
                TEST(a_named_hub_is_chosen_whatever_its_weight),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
