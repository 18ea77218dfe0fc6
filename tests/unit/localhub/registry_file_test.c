// SPDX-License-Identifier: MIT
/* registry.json: what is known after a restart, and files that are not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "localhub/registry/registry.h"
#include "support/directory.h"

#define K32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static char *directory;

static int set_up(void **state)
{
        (void)state;
        directory = test_directory_new();
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        test_directory_remove(directory);
        return 0;
}

static struct registry *open_registry(void)
{
        struct registry *registry = NULL;
        struct reason reason = REASON_INIT;

        if (registry_open(&(struct registry_options){.directory = directory}, &registry, &reason))
                fail_msg("%s", reason.text);
        return registry;
}

static int open_error(struct reason *reason)
{
        struct registry *registry;

        return registry_open(&(struct registry_options){.directory = directory}, &registry, reason);
}

static void fill(struct registry *registry)
{
        const bool off = false;
        const enum registry_authentication how = REGISTRY_SELF_SIGNED;
        struct registry_device_settings settings = {
                .primary_key = K32,
                .authentication = &how,
                .thumbprints = {NULL, "0123456789abcdef0123456789abcdef01234567"},
                .model_id = "dtmi:com:example:Thermostat;1",
                .scope = "ms-azure-iot-edge://edge-1",
                .enabled = &off};
        struct registry_enrolment group = {
                .kind = REGISTRY_GROUP, .id = "default", .enabled = true};
        struct registry_enrolment individual = {.kind = REGISTRY_INDIVIDUAL,
                                                .id = "Reg-1",
                                                .certificates = {"", "own"},
                                                .device_id = "d#1",
                                                .hub_id = "hub1"};
        struct registry_registration registration = {
                .registration_id = "Reg-1", .device_id = "d#1", .group = "g"};
        struct json_object *patch = json_parse("{\"a\":{\"b\":1.50}}", 16, 9, JSON_STRICT, NULL);
        int hub;

        assert_int_equal(registry_hub_add(registry, "hub1", 3, &hub, NULL), 0);
        registration.hub = hub;
        assert_int_equal(registry_device_put(registry, hub, "dev$'1'", REGISTRY_CREATE, &settings,
                                             NULL, NULL),
                         0);
        assert_int_equal(registry_twin_patch(registry, hub, "dev$'1'", REGISTRY_DESIRED, patch,
                                             false, NULL, NULL),
                         0);
        json_object_put(patch);
        assert_int_equal(registry_device_put(registry, hub, "dev$'1'/mod", REGISTRY_CREATE,
                                             &settings, NULL, NULL),
                         0);
        assert_int_equal(
                registry_certificate_put(registry, "own", REGISTRY_FOR_ENROLMENTS, "P\n1", NULL),
                0);
        assert_int_equal(
                registry_certificate_put(registry, "root", REGISTRY_FOR_DEVICES, "P2", NULL), 0);
        assert_int_equal(registry_enrolment_put(registry, &group, NULL, NULL), 0);
        assert_int_equal(registry_enrolment_put(registry, &individual, NULL, NULL), 0);
        assert_int_equal(registry_registration_put(registry, &registration, K32, K32, NULL, NULL),
                         0);
}

struct everything {
        char scope[REGISTRY_ID_SIZE];
        struct registry_policy policy;
        struct registry_device device;
        struct registry_enrolment group;
        struct registry_enrolment individual;
        struct registry_registration registration;
};

static void read_all(struct registry *registry, struct everything *all)
{
        memset(all, 0, sizeof(*all));
        snprintf(all->scope, sizeof(all->scope), "%s", registry_id_scope(registry));
        assert_true(registry_policy_get(registry, 0, "service", &all->policy));
        assert_true(registry_device_get(registry, 0, "dev$'1'", &all->device));
        assert_true(registry_enrolment_get(registry, REGISTRY_GROUP, "default", &all->group));
        assert_true(
                registry_enrolment_get(registry, REGISTRY_INDIVIDUAL, "reg-1", &all->individual));
        assert_true(registry_registration_get(registry, "reg-1", &all->registration));
}

static void everything_is_known_after_a_restart(void **state)
{
        struct registry *registry = open_registry();
        struct everything before;
        struct everything after;
        struct registry_hub hub;
        CLEANUP(buf_deinit) struct buf authorities = BUF_INIT;
        CLEANUP(buf_deinit) struct buf own = BUF_INIT;
        CLEANUP(buf_deinit) struct buf twin = BUF_INIT;

        (void)state;
        fill(registry);
        read_all(registry, &before);
        registry_close(registry);
        registry = open_registry();
        read_all(registry, &after);
        assert_string_equal(after.scope, before.scope);
        assert_string_equal(after.policy.primary_key, before.policy.primary_key);
        assert_string_equal(after.policy.secondary_key, before.policy.secondary_key);
        assert_string_equal(after.device.primary_key, K32);
        assert_string_equal(after.device.secondary_key, before.device.secondary_key);
        assert_string_equal(after.device.model_id, before.device.model_id);
        assert_string_equal(after.device.generation_id, before.device.generation_id);
        assert_string_equal(after.device.etag, before.device.etag);
        assert_false(after.device.enabled);
        assert_int_equal(after.device.authentication, REGISTRY_SELF_SIGNED);
        assert_string_equal(after.device.thumbprints[0], "");
        assert_string_equal(after.device.thumbprints[1],
                            "0123456789abcdef0123456789abcdef01234567");
        assert_string_equal(after.device.scope, "ms-azure-iot-edge://edge-1");
        assert_true(registry_device_get(registry, 0, "dev$'1'/mod", NULL));
        registry_authorities(registry, &authorities);
        assert_string_equal(buf_text(&authorities), "P2");
        assert_true(registry_certificate_get(registry, "own", &own));
        assert_string_equal(buf_text(&own), "P\n1");
        assert_memory_equal(&after.group, &before.group, sizeof(after.group));
        assert_memory_equal(&after.individual, &before.individual, sizeof(after.individual));
        assert_memory_equal(&after.registration, &before.registration, sizeof(after.registration));
        assert_true(registry_twin_read(registry, 0, "dev$'1'", REGISTRY_DESIRED, &twin));
        assert_string_equal(buf_text(&twin), "{\"a\":{\"b\":1.50},\"$version\":2}");
        /* A hub that is not run this time is kept, but no device goes to it. */
        assert_true(registry_hub_get(registry, 0, &hub));
        assert_false(hub.active);
        assert_int_equal(hub.weight, 3);
        assert_int_equal(hub.device_count, 2);
        registry_close(registry);
}

static void the_file_is_for_its_owner_alone(void **state)
{
        struct registry *registry = open_registry();
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, "registry.json");
        struct stat status;

        (void)state;
        registry_close(registry);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
}

/* Makes devices until it is killed. */
static void run_child(int round)
{
        struct registry *registry = NULL;
        struct registry_device_settings none = {.primary_key = NULL};
        int hub = -1;

        alarm(20);
        for (int i = 0; i < 40 * (round + 1); i++) {
                char id[32];

                if (i % 40 == 0) {
                        registry_close(registry); /* all is in the file */
                        registry = open_registry();
                        if (registry_hub_add(registry, "hub1", 1, &hub, NULL))
                                _exit(1);
                }
                snprintf(id, sizeof(id), "r%d-%d", round, i);
                if (registry_device_put(registry, hub, id, REGISTRY_UPSERT, &none, NULL, NULL))
                        _exit(1);
        }
        raise(SIGKILL);
}

/* A process that is killed leaves a whole file: the one before or the one after. */
static void a_killed_process_leaves_a_whole_file(void **state)
{
        (void)state;
        for (int round = 0; round < 10; round++) {
                pid_t child = fork();
                int status;

                assert_true(child >= 0);
                if (child == 0)
                        run_child(round);
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_true(WIFSIGNALED(status));
                assert_int_equal(WTERMSIG(status), SIGKILL);
        }
        registry_close(open_registry());
}

static void a_second_process_is_told_that_the_directory_is_in_use(void **state)
{
        struct registry *registry = open_registry();
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(open_error(&reason), -EBUSY);
        assert_non_null(strstr(reason.text, directory));
        registry_close(registry);
        registry_close(open_registry());
}

static void a_directory_that_does_not_exist_is_an_error(void **state)
{
        CLEANUP(mem_cleanup) char *missing = test_directory_file(directory, "missing");
        struct registry *registry;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(
                registry_open(&(struct registry_options){.directory = missing}, &registry, &reason),
                -ENOENT);
        assert_non_null(strstr(reason.text, missing));
}

static void files_that_are_not_ours_are_refused_and_left_alone(void **state)
{
        static const struct {
                const char *text;
                const char *why;
        } files[] = {
                {"", "registry.json"},
                {"{", "registry.json"},
                {"[]", "version"},
                {"{\"version\":2}", "version"},
                {"{\"version\":1,\"hubs\":[{\"id\":\"no good\"}]}", "no good"},
                {"{\"version\":1,\"hubs\":[7]}", "hub"},
                {"{\"version\":1,\"hubs\":[{\"id\":\"h\",\"policies\":[{\"name\":\"x\"}]}]}", "x"},
                {"{\"version\":1,\"hubs\":[{\"id\":\"h\",\"devices\":[{\"id\":\"d\"}]}]}", "'d'"},
                {"{\"version\":1,\"hubs\":[{\"id\":\"h\",\"devices\":[{\"id\":\"d\",\"primaryKey\":"
                 "\"" K32 "\",\"secondaryKey\":\"" K32 "\",\"reported\":{\"a.b\":1}}]}]}",
                 "a.b"},
                {"{\"version\":1,\"hubs\":[{\"id\":\"h\",\"devices\":[{\"id\":\"d\",\"primaryKey\":"
                 "\"" K32 "\",\"secondaryKey\":\"" K32 "\"},{\"id\":\"d\",\"primaryKey\":\"" K32
                 "\",\"secondaryKey\":\"" K32 "\"}]}]}",
                 "doubled"},
                {"{\"version\":1,\"enrolments\":[{\"id\":\"e\"}]}", "'e'"},
                {"{\"version\":1,\"registrations\":[{\"id\":\"a b\"}]}", "a b"},
        };
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, "registry.json");

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                struct reason reason = REASON_INIT;
                struct stat status;

                test_directory_write(directory, "registry.json", files[i].text);
                assert_int_equal(open_error(&reason), -EBADMSG);
                assert_non_null(strstr(reason.text, path));
                assert_non_null(strstr(reason.text, files[i].why));
                assert_int_equal(stat(path, &status), 0);
                assert_int_equal(status.st_size, strlen(files[i].text));
        }
}

/* Keys are never in the reason. */
static void a_refused_file_does_not_show_its_keys(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        test_directory_write(directory, "registry.json",
                             "{\"version\":1,\"enrolments\":[{\"id\":\"a b\",\"primaryKey\":"
                             "\"" K32 "\",\"secondaryKey\":\"" K32 "\"}]}");
        assert_int_equal(open_error(&reason), -EBADMSG);
        assert_null(strstr(reason.text, K32));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(everything_is_known_after_a_restart),
                TEST(the_file_is_for_its_owner_alone),
                TEST(a_killed_process_leaves_a_whole_file),
                TEST(a_second_process_is_told_that_the_directory_is_in_use),
                TEST(a_directory_that_does_not_exist_is_an_error),
                TEST(files_that_are_not_ours_are_refused_and_left_alone),
                TEST(a_refused_file_does_not_show_its_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
