// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/connection_string.h"
#include "azure/key_values.h"
#include "base/buf.h"

#define KEY    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SECRET "c2VjcmV0"

static void assert_text(const char *value, const char *expected)
{
        if (!expected)
                assert_null(value);
        else
                assert_string_equal(value, expected);
}

static void parse(const char *text, struct connection_string *parsed)
{
        struct reason reason = REASON_INIT;

        if (!connection_string_parse(text, parsed, &reason))
                fail_msg("refused: %s", reason.text);
}

static void assert_refused(const char *text, const char *explanation)
{
        struct connection_string parsed;
        struct reason reason = REASON_INIT;

        assert_false(connection_string_parse(text, &parsed, &reason));
        if (!strstr(reason.text, explanation))
                fail_msg("'%s' is not in '%s'", explanation, reason.text);
        assert_null(strstr(reason.text, "AAECAw"));
        assert_null(strstr(reason.text, SECRET));
        assert_null(parsed.host_name);
        assert_null(parsed.shared_access_key);
}

static void a_device_string(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse("HostName=myhub.azure-devices.net;DeviceId=dev-1;SharedAccessKey=" KEY, &parsed);
        assert_text(parsed.host_name, "myhub.azure-devices.net");
        assert_text(parsed.device_id, "dev-1");
        assert_text(parsed.shared_access_key, KEY);
        assert_text(parsed.shared_access_key_name, NULL);
        assert_text(parsed.module_id, NULL);
        assert_text(parsed.gateway_host_name, NULL);
}

static void a_policy_string(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse("HostName=myhub.azure-devices.net;SharedAccessKeyName=iothubowner;"
              "SharedAccessKey=" KEY,
              &parsed);
        assert_text(parsed.shared_access_key_name, "iothubowner");
        assert_text(parsed.device_id, NULL);
}

static void a_policy_may_name_a_device_a_module_and_a_gateway(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse("HostName=h;SharedAccessKeyName=device;SharedAccessKey=" KEY
              ";DeviceId=d;ModuleId=m;GatewayHostName=edge.local:5671",
              &parsed);
        assert_text(parsed.device_id, "d");
        assert_text(parsed.module_id, "m");
        assert_text(parsed.gateway_host_name, "edge.local:5671");
}

static void keys_come_in_any_case_and_order(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse("SHAREDACCESSKEY=" KEY ";deviceid=Dev;hostname=Hub", &parsed);
        assert_text(parsed.host_name, "Hub");
        assert_text(parsed.device_id, "Dev");
        assert_text(parsed.shared_access_key, KEY);
}

static void a_host_may_name_a_port(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse("HostName=localhost:15671;DeviceId=d;SharedAccessKey=" KEY, &parsed);
        assert_text(parsed.host_name, "localhost:15671");
}

static void blanks_empty_pieces_and_a_last_semicolon_do_not_matter(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse(" HostName = h ;; DeviceId=d ;\tSharedAccessKey=" KEY ";\n", &parsed);
        assert_text(parsed.host_name, "h");
        assert_text(parsed.device_id, "d");
        assert_text(parsed.shared_access_key, KEY);
}

static void a_value_may_hold_equals_signs(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse("HostName=h;DeviceId=a=b=;SharedAccessKey=QQ==", &parsed);
        assert_text(parsed.device_id, "a=b=");
        assert_text(parsed.shared_access_key, "QQ==");
}

static void an_unknown_key_is_ignored(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        parse("HostName=h;DeviceId=d;SharedAccessKey=" KEY ";Colour=green;Colour=red;=x", &parsed);
        assert_text(parsed.device_id, "d");
}

static void a_double_key_is_refused_by_name(void **state)
{
        (void)state;
        assert_refused("HostName=h;DeviceId=d;deviceId=e;SharedAccessKey=" KEY,
                       "piece 3 of the connection string: DeviceId comes a second time");
        assert_refused("HostName=h;DeviceId=d;SharedAccessKey=" KEY ";SharedAccessKey=" KEY,
                       "SharedAccessKey comes a second time");
}

static void a_missing_key_is_named(void **state)
{
        (void)state;
        assert_refused("DeviceId=d;SharedAccessKey=" KEY, "HostName is missing");
        assert_refused("HostName=h;DeviceId=d", "SharedAccessKey is missing");
        assert_refused("HostName=h;SharedAccessKey=" KEY, "DeviceId is missing");
        assert_refused("HostName=;DeviceId=d;SharedAccessKey=" KEY, "HostName is empty");
        assert_refused("HostName=h;DeviceId=d;SharedAccessKey=", "SharedAccessKey is empty");
        assert_refused("", "the connection string is empty");
        assert_refused(NULL, "the connection string is empty");
        assert_refused(";;", "HostName is missing");
}

static void a_misspelt_key_is_pointed_out(void **state)
{
        (void)state;
        assert_refused("HostName=h;DeviceId=d;SharedAcessKey=" KEY, "it has 'SharedAcessKey'");
        /* What may be a part of a secret is not repeated. */
        assert_refused("HostName=h;DeviceId=d;" SECRET "1=", "SharedAccessKey is missing from");
}

static void a_string_of_another_service_is_recognised(void **state)
{
        (void)state;
        assert_refused("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=service;"
                       "SharedAccessKey=" KEY ";EntityPath=e",
                       "connection string of an Event Hubs endpoint");
}

static void a_certificate_is_recognised_and_refused(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;

        (void)state;
        assert_refused("HostName=h;DeviceId=d;x509=true", "X.509 certificate");
        assert_refused("HostName=h;DeviceId=d;X509Cert=true", "X.509 certificate");
        assert_refused("HostName=h;DeviceId=d;x509=true;SharedAccessKey=" KEY, "X.509 certificate");
        parse("HostName=h;DeviceId=d;x509=false;SharedAccessKey=" KEY, &parsed);
}

static void a_ready_made_token_is_recognised_and_refused(void **state)
{
        (void)state;
        assert_refused(
                "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=" SECRET,
                "ends and can't be renewed");
        assert_refused("HostName=h;DeviceId=d;SharedAccessKey=" KEY
                       ";SharedAccessSignature=" SECRET,
                       "both SharedAccessKey and SharedAccessSignature");
}

static void wrong_values_are_named_by_their_key(void **state)
{
        (void)state;
        assert_refused("HostName=https://h;DeviceId=d;SharedAccessKey=" KEY,
                       "HostName: give the host name only, without 'https://'");
        assert_refused("HostName=h:99999;DeviceId=d;SharedAccessKey=" KEY, "HostName: what stands");
        assert_refused("HostName=h;GatewayHostName=a b;DeviceId=d;SharedAccessKey=" KEY,
                       "GatewayHostName: not a host name: at character 2");
        assert_refused("HostName=h;DeviceId=a/b;SharedAccessKey=" KEY,
                       "DeviceId: character 2, '/', is not allowed");
        assert_refused("HostName=h;DeviceId=d;ModuleId=m m;SharedAccessKey=" KEY,
                       "ModuleId: character 2");
        assert_refused("HostName=h;SharedAccessKeyName=a b;SharedAccessKey=" KEY,
                       "SharedAccessKeyName may hold");
        assert_refused("HostName=h;DeviceId=d;SharedAccessKey=" SECRET "!",
                       "SharedAccessKey is not valid base64");
}

static void a_piece_without_equals_sign_is_refused_by_number_without_showing_it(void **state)
{
        (void)state;
        assert_refused("HostName=h;" SECRET ";DeviceId=d",
                       "piece 2 of the connection string: it has no '='");
}

static void the_length_is_bounded(void **state)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        (void)state;
        buf_add_text(&text, "HostName=h;DeviceId=d;SharedAccessKey=" KEY ";Filler=");
        while (text.size < KEY_VALUES_TEXT_MAX)
                buf_add_char(&text, 'x');
        parse(buf_text(&text), &parsed);
        buf_add_char(&text, 'x');
        assert_refused(buf_text(&text), "longer than 4096 characters");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_device_string),
                cmocka_unit_test(a_policy_string),
                cmocka_unit_test(a_policy_may_name_a_device_a_module_and_a_gateway),
                cmocka_unit_test(keys_come_in_any_case_and_order),
                cmocka_unit_test(a_host_may_name_a_port),
                cmocka_unit_test(blanks_empty_pieces_and_a_last_semicolon_do_not_matter),
                cmocka_unit_test(a_value_may_hold_equals_signs),
                cmocka_unit_test(an_unknown_key_is_ignored),
                cmocka_unit_test(a_double_key_is_refused_by_name),
                cmocka_unit_test(a_missing_key_is_named),
                cmocka_unit_test(a_misspelt_key_is_pointed_out),
                cmocka_unit_test(a_string_of_another_service_is_recognised),
                cmocka_unit_test(a_certificate_is_recognised_and_refused),
                cmocka_unit_test(a_ready_made_token_is_recognised_and_refused),
                cmocka_unit_test(wrong_values_are_named_by_their_key),
                cmocka_unit_test(
                        a_piece_without_equals_sign_is_refused_by_number_without_showing_it),
                cmocka_unit_test(the_length_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
