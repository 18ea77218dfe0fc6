// SPDX-License-Identifier: MIT
/* The registry in memory: hubs, devices, twins, enrolments, registrations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "localhub/registry/registry.h"

#define K32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static struct registry *registry;
static int hub;

static int set_up(void **state)
{
        (void)state;
        assert_int_equal(
                registry_open(&(struct registry_options){.directory = NULL}, &registry, NULL), 0);
        assert_int_equal(registry_hub_add(registry, "hub1", 1, &hub, NULL), 0);
        registry_hub_listens(registry, hub, "localhost:5671", 5671);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        registry_close(registry);
        return 0;
}

static int put(const char *id, enum registry_put how, struct registry_device *result)
{
        struct registry_device_settings settings = {.primary_key = NULL};

        return registry_device_put(registry, hub, id, how, &settings, result, NULL);
}

/* --- hubs ------------------------------------------------------------------------------------ */

static void an_id_scope_is_made_or_kept_as_given(void **state)
{
        struct registry *other;

        (void)state;
        assert_int_equal(strlen(registry_id_scope(registry)), 11);
        assert_memory_equal(registry_id_scope(registry), "0ne", 3);
        assert_int_equal(
                registry_open(&(struct registry_options){.id_scope = "0neMINE"}, &other, NULL), 0);
        assert_string_equal(registry_id_scope(other), "0neMINE");
        registry_close(other);
}

static void a_hub_has_the_five_policies_with_keys_of_their_own(void **state)
{
        static const struct {
                const char *name;
                unsigned rights;
        } wanted[] = {
                {"iothubowner", REGISTRY_RIGHT_READ | REGISTRY_RIGHT_WRITE |
                                        REGISTRY_RIGHT_SERVICE | REGISTRY_RIGHT_DEVICE},
                {"service", REGISTRY_RIGHT_SERVICE},
                {"device", REGISTRY_RIGHT_DEVICE},
                {"registryRead", REGISTRY_RIGHT_READ},
                {"registryReadWrite", REGISTRY_RIGHT_READ | REGISTRY_RIGHT_WRITE},
        };
        struct registry_policy policy;
        char last[REGISTRY_KEY_SIZE] = "";

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                assert_true(registry_policy_get(registry, hub, wanted[i].name, &policy));
                assert_int_equal(policy.rights, wanted[i].rights);
                assert_int_equal(strlen(policy.primary_key), 44);
                assert_string_not_equal(policy.primary_key, policy.secondary_key);
                assert_string_not_equal(policy.primary_key, last);
                memcpy(last, policy.primary_key, sizeof(last));
        }
        assert_false(registry_policy_get(registry, hub, "nobody", &policy));
        assert_false(registry_policy_get(registry, 7, "device", &policy));
}

static void a_hub_is_added_once_and_its_settings_are_checked(void **state)
{
        struct reason reason = REASON_INIT;
        struct registry_hub found;
        int again;

        (void)state;
        assert_int_equal(registry_hub_add(registry, "hub1", 5, &again, NULL), 0);
        assert_int_equal(again, hub);
        assert_true(registry_hub_get(registry, hub, &found));
        assert_int_equal(found.weight, 5);
        assert_true(found.active);
        assert_int_equal(registry_hub_add(registry, "bad name", 1, &again, &reason),
                         REGISTRY_E_INVALID);
        assert_non_null(strstr(reason.text, "bad name"));
        assert_int_equal(registry_hub_add(registry, "hub2", 1001, &again, NULL),
                         REGISTRY_E_INVALID);
        assert_false(registry_hub_get(registry, 1, &found));
        assert_false(registry_hub_get(registry, -1, &found));
}

static void there_are_at_most_fifty_hubs(void **state)
{
        int index;

        (void)state;
        for (int i = 1; i < REGISTRY_HUBS_MAX; i++) {
                char id[16];

                snprintf(id, sizeof(id), "more-%d", i);
                assert_int_equal(registry_hub_add(registry, id, 1, &index, NULL), 0);
        }
        assert_int_equal(registry_hub_add(registry, "one-more", 1, &index, NULL),
                         REGISTRY_E_INVALID);
        assert_int_equal(registry_hub_count(registry), REGISTRY_HUBS_MAX);
}

static void a_hub_is_found_by_id_and_by_an_address_that_only_it_has(void **state)
{
        int second;

        (void)state;
        assert_int_equal(registry_hub_add(registry, "hub2", 1, &second, NULL), 0);
        registry_hub_listens(registry, second, "my.hub", 5672);
        assert_int_equal(registry_hub_find(registry, "hub2"), second);
        assert_int_equal(registry_hub_find(registry, "localhost:5671"), hub);
        assert_int_equal(registry_hub_find(registry, "MY.HUB"), second);
        assert_int_equal(registry_hub_find(registry, "localhost:5672"), second);
        assert_int_equal(registry_hub_find(registry, "localhost"), -1);
        assert_int_equal(registry_hub_find(registry, "elsewhere"), -1);
}

static void hubs_on_one_port_are_chosen_by_their_names(void **state)
{
        int second;

        (void)state;
        assert_int_equal(registry_hub_add(registry, "hub2", 1, &second, NULL), 0);
        registry_hub_listens(registry, hub, "one.azure-devices.net", 5671);
        registry_hub_listens(registry, second, "two.azure-devices.net", 5671);
        registry_hub_set_port(registry, hub, REGISTRY_PORT_MQTT, 8883);
        registry_hub_set_port(registry, second, REGISTRY_PORT_MQTT, 8883);
        registry_hub_set_pattern(registry, hub, "*.azure-devices.net");
        assert_int_equal(registry_hub_choose(registry, hub, "TWO.azure-devices.net"), second);
        assert_int_equal(registry_hub_choose(registry, second, "one.azure-devices.net:8883"), hub);
        assert_int_equal(registry_hub_choose(registry, second, "localhost:8883"), second);
        assert_int_equal(registry_hub_choose(registry, second, "any.azure-devices.net"), hub);
        assert_int_equal(registry_hub_choose(registry, hub, "a.b.azure-devices.net"), -1);
        assert_int_equal(registry_hub_choose(registry, hub, ".azure-devices.net"), -1);
        assert_int_equal(registry_hub_choose(registry, hub, "two.azure-devices.net:1"), -1);
        assert_true(registry_hub_is_called(registry, hub, "x.azure-devices.net", 19));
        assert_false(registry_hub_is_called(registry, second, "x.azure-devices.net", 19));
}

/* --- devices --------------------------------------------------------------------------------- */

static void a_new_device_gets_keys_and_is_enabled(void **state)
{
        struct registry_device device;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf wanted = BUF_INIT;

        (void)state;
        assert_int_equal(put("dev0001", REGISTRY_CREATE, &device), 0);
        assert_int_equal(strlen(device.primary_key), 44);
        assert_string_not_equal(device.primary_key, device.secondary_key);
        assert_true(device.enabled);
        assert_false(device.connected);
        assert_string_equal(device.model_id, "");
        assert_int_equal(strlen(device.generation_id), 18);
        assert_true(registry_device_string(registry, hub, "dev0001", &text));
        buf_add_format(&wanted, "HostName=localhost:5671;DeviceId=dev0001;SharedAccessKey=%s",
                       device.primary_key);
        assert_string_equal(buf_text(&text), buf_text(&wanted));
}

static void create_update_and_upsert_differ(void **state)
{
        struct registry_device first;
        struct registry_device second;
        struct reason reason = REASON_INIT;
        struct registry_device_settings none = {.primary_key = NULL};

        (void)state;
        assert_int_equal(put("dev0001", REGISTRY_UPDATE, NULL), REGISTRY_E_NOT_FOUND);
        assert_int_equal(put("dev0001", REGISTRY_UPSERT, &first), 0);
        assert_int_equal(registry_device_put(registry, hub, "dev0001", REGISTRY_CREATE, &none, NULL,
                                             &reason),
                         REGISTRY_E_EXISTS);
        assert_non_null(strstr(reason.text, "dev0001"));
        assert_int_equal(put("dev0001", REGISTRY_UPSERT, &second), 0);
        /* What was not said stays; the etag is another one. */
        assert_string_equal(second.primary_key, first.primary_key);
        assert_string_equal(second.generation_id, first.generation_id);
        assert_string_not_equal(second.etag, first.etag);
}

static void ids_and_keys_of_devices_are_checked(void **state)
{
        struct registry_device_settings short_key = {.primary_key = "AAAA"};
        struct registry_device_settings no_key = {.secondary_key = "not base64!"};
        char longest[REGISTRY_ID_SIZE];
        char too_long[REGISTRY_ID_SIZE + 1];

        (void)state;
        memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        memset(too_long, 'a', sizeof(too_long) - 1);
        too_long[sizeof(too_long) - 1] = '\0';
        assert_int_equal(put(longest, REGISTRY_CREATE, NULL), 0);
        assert_int_equal(put("a-b:c.d+e%f_g#h*i?j!k(l)m,n=o@p;q$r's", REGISTRY_CREATE, NULL), 0);
        assert_int_equal(put(too_long, REGISTRY_CREATE, NULL), REGISTRY_E_INVALID);
        assert_int_equal(put("", REGISTRY_CREATE, NULL), REGISTRY_E_INVALID);
        assert_int_equal(put("a b", REGISTRY_CREATE, NULL), REGISTRY_E_INVALID);
        assert_int_equal(put("a/b/c", REGISTRY_CREATE, NULL), REGISTRY_E_INVALID);
        assert_int_equal(put("a/", REGISTRY_CREATE, NULL), REGISTRY_E_INVALID);
        assert_int_equal(put("/b", REGISTRY_CREATE, NULL), REGISTRY_E_INVALID);
        assert_int_equal(put("gr\xc3\xb6\xc3\x9f", REGISTRY_CREATE, NULL), REGISTRY_E_INVALID);
        assert_int_equal(
                registry_device_put(registry, hub, "x", REGISTRY_CREATE, &short_key, NULL, NULL),
                REGISTRY_E_INVALID);
        assert_int_equal(
                registry_device_put(registry, hub, "x", REGISTRY_CREATE, &no_key, NULL, NULL),
                REGISTRY_E_INVALID);
        assert_int_equal(
                registry_device_put(registry, 9, "x", REGISTRY_CREATE, &short_key, NULL, NULL),
                REGISTRY_E_INVALID);
        assert_false(registry_device_get(registry, hub, "x", NULL));
}

static void w27_modules_live_and_die_with_their_device(void **state)
{
        struct registry_device found;
        uint64_t cursor = 0;

        (void)state;
        assert_int_equal(put("d/m", REGISTRY_CREATE, NULL), REGISTRY_E_NOT_FOUND);
        assert_int_equal(put("d", REGISTRY_CREATE, NULL), 0);
        assert_int_equal(put("dd", REGISTRY_CREATE, NULL), 0);
        assert_int_equal(put("d/m", REGISTRY_CREATE, NULL), 0);
        assert_int_equal(put("dd/m", REGISTRY_CREATE, NULL), 0);
        assert_true(registry_module_next(registry, hub, "d", &cursor, &found));
        assert_string_equal(found.id, "d/m");
        assert_false(registry_module_next(registry, hub, "d", &cursor, &found));
        cursor = 0;
        while (registry_device_next(registry, hub, &cursor, &found))
                assert_null(strchr(found.id, '/'));
        assert_true(registry_device_remove(registry, hub, "d"));
        assert_false(registry_device_get(registry, hub, "d/m", NULL));
        assert_true(registry_device_get(registry, hub, "dd/m", NULL));
}

static void registration_ids_have_rules_of_their_own(void **state)
{
        (void)state;
        assert_true(registry_is_registration_id("a-b_c.d:e-"));
        assert_true(registry_is_registration_id("A1"));
        assert_false(registry_is_registration_id("a."));
        assert_false(registry_is_registration_id("a_"));
        assert_false(registry_is_registration_id("a:"));
        assert_false(registry_is_registration_id("a#b"));
        assert_false(registry_is_registration_id(""));
}

static void the_model_and_the_connection_of_a_device_are_kept(void **state)
{
        struct registry_device device;

        (void)state;
        assert_int_equal(put("dev0001", REGISTRY_CREATE, NULL), 0);
        registry_device_seen(registry, hub, "dev0001", true, "dtmi:com:example:Thermostat;1");
        assert_true(registry_device_get(registry, hub, "dev0001", &device));
        assert_true(device.connected);
        assert_true(device.last_activity_ms > 0);
        assert_string_equal(device.model_id, "dtmi:com:example:Thermostat;1");
        registry_device_seen(registry, hub, "dev0001", false, NULL);
        assert_true(registry_device_get(registry, hub, "dev0001", &device));
        assert_false(device.connected);
        assert_string_equal(device.model_id, "dtmi:com:example:Thermostat;1");
        registry_device_seen(registry, hub, "unknown", true, NULL);
}

/* Pages hold while devices come and go. */
static void devices_are_listed_in_the_order_of_their_making(void **state)
{
        struct registry_device device;
        uint64_t cursor = 0;
        size_t count = 0;
        char id[32];

        (void)state;
        for (int i = 0; i < 100; i++) {
                snprintf(id, sizeof(id), "d%d", i);
                assert_int_equal(put(id, REGISTRY_CREATE, NULL), 0);
        }
        for (int i = 0; i < 100; i += 2) {
                snprintf(id, sizeof(id), "d%d", i);
                assert_true(registry_device_remove(registry, hub, id));
        }
        for (; registry_device_next(registry, hub, &cursor, &device); count++) {
                snprintf(id, sizeof(id), "d%zu", count * 2 + 1);
                assert_string_equal(device.id, id);
                /* What is removed behind the cursor disturbs nobody. */
                if (count % 10 == 0)
                        assert_true(registry_device_remove(registry, hub, id));
        }
        assert_int_equal(count, 50);
        assert_false(registry_device_remove(registry, hub, "d0"));
}

static void a_hundred_thousand_devices_are_found_at_once(void **state)
{
        struct registry_hub found;
        struct registry_device device;
        struct registry_device_settings settings = {.primary_key = K32, .secondary_key = K32};
        char id[32];

        (void)state;
        for (int i = 0; i < 100000; i++) {
                snprintf(id, sizeof(id), "device-%d", i);
                assert_int_equal(registry_device_put(registry, hub, id, REGISTRY_CREATE, &settings,
                                                     NULL, NULL),
                                 0);
        }
        for (int i = 0; i < 100000; i++) {
                snprintf(id, sizeof(id), "device-%d", i);
                assert_true(registry_device_get(registry, hub, id, &device));
                assert_string_equal(device.id, id);
        }
        assert_true(registry_hub_get(registry, hub, &found));
        assert_int_equal(found.device_count, 100000);
}

/* --- changes --------------------------------------------------------------------------------- */

static struct {
        int count;
        enum registry_change last;
        char device[REGISTRY_ID_SIZE];
        char patch[256];
} told;

static void on_change(void *context, enum registry_change change, int which, const char *device_id,
                      const char *patch)
{
        assert_ptr_equal(context, &told);
        assert_int_equal(which, hub);
        /* No lock is held: the registry may be asked. */
        (void)registry_device_get(registry, which, device_id, NULL);
        told.count++;
        told.last = change;
        snprintf(told.device, sizeof(told.device), "%s", device_id);
        snprintf(told.patch, sizeof(told.patch), "%s", patch ? patch : "");
}

static void who_watches_is_told_what_connections_must_know(void **state)
{
        const bool off = false;
        struct registry_device_settings disable = {.enabled = &off};
        struct registry_device_settings model = {.model_id = "dtmi:x;1"};
        struct json_object *patch;

        (void)state;
        memset(&told, 0, sizeof(told));
        registry_watch(registry, on_change, &told);
        assert_int_equal(put("dev0001", REGISTRY_CREATE, NULL), 0);
        assert_int_equal(
                registry_device_put(registry, hub, "dev0001", REGISTRY_UPDATE, &model, NULL, NULL),
                0);
        assert_int_equal(told.count, 0);
        assert_int_equal(registry_device_put(registry, hub, "dev0001", REGISTRY_UPDATE, &disable,
                                             NULL, NULL),
                         0);
        assert_int_equal(told.last, REGISTRY_DEVICE_CHANGED);
        patch = json_parse("{\"a\":null,\"b\":{\"c\":1}}", 22, 10, JSON_STRICT, NULL);
        assert_int_equal(registry_twin_patch(registry, hub, "dev0001", REGISTRY_DESIRED, patch,
                                             false, NULL, NULL),
                         0);
        json_object_put(patch);
        assert_int_equal(told.last, REGISTRY_TWIN_DESIRED);
        assert_string_equal(told.patch, "{\"a\":null,\"b\":{\"c\":1},\"$version\":2}");
        /* What a replacement takes away is null to a device, which merges. */
        patch = json_parse("{\"b\":{\"d\":2}}", 13, 10, JSON_STRICT, NULL);
        assert_int_equal(registry_twin_patch(registry, hub, "dev0001", REGISTRY_DESIRED, patch,
                                             true, NULL, NULL),
                         0);
        json_object_put(patch);
        assert_string_equal(told.patch, "{\"b\":{\"d\":2,\"c\":null},\"$version\":3}");
        assert_true(registry_device_remove(registry, hub, "dev0001"));
        assert_int_equal(told.last, REGISTRY_DEVICE_REMOVED);
        assert_string_equal(told.device, "dev0001");
        assert_int_equal(told.count, 4);
}

/* --- twins ----------------------------------------------------------------------------------- */

static int patch_text(enum registry_section section, const char *text, bool replace,
                      int64_t *version)
{
        struct reason reason = REASON_INIT;
        struct json_object *patch = json_parse(text, strlen(text), 64, JSON_STRICT, &reason);
        int r;

        assert_non_null(patch);
        r = registry_twin_patch(registry, hub, "dev0001", section, patch, replace, version,
                                &reason);
        assert_int_equal(r != 0, reason.text[0] != '\0');
        json_object_put(patch);
        return r;
}

static void assert_section(enum registry_section section, const char *wanted)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        assert_true(registry_twin_read(registry, hub, "dev0001", section, &text));
        assert_string_equal(buf_text(&text), wanted);
}

static void a_twin_is_merged_and_null_deletes(void **state)
{
        int64_t version = 0;

        (void)state;
        assert_int_equal(put("dev0001", REGISTRY_CREATE, NULL), 0);
        assert_section(REGISTRY_REPORTED, "{\"$version\":1}");
        assert_section(REGISTRY_TAGS, "{}");
        assert_int_equal(patch_text(REGISTRY_REPORTED, "{\"a\":1,\"b\":{\"c\":2,\"d\":null}}",
                                    false, &version),
                         0);
        assert_int_equal(version, 2);
        assert_section(REGISTRY_REPORTED, "{\"a\":1,\"b\":{\"c\":2},\"$version\":2}");
        assert_int_equal(
                patch_text(REGISTRY_REPORTED, "{\"a\":null,\"b\":{\"e\":[1,2]}}", false, &version),
                0);
        assert_section(REGISTRY_REPORTED, "{\"b\":{\"c\":2,\"e\":[1,2]},\"$version\":3}");
        assert_int_equal(patch_text(REGISTRY_REPORTED, "{\"b\":7}", false, NULL), 0);
        assert_section(REGISTRY_REPORTED, "{\"b\":7,\"$version\":4}");
        assert_int_equal(patch_text(REGISTRY_REPORTED, "{\"z\":0}", true, NULL), 0);
        assert_section(REGISTRY_REPORTED, "{\"z\":0,\"$version\":5}");
        assert_section(REGISTRY_DESIRED, "{\"$version\":1}");
        assert_int_equal(patch_text(REGISTRY_TAGS, "{\"site\":\"x\"}", false, NULL), 0);
        assert_section(REGISTRY_TAGS, "{\"site\":\"x\"}");
}

static void a_twin_has_limits(void **state)
{
        static const char *const bad[] = {
                "{\"a.b\":1}",
                "{\"a b\":1}",
                "{\"$a\":1}",
                "{\"\":1}",
                "{\"a\\u0001\":1}",
                "{\"a\":4503599627370496}",
                "{\"a\":-4503599627370497}",
                ("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{\"i\":{\"j\":{\"k\":1}}}"
                 "}"
                 "}}}}}}}"),
                "[1]",
                "7",
        };
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        (void)state;
        assert_int_equal(put("dev0001", REGISTRY_CREATE, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(patch_text(REGISTRY_REPORTED, bad[i], false, NULL),
                                 REGISTRY_E_INVALID);
        buf_add_text(&text, "{\"a\":\"");
        for (int i = 0; i < 4097; i++)
                buf_add_char(&text, 'x');
        buf_add_text(&text, "\"}");
        assert_int_equal(patch_text(REGISTRY_REPORTED, buf_text(&text), false, NULL),
                         REGISTRY_E_INVALID);
        assert_section(REGISTRY_REPORTED, "{\"$version\":1}");
        assert_int_equal(patch_text(REGISTRY_REPORTED,
                                    "{\"a\":4503599627370495,\"b\":-4503599627370496}", false,
                                    NULL),
                         0);
}

static void a_section_that_would_grow_too_large_stays_as_it_was(void **state)
{
        char text[4200];
        char filler[4001];

        (void)state;
        memset(filler, 'x', sizeof(filler) - 1);
        filler[sizeof(filler) - 1] = '\0';
        assert_int_equal(put("dev0001", REGISTRY_CREATE, NULL), 0);
        for (int i = 0; i < 8; i++) {
                snprintf(text, sizeof(text), "{\"k%d\":\"%s\"}", i, filler);
                assert_int_equal(patch_text(REGISTRY_DESIRED, text, false, NULL), 0);
        }
        snprintf(text, sizeof(text), "{\"k8\":\"%s\"}", filler);
        assert_int_equal(patch_text(REGISTRY_DESIRED, text, false, NULL), REGISTRY_E_INVALID);
        /* Tags have less room. */
        snprintf(text, sizeof(text), "{\"k0\":\"%s\"}", filler);
        assert_int_equal(patch_text(REGISTRY_TAGS, text, false, NULL), 0);
        snprintf(text, sizeof(text), "{\"k1\":\"%s\"}", filler);
        assert_int_equal(patch_text(REGISTRY_TAGS, text, false, NULL), 0);
        snprintf(text, sizeof(text), "{\"k2\":\"%s\"}", filler);
        assert_int_equal(patch_text(REGISTRY_TAGS, text, false, NULL), REGISTRY_E_INVALID);
}

static void there_is_no_twin_without_a_device(void **state)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        (void)state;
        assert_int_equal(patch_text(REGISTRY_REPORTED, "{\"a\":1}", false, NULL),
                         REGISTRY_E_NOT_FOUND);
        assert_false(registry_twin_read(registry, hub, "dev0001", REGISTRY_REPORTED, &text));
}

/* --- enrolments and registrations ------------------------------------------------------------ */

static void an_enrolment_keeps_its_keys_when_it_is_put_again(void **state)
{
        struct registry_enrolment wanted = {
                .kind = REGISTRY_GROUP, .id = "default", .enabled = true};
        struct registry_enrolment first;
        struct registry_enrolment second;

        (void)state;
        assert_int_equal(registry_enrolment_put(registry, &wanted, &first, NULL), 0);
        assert_int_equal(strlen(first.primary_key), 44);
        wanted.enabled = false;
        assert_int_equal(registry_enrolment_put(registry, &wanted, &second, NULL), 0);
        assert_string_equal(second.primary_key, first.primary_key);
        assert_false(second.enabled);
        assert_string_not_equal(second.etag, first.etag);
        assert_true(registry_enrolment_remove(registry, REGISTRY_GROUP, "default"));
        assert_false(registry_enrolment_remove(registry, REGISTRY_GROUP, "default"));
        assert_false(registry_enrolment_get(registry, REGISTRY_GROUP, "default", NULL));
}

static void settings_of_enrolments_are_checked(void **state)
{
        const struct registry_enrolment bad[] = {
                {.kind = REGISTRY_GROUP, .id = "bad id"},
                {.kind = REGISTRY_GROUP, .id = "g", .primary_key = "short"},
                {.kind = REGISTRY_GROUP, .id = "g", .device_id = "d"},
                {.kind = REGISTRY_INDIVIDUAL, .id = "i", .device_id = "bad/id"},
                {.kind = REGISTRY_INDIVIDUAL, .id = "i", .hub_id = "no-such-hub"},
        };
        struct registry_enrolment good = {.kind = REGISTRY_INDIVIDUAL,
                                          .id = "i",
                                          .device_id = "d#1",
                                          .hub_id = "LOCALHOST:5671"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct reason reason = REASON_INIT;

                assert_int_equal(registry_enrolment_put(registry, &bad[i], NULL, &reason),
                                 REGISTRY_E_INVALID);
                assert_string_not_equal(reason.text, "");
        }
        assert_int_equal(registry_enrolment_put(registry, &good, &good, NULL), 0);
        assert_string_equal(good.hub_id, "hub1");
}

static void registration_ids_have_no_case(void **state)
{
        struct registry_enrolment individual = {
                .kind = REGISTRY_INDIVIDUAL, .id = "Dev-A", .enabled = true};
        struct registry_enrolment group = {.kind = REGISTRY_GROUP, .id = "Group", .enabled = true};
        struct registry_registration wanted = {
                .registration_id = "Dev-A", .device_id = "Dev-A", .hub = 0};
        struct registry_registration found;

        (void)state;
        assert_int_equal(registry_enrolment_put(registry, &individual, NULL, NULL), 0);
        assert_int_equal(registry_enrolment_put(registry, &group, NULL, NULL), 0);
        assert_true(registry_enrolment_get(registry, REGISTRY_INDIVIDUAL, "dEV-a", NULL));
        assert_false(registry_enrolment_get(registry, REGISTRY_GROUP, "group", NULL));
        assert_int_equal(registry_registration_put(registry, &wanted, K32, K32, NULL, NULL), 0);
        assert_true(registry_registration_get(registry, "dev-a", &found));
        assert_string_equal(found.registration_id, "Dev-A");
        assert_true(registry_registration_remove(registry, "DEV-A"));
        assert_false(registry_registration_get(registry, "dev-a", NULL));
}

static void enrolments_and_registrations_are_listed(void **state)
{
        struct registry_enrolment enrolment;
        struct registry_registration found;
        uint64_t cursor = 0;
        char id[16];

        (void)state;
        for (int i = 0; i < 3; i++) {
                struct registry_enrolment group = {.kind = REGISTRY_GROUP};
                struct registry_registration registration = {.hub = hub};

                snprintf(id, sizeof(id), "x%d", i);
                snprintf(group.id, sizeof(group.id), "%s", id);
                snprintf(registration.registration_id, sizeof(registration.registration_id), "%s",
                         id);
                snprintf(registration.device_id, sizeof(registration.device_id), "%s", id);
                assert_int_equal(registry_enrolment_put(registry, &group, NULL, NULL), 0);
                assert_int_equal(
                        registry_registration_put(registry, &registration, K32, K32, NULL, NULL),
                        0);
        }
        for (int i = 0; i < 3; i++) {
                snprintf(id, sizeof(id), "x%d", i);
                assert_true(registry_enrolment_next(registry, REGISTRY_GROUP, &cursor, &enrolment));
                assert_string_equal(enrolment.id, id);
        }
        assert_false(registry_enrolment_next(registry, REGISTRY_GROUP, &cursor, &enrolment));
        cursor = 0;
        assert_false(registry_enrolment_next(registry, REGISTRY_INDIVIDUAL, &cursor, &enrolment));
        for (int i = 0; i < 3; i++) {
                snprintf(id, sizeof(id), "x%d", i);
                assert_true(registry_registration_next(registry, &cursor, &found));
                assert_string_equal(found.device_id, id);
                assert_string_equal(found.hub_address, "localhost:5671");
        }
        assert_false(registry_registration_next(registry, &cursor, &found));
}

static void a_registration_with_wrong_values_is_refused(void **state)
{
        struct registry_registration good = {.registration_id = "a", .device_id = "a", .hub = hub};
        struct registry_registration no_hub = {.registration_id = "a", .device_id = "a", .hub = -1};
        struct registry_registration bad_id = {
                .registration_id = "a b", .device_id = "a", .hub = hub};

        (void)state;
        assert_int_equal(registry_registration_put(registry, &no_hub, K32, K32, NULL, NULL),
                         REGISTRY_E_INVALID);
        assert_int_equal(registry_registration_put(registry, &bad_id, K32, K32, NULL, NULL),
                         REGISTRY_E_INVALID);
        assert_int_equal(registry_registration_put(registry, &good, "bad", K32, NULL, NULL),
                         REGISTRY_E_INVALID);
        assert_false(registry_device_get(registry, hub, "a", NULL));
}

/* --- threads --------------------------------------------------------------------------------- */

static void *work(void *context)
{
        const int *number = context;
        struct registry_device device;
        char id[32];

        for (int i = 0; i < 300; i++) {
                uint64_t cursor = 0;

                snprintf(id, sizeof(id), "t%d-%d", *number, i % 20);
                (void)put(id, REGISTRY_UPSERT, NULL);
                registry_device_seen(registry, hub, id, i % 2 == 0, "dtmi:x;1");
                (void)registry_device_next(registry, hub, &cursor, &device);
                if (i % 7 == 0)
                        (void)registry_device_remove(registry, hub, id);
        }
        return NULL;
}

static void many_threads_may_use_it(void **state)
{
        pthread_t threads[4];
        int numbers[4];
        struct registry_hub found;

        (void)state;
        for (int i = 0; i < 4; i++) {
                numbers[i] = i;
                assert_int_equal(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
        }
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        assert_true(registry_hub_get(registry, hub, &found));
        assert_in_range(found.device_count, 1, 80);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(an_id_scope_is_made_or_kept_as_given),
                TEST(a_hub_has_the_five_policies_with_keys_of_their_own),
                TEST(a_hub_is_added_once_and_its_settings_are_checked),
                TEST(there_are_at_most_fifty_hubs),
                TEST(a_hub_is_found_by_id_and_by_an_address_that_only_it_has),
                TEST(hubs_on_one_port_are_chosen_by_their_names),
                TEST(a_new_device_gets_keys_and_is_enabled),
                TEST(create_update_and_upsert_differ),
                TEST(w27_modules_live_and_die_with_their_device),
                TEST(ids_and_keys_of_devices_are_checked),
                TEST(registration_ids_have_rules_of_their_own),
                TEST(the_model_and_the_connection_of_a_device_are_kept),
                TEST(devices_are_listed_in_the_order_of_their_making),
                TEST(a_hundred_thousand_devices_are_found_at_once),
                TEST(who_watches_is_told_what_connections_must_know),
                TEST(a_twin_is_merged_and_null_deletes),
                TEST(a_twin_has_limits),
                TEST(a_section_that_would_grow_too_large_stays_as_it_was),
                TEST(there_is_no_twin_without_a_device),
                TEST(an_enrolment_keeps_its_keys_when_it_is_put_again),
                TEST(settings_of_enrolments_are_checked),
                TEST(registration_ids_have_no_case),
                TEST(enrolments_and_registrations_are_listed),
                TEST(a_registration_with_wrong_values_is_refused),
                TEST(many_threads_may_use_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
