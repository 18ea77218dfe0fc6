// SPDX-License-Identifier: MIT
/* Mistakes with their places, all at once; the environment; secrets kept elsewhere. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUB_OF(members) "{\"AzureIoT\": {\"AzureIoTHub\": {" members "}}}"
#define WITH_HUB(rest)                                                                             \
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}},\n" rest "}"
#define GOOD_DPS                                                                                   \
        "\"DeviceProvisioningService\": {\"IdScope\": \"0ne1\", \"GroupEnrollmentKey\": "          \
        "\"" GROUP_KEY "\"}"

/* --- one way to Azure --------------------------------------------------------------------- */

static void neither_connection_string_nor_dps_is_a_mistake(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{}");
        assert_counts(&loaded, 1, 0);
        assert_said(&loaded, "test.json:1:1: AzureIoT.AzureIoTHub: neither a connection string "
                             "nor a provisioning service is configured");
}

static void both_connection_string_and_dps_are_a_mistake(void **state)
{
        static const char both[] = "both a connection string and a provisioning service";
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(loaded_free) struct loaded older;
        CLEANUP(loaded_free) struct loaded application;

        (void)state;
        load_text(&loaded, HUB_OF("\"ConnectionString\": \"" HUB_STRING "\", " GOOD_DPS));
        assert_counts(&loaded, 1, 0);
        assert_said(&loaded, both);
        load_text(&older, "{\"AzureSettings\": {\"IoTHubConnectionString\": \"" HUB_STRING "\","
                          " \"DeviceProvisioningServiceSettings\": {\"IdScope\": \"0ne1\","
                          " \"GroupEnrollmentKey\": \"" GROUP_KEY "\"}}}");
        assert_counts(&older, 1, 0);
        assert_said(&older, "test.json:1:46: AzureSettings.IoTHubConnectionString: both");
        load_text(&application,
                  "{\"AzureIoT\": {\"AzureIoTHub\": {" GOOD_DPS "}, \"Applications\": {\"a\": {"
                  "\"ConnectionString\": \"" HUB_STRING "\", \"IdScope\": \"0ne2\"}}}}");
        assert_counts(&application, 1, 0);
        assert_said(&application, "AzureIoT.Applications.a.ConnectionString: both");
}

static void half_a_provisioning_service_is_a_mistake(void **state)
{
        CLEANUP(loaded_free) struct loaded scope;
        CLEANUP(loaded_free) struct loaded key;

        (void)state;
        load_text(&scope, HUB_OF("\"DeviceProvisioningService\": {\"IdScope\": \"0ne1\"}"));
        assert_counts(&scope, 1, 0);
        assert_said(&scope, "GroupEnrollmentKey: the provisioning service needs");
        load_text(&key, HUB_OF("\"DeviceProvisioningService\": {"
                               "\"GroupEnrollmentKey\": \"" GROUP_KEY "\"}"));
        assert_counts(&key, 1, 0);
        assert_said(&key, "IdScope: the provisioning service needs its ID scope");
}

static void the_connection_type_must_be_the_way_that_is_there(void **state)
{
        CLEANUP(loaded_free) struct loaded string;
        CLEANUP(loaded_free) struct loaded dps;

        (void)state;
        load_text(&string, HUB_OF("\"ConnectionType\": \"DeviceConnectionString\", " GOOD_DPS));
        assert_counts(&string, 1, 0);
        assert_said(&string, ":1:49: AzureIoT.AzureIoTHub.ConnectionType: is "
                             "DeviceConnectionString, but");
        load_text(&dps, HUB_OF("\"ConnectionType\": \"DeviceProvisioningService\","
                               "\"ConnectionString\": \"" HUB_STRING "\""));
        assert_counts(&dps, 1, 0);
        assert_said(&dps, "ConnectionType: is DeviceProvisioningService, but");
}

/* --- mistakes ----------------------------------------------------------------------------- */

static void every_mistake_is_said_at_once_with_line_and_column(void **state)
{
        static const char text[] = "{\n"
                                   "  \"Listen\": \"127.0.0.1:99999\",\n"
                                   "  \"Lisen\": \"x\",\n"
                                   "  \"AzureIoT\": {\n"
                                   "    \"AzureIoTHub\": {\n"
                                   "      \"ConnectionType\": \"Somehow\", " GOOD_DPS "\n"
                                   "    },\n"
                                   "    \"DtdlModelId\": \"dtmi:bad\",\n"
                                   "    \"AmqpPort\": 70000,\n"
                                   "    \"amqpport\": 5671\n"
                                   "  },\n"
                                   "  \"Myriota\": {\"DownlinkEnabled\": \"perhaps\"},\n"
                                   "  \"Commands\": 7,\n"
                                   "  \"WebhookKeys\": {\"no\": \"list\"},\n"
                                   "  \"Telemetry\": {\"Events\": [\"JoinAccept\", \"None\"]}\n"
                                   "}\n";
        static const char *const lines[] = {
                "test.json:2:13: Listen: this must be host:port",
                "test.json:3:12: warning: Lisen: there is no such setting, it has no effect; did "
                "you mean 'Listen'?",
                "test.json:6:25: AzureIoT.AzureIoTHub.ConnectionType: 'Somehow' is none of "
                "DeviceConnectionString, DeviceProvisioningService",
                "test.json:8:20: AzureIoT.DtdlModelId: this is no DTDL model id",
                "test.json:9:17: AzureIoT.AmqpPort: '70000' is no whole number from 1 to 65535",
                "test.json:10:17: AzureIoT.amqpport: this setting is given twice, also at line 9",
                "test.json:12:34: Myriota.DownlinkEnabled: 'perhaps' is neither true nor false",
                "test.json:13:15: Commands: this must be an object in { }",
                "test.json:15:42: Telemetry.Events.1: 'None' is none of JoinAccept",
        };
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, text);
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                assert_said(&loaded, lines[i]);
        assert_said(&loaded, "test.json:14:");
        assert_int_equal(loaded.result, CONF_E_MISTAKES);
}

static void a_public_address_needs_a_key(void **state)
{
        CLEANUP(loaded_free) struct loaded open;
        CLEANUP(loaded_free) struct loaded keyed;

        (void)state;
        load_text(&open, WITH_HUB("\"Listen\": \":8080\""));
        assert_counts(&open, 1, 0);
        assert_said(&open, "test.json:2:11: Listen: other machines can reach this address, so "
                           "WebhookKeys must hold");
        load_text(&keyed, WITH_HUB("\"Listen\": \":8080\", \"WebhookKeys\": "
                                   "[\"a-long-enough-webhook-key\"]"));
        assert_counts(&keyed, 0, 0);
        assert_text(keyed.settings.listen.host, "");
        assert_int_equal(keyed.settings.listen.port, 8080);
}

static void a_key_and_its_certificate_belong_together(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, WITH_HUB("\"Tls\": {\"Certificate\": \"/nowhere/cert.pem\"}"));
        assert_said(&loaded, "Tls.Certificate: Tls.Key is missing");
        assert_said(&loaded, "No such file");
}

static void names_are_found_in_any_case(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{\"AZUREIOT\": {\"azureiothub\": {\"connectionSTRING\": \"" HUB_STRING
                           "\"}, \"amqpPort\": 5672}}");
        assert_counts(&loaded, 0, 0);
        assert_int_equal(loaded.settings.azure.amqp_port, 5672);
}

/* --- the environment ---------------------------------------------------------------------- */

static void the_environment_wins_over_the_file(void **state)
{
        char *environment[] = {VARIABLE("AzureIoT__AmqpPort=5673"), VARIABLE("LOG__LEVEL=Debug"),
                               VARIABLE("AzureIoT__Applications__Own__DtdlModelId=dtmi:env:Own;1"),
                               VARIABLE("PATH=/bin"), NULL};
        CLEANUP(loaded_free) struct loaded loaded;
        const char *near_miss;

        (void)state;
        load_text_as(&loaded, "test.json",
                     "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING
                     "\"}, \"AmqpPort\": 5672, \"Applications\": {\"own\": "
                     "{\"DtdlModelId\": \"dtmi:file:Own;1\"}}}}",
                     environment);
        assert_counts(&loaded, 0, 0);
        assert_int_equal(loaded.settings.azure.amqp_port, 5673);
        assert_int_equal(loaded.settings.log.level, LOG_LEVEL_DEBUG);
        assert_text(settings_model_id(&loaded.settings, "own", &near_miss), "dtmi:env:Own;1");
        assert_int_equal(loaded.settings.application_count, 1);
        assert_text(conf_report_origin(&loaded.report, "AzureIoT.AmqpPort"),
                    "environment variable AzureIoT__AmqpPort");
}

static void the_environment_alone_suffices_in_every_spelling(void **state)
{
        char *environment[] = {
                VARIABLE("AzureIoT__AzureIoTHub__ConnectionType=DeviceProvisioningService"),
                VARIABLE("AzureSettings__DeviceProvisioningServiceSettings__IdScope=0ne1"),
                VARIABLE(
                        "AzureIoT__DeviceProvisioningServiceIoTHub__GroupEnrollmentKey=" GROUP_KEY),
                VARIABLE("WebhookKeys__0=first-key-of-the-environment"), NULL};
        const struct conf_source source = {
                .file = "/nowhere/isthmus.json", .may_be_absent = true, .environment = environment};
        CLEANUP(loaded_free) struct loaded loaded = {.report = CONF_REPORT_INIT};

        (void)state;
        settings_init(&loaded.settings);
        loaded.result =
                conf_load_file(settings_schema(), &source, &loaded.settings, &loaded.report);
        assert_usable(&loaded);
        assert_text(loaded.settings.azure.dps.id_scope, "0ne1");
        assert_text(loaded.settings.azure.dps.group_enrollment_key, GROUP_KEY);
        assert_text(loaded.settings.webhook_keys[0].key, "first-key-of-the-environment");
}

static void a_mistake_in_the_environment_names_the_variable(void **state)
{
        char *environment[] = {VARIABLE("AzureIoT__AmqpPort=many"), NULL};
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text_as(&loaded, "test.json", WITH_HUB("\"Log\": {}"), environment);
        assert_counts(&loaded, 1, 0);
        assert_said(&loaded, "environment variable AzureIoT__AmqpPort: ");
        assert_said(&loaded, "'many' is no whole number");
}

static void a_file_that_is_not_there_is_a_mistake(void **state)
{
        const struct conf_source source = {.file = "/nowhere/isthmus.json"};
        CLEANUP(loaded_free) struct loaded loaded = {.report = CONF_REPORT_INIT};

        (void)state;
        settings_init(&loaded.settings);
        loaded.result =
                conf_load_file(settings_schema(), &source, &loaded.settings, &loaded.report);
        assert_int_equal(loaded.result, CONF_E_MISTAKES);
        assert_said(&loaded, "the file can't be read: No such file");
}

/* --- secrets ------------------------------------------------------------------------------ */

static char folder[] = "/tmp/isthmus-conf-XXXXXX";

static int make_folder(void **state)
{
        (void)state;
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
        (void)state;
        return rmdir(folder);
}

static void write_secret(const char *name, const char *text, mode_t mode, char *path, size_t size)
{
        FILE *file;

        snprintf(path, size, "%s/%s", folder, name);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static const char from_file[] =
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"DeviceProvisioningService\": {\n"
        "\"IdScope\": \"0ne1\", \"GroupEnrollmentKey\": {\"File\": \"group.key\"}}}}}";

static void load_in_folder(struct loaded *loaded, const char *text)
{
        char file[256];

        snprintf(file, sizeof(file), "%s/isthmus.json", folder);
        load_text_as(loaded, file, text, NULL);
}

static void a_secret_comes_from_a_file_beside_the_configuration(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        char path[256];

        (void)state;
        write_secret("group.key", GROUP_KEY "\r\n", 0600, path, sizeof(path));
        load_in_folder(&loaded, from_file);
        unlink(path);
        assert_counts(&loaded, 0, 0);
        assert_text(loaded.settings.azure.dps.group_enrollment_key, GROUP_KEY);
}

static void a_secret_file_that_all_may_read_is_warned_of(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        char path[256];

        (void)state;
        write_secret("group.key", GROUP_KEY, 0644, path, sizeof(path));
        load_in_folder(&loaded, from_file);
        unlink(path);
        assert_counts(&loaded, 0, 1);
        assert_said(&loaded, "every user of this machine can read the secret");
}

static void a_secret_file_that_is_missing_or_empty_is_a_mistake(void **state)
{
        CLEANUP(loaded_free) struct loaded missing;
        CLEANUP(loaded_free) struct loaded empty;
        char path[256];

        (void)state;
        load_in_folder(&missing, from_file);
        assert_counts(&missing, 1, 0);
        assert_said(&missing, ":2:51: AzureIoT.AzureIoTHub.DeviceProvisioningService."
                              "GroupEnrollmentKey.File: can't read");
        write_secret("group.key", "\n", 0600, path, sizeof(path));
        load_in_folder(&empty, from_file);
        unlink(path);
        assert_counts(&empty, 1, 0);
        assert_said(&empty, "is empty");
}

static void k10_a_secret_comes_from_a_credential_of_the_service(void **state)
{
        static const char text[] = HUB_OF("\"DeviceProvisioningService\": {\"IdScope\": \"0ne1\","
                                          " \"GroupEnrollmentKey\": {\"Credential\": "
                                          "\"isthmus.group-key\"}}");
        static const char outside[] = HUB_OF("\"DeviceProvisioningService\": {\"IdScope\": "
                                             "\"0ne1\", \"GroupEnrollmentKey\": "
                                             "{\"Credential\": \"../group.key\"}}");
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(loaded_free) struct loaded missing;
        CLEANUP(loaded_free) struct loaded leaving;
        char variable[320];
        char *environment[] = {variable, NULL};
        char path[256];

        (void)state;
        snprintf(variable, sizeof(variable), "CREDENTIALS_DIRECTORY=%s", folder);
        write_secret("isthmus.group-key", GROUP_KEY "\n", 0400, path, sizeof(path));
        load_text_as(&loaded, "test.json", text, environment);
        unlink(path);
        assert_counts(&loaded, 0, 0);
        assert_text(loaded.settings.azure.dps.group_enrollment_key, GROUP_KEY);
        assert_text(conf_report_origin(&loaded.report, "AzureIoT.AzureIoTHub."
                                                       "DeviceProvisioningService."
                                                       "GroupEnrollmentKey"),
                    "line 1, credential isthmus.group-key");
        load_text(&missing, text);
        assert_counts(&missing, 1, 0);
        assert_said(&missing, "CREDENTIALS_DIRECTORY is not set; systemd sets it for a service "
                              "whose unit has LoadCredential=isthmus.group-key");
        load_text_as(&leaving, "test.json", outside, environment);
        assert_counts(&leaving, 1, 0);
        assert_said(&leaving, "'../group.key' is no name of a credential");
}

/* Taken as it stands, it would be a key that everybody knows. */
static void k4_a_reference_to_a_key_vault_is_no_secret(void **state)
{
        char *environment[] = {VARIABLE("K= @microsoft.keyvault(VaultName=v;SecretName=s)"), NULL};
        static const char *const texts[] = {
                WITH_HUB("\"WebhookKeys\": [\"@Microsoft.KeyVault("
                         "SecretUri=https://v.vault.azure.net/secrets/s)\"]"),
                WITH_HUB("\"WebhookKeys\": [{\"Env\": \"K\"}]"),
                WITH_HUB("\"WebhookKeys\": [{\"Key\": {\"Env\": \"K\"}}]"),
                WITH_HUB("\"WebhookKeys\": [{\"KeyVault\": "
                         "\"https://v.vault.azure.net/secrets/s\"}]"),
                WITH_HUB("\"WebhookKeys\": [{\"KeyVault\": \"s\"}], "
                         "\"KeyVaultURI\": \"https://v.vault.azure.net/\""),
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                const struct conf_secrets *secrets = &loaded.settings.secrets;

                load_text_as(&loaded, "test.json", texts[i], environment);
                assert_counts(&loaded, 0, 0);
                assert_int_equal(secrets->count, 1);
                assert_string_equal(secrets->items[0].url, "https://v.vault.azure.net/secrets/s");
                assert_int_equal(loaded.settings.webhook_key_count, 1);
                assert_true(settings_webhook_keys_awaited(&loaded.settings));
        }
}

static void k4_a_reference_that_leads_nowhere_is_a_mistake(void **state)
{
        static const struct {
                const char *text;
                const char *said;
        } cases[] = {
                {WITH_HUB("\"WebhookKeys\": [\"@Microsoft.KeyVault(SecretName=s)\"]"),
                 "WebhookKeys.0: @Microsoft.KeyVault(...): VaultName is missing"},
                {WITH_HUB("\"TheThingsIndustries\": {\"ApiKey\": {\"KeyVault\": \"s\"}}"),
                 "ApiKey.KeyVault: the vault of 's' is not known: give KeyVaultURI"},
                {WITH_HUB("\"Myriota\": {\"ApiToken\": {\"KeyVault\": "
                          "\"https://example.com/secrets/s\"}}"),
                 "'example.com' is no host of a Key Vault"},
                {WITH_HUB("\"Otlp\": {\"Endpoint\": \"http://127.0.0.1:4318\", \"Headers\": "
                          "\"@Microsoft.KeyVault(VaultName=v;SecretName=s)\"}"),
                 "Otlp.Headers: this is needed before a Key Vault can be asked"},
                {WITH_HUB("\"KeyVaultURI\": \"https://example.com\""),
                 "KeyVaultURI: KeyVaultURI: 'example.com' is no host of a Key Vault"},
                {WITH_HUB("\"DataDirectory\": \"@Microsoft.KeyVault(VaultName=v;SecretName=s)\""),
                 "put the value itself here"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(loaded_free) struct loaded loaded;

                load_text(&loaded, cases[i].text);
                assert_counts(&loaded, 1, 0);
                assert_said(&loaded, cases[i].said);
        }
}

/* An application's own way that is awaited must not lead to everybody's meanwhile. */
static void k5_a_way_to_azure_that_is_awaited_is_no_way(void **state)
{
        static const char text[] =
                WITH_HUB("\"AzureIoT:Applications\": {\"own\": {\"ConnectionString\": "
                         "{\"KeyVault\": \"https://v.vault.azure.net/secrets/s\"}}, "
                         "\"group\": {\"IdScope\": \"0ne2\", \"GroupEnrollmentKey\": "
                         "{\"KeyVault\": \"https://v.vault.azure.net/secrets/k\"}}}");
        CLEANUP(loaded_free) struct loaded loaded;
        struct settings_azure azure;
        struct reason reason = REASON_INIT;
        const struct conf_secrets *secrets = &loaded.settings.secrets;

        (void)state;
        load_text(&loaded, text);
        assert_counts(&loaded, 0, 0);
        assert_true(settings_azure_for(&loaded.settings, "other", &azure));
        assert_false(settings_azure_for(&loaded.settings, "own", &azure));
        assert_true(azure.awaited);
        assert_false(settings_azure_for(&loaded.settings, "group", &azure));
        assert_true(azure.awaited);
        assert_string_equal(azure.id_scope, "0ne2");
        assert_int_equal(secrets->count, 2);
        assert_int_equal(conf_secret_put(settings_schema(), &loaded.settings, &secrets->items[0],
                                         "no connection string", &reason),
                         CONF_SECRET_REFUSED);
        assert_int_equal(conf_secret_put(settings_schema(), &loaded.settings, &secrets->items[0],
                                         HUB_STRING, &reason),
                         CONF_SECRET_CHANGED);
        assert_true(settings_azure_for(&loaded.settings, "own", &azure));
        assert_string_equal(azure.connection_string, HUB_STRING);
        assert_int_equal(conf_secret_put(settings_schema(), &loaded.settings, &secrets->items[0],
                                         HUB_STRING, &reason),
                         CONF_SECRET_SAME);
}

static void a_private_key_that_all_may_read_is_warned_of(void **state)
{
        static const char text[] =
                WITH_HUB("\"Tls\": {\"Certificate\": \"tls.pem\", \"Key\": \"tls.pem\"}");
        CLEANUP(loaded_free) struct loaded wide;
        CLEANUP(loaded_free) struct loaded narrow;
        char path[256];

        (void)state;
        write_secret("tls.pem", "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", 0644,
                     path, sizeof(path));
        load_in_folder(&wide, text);
        assert_int_equal(chmod(path, 0640), 0);
        load_in_folder(&narrow, text);
        unlink(path);
        assert_counts(&wide, 0, 1);
        assert_said(&wide, "Tls.Key: every user of this machine can read this private key");
        assert_counts(&narrow, 0, 0);
}

static void a_secret_comes_from_a_variable(void **state)
{
        char *environment[] = {VARIABLE("GROUP=" GROUP_KEY), NULL};
        static const char text[] = HUB_OF("\"DeviceProvisioningService\": {\"IdScope\": \"0ne1\","
                                          " \"GroupEnrollmentKey\": {\"Env\": \"GROUP\"}}");
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(loaded_free) struct loaded missing;

        (void)state;
        load_text_as(&loaded, "test.json", text, environment);
        assert_counts(&loaded, 0, 0);
        assert_text(loaded.settings.azure.dps.group_enrollment_key, GROUP_KEY);
        load_text(&missing, text);
        assert_counts(&missing, 1, 0);
        assert_said(&missing, "the environment variable GROUP is not set");
}

static void dotnet_s_log_level_counts_where_ours_is_missing(void **state)
{
        static const struct {
                const char *text;
                enum log_level level;
        } cases[] = {
                {WITH_HUB("\"Logging\": {\"LogLevel\": {\"Default\": \"Trace\"}}"),
                 LOG_LEVEL_DEBUG},
                {WITH_HUB("\"Logging\": {\"LogLevel\": {\"Default\": \"critical\", "
                          "\"Microsoft\": \"Warning\"}}"),
                 LOG_LEVEL_ERROR},
                {WITH_HUB("\"Logging:LogLevel:Default\": \"Warning\""), LOG_LEVEL_WARN},
                {WITH_HUB("\"Logging\": {\"LogLevel\": {\"Default\": \"Trace\"}}, \"Log\": "
                          "{\"Level\": \"Information\"}"),
                 LOG_LEVEL_INFO},
                {WITH_HUB("\"Logging\": {\"Console\": {}}"), LOG_LEVEL_INFO},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(loaded_free) struct loaded loaded;

                load_text(&loaded, cases[i].text);
                assert_counts(&loaded, 0, 0);
                assert_int_equal(loaded.settings.log.level, cases[i].level);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(k10_a_secret_comes_from_a_credential_of_the_service),
                cmocka_unit_test(dotnet_s_log_level_counts_where_ours_is_missing),
                cmocka_unit_test(k4_a_reference_to_a_key_vault_is_no_secret),
                cmocka_unit_test(k4_a_reference_that_leads_nowhere_is_a_mistake),
                cmocka_unit_test(k5_a_way_to_azure_that_is_awaited_is_no_way),
                cmocka_unit_test(a_private_key_that_all_may_read_is_warned_of),
                cmocka_unit_test(neither_connection_string_nor_dps_is_a_mistake),
                cmocka_unit_test(both_connection_string_and_dps_are_a_mistake),
                cmocka_unit_test(half_a_provisioning_service_is_a_mistake),
                cmocka_unit_test(the_connection_type_must_be_the_way_that_is_there),
                cmocka_unit_test(every_mistake_is_said_at_once_with_line_and_column),
                cmocka_unit_test(a_public_address_needs_a_key),
                cmocka_unit_test(a_key_and_its_certificate_belong_together),
                cmocka_unit_test(names_are_found_in_any_case),
                cmocka_unit_test(the_environment_wins_over_the_file),
                cmocka_unit_test(the_environment_alone_suffices_in_every_spelling),
                cmocka_unit_test(a_mistake_in_the_environment_names_the_variable),
                cmocka_unit_test(a_file_that_is_not_there_is_a_mistake),
                cmocka_unit_test(a_secret_comes_from_a_file_beside_the_configuration),
                cmocka_unit_test(a_secret_file_that_all_may_read_is_warned_of),
                cmocka_unit_test(a_secret_file_that_is_missing_or_empty_is_a_mistake),
                cmocka_unit_test(a_secret_comes_from_a_variable),
        };

        return cmocka_run_group_tests_name("conf.load", tests, make_folder, remove_folder);
}
