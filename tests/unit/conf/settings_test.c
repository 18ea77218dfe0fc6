// SPDX-License-Identifier: MIT
/* Defaults, and the questions that the gateway asks of its settings. */
#include "support.h"

#include "base/mem.h"
#include "networks/event.h"
#include "support/network_places.h"

static void defaults_are_those_of_the_documentation(void **state)
{
        struct settings settings;

        (void)state;
        settings_init(&settings);
        assert_text(settings.listen.address, "127.0.0.1:8080");
        assert_text(settings.listen.host, "127.0.0.1");
        assert_int_equal(settings.listen.port, 8080);
        assert_null(settings.listen.tls_certificate);
        assert_text(settings.data_directory, "/var/lib/isthmus");
        assert_int_equal(settings.webhook_key_count, 0);
        assert_int_equal(settings.limits.body_bytes, 1048576);
        assert_int_equal(settings.limits.request_timeout_s, 10);
        assert_text(settings.store.backend, "sqlite");
        assert_int_equal(settings.store.maximum_bytes, INT64_C(1) << 30);
        assert_int_equal(settings.log.level, LOG_LEVEL_INFO);
        assert_int_equal(settings.log.format, LOG_FORMAT_AUTO);
        assert_int_equal(settings.azure.connection_type, SETTINGS_CONNECTION_NONE);
        assert_text(settings.azure.dps.global_device_endpoint,
                    "global.azure-devices-provisioning.net");
        assert_text(settings.azure.device_id_template, "{device}");
        assert_int_equal(settings.azure.amqp_port, 5671);
        assert_int_equal(settings.azure.devices_per_connection, 995);
        assert_true(settings.azure.connect_at_start);
        assert_int_equal(settings.telemetry.events, 0);
        assert_int_equal(settings.commands.settlement, SETTINGS_SETTLE_BY_RULES);
        assert_int_equal(settings.commands.method_answer, SETTINGS_ANSWER_ON_QUEUED);
        assert_true(settings.networks[THINGS_STACK].device_integration);
        assert_int_equal(settings.networks[MYRIOTA].signature.mode, SETTINGS_SIGNATURE_REQUIRE);
        assert_false(settings.networks[MYRIOTA].downlink_enabled);
        assert_text(settings.payload_formatters.directory, "formatters");
        assert_int_equal(settings.payload_formatters.timeout_ms, 100);
        settings_deinit(&settings);
        assert_null(settings.data_directory);
        settings_deinit(&settings);
}

static const char models[] =
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"},"
        " \"DtdlModelId\": \"dtmi:all:Devices;1\","
        " \"ApplicationToDtdlModelIdMapping\": {\"tracker\": \"dtmi:my:Tracker;1\","
        "   \"both\": \"dtmi:my:Mapped;1\", \"empty\": \"\"},"
        " \"Applications\": {\"both\": {\"DtdlModelId\": \"dtmi:my:Own;2\"},"
        "   \"keyonly\": {\"Settlement\": \"OnSent\"}}}}";

static void the_application_s_own_model_comes_first_then_the_mapping_then_the_general(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const char *near_miss = "";

        (void)state;
        load_text(&loaded, models);
        assert_usable(&loaded);
        assert_text(settings_model_id(&loaded.settings, "both", &near_miss), "dtmi:my:Own;2");
        assert_null(near_miss);
        assert_text(settings_model_id(&loaded.settings, "tracker", &near_miss),
                    "dtmi:my:Tracker;1");
        assert_null(near_miss);
        assert_text(settings_model_id(&loaded.settings, "keyonly", &near_miss),
                    "dtmi:all:Devices;1");
        assert_text(settings_model_id(&loaded.settings, "empty", &near_miss), "dtmi:all:Devices;1");
        assert_text(settings_model_id(&loaded.settings, "other", &near_miss), "dtmi:all:Devices;1");
        assert_null(near_miss);
}

static void a_model_under_a_name_of_another_case_is_a_near_miss(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const char *near_miss = NULL;

        (void)state;
        load_text(&loaded, models);
        assert_text(settings_model_id(&loaded.settings, "Tracker", &near_miss),
                    "dtmi:all:Devices;1");
        assert_text(near_miss, "tracker");
        /* An entry without a model would not have helped. */
        settings_model_id(&loaded.settings, "KEYONLY", &near_miss);
        assert_null(near_miss);
}

static const char ways[] =
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"DeviceProvisioningService\": {"
        "   \"GlobalDeviceEndpoint\": \"dps.example:8443\", \"IdScope\": \"0neALL\","
        "   \"GroupEnrollmentKey\": \"" GROUP_KEY "\"}},"
        " \"Applications\": {\"hub\": {\"ConnectionString\": \"" HUB_STRING "\"},"
        "   \"scope\": {\"IdScope\": \"0neOWN\"},"
        "   \"key\": {\"GroupEnrollmentKey\": \"" HUB_KEY "\"}}}}";

static void each_application_has_one_way_to_azure(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        struct settings_azure azure;

        (void)state;
        load_text(&loaded, ways);
        assert_usable(&loaded);
        assert_int_equal(loaded.settings.azure.connection_type,
                         SETTINGS_DEVICE_PROVISIONING_SERVICE);

        assert_true(settings_azure_for(&loaded.settings, "hub", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_DEVICE_CONNECTION_STRING);
        assert_text(azure.connection_string, HUB_STRING);
        assert_null(azure.id_scope);

        assert_true(settings_azure_for(&loaded.settings, "scope", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_DEVICE_PROVISIONING_SERVICE);
        assert_null(azure.connection_string);
        assert_text(azure.id_scope, "0neOWN");
        assert_text(azure.group_enrollment_key, GROUP_KEY);
        assert_text(azure.global_device_endpoint, "dps.example:8443");

        assert_true(settings_azure_for(&loaded.settings, "key", &azure));
        assert_text(azure.id_scope, "0neALL");
        assert_text(azure.group_enrollment_key, HUB_KEY);

        assert_true(settings_azure_for(&loaded.settings, "any other", &azure));
        assert_text(azure.id_scope, "0neALL");
        assert_text(azure.group_enrollment_key, GROUP_KEY);
}

static const char certified[] =
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"DeviceProvisioningService\": {"
        "   \"IdScope\": \"0neALL\"}}, \"DeviceCertificates\": \"/certificates\","
        " \"Applications\": {\"key\": {\"GroupEnrollmentKey\": \"" GROUP_KEY "\"},"
        "   \"own\": {\"DeviceCertificates\": \"of-own\"}}}}";

static void certificates_take_the_place_of_keys(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        struct settings_azure azure;

        (void)state;
        load_text(&loaded, certified);
        assert_usable(&loaded);
        assert_true(settings_azure_for(&loaded.settings, "any other", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_DEVICE_PROVISIONING_SERVICE);
        assert_null(azure.group_enrollment_key);
        assert_text(azure.certificates->folder, "/certificates");
        assert_true(settings_azure_for(&loaded.settings, "key", &azure));
        assert_text(azure.group_enrollment_key, GROUP_KEY);
        assert_null(azure.certificates);
        assert_true(settings_azure_for(&loaded.settings, "own", &azure));
        assert_null(azure.group_enrollment_key);
        assert_non_null(strstr(azure.certificates->folder, "of-own"));
}

static void an_application_may_use_dps_beside_a_general_connection_string(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        struct settings_azure azure;

        (void)state;
        load_text(&loaded,
                  "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"},"
                  " \"Applications\": {\"a\": {\"IdScope\": \"0neOWN\","
                  "   \"GroupEnrollmentKey\": \"" GROUP_KEY "\"}}}}");
        assert_usable(&loaded);
        assert_true(settings_azure_for(&loaded.settings, "a", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_DEVICE_PROVISIONING_SERVICE);
        assert_text(azure.id_scope, "0neOWN");
        assert_true(settings_azure_for(&loaded.settings, "b", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_DEVICE_CONNECTION_STRING);
}

static void without_a_way_there_is_none(void **state)
{
        struct settings settings;
        struct settings_azure azure = {.connection_type = SETTINGS_DEVICE_CONNECTION_STRING};

        (void)state;
        settings_init(&settings);
        assert_false(settings_azure_for(&settings, "a", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_CONNECTION_NONE);
        assert_null(azure.global_device_endpoint);
        settings_deinit(&settings);
}

static const char methods[] =
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"},"
        " \"Methods\": {\"value_0\": {\"Port\": 10}, \"Open\": {\"Port\": 11,"
        "   \"Settlement\": \"OnAck\"}},"
        " \"Applications\": {\"own\": {\"Settlement\": \"OnQueued\", \"Methods\": {"
        "   \"VALUE_0\": {\"Port\": 20, \"Priority\": \"4\", \"Queue\": \"push\"}}}}},"
        " \"Commands\": {\"Settlement\": \"OnSent\"}}";

static void methods_are_found_in_any_case_and_the_application_s_own_first(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings_method *method;

        (void)state;
        load_text(&loaded, methods);
        assert_usable(&loaded);
        method = settings_method(&loaded.settings, "own", "Value_0");
        assert_non_null(method);
        assert_int_equal(method->port, 20);
        assert_int_equal(method->priority, DOWNLINK_ABOVE_NORMAL);
        assert_int_equal(method->queue, SETTINGS_QUEUE_PUSH);

        method = settings_method(&loaded.settings, "other", "VALUE_0");
        assert_non_null(method);
        assert_int_equal(method->port, 10);
        assert_false(method->confirmed);
        assert_int_equal(method->priority, DOWNLINK_NORMAL);
        assert_int_equal(method->queue, SETTINGS_QUEUE_REPLACE);
        assert_null(method->payload);

        assert_int_equal(settings_method(&loaded.settings, "own", "open")->port, 11);
        assert_int_equal(settings_method(&loaded.settings, NULL, "open")->port, 11);
        assert_null(settings_method(&loaded.settings, "own", "close"));
}

static void settlement_is_the_method_s_then_the_application_s_then_the_general(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;

        (void)state;
        load_text(&loaded, methods);
        assert_int_equal(
                settings_settlement(settings, "own", settings_method(settings, "own", "open")),
                SETTINGS_SETTLE_ON_ACK);
        assert_int_equal(
                settings_settlement(settings, "own", settings_method(settings, "own", "value_0")),
                SETTINGS_SETTLE_ON_QUEUED);
        assert_int_equal(settings_settlement(settings, "own", NULL), SETTINGS_SETTLE_ON_QUEUED);
        assert_int_equal(settings_settlement(settings, "other", NULL), SETTINGS_SETTLE_ON_SENT);
}

static void formatters_are_the_port_s_then_the_application_s_then_the_default(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;

        (void)state;
        load_text(&loaded,
                  "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}},"
                  " \"PayloadFormatters\": {\"UplinkFormatterDefault\": \"all\","
                  "   \"DownlinkFormatterDefault\": \"down\", \"Applications\": {"
                  "     \"a\": {\"UplinkFormatter\": \"a-up\", \"DownlinkFormatter\": \"a-down\","
                  "       \"Ports\": {\"10\": \"ten\", \"11\": \"\"}},"
                  "     \"b\": {\"Ports\": {\"10\": \"b-ten\"}}}}}");
        assert_usable(&loaded);
        assert_text(settings_uplink_formatter(settings, "a", 10), "ten");
        assert_text(settings_uplink_formatter(settings, "a", 12), "a-up");
        assert_text(settings_uplink_formatter(settings, "b", 10), "b-ten");
        assert_text(settings_uplink_formatter(settings, "b", 12), "all");
        assert_text(settings_uplink_formatter(settings, "c", 0), "all");
        assert_text(settings_downlink_formatter(settings, "a"), "a-down");
        assert_text(settings_downlink_formatter(settings, "b"), "down");
}

static void any_setting_may_name_the_only_formatter(void **state)
{
        static const char *const sections[] = {
                "\"PayloadFormatters\": {\"UplinkFormatterDefault\": \"f\"}",
                "\"PayloadFormatters\": {\"DownlinkFormatterDefault\": \"f\"}",
                "\"PayloadFormatters\": {\"Applications\": {\"a\": {\"UplinkFormatter\": \"f\"}}}",
                "\"PayloadFormatters\": {\"Applications\": {\"a\": {\"DownlinkFormatter\": "
                "\"f\"}}}",
                "\"PayloadFormatters\": {\"Applications\": {\"a\": {\"Ports\": {\"7\": \"f\"}}}}",
                "\"AzureIoT\": {\"Methods\": {\"m\": {\"Formatter\": \"f\"}}}",
                "\"AzureIoT\": {\"Applications\": {\"a\": {\"Methods\": {\"m\": {\"Formatter\": "
                "\"f\"}}}}}",
        };
        CLEANUP(loaded_free) struct loaded none;

        (void)state;
        load_text(&none, "{\"PayloadFormatters\": {\"Applications\": {\"a\": {\"Ports\": {\"7\": "
                         "\"\"}}}}}");
        assert_false(settings_has_formatters(&none.settings));
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                CLEANUP(mem_cleanup) char *text = mem_format("{%s}", sections[i]);
                CLEANUP(loaded_free) struct loaded loaded;

                load_text(&loaded, text);
                assert_true(settings_has_formatters(&loaded.settings));
        }
}

/* The bits are the kinds' numbers, which uplink_message may rely on. */
static void events_are_bits_of_their_kinds(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded,
                  "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}},"
                  " \"Telemetry\": {\"Events\": [\"JoinAccept\", \"locationsolved\","
                  "   \"DownlinkFailed\"]}}");
        assert_usable(&loaded);
        assert_int_equal(loaded.settings.telemetry.events, 1U << EVENT_JOIN_ACCEPT |
                                                                   1U << EVENT_LOCATION_SOLVED |
                                                                   1U << EVENT_DOWNLINK_FAILED);
}

static void application_is_found_by_its_exact_name(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, ways);
        assert_non_null(settings_application(&loaded.settings, "scope"));
        assert_null(settings_application(&loaded.settings, "Scope"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_are_those_of_the_documentation),
                cmocka_unit_test(
                        the_application_s_own_model_comes_first_then_the_mapping_then_the_general),
                cmocka_unit_test(a_model_under_a_name_of_another_case_is_a_near_miss),
                cmocka_unit_test(each_application_has_one_way_to_azure),
                cmocka_unit_test(certificates_take_the_place_of_keys),
                cmocka_unit_test(an_application_may_use_dps_beside_a_general_connection_string),
                cmocka_unit_test(without_a_way_there_is_none),
                cmocka_unit_test(methods_are_found_in_any_case_and_the_application_s_own_first),
                cmocka_unit_test(
                        settlement_is_the_method_s_then_the_application_s_then_the_general),
                cmocka_unit_test(formatters_are_the_port_s_then_the_application_s_then_the_default),
                cmocka_unit_test(any_setting_may_name_the_only_formatter),
                cmocka_unit_test(events_are_bits_of_their_kinds),
                cmocka_unit_test(application_is_found_by_its_exact_name),
        };

        return cmocka_run_group_tests_name("conf.settings", tests, NULL, NULL);
}
