// SPDX-License-Identifier: MIT
/* Tokens of the hub (rule W1): vectors that Microsoft's SDK makes, too, then every way to be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "localhub/gate/token_check.h"
#include "support/directory.h"
#include "token_make.h"

#define NOW     INT64_C(1700000000)
#define EXPIRES INT64_C(1800000000)
#define HOST    "myhub.azure-devices.net"

/* The keys of these policies are known; those of the others are made anew. */
#define POLICY(name)                                                                               \
        "{\"name\":\"" name "\",\"primaryKey\":\"" K32 "\",\"secondaryKey\":\"" K64 "\"}"

static const char policies[] = "{\"version\":1,\"hubs\":[{\"id\":\"hub1\",\"policies\":[" POLICY(
        "service") "," POLICY("device") "," POLICY("iothubowner") "]}]}";

static char *directory;
static struct registry *registry;
static int hub;
static int other_hub;

static void put_device(const char *id, const char *key)
{
        struct registry_device_settings settings = {.primary_key = key, .secondary_key = K64};

        assert_int_equal(
                registry_device_put(registry, hub, id, REGISTRY_CREATE, &settings, NULL, NULL), 0);
}

static int set_up(void **state)
{
        (void)state;
        directory = test_directory_new();
        test_directory_write(directory, "registry.json", policies);
        assert_int_equal(
                registry_open(&(struct registry_options){.directory = directory}, &registry, NULL),
                0);
        assert_int_equal(registry_hub_add(registry, "hub1", 1, &hub, NULL), 0);
        assert_int_equal(registry_hub_add(registry, "hub2", 1, &other_hub, NULL), 0);
        registry_hub_listens(registry, hub, HOST, 5671);
        registry_hub_listens(registry, other_hub, "localhost:5672", 5672);
        put_device("dev0001", K32);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        registry_close(registry);
        test_directory_remove(directory);
        return 0;
}

static int check_at(int which, const char *token, int64_t now_s, struct token_grant *grant)
{
        struct reason reason = REASON_INIT;
        int r = token_check_hub(registry, which, token, strlen(token), now_s, grant, &reason);

        /* Who is refused is told why, and gets nothing. */
        assert_int_equal(r != 0, reason.text[0] != '\0');
        assert_true(r == 0 || grant->rights == 0);
        return r;
}

static int check(const char *token)
{
        struct token_grant grant;

        return check_at(hub, token, NOW, &grant);
}

static int check_made(const char *resource, const char *key, const char *key_name)
{
        CLEANUP(mem_cleanup) char *token = token_make(resource, key, EXPIRES, key_name);

        return check(token);
}

/* --- vectors --------------------------------------------------------------------------------- */

static void t3_and_t4_are_good_whatever_the_case_of_the_escapes(void **state)
{
        (void)state;
        assert_int_equal(check("SharedAccessSignature sr=" HOST "%2Fdevices%2Fdev0001&sig="
                               "tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0%3D&se=1800000000"),
                         0);
        assert_int_equal(check("SharedAccessSignature sr=" HOST "%2fdevices%2fdev0001&sig="
                               "mz5oBsadRF5ApJAeEtxIYnh3KpD4eWeFgfEBgVeNDmk%3d&se=1800000000"),
                         0);
}

static void the_signature_covers_the_resource_as_it_was_sent(void **state)
{
        (void)state;
        /* T4's signature on T3's spelling. */
        assert_int_equal(check("SharedAccessSignature sr=" HOST "%2Fdevices%2Fdev0001&sig="
                               "mz5oBsadRF5ApJAeEtxIYnh3KpD4eWeFgfEBgVeNDmk%3D&se=1800000000"),
                         TOKEN_E_UNAUTHORIZED);
}

static void t5_is_good_for_an_id_of_special_characters(void **state)
{
        struct token_grant grant;

        (void)state;
        put_device("a+b=c@d", K32);
        assert_int_equal(
                check_at(hub,
                         "SharedAccessSignature sr=" HOST "%2Fdevices%2Fa%2Bb%3Dc%40d&sig="
                         "HIaaw%2Fg8TD4uRjDi2kMaVDFyHIaGP64O%2FmYJmYgsq7M%3D&se=1800000000",
                         NOW, &grant),
                0);
        assert_string_equal(grant.device_id, "a+b=c@d");
}

static void t6_is_good_raw_and_in_the_order_of_the_service_sdk(void **state)
{
        struct token_grant grant;

        (void)state;
        assert_int_equal(check_at(hub,
                                  "SharedAccessSignature sr=" HOST "&sig="
                                  "wG6UxFqv%2BpO3vzABoGIfXjlBD4JJGsHHswOvprM6NLQ%3D&skn=service&"
                                  "se=1800000000",
                                  NOW, &grant),
                         0);
        assert_int_equal(grant.rights, REGISTRY_RIGHT_SERVICE);
        assert_string_equal(grant.key_name, "service");
        assert_string_equal(grant.device_id, "");
        assert_int_equal(grant.expires_s, EXPIRES);
}

static void t9_is_good_for_a_device_with_a_derived_key(void **state)
{
        struct registry_device_settings settings = {
                .primary_key = "+ALK43cotFBHZFwSpkcwTt2XbfO7t/ZBM9DLBqKlOpU="};

        (void)state;
        assert_int_equal(registry_device_put(registry, hub, "dev0001", REGISTRY_UPDATE, &settings,
                                             NULL, NULL),
                         0);
        assert_int_equal(check("SharedAccessSignature sr=" HOST "%2Fdevices%2Fdev0001&sig="
                               "506vApTfzWhIwpSDo8v2lyUgwGow1TDF6SH%2Fu4MvRNE%3D&se=1800000000"),
                         0);
}

static void t11_is_good_for_a_module(void **state)
{
        struct registry_device_settings settings = {.primary_key = K32};

        (void)state;
        assert_int_equal(check("SharedAccessSignature sr=" HOST
                               "%2Fdevices%2Fdev0001%2Fmodules%2Fm1&sig="
                               "Ql%2BoBLITluzc%2Fglo%2Bwb7ydkHoH%2BjzgLjMwdn7NkdsMY%3D&"
                               "se=1800000000"),
                         TOKEN_E_NO_DEVICE);
        assert_int_equal(registry_device_put(registry, hub, "dev0001/m1", REGISTRY_CREATE,
                                             &settings, NULL, NULL),
                         0);
        assert_int_equal(check("SharedAccessSignature sr=" HOST
                               "%2Fdevices%2Fdev0001%2Fmodules%2Fm1&sig="
                               "Ql%2BoBLITluzc%2Fglo%2Bwb7ydkHoH%2BjzgLjMwdn7NkdsMY%3D&"
                               "se=1800000000"),
                         0);
}

/* --- who may what ---------------------------------------------------------------------------- */

static void a_device_key_allows_this_device_alone(void **state)
{
        CLEANUP(mem_cleanup) char *token = token_make(HOST "/devices/dev0001", K32, EXPIRES, NULL);
        struct token_grant grant;

        (void)state;
        assert_int_equal(check_at(hub, token, NOW, &grant), 0);
        assert_string_equal(grant.device_id, "dev0001");
        assert_int_equal(grant.rights, REGISTRY_RIGHT_DEVICE);
        assert_string_equal(grant.key_name, "");
}

static void both_keys_of_a_device_and_of_a_policy_are_good(void **state)
{
        (void)state;
        assert_int_equal(check_made(HOST "/devices/dev0001", K64, NULL), 0);
        assert_int_equal(check_made(HOST, K64, "service"), 0);
}

static void a_policy_for_all_devices_has_its_rights(void **state)
{
        CLEANUP(mem_cleanup) char *devices = token_make(HOST "/devices", K32, EXPIRES, "device");
        CLEANUP(mem_cleanup) char *owner = token_make(HOST, K32, EXPIRES, "iothubowner");
        struct token_grant grant;

        (void)state;
        assert_int_equal(check_at(hub, devices, NOW, &grant), 0);
        assert_int_equal(grant.rights, REGISTRY_RIGHT_DEVICE);
        assert_string_equal(grant.device_id, "");
        assert_int_equal(check_at(hub, owner, NOW, &grant), 0);
        assert_int_equal(grant.rights, REGISTRY_RIGHT_READ | REGISTRY_RIGHT_WRITE |
                                               REGISTRY_RIGHT_SERVICE | REGISTRY_RIGHT_DEVICE);
}

static void a_policy_for_one_device_is_for_this_device_alone(void **state)
{
        CLEANUP(mem_cleanup)
        char *token = token_make(HOST "/devices/dev0001", K32, EXPIRES, "iothubowner");
        struct token_grant grant;

        (void)state;
        assert_int_equal(check_at(hub, token, NOW, &grant), 0);
        assert_int_equal(grant.rights, REGISTRY_RIGHT_DEVICE);
        assert_string_equal(grant.device_id, "dev0001");
}

static void a_device_key_can_not_sign_for_the_whole_hub(void **state)
{
        (void)state;
        assert_int_equal(check_made(HOST, K32, NULL), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(HOST "/devices", K32, NULL), TOKEN_E_UNAUTHORIZED);
}

static void wrong_keys_policies_and_devices_are_refused(void **state)
{
        static const char stranger[] = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

        (void)state;
        assert_int_equal(check_made(HOST "/devices/dev0001", stranger, NULL), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(HOST, stranger, "service"), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(HOST, K32, "nobody"), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(HOST "/devices/dev0002", K32, NULL), TOKEN_E_NO_DEVICE);
        /* Device ids are case-sensitive. */
        assert_int_equal(check_made(HOST "/devices/Dev0001", K32, NULL), TOKEN_E_NO_DEVICE);
}

static void a_disabled_device_is_refused(void **state)
{
        const bool off = false;
        struct registry_device_settings settings = {.enabled = &off};

        (void)state;
        assert_int_equal(registry_device_put(registry, hub, "dev0001", REGISTRY_UPDATE, &settings,
                                             NULL, NULL),
                         0);
        assert_int_equal(check_made(HOST "/devices/dev0001", K32, NULL), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(HOST "/devices/dev0001", K32, "device"), TOKEN_E_UNAUTHORIZED);
}

static void a_token_ends_with_its_second(void **state)
{
        CLEANUP(mem_cleanup) char *token = token_make(HOST "/devices/dev0001", K32, EXPIRES, NULL);
        struct token_grant grant;

        (void)state;
        assert_int_equal(check_at(hub, token, EXPIRES - 1, &grant), 0);
        assert_int_equal(grant.expires_s, EXPIRES);
        /* Clocks may differ by five minutes (rule W1). */
        assert_int_equal(check_at(hub, token, EXPIRES, &grant), 0);
        assert_int_equal(grant.expires_s, EXPIRES + 300);
        assert_int_equal(check_at(hub, token, EXPIRES + 299, &grant), 0);
        assert_int_equal(check_at(hub, token, EXPIRES + 300, &grant), TOKEN_E_UNAUTHORIZED);
}

/* .NET escapes the id, and then all of it once more. */
static void an_id_may_be_escaped_twice(void **state)
{
        struct token_grant grant;
        CLEANUP(mem_cleanup) char *token = NULL;

        (void)state;
        put_device("a#b", K32);
        put_device("a%23b", K64);
        token = token_make(HOST "/devices/a%23b", K32, EXPIRES, NULL);
        /* A device that is called so comes first. */
        assert_int_equal(check_at(hub, token, NOW, &grant), TOKEN_E_UNAUTHORIZED);
        assert_true(registry_device_remove(registry, hub, "a%23b"));
        assert_int_equal(check_at(hub, token, NOW, &grant), 0);
        assert_string_equal(grant.device_id, "a#b");
}

/* --- the audience ---------------------------------------------------------------------------- */

static void a_hub_answers_to_its_names_with_and_without_its_port(void **state)
{
        static const char *const good[] = {
                HOST,        "MyHub.Azure-Devices.net", HOST ":5671", "localhost",
                "127.0.0.1", "localhost:5671",          "[::1]:5671", "[::1]",
        };
        static const char *const bad[] = {
                "other.azure-devices.net",
                HOST ".evil",
                HOST ":5672",
                "localhost:5672",
                "",
                "myhub",
                "local",
                "localhost:",
                "[::1",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_int_equal(check_made(good[i], K32, "service"), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(check_made(bad[i], K32, "service"), TOKEN_E_UNAUTHORIZED);
}

static void the_audience_is_compared_by_segments(void **state)
{
        (void)state;
        assert_true(token_covers("/a/b", "/a/b/c"));
        assert_true(token_covers("/a/b", "/a/b"));
        assert_true(token_covers("/a/b/", "/a/b/c"));
        assert_false(token_covers("/a/b", "/a/bc"));
        assert_false(token_covers("/a/b/c", "/a/b"));
        assert_false(token_covers("", "/a"));
        assert_false(token_covers("/", "/a"));
        assert_int_equal(check_made(HOST "/devicesx", K32, "device"), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(HOST "/messages", K32, "service"), TOKEN_E_UNAUTHORIZED);
}

/* --- malformed tokens ------------------------------------------------------------------------ */

static void malformed_tokens_are_refused_with_a_reason(void **state)
{
        static const char *const tokens[] = {
                "",
                "SharedAccessSignature",
                "SharedAccessSignature ",
                "sharedaccesssignature sr=a&sig=b&se=1",
                "SharedAccessSignature  sr=a&sig=b&se=1",
                "Bearer sr=a&sig=b&se=1",
                "SharedAccessSignature sr=&sig=b&se=1",
                "SharedAccessSignature sr=a&se=1",
                "SharedAccessSignature sr=a&sig=b",
                "SharedAccessSignature sr=a&sig=b&se=1800000000",
                "SharedAccessSignature sr=a&sig=AAAA&se=1800000000",
                /* signatures that are no URL-encoded base64 */
                "SharedAccessSignature sr=" HOST "&sig=wG6UxFqv+pO3vzABoGIfXjlBD4JJGsHHswOvprM6NLQ"
                "%3D&skn=service&se=1800000000",
                "SharedAccessSignature sr=" HOST "&sig=%77%00&skn=service&se=1800000000",
                /* expiries that are no numbers */
                "SharedAccessSignature sr=a&sig=tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0%3D&"
                "se=1e9",
                "SharedAccessSignature sr=a&sig=tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0%3D&"
                "se=-1",
                "SharedAccessSignature sr=a&sig=tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0%3D&"
                "se=99999999999999999999",
                "SharedAccessSignature sr=a&sig=tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0%3D&"
                "se= 1800000000",
                /* a zero byte in a name */
                "SharedAccessSignature sr=a%00b&sig=tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0"
                "%3D&se=1800000000",
        };
        struct token token;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
                struct reason reason = REASON_INIT;

                assert_int_equal(token_parse(tokens[i], strlen(tokens[i]), &token, &reason),
                                 -EINVAL);
                assert_string_not_equal(reason.text, "");
                assert_null(token.resource);
        }
}

static void a_doubled_field_is_refused(void **state)
{
        CLEANUP(mem_cleanup) char *token = token_make(HOST "/devices/dev0001", K32, EXPIRES, NULL);
        CLEANUP(mem_cleanup) char *doubled = mem_format("%s&se=1900000000", token);

        (void)state;
        assert_int_equal(check(token), 0);
        assert_int_equal(check(doubled), TOKEN_E_UNAUTHORIZED);
}

static void unknown_fields_are_passed_over(void **state)
{
        CLEANUP(mem_cleanup) char *token = token_make(HOST "/devices/dev0001", K32, EXPIRES, NULL);
        CLEANUP(mem_cleanup) char *more = mem_format("%s&x=1&&y", token);

        (void)state;
        assert_int_equal(check(more), 0);
}

static void a_token_is_read_within_its_size(void **state)
{
        CLEANUP(mem_cleanup) char *token = token_make(HOST "/devices/dev0001", K32, EXPIRES, NULL);
        struct token parsed;

        (void)state;
        for (size_t size = 0; size < strlen(token); size++) {
                /* Exactly so much memory, so that a read behind it is seen by the sanitizer. */
                char *part = mem_new(size, 1);
                bool good;

                memcpy(part, token, size);
                good = token_parse(part, size, &parsed, NULL) == 0;
                /* Only the expiry can be cut without notice: the signature does not fit then. */
                if (good)
                        assert_false(token_is_signed_by(&parsed, K32));
                token_deinit(&parsed);
                free(part);
        }
}

static void a_huge_token_is_refused_unread(void **state)
{
        CLEANUP(buf_deinit) struct buf token = BUF_INIT;
        struct token parsed;

        (void)state;
        buf_add_text(&token, "SharedAccessSignature sr=");
        while (token.size <= TOKEN_SIZE_MAX)
                buf_add_char(&token, 'a');
        assert_int_equal(token_parse(token.data, token.size, &parsed, NULL), -EINVAL);
}

static void every_changed_byte_of_a_token_is_noticed(void **state)
{
        CLEANUP(mem_cleanup) char *token = token_make(HOST "/devices/dev0001", K32, EXPIRES, NULL);
        size_t prefix = strlen("SharedAccessSignature sr=");

        (void)state;
        for (size_t i = prefix; token[i]; i++) {
                char kept = token[i];

                token[i] = kept == 'A' ? 'B' : 'A';
                assert_int_not_equal(check(token), 0);
                token[i] = kept;
        }
        assert_int_equal(check(token), 0);
}

static void a_token_for_telemetry_gives_the_right_of_services_alone(void **state)
{
        static const char *const good[] = {"sb://" HOST "/hub1/$management", "sb://" HOST,
                                           "sb://" HOST "/hub1/ConsumerGroups/g/Partitions/0",
                                           "sb://" HOST ":5671/hub1"};
        static const char *const bad[] = {"sb://other.host/hub1", "sb://" HOST "/hub2", "sb://"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                CLEANUP(mem_cleanup)
                char *token = token_make(good[i], K32, EXPIRES, "iothubowner");
                struct token_grant grant;

                assert_int_equal(check_at(hub, token, NOW, &grant), 0);
                assert_int_equal(grant.rights, REGISTRY_RIGHT_SERVICE);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(check_made(bad[i], K32, "service"), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(good[0], K32, "device"), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(good[0], K32, "nobody"), TOKEN_E_UNAUTHORIZED);
        assert_int_equal(check_made(good[0], K32, NULL), TOKEN_E_UNAUTHORIZED);
}

static void keys_that_are_no_base64_sign_nothing(void **state)
{
        CLEANUP(mem_cleanup) char *text = token_make(HOST, K32, EXPIRES, NULL);
        CLEANUP(token_deinit) struct token token;

        (void)state;
        assert_int_equal(token_parse(text, strlen(text), &token, NULL), 0);
        assert_true(token_is_signed_by(&token, K32));
        assert_false(token_is_signed_by(&token, ""));
        assert_false(token_is_signed_by(&token, "no base64"));
        assert_false(token_is_signed_by(&token, K64));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(t3_and_t4_are_good_whatever_the_case_of_the_escapes),
                TEST(the_signature_covers_the_resource_as_it_was_sent),
                TEST(t5_is_good_for_an_id_of_special_characters),
                TEST(t6_is_good_raw_and_in_the_order_of_the_service_sdk),
                TEST(t9_is_good_for_a_device_with_a_derived_key),
                TEST(t11_is_good_for_a_module),
                TEST(a_device_key_allows_this_device_alone),
                TEST(both_keys_of_a_device_and_of_a_policy_are_good),
                TEST(a_policy_for_all_devices_has_its_rights),
                TEST(a_policy_for_one_device_is_for_this_device_alone),
                TEST(a_device_key_can_not_sign_for_the_whole_hub),
                TEST(wrong_keys_policies_and_devices_are_refused),
                TEST(a_disabled_device_is_refused),
                TEST(a_token_ends_with_its_second),
                TEST(an_id_may_be_escaped_twice),
                TEST(a_hub_answers_to_its_names_with_and_without_its_port),
                TEST(the_audience_is_compared_by_segments),
                TEST(malformed_tokens_are_refused_with_a_reason),
                TEST(a_doubled_field_is_refused),
                TEST(unknown_fields_are_passed_over),
                TEST(a_token_is_read_within_its_size),
                TEST(a_huge_token_is_refused_unread),
                TEST(every_changed_byte_of_a_token_is_noticed),
                TEST(a_token_for_telemetry_gives_the_right_of_services_alone),
                TEST(keys_that_are_no_base64_sign_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
