// SPDX-License-Identifier: MIT
/* What one setting demands of another. */
#include "support.h"

#define WITH_HUB(rest)                                                                             \
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}},\n" rest "}"
#define CENTRAL(members) "{\"AzureIoT\": {\"ApplicationType\": \"IoTCentral\", " members "}}"
#define DPS                                                                                        \
        "\"DeviceProvisioningService\": {\"IdScope\": \"0ne1\", \"GroupEnrollmentKey\": "          \
        "\"" GROUP_KEY "\"}"

static void assert_one(const char *text, bool mistake, const char *said)
{
        CLEANUP(loaded_free) struct loaded loaded;

        load_text(&loaded, text);
        assert_counts(&loaded, mistake ? 1 : 0, mistake ? 0 : 1);
        assert_said(&loaded, said);
}

static void assert_mistake(const char *text, const char *said)
{
        assert_one(text, true, said);
}

static void assert_warning(const char *text, const char *said)
{
        assert_one(text, false, said);
}

static void iot_central_needs_its_provisioning_service(void **state)
{
        (void)state;
        assert_mistake(CENTRAL("\"DtdlModelId\": \"\""),
                       "AzureIoT.IoTCentral.DeviceProvisioningService: IoT Central needs IdScope "
                       "and GroupEnrollmentKey here");
        assert_mistake(CENTRAL("\"IoTCentral\": {\"DeviceProvisioningService\": {\"IdScope\": "
                               "\"0ne1\"}}"),
                       "AzureIoT.IoTCentral.DeviceProvisioningService.GroupEnrollmentKey: the "
                       "provisioning service needs");
        assert_mistake(CENTRAL("\"IoTCentral\": {" DPS "}, \"Applications\": {\"a\": {"
                               "\"ConnectionString\": \"" HUB_STRING "\"}}"),
                       "AzureIoT.Applications.a.ConnectionString: ApplicationType is IoTCentral");
}

static void iot_central_takes_a_hub_s_provisioning_service_as_well(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        struct settings_azure azure;

        (void)state;
        load_text(&loaded, CENTRAL(DPS));
        assert_counts(&loaded, 0, 0);
        assert_true(settings_azure_for(&loaded.settings, "a", &azure));
        assert_text(azure.id_scope, "0ne1");
}

static void settings_of_iot_central_without_its_type_are_explained(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{\"AzureIoT\": {\"IoTCentral\": {" DPS "}}}");
        assert_counts(&loaded, 1, 1);
        assert_said(&loaded, "set AzureIoT.ApplicationType to \"IoTCentral\"");
        assert_said(&loaded, "neither a connection string nor");
}

static void an_application_s_provisioning_service_must_be_whole(void **state)
{
        (void)state;
        assert_mistake("{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING
                       "\"}, \"Applications\": {\"a\": {\"IdScope\": \"0ne1\"}}}}",
                       "AzureIoT.Applications.a.GroupEnrollmentKey: IdScope needs the enrolment");
        assert_mistake("{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING
                       "\"}, \"Applications\": {\"a\": {\"GroupEnrollmentKey\": \"" GROUP_KEY
                       "\"}}}}",
                       "AzureIoT.Applications.a.IdScope: GroupEnrollmentKey needs an ID scope");
}

/* What was given wrongly is not called missing as well. */
static void certificates_need_their_own_way_and_no_key_beside_them(void **state)
{
        (void)state;
        assert_mistake("{\"AzureIoT\": {\"AzureIoTHub\": {" DPS
                       "}, \"DeviceCertificates\": \"c\"}}",
                       "AzureIoT.DeviceCertificates: both the enrolment group's key and devices' "
                       "certificates are configured");
        assert_mistake("{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING
                       "\"}, \"DeviceCertificates\": \"c\"}}",
                       "devices with certificates need a provisioning service");
        assert_mistake("{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING
                       "\"}, \"Applications\": {\"a\": {\"DeviceCertificates\": \"c\"}}}}",
                       "AzureIoT.Applications.a.IdScope: DeviceCertificates needs an ID scope");
        assert_mistake("{\"AzureIoT\": {\"AzureIoTHub\": {\"DeviceProvisioningService\": {"
                       "\"IdScope\": \"0ne1\"}}}}",
                       "or AzureIoT.DeviceCertificates");
}

static void a_bad_key_is_one_mistake(void **state)
{
        (void)state;
        assert_mistake("{\"AzureIoT\": {\"AzureIoTHub\": {\"DeviceProvisioningService\": {"
                       "\"IdScope\": \"0ne1\", \"GroupEnrollmentKey\": \"short!\"}}}}",
                       "this is no key");
}

static void downlinks_to_myriota_need_its_token(void **state)
{
        (void)state;
        assert_mistake(WITH_HUB("\"Myriota\": {\"DownlinkEnabled\": true}"),
                       "test.json:2:12: Myriota.ApiToken: Myriota.DownlinkEnabled needs the key "
                       "of the network's API here");
}

static void signatures_are_switched_off_on_loopback_only(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, WITH_HUB("\"Myriota\": {\"SignatureMode\": \"Off\"}"));
        assert_counts(&loaded, 0, 0);
        assert_mistake(WITH_HUB("\"Myriota\": {\"SignatureMode\": \"Off\"}, \"Listen\": \":80\","
                                "\"WebhookKeys\": [\"a-long-enough-webhook-key\"]"),
                       "test.json:2:30: Myriota.SignatureMode: Off is allowed only while");
}

static void keys_over_plain_http_are_warned_of(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        assert_warning(WITH_HUB("\"TheThingsIndustries\": {\"WebhookBaseURL\": "
                                "\"http://things.example/api\"}"),
                       "everyone on the way can read the key");
        assert_mistake(WITH_HUB("\"Myriota\": {\"BaseUrl\": \"http://api.example\"}"),
                       "everyone on the way can read the key");
        load_text(&loaded,
                  WITH_HUB("\"TheThingsIndustries\": {\"WebhookBaseURL\": "
                           "\"http://127.0.0.1:1885/api\", \"ApiBaseUrl\": "
                           "\"http://[::1]:1885/api\", \"ApiKey\": \"K\", \"Applications\": "
                           "{\"a\": {\"WebhookId\": \"w\"}}}, \"Myriota\": {\"BaseUrl\": "
                           "\"http://localhost\"}"));
        assert_counts(&loaded, 0, 0);
}

#define LISTED(url) "{\"ApiBaseUrl\": \"" url "\", \"Applications\": {\"a\": {\"ApiKey\": \"k\"}}}"

static void a_list_of_devices_that_can_not_be_read_is_warned_of(void **state)
{
        CLEANUP(loaded_free) struct loaded good;
        CLEANUP(loaded_free) struct loaded own;

        (void)state;
        assert_warning(WITH_HUB("\"TheThingsIndustries\": {\"ApiBaseUrl\": "
                                "\"https://things.example/api/v3\"}"),
                       "no application has a key: TheThingsIndustries.Applications.*.ApiKey");
        assert_warning(WITH_HUB("\"TheThingsIndustries\": " LISTED(
                               "https://acme.nam1.cloud.thethings.industries/api/v3")),
                       "write eu1 in this host's name");
        assert_warning(WITH_HUB("\"TheThingsIndustries\": " LISTED(
                               "https://au1.cloud.thethings.network:443/api/v3")),
                       "write eu1 in this host's name");
        assert_warning(WITH_HUB("\"TheThingsIndustries\": {\"DeviceIntegrationDefault\": false}"),
                       "is read without TheThingsIndustries.ApiBaseUrl");
        load_text(&good, WITH_HUB("\"TheThingsIndustries\": " LISTED(
                                 "https://acme.eu1.cloud.thethings.industries/api/v3")));
        assert_counts(&good, 0, 0);
        load_text(&own, WITH_HUB("\"TheThingsIndustries\": " LISTED(
                                "https://stack.nam1.example/api/v3")));
        assert_counts(&own, 0, 0);
}

static void a_short_webhook_key_is_warned_of_at_its_place(void **state)
{
        (void)state;
        assert_warning(WITH_HUB("\"WebhookKeys\": [\"a-long-enough-webhook-key\", \"short\"]"),
                       "test.json:2:46: warning: WebhookKeys.1: this key has fewer than 16");
}

static void names_that_differ_in_case_only_are_warned_of(void **state)
{
        (void)state;
        assert_warning("{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING
                       "\"}, \"Applications\": {\"a\": {\"DtdlModelId\": \"dtmi:a;1\"},\n"
                       "\"A\": {\"DtdlModelId\": \"dtmi:a;1\"}}}}",
                       "test.json:2:6: warning: AzureIoT.Applications.A: the "
                       "applications 'A' and 'a' differ in case only");
}

static void formatters_without_a_file_and_in_csharp_are_warned_of(void **state)
{
        (void)state;
        assert_warning(WITH_HUB("\"PayloadFormatters\": {\"Directory\": \"/nowhere\","
                                "\"UplinkFormatterDefault\": \"tracker\"}"),
                       "there is no readable file /nowhere/tracker.js");
        assert_warning(WITH_HUB("\"PayloadFormatters\": {\"UplinkFormatterDefault\": "
                                "\"Tracker.cs\"}"),
                       "a formatter in C# does not run here");
}

static void a_formatter_is_named_with_or_without_the_end_of_its_file(void **state)
{
        (void)state;
        assert_warning(WITH_HUB("\"PayloadFormatters\": {\"Directory\": \"/nowhere\","
                                "\"UplinkFormatterDefault\": \"tracker.js\"}"),
                       "there is no readable file /nowhere/tracker.js;");
        assert_warning(WITH_HUB("\"PayloadFormatters\": {\"Directory\": \"" TEST_PROJECT
                                "/samples/formatters\","
                                "\"UplinkFormatterDefault\": \"river-gauge.js\","
                                "\"DownlinkFormatterDefault\": \"nobody\"}"),
                       "PayloadFormatters.DownlinkFormatterDefault: there is no readable file");
}

static void a_formatter_s_port_is_a_lorawan_port(void **state)
{
        (void)state;
        assert_mistake(
                WITH_HUB("\"PayloadFormatters\": {\"Directory\": \"" TEST_PROJECT
                         "/samples/formatters\","
                         "\"Applications\": {\"a\": {\"Ports\": {\"256\": \"river-gauge\"}}}}"),
                "PayloadFormatters.Applications.a.Ports.256: the name must be a LoRaWAN");
}

/* Taken for an application "a-5" its devices would go elsewhere without a word. */
static void a_hub_of_one_port_as_in_version_2_is_a_mistake(void **state)
{
        (void)state;
        assert_mistake("{\"AzureIotHubConnectionString-a-5\": \"" HUB_STRING "\"}",
                       "AzureIotHubConnectionString-a-5: a hub for one port of an application is "
                       "not supported");
}

static void a_placeholder_of_a_sample_is_a_mistake(void **state)
{
        (void)state;
        assert_mistake("{\"AzureIoT\": {\"DeviceProvisioningServiceIoTHub\": {\"IDScope\": "
                       "\".....\", \"GroupEnrollmentKey\": \"" GROUP_KEY "\"}}}",
                       "IDScope: this is still a placeholder");
        assert_mistake(WITH_HUB("\"TheThingsIndustries\": {\"ApiKey\": \"<your key>\"}"),
                       "ApiKey: this is still a placeholder");
}

static void a_payload_must_be_json_in_either_form(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, WITH_HUB("\"AzureIoT:Methods:a:Payload\": \"[1, 2]\","
                                    "\"AzureIoT:Methods:b:Payload\": [1, /* two */ 2,],"
                                    "\"AzureIoT:Methods:c:Payload\": \"\\\"on\\\"\","
                                    "\"AzureIoT:Methods:d:Payload\": {}"));
        assert_counts(&loaded, 0, 0);
        assert_text(settings_method(&loaded.settings, NULL, "a")->payload, "[1,2]");
        assert_text(settings_method(&loaded.settings, NULL, "b")->payload, "[1,2]");
        assert_text(settings_method(&loaded.settings, NULL, "c")->payload, "\"on\"");
        assert_text(settings_method(&loaded.settings, NULL, "d")->payload, "{}");
        assert_mistake(WITH_HUB("\"AzureIoT:Methods:a:Payload\": \"on\""),
                       "test.json:2:31: AzureIoT.Methods.a.Payload: this must be JSON");
}

static void a_store_in_postgresql_needs_its_server(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        assert_mistake(WITH_HUB("\"Store\": {\"Backend\": \"postgresql\"}"),
                       "Store.PostgreSql.Hosts: the store in PostgreSQL needs at least one server");
        assert_warning(WITH_HUB("\"Store\": {\"PostgreSql\": {\"Hosts\": [\"db\"]}}"),
                       "Store.PostgreSql.Hosts.0: nothing is kept there");
        assert_mistake(WITH_HUB("\"Store\": {\"Backend\": \"postgresql\", \"PostgreSql\": "
                                "{\"Hosts\": [\"db\"], \"Password\": \"p\", "
                                "\"PasswordFile\": \"/dev/null\"}}"),
                       "Store.PostgreSql.PasswordFile: give either");
        assert_mistake(WITH_HUB("\"Store\": {\"Backend\": \"postgresql\", \"PostgreSql\": "
                                "{\"Hosts\": [\"db:port\"]}}"),
                       "Store.PostgreSql.Hosts");
        load_text(&loaded, WITH_HUB("\"Store\": {\"Backend\": \"postgresql\", \"PostgreSql\": "
                                    "{\"Hosts\": [\"db-a:5433\", \"/run/postgresql\"]}}"));
        assert_counts(&loaded, 0, 0);
        assert_int_equal(loaded.settings.store.postgresql.hosts.count, 2);
        assert_text(loaded.settings.store.postgresql.database, "isthmus");
        assert_int_equal(loaded.settings.store.postgresql.lease_s, 6);
        assert_int_equal(loaded.settings.store.postgresql.releases_per_s, 4);
        assert_null(loaded.settings.store.postgresql.member_name);
        assert_warning(WITH_HUB("\"Store\": {\"Backend\": \"postgresql\", \"PostgreSql\": "
                                "{\"Hosts\": [\"db\"], \"LeaseSeconds\": 2}}"),
                       "Store.PostgreSql.LeaseSeconds: a single answer");
}

static void more_than_can_be_read_is_counted(void **state)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        buf_add_text(&text, WITH_HUB("\"Telemetry\": {\"Events\": [0"));
        text.size--;
        for (int i = 1; i < CONF_FINDINGS_MAX + 50; i++)
                buf_add_text(&text, ",0");
        buf_add_text(&text, "]}}");
        load_text(&loaded, buf_text(&text));
        assert_int_equal(loaded.report.count, CONF_FINDINGS_MAX);
        assert_int_equal(loaded.report.mistakes, CONF_FINDINGS_MAX + 50);
        assert_said(&loaded, "test.json: and 50 more\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(iot_central_needs_its_provisioning_service),
                cmocka_unit_test(iot_central_takes_a_hub_s_provisioning_service_as_well),
                cmocka_unit_test(settings_of_iot_central_without_its_type_are_explained),
                cmocka_unit_test(an_application_s_provisioning_service_must_be_whole),
                cmocka_unit_test(certificates_need_their_own_way_and_no_key_beside_them),
                cmocka_unit_test(a_bad_key_is_one_mistake),
                cmocka_unit_test(downlinks_to_myriota_need_its_token),
                cmocka_unit_test(signatures_are_switched_off_on_loopback_only),
                cmocka_unit_test(keys_over_plain_http_are_warned_of),
                cmocka_unit_test(a_list_of_devices_that_can_not_be_read_is_warned_of),
                cmocka_unit_test(a_short_webhook_key_is_warned_of_at_its_place),
                cmocka_unit_test(names_that_differ_in_case_only_are_warned_of),
                cmocka_unit_test(formatters_without_a_file_and_in_csharp_are_warned_of),
                cmocka_unit_test(a_formatter_is_named_with_or_without_the_end_of_its_file),
                cmocka_unit_test(a_formatter_s_port_is_a_lorawan_port),
                cmocka_unit_test(a_hub_of_one_port_as_in_version_2_is_a_mistake),
                cmocka_unit_test(a_placeholder_of_a_sample_is_a_mistake),
                cmocka_unit_test(a_payload_must_be_json_in_either_form),
                cmocka_unit_test(a_store_in_postgresql_needs_its_server),
                cmocka_unit_test(more_than_can_be_read_is_counted),
        };

        return cmocka_run_group_tests_name("conf.combinations", tests, NULL, NULL);
}
