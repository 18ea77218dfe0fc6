// SPDX-License-Identifier: MIT
/* The tables themselves, and how a name finds its row. */
#include "support.h"

#include "base/text.h"
#include "conf/engine/load.h"
#include "conf/settings_load.h"

static void names_of(const char *path, struct conf_names *names)
{
        names->depth = 0;
        while (*path) {
                size_t size = strcspn(path, ".");

                assert_true(conf_names_add(names, path, size));
                path += size + (path[size] == '.' ? 1 : 0);
        }
}

static void assert_spelled(const char *written, const char *expected)
{
        CLEANUP(conf_names_deinit) struct conf_names names;
        CLEANUP(conf_names_deinit) struct conf_names own;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        names_of(written, &names);
        conf_schema_spell(settings_schema(), &names, &own);
        conf_names_write(&own, &text);
        if (!text_equal_nocase(buf_text(&text), expected))
                fail_msg("%s: %s, not %s", written, buf_text(&text), expected);
}

static void every_earlier_spelling_leads_to_ours(void **state)
{
        (void)state;
        assert_spelled("AzureIoT.IoTHub.IoTHubConnectionString",
                       "AzureIoT.AzureIoTHub.ConnectionString");
        assert_spelled("azureiot.IOTHUB.applications.App.DtdlModelId",
                       "AzureIoT.Applications.App.DtdlModelId");
        assert_spelled("AzureIoT.DeviceProvisioningService.Applications.a.GroupEnrollmentKey",
                       "AzureIoT.Applications.a.GroupEnrollmentKey");
        assert_spelled("AzureIoT.DeviceProvisioningService.IdScope",
                       "AzureIoT.AzureIoTHub.DeviceProvisioningService.IdScope");
        assert_spelled("AzureIoT.IoTCentral.Methods.m.Port", "AzureIoT.Methods.m.Port");
        assert_spelled("AzureIoT.ConnectionType", "AzureIoT.AzureIoTHub.ConnectionType");
        assert_spelled("ProgramSettings.Applications.a.MethodSettings.m.Queue",
                       "AzureIoT.Applications.a.Methods.m.Queue");
        assert_spelled("ProgramSettings.Applications.a.AzureSettings."
                       "DeviceProvisioningServiceSettings.IdScope",
                       "AzureIoT.Applications.a.IdScope");
        assert_spelled("DPSIDScope-Default",
                       "AzureIoT.AzureIoTHub.DeviceProvisioningService.IdScope");
        assert_spelled("DPSIDScope-my-app", "AzureIoT.Applications.my-app.IdScope");
        assert_spelled("AzureIoT.AmqpPort", "AzureIoT.AmqpPort");
        assert_spelled("Unknown.Thing", "Unknown.Thing");
}

/* A spelling that led nowhere would lose what its users wrote. */
static void every_spelling_leads_to_a_section_or_a_setting(void **state)
{
        (void)state;
        for (const struct conf_spelling *spelling = settings_spellings; spelling->from;
             spelling++) {
                CLEANUP(conf_names_deinit) struct conf_names names;
                CLEANUP(conf_names_deinit) struct conf_names own;
                struct conf_match match;

                names_of(spelling->from, &names);
                conf_schema_spell(settings_schema(), &names, &own);
                if (!conf_schema_match(settings_schema(), &own, &match) &&
                    !conf_schema_is_section(settings_schema(), &own))
                        fail_msg("%s leads nowhere", spelling->from);
        }
}

static bool has_bad_shape(const struct conf_row *row)
{
        bool chosen = row->kind == CONF_CHOICE || row->kind == CONF_CHOICES;

        return chosen != (row->choices != NULL) || text_is_empty(row->meaning) ||
               (row->kind != CONF_FRACTION && (row->kind == CONF_INTEGER) != (row->maximum > 0)) ||
               strpbrk(row->meaning, "|\n") != NULL;
}

static void every_row_is_whole_and_is_found_by_its_own_path(void **state)
{
        (void)state;
        for (size_t i = 0; i < settings_schema()->row_count; i++) {
                const struct conf_row *row = &settings_schema()->rows[i];
                CLEANUP(conf_names_deinit) struct conf_names names;
                struct conf_match match = {.row = NULL};

                if (has_bad_shape(row))
                        fail_msg("the row of %s is not whole", row->path);
                /* Items of lists have numbers. */
                names_of(conf_row_is_of_item(row) ? "WebhookKeys.0" : row->path, &names);
                if (conf_row_is_of_item(row))
                        conf_names_add(&names, strrchr(row->path, '.') + 1,
                                       strlen(strrchr(row->path, '.') + 1));
                if (!conf_schema_match(settings_schema(), &names, &match) || match.row != row)
                        fail_msg("%s does not find its own row", row->path);
        }
}

/* Secrets are those whose names say so; a new key without the mark would be shown. */
static void what_is_called_a_key_or_token_is_a_secret(void **state)
{
        static const char *const ends[] = {"ConnectionString",
                                           "ApiKey",
                                           "ApiToken",
                                           "WebhookKeys",
                                           "GroupEnrollmentKey",
                                           "UplinkQueueStorage",
                                           "Password",
                                           "PayloadFormattersStorage",
                                           "AzureWebJobsStorage",
                                           "ApplicationInsights",
                                           "APPLICATIONINSIGHTS_CONNECTION_STRING",
                                           "APPINSIGHTS_INSTRUMENTATIONKEY",
                                           "InstrumentationKey",
                                           "Headers",
                                           "ControlKey"};

        (void)state;
        for (size_t i = 0; i < settings_schema()->row_count; i++) {
                const struct conf_row *row = &settings_schema()->rows[i];
                const char *dot = strrchr(row->path, '.');
                const char *last = dot ? dot + 1 : row->path;
                bool expected = strcmp(row->path, "WebhookKeys.*.Key") == 0 ||
                                strcmp(row->path, "Page.Key") == 0;

                for (size_t j = 0; j < ARRAY_SIZE(ends); j++)
                        expected = expected || strcmp(last, ends[j]) == 0;
                if (row->secret != expected)
                        fail_msg("%s: secret or not?", row->path);
        }
}

static void assert_hint(const char *path, const char *expected)
{
        CLEANUP(conf_names_deinit) struct conf_names names;
        struct reason hint = REASON_INIT;

        names_of(path, &names);
        conf_schema_suggest(settings_schema(), &names, &hint);
        if (strcmp(hint.text, expected) != 0)
                fail_msg("%s: '%s'", path, hint.text);
}

static void an_unknown_name_gets_the_nearest_known_one(void **state)
{
        (void)state;
        assert_hint("Lissten", "; did you mean 'Listen'?");
        assert_hint("AzureIoT.AzureIoTHub.ConectionString", "; did you mean 'ConnectionString'?");
        assert_hint("AzureIoT.Applications.x.idscop", "; did you mean 'IdScope'?");
        assert_hint("AzureIoT.Methods.x.Qeue", "; did you mean 'Queue'?");
        assert_hint("Myriota.DtdlModelId", "; 'AzureIoT.DtdlModelId' is known");
        assert_hint("SomethingElseEntirely", "");
        assert_hint("AzureIoT.a", "");
}

static void an_over_long_name_is_no_trouble(void **state)
{
        char name[2000];

        (void)state;
        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = '\0';
        assert_hint(name, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_earlier_spelling_leads_to_ours),
                cmocka_unit_test(every_spelling_leads_to_a_section_or_a_setting),
                cmocka_unit_test(every_row_is_whole_and_is_found_by_its_own_path),
                cmocka_unit_test(what_is_called_a_key_or_token_is_a_secret),
                cmocka_unit_test(an_unknown_name_gets_the_nearest_known_one),
                cmocka_unit_test(an_over_long_name_is_no_trouble),
        };

        return cmocka_run_group_tests_name("conf.schema", tests, NULL, NULL);
}
