// SPDX-License-Identifier: MIT
/* The shapes of the founding texts and of earlier programs (tests/data/config) load unchanged. */
#include "support.h"
#include "support/network_places.h"

static void load_file(struct loaded *loaded, const char *name)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        buf_add_format(&path, "%s/tests/data/config/%s", TEST_PROJECT, name);
        assert_int_equal(file_read(buf_text(&path), 1 << 20, &text, NULL), 0);
        load_text_as(loaded, buf_text(&path), buf_text(&text), NULL);
        assert_usable(loaded);
}

static void assert_general_string(const struct settings *settings)
{
        assert_int_equal(settings->azure.connection_type, SETTINGS_DEVICE_CONNECTION_STRING);
        assert_text(settings->azure.connection_string, HUB_STRING);
}

static void assert_general_dps(const struct settings *settings)
{
        assert_int_equal(settings->azure.connection_type, SETTINGS_DEVICE_PROVISIONING_SERVICE);
        assert_text(settings->azure.dps.global_device_endpoint,
                    "global.azure-devices-provisioning.net");
        assert_text(settings->azure.dps.id_scope, "0ne00123ABC");
        assert_text(settings->azure.dps.group_enrollment_key, GROUP_KEY);
        assert_null(settings->azure.connection_string);
}

static void canonical(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;
        const struct settings_application *own;
        const struct settings_method *method;
        const char *near_miss;

        (void)state;
        load_file(&loaded, "canonical.json");
        assert_counts(&loaded, 0, 0);
        assert_int_equal(loaded.report.count, 0);
        assert_general_dps(settings);
        assert_int_equal(settings->azure.application_type, SETTINGS_IOT_HUB);
        assert_int_equal(settings->webhook_key_count, 2);
        assert_text(settings->webhook_keys[0].key, "webhook-key-of-the-things-stack");
        assert_text(settings->webhook_keys[1].key, "webhook-key-of-myriota");
        assert_text(settings_model_id(settings, "tracker", &near_miss),
                    "dtmi:myriotaconnector:Tracker_2lb;1");
        assert_null(settings_model_id(settings, "other", &near_miss));
        own = settings_application(settings, "assets");
        assert_text(own->id_scope, "0ne00456DEF");
        assert_null(own->connection_string);
        assert_text(own->networks[THINGS_STACK].api_key, "NNSXS.ASSETS.SECRET");
        assert_text(own->networks[THINGS_STACK].webhook_id, "isthmus");
        assert_text(settings_application(settings, "pumps")->connection_string, HUB_STRING);
        assert_null(settings_method(settings, NULL, "value_0")->payload);
        method = settings_method(settings, NULL, "Restart");
        assert_int_equal(method->port, 11);
        assert_true(method->confirmed);
        assert_int_equal(method->priority, DOWNLINK_HIGH);
        assert_int_equal(method->queue, SETTINGS_QUEUE_PUSH);
        assert_text(method->payload, "{\"restart\":true}");
        assert_int_equal(method->settlement, SETTINGS_SETTLE_ON_ACK);
        assert_text(settings->azure.device_id_template, "{application}-{device}");
        assert_text(settings->networks[THINGS_STACK].list_url,
                    "https://example.eu1.cloud.thethings.industries/api/v3");
        assert_text(settings->networks[MYRIOTA].api_key, "myriota-token-secret");
        assert_true(settings->networks[MYRIOTA].downlink_enabled);
        assert_int_equal(settings->networks[MYRIOTA].signature.mode, SETTINGS_SIGNATURE_STRICT);
        assert_text(settings->payload_formatters.directory,
                    TEST_PROJECT "/tests/data/config/formatters");
}

static void myriota_of_2023_with_models_of_applications(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const char *near_miss;

        (void)state;
        load_file(&loaded, "myriota-2023-dtdl-mapping.json");
        assert_counts(&loaded, 0, 0);
        assert_general_string(&loaded.settings);
        assert_text(settings_model_id(&loaded.settings, "tracker", &near_miss),
                    "dtmi:myriotaconnector:Tracker_2lb;1");
        assert_null(settings_model_id(&loaded.settings, "Tracker", &near_miss));
        assert_text(near_miss, "tracker");
        assert_said(&loaded, ":4:27: note: ConnectionStrings.UplinkQueueStorage: has no effect: "
                             "this is still a placeholder");
}

static void myriota_of_2023_with_a_connection_string(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_file(&loaded, "myriota-2023-connection-string.json");
        assert_counts(&loaded, 0, 0);
        assert_general_string(&loaded.settings);
}

static void myriota_of_2023_with_dps(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_file(&loaded, "myriota-2023-dps.json");
        assert_counts(&loaded, 0, 0);
        assert_general_dps(&loaded.settings);
}

static void myriota_of_2024_for_iot_hub(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;
        const char *near_miss;

        (void)state;
        load_file(&loaded, "myriota-2024-iot-hub.json");
        assert_general_string(settings);
        assert_text(settings_model_id(settings, "any", &near_miss),
                    "dtmi:myriotaconnector:Tracker_2lb;1");
        assert_text(settings_method(settings, NULL, "LIGHTSGOON")->formatter, "lights-on");
        assert_text(settings_method(settings, NULL, "fanspeed")->payload, "{\"speed\":1}");
        assert_text(settings->payload_formatters.uplink_default, "uplink-default");
        assert_true(settings->networks[MYRIOTA].downlink_enabled);
        assert_said(&loaded, "note: AzureIoT.IoTCentral: has no effect, because ApplicationType "
                             "is IoTHub");
        assert_text(settings->storage_queues[0].name, "uplink");
        assert_text(settings->payload_formatters.uplink_container, "uplinkformatter");
        assert_true(settings_formatters_are_mirrored(settings));
        assert_counts(&loaded, 0, 0);
}

static void myriota_of_2024_for_iot_central(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        struct settings_azure azure;

        (void)state;
        load_file(&loaded, "myriota-2024-iot-central.json");
        assert_int_equal(loaded.settings.azure.application_type, SETTINGS_IOT_CENTRAL);
        assert_true(settings_azure_for(&loaded.settings, "any", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_DEVICE_PROVISIONING_SERVICE);
        assert_text(azure.id_scope, "0ne00CENTRAL");
        assert_text(azure.group_enrollment_key, GROUP_KEY);
        assert_said(&loaded, "warning: AzureIoT.IoTHub.ConnectionString: has no effect");
}

static void things_industries_of_2021(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_file(&loaded, "things-industries-2021.json");
        assert_counts(&loaded, 0, 0);
        assert_general_dps(&loaded.settings);
        assert_text(loaded.settings.networks[THINGS_STACK].api_key, "NNSXS.ALL.SECRET");
        assert_text(loaded.settings.networks[THINGS_STACK].webhook_id, "azure-iot-connector");
}

static void things_industries_of_2022_with_a_hub(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;
        const char *near_miss;

        (void)state;
        load_file(&loaded, "things-industries-2022-hub.json");
        assert_counts(&loaded, 0, 0);
        assert_general_string(settings);
        assert_text(settings_model_id(settings, "seeeduinolorawan4", &near_miss),
                    "dtmi:ttnv3connectorclient:SeeeduinoLoRaWAN4cz;1");
        assert_null(settings_model_id(settings, "rak811wisnode", &near_miss));
        assert_text(settings_application(settings, "rak811wisnode")->networks[THINGS_STACK].api_key,
                    "NNSXS.TWO.SECRET");
        assert_text(settings_application(settings, "seeeduinolorawan4")
                            ->networks[THINGS_STACK]
                            .webhook_id,
                    "one");
}

static void things_industries_of_2022_with_dps_and_methods(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;
        const struct settings_method *method;
        struct settings_azure azure;

        (void)state;
        load_file(&loaded, "things-industries-2022-dps.json");
        assert_counts(&loaded, 0, 0);
        assert_true(settings_azure_for(settings, "seeeduinolorawan4", &azure));
        assert_text(azure.id_scope, "0ne00123ABC");
        assert_text(azure.group_enrollment_key, GROUP_KEY);
        /* There each application had its own key, and there was none for all. */
        assert_false(settings_azure_for(settings, "other", &azure));
        assert_said(&loaded, "applications without a GroupEnrollmentKey of their own");
        method = settings_method(settings, "seeeduinolorawan4", "value_0");
        assert_int_equal(method->port, 10);
        assert_true(method->confirmed);
        assert_int_equal(method->priority, DOWNLINK_HIGH);
        assert_int_equal(method->queue, SETTINGS_QUEUE_PUSH);
        assert_text(settings_method(settings, NULL, "value_4")->payload, "{\"value_4\":1}");
}

static void settings_of_azure_functions_on_the_desk(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const char *near_miss;

        (void)state;
        load_file(&loaded, "things-industries-local.settings.json");
        assert_counts(&loaded, 0, 0);
        assert_general_string(&loaded.settings);
        assert_text(settings_application(&loaded.settings, "seeeduinolorawan4")
                            ->networks[THINGS_STACK]
                            .api_key,
                    "NNSXS.ONE.SECRET");
        assert_text(settings_model_id(&loaded.settings, "seeeduinolorawan4", &near_miss),
                    "dtmi:ttnv3connectorclient:SeeeduinoLoRaWAN4cz;1");
}

static void settings_as_the_azure_portal_exports_them(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_file(&loaded, "things-industries-portal-export.json");
        assert_counts(&loaded, 0, 0);
        assert_general_dps(&loaded.settings);
        assert_text(loaded.settings.networks[THINGS_STACK].api_key, "NNSXS.ALL.SECRET");
        assert_said(&loaded, "note: WEBSITE_RUN_FROM_PACKAGE");
}

static void things_network_over_mqtt(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;
        const struct settings_application *one;
        const struct settings_method *method;
        struct settings_azure azure;

        (void)state;
        load_file(&loaded, "things-network-2022.json");
        assert_counts(&loaded, 0, 0);
        one = settings_application(settings, "application1");
        assert_text(one->dtdl_model_id, "dtmi:ttnv3connectorclient:FezduinoWisnodeV14x8;4");
        assert_int_equal(one->networks[THINGS_STACK].device_integration, INTEGRATION_OFF);
        assert_int_equal(settings_application(settings, "application2")
                                 ->networks[THINGS_STACK]
                                 .device_integration,
                         INTEGRATION_UNSAID);
        assert_true(settings_azure_for(settings, "application1", &azure));
        assert_text(azure.connection_string, HUB_STRING);
        assert_true(settings_azure_for(settings, "application2", &azure));
        assert_text(azure.id_scope, "0ne00123ABC");
        assert_text(azure.group_enrollment_key, GROUP_KEY);
        assert_text(azure.global_device_endpoint, "global.azure-devices-provisioning.net");
        assert_false(settings_azure_for(settings, "application3", &azure));
        method = settings_method(settings, "application1", "value_0");
        assert_int_equal(method->port, 30);
        assert_int_equal(method->priority, DOWNLINK_LOWEST);
        assert_null(settings_method(settings, "application2", "value_0"));
        assert_text(settings->networks[THINGS_STACK].api_key, "NNSXS.ALL.SECRET");
        assert_int_equal(settings->networks[THINGS_STACK].page_size, 10);
        assert_said(&loaded, "note: ProgramSettings.TheThingsIndustries.MqttServerName");
        assert_said(&loaded, "note: ProgramSettings.Applications.application1.MQTTAccessKey");
}

static void things_network_version_2(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        struct settings_azure azure;

        (void)state;
        load_file(&loaded, "things-network-v2.json");
        assert_counts(&loaded, 0, 0);
        assert_general_string(&loaded.settings);
        assert_true(settings_azure_for(&loaded.settings, "building", &azure));
        assert_int_equal(azure.connection_type, SETTINGS_DEVICE_PROVISIONING_SERVICE);
        assert_text(azure.id_scope, "0ne00123ABC");
        assert_text(azure.group_enrollment_key, GROUP_KEY);
}

static void a_camera_s_settings_beside_the_gateway_s(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_file(&loaded, "camera-beside-gateway.json");
        assert_counts(&loaded, 0, 0);
        assert_general_string(&loaded.settings);
        assert_said(&loaded,
                    "note: Application.DeviceID: has no effect: belongs to isthmus-camera");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(canonical),
                cmocka_unit_test(myriota_of_2023_with_models_of_applications),
                cmocka_unit_test(myriota_of_2023_with_a_connection_string),
                cmocka_unit_test(myriota_of_2023_with_dps),
                cmocka_unit_test(myriota_of_2024_for_iot_hub),
                cmocka_unit_test(myriota_of_2024_for_iot_central),
                cmocka_unit_test(things_industries_of_2021),
                cmocka_unit_test(things_industries_of_2022_with_a_hub),
                cmocka_unit_test(things_industries_of_2022_with_dps_and_methods),
                cmocka_unit_test(settings_of_azure_functions_on_the_desk),
                cmocka_unit_test(settings_as_the_azure_portal_exports_them),
                cmocka_unit_test(things_network_over_mqtt),
                cmocka_unit_test(things_network_version_2),
                cmocka_unit_test(a_camera_s_settings_beside_the_gateway_s),
        };

        return cmocka_run_group_tests_name("conf.shapes", tests, NULL, NULL);
}
