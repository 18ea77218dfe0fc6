// SPDX-License-Identifier: MIT
/* The vectors were computed with Python's hmac; T3, T5, T6, T8 also with Microsoft's own class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/device_key.h"
#include "azure/names.h"
#include "azure/sas.h"

#define K32        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define DEVICE_KEY "+ALK43cotFBHZFwSpkcwTt2XbfO7t/ZBM9DLBqKlOpU="
#define HUB        "myhub.azure-devices.net"
#define SCOPE      "0ne00123ABC"
#define EXPIRES    INT64_C(1800000000)

static void assert_signature(const char *key, const char *resource_as_sent, const char *expected)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;

        buf_add_format(&text, "%s\n1800000000", resource_as_sent);
        assert_true(device_key_sign(&signature, key, buf_text(&text)));
        assert_string_equal(buf_text(&signature), expected);
}

static void assert_token(const struct sas_grant *grant, const char *expected)
{
        CLEANUP(buf_deinit) struct buf token = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_true(sas_token(&token, grant, &reason));
        assert_string_equal(buf_text(&token), expected);
}

static void assert_device_token(const struct sas_grant *grant, const char *device_id,
                                const char *expected)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;
        struct sas_grant whole = *grant;

        sas_device_resource(&resource, HUB, device_id);
        whole.resource = buf_text(&resource);
        whole.expires_s = EXPIRES;
        assert_token(&whole, expected);
}

static void t3_token_of_a_device(void **state)
{
        (void)state;
        assert_device_token(&(struct sas_grant){.key = K32}, "dev0001",
                            "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdev0001"
                            "&sig=tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0%3D&se=1800000000");
}

static void t4_lower_case_escapes_have_another_signature(void **state)
{
        (void)state;
        assert_signature(K32, "myhub.azure-devices.net%2fdevices%2fdev0001",
                         "mz5oBsadRF5ApJAeEtxIYnh3KpD4eWeFgfEBgVeNDmk=");
}

static void t5_device_id_with_reserved_characters(void **state)
{
        (void)state;
        assert_device_token(
                &(struct sas_grant){.key = K32}, "a+b=c@d",
                "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fa%2Bb%3Dc%40d"
                "&sig=HIaaw%2Fg8TD4uRjDi2kMaVDFyHIaGP64O%2FmYJmYgsq7M%3D&se=1800000000");
}

/* A host name has nothing to escape, so raw and escaped form are the same. */
static void t6_policy_on_the_host(void **state)
{
        (void)state;
        assert_signature(K32, HUB, "wG6UxFqv+pO3vzABoGIfXjlBD4JJGsHHswOvprM6NLQ=");
        assert_token(
                &(struct sas_grant){
                        .resource = HUB, .key = K32, .key_name = "service", .expires_s = EXPIRES},
                "SharedAccessSignature sr=myhub.azure-devices.net"
                "&sig=wG6UxFqv%2BpO3vzABoGIfXjlBD4JJGsHHswOvprM6NLQ%3D"
                "&se=1800000000&skn=service");
}

static void t7_registration_token(void **state)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;

        (void)state;
        sas_registration_resource(&resource, SCOPE, "dev0001");
        assert_token(&(struct sas_grant){.resource = buf_text(&resource),
                                         .key = DEVICE_KEY,
                                         .key_name = AZURE_SAS_DPS_KEY_NAME,
                                         .expires_s = EXPIRES},
                     "SharedAccessSignature sr=0ne00123ABC%2Fregistrations%2Fdev0001"
                     "&sig=DH%2BAdocFfKHQaG9PubJ982tqE38E4Ww0cFzG%2FdMPGws%3D"
                     "&se=1800000000&skn=registration");
}

static void t8_raw_registration_resource(void **state)
{
        (void)state;
        assert_signature(DEVICE_KEY, "0ne00123ABC/registrations/dev0001",
                         "kP2oXdB+VJZO5a9OBmemfg8uTAUqOIRWVD1OumeGFuU=");
}

static void t9_hub_token_with_the_derived_key(void **state)
{
        (void)state;
        assert_device_token(&(struct sas_grant){.key = DEVICE_KEY}, "dev0001",
                            "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdev0001"
                            "&sig=506vApTfzWhIwpSDo8v2lyUgwGow1TDF6SH%2Fu4MvRNE%3D&se=1800000000");
}

static void t10_event_hub_resource(void **state)
{
        (void)state;
        assert_token(&(struct sas_grant){.resource = "sb://localhost:5671/hub1/$management",
                                         .key = K32,
                                         .key_name = "service",
                                         .expires_s = EXPIRES},
                     "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%3A5671%2Fhub1%2F%24management"
                     "&sig=kFGS8I2YPCnIrIcYqJItJ4F8XD%2BdUqnmoj%2FJIbMNiL4%3D"
                     "&se=1800000000&skn=service");
}

static void t11_module_resource(void **state)
{
        (void)state;
        assert_token(&(struct sas_grant){.resource = HUB "/devices/dev0001/modules/m1",
                                         .key = K32,
                                         .expires_s = EXPIRES},
                     "SharedAccessSignature "
                     "sr=myhub.azure-devices.net%2Fdevices%2Fdev0001%2Fmodules%2Fm1"
                     "&sig=Ql%2BoBLITluzc%2Fglo%2Bwb7ydkHoH%2BjzgLjMwdn7NkdsMY%3D&se=1800000000");
}

static void policy_token_on_behalf_of_one_device(void **state)
{
        (void)state;
        assert_device_token(
                &(struct sas_grant){.key = K32, .key_name = "device"}, "dev0001",
                "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdev0001"
                "&sig=tTdQ3NpfRr7xRWfeGD5lE%2FR4qR8P5Izl8BaxL5eEik0%3D&se=1800000000&skn=device");
}

static void an_empty_key_name_is_no_key_name(void **state)
{
        struct sas_grant grant = {.resource = "a", .key = K32, .key_name = "", .expires_s = 1};

        (void)state;
        assert_token(&grant, "SharedAccessSignature sr=a"
                             "&sig=stjG2Z0OVMQvAjyXWNcRKtQOHgo6xzmvBBO9Xcvjic8%3D&se=1");
}

static void the_port_of_a_hub_is_not_part_of_the_resource(void **state)
{
        static const struct {
                const char *hub;
                const char *resource;
        } rows[] = {
                {"localhost:15671", "localhost/devices/d"},
                {"localhost", "localhost/devices/d"},
                {"[::1]:5671", "[::1]/devices/d"},
                {"[::1]", "[::1]/devices/d"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(buf_deinit) struct buf resource = BUF_INIT;

                sas_device_resource(&resource, rows[i].hub, "d");
                assert_string_equal(buf_text(&resource), rows[i].resource);
        }
}

static void every_special_character_of_a_device_id_is_escaped(void **state)
{
        CLEANUP(buf_deinit) struct buf audience = BUF_INIT;

        (void)state;
        sas_device_audience(&audience, "h:5671", "a-:.+%_#*?!(),=@$'~Z9");
        assert_string_equal(buf_text(&audience),
                            "h%2Fdevices%2Fa-%3A.%2B%25_%23%2A%3F%21%28%29%2C%3D%40%24%27~Z9");
}

static void the_token_is_added_behind_what_is_there(void **state)
{
        CLEANUP(buf_deinit) struct buf token = BUF_INIT;
        struct sas_grant grant = {.resource = "a", .key = K32, .expires_s = 1};

        (void)state;
        buf_add_text(&token, "Authorization: ");
        assert_true(sas_token(&token, &grant, NULL));
        assert_memory_equal(buf_text(&token), "Authorization: SharedAccessSignature sr=a&",
                            strlen("Authorization: SharedAccessSignature sr=a&"));
}

static void a_key_that_is_no_base64_is_refused_without_showing_it(void **state)
{
        static const char *const keys[] = {"",           "secret", "c2VjcmV0=", "c2Vjc mV0",
                                           "c2VjcmV0\n", "====",   "c2Vj-mV0",  NULL};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                CLEANUP(buf_deinit) struct buf token = BUF_INIT;
                struct reason reason = REASON_INIT;
                struct sas_grant grant = {
                        .resource = "a", .key = keys[i], .key_name = "service", .expires_s = 1};

                assert_false(sas_token(&token, &grant, &reason));
                assert_int_equal(token.size, 0);
                assert_non_null(strstr(reason.text, "key of service is not valid base64"));
                assert_null(strstr(reason.text, "secret"));
                assert_null(strstr(reason.text, "c2V"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(t3_token_of_a_device),
                cmocka_unit_test(t4_lower_case_escapes_have_another_signature),
                cmocka_unit_test(t5_device_id_with_reserved_characters),
                cmocka_unit_test(t6_policy_on_the_host),
                cmocka_unit_test(t7_registration_token),
                cmocka_unit_test(t8_raw_registration_resource),
                cmocka_unit_test(t9_hub_token_with_the_derived_key),
                cmocka_unit_test(t10_event_hub_resource),
                cmocka_unit_test(t11_module_resource),
                cmocka_unit_test(policy_token_on_behalf_of_one_device),
                cmocka_unit_test(an_empty_key_name_is_no_key_name),
                cmocka_unit_test(the_port_of_a_hub_is_not_part_of_the_resource),
                cmocka_unit_test(every_special_character_of_a_device_id_is_escaped),
                cmocka_unit_test(the_token_is_added_behind_what_is_there),
                cmocka_unit_test(a_key_that_is_no_base64_is_refused_without_showing_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
