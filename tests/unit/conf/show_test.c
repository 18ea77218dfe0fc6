// SPDX-License-Identifier: MIT
/* What is printed: no secret ever, loadable again, and the table of the documentation. */
#include "support.h"

#include <dirent.h>

#include "base/json/json.h"

/* A piece of each secret in tests/data/config. */
static const char *const pieces[] = {"bXlUZXN0S2V5", "cG9saWN5S2V5", ".SECRET", "token-secret",
                                     "webhook-key-of"};

static void assert_no_secret(const char *what, const char *text)
{
        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                if (strstr(text, pieces[i]))
                        fail_msg("%s: '%s' is in:\n%s", what, pieces[i], text);
        }
}

/* A file without any would prove nothing. */
static bool has_secret(const char *text)
{
        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                if (strstr(text, pieces[i]))
                        return true;
        }
        return false;
}

static void check_file(const char *name)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;
        CLEANUP(loaded_free) struct loaded loaded;

        buf_add_format(&path, "%s/tests/data/config/%s", TEST_PROJECT, name);
        assert_int_equal(file_read(buf_text(&path), 1 << 20, &text, NULL), 0);
        assert_true(has_secret(buf_text(&text)));
        load_text_as(&loaded, buf_text(&path), buf_text(&text), NULL);
        conf_show(settings_schema(), &loaded.settings, &loaded.report, &shown);
        say_all(&loaded, &said);
        assert_no_secret(name, buf_text(&shown));
        assert_no_secret(name, buf_text(&said));
        assert_non_null(strstr(buf_text(&shown), "***"));
}

static void no_secret_of_any_file_is_shown_or_said(void **state)
{
        DIR *folder = opendir(TEST_PROJECT "/tests/data/config");
        size_t count = 0;

        (void)state;
        assert_non_null(folder);
        for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
                if (!strstr(entry->d_name, ".json"))
                        continue;
                check_file(entry->d_name);
                count++;
        }
        closedir(folder);
        assert_true(count >= 14);
}

/* Broken secrets are the ones that a careless sentence would repeat. */
static void no_wrong_secret_is_said(void **state)
{
        char *environment[] = {VARIABLE("TheThingsIndustries__ApiKey=two words.SECRET"),
                               VARIABLE("AzureIoT__Applications__a__ConnectionString=HostName=h;"
                                        "SharedAccessKey=x.SECRET"),
                               NULL};
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        (void)state;
        load_text_as(&loaded, "test.json",
                     "{\"WebhookKeys\": [\"a b.SECRET\"], \"Myriota\": {\"ApiToken\": "
                     "\"c d.SECRET\"}, \"AzureIoT\": {\"AzureIoTHub\": {"
                     "\"ConnectionString\": \"HostName=h;SharedAccessKeyName=n;SharedAccessKey="
                     "no base64.SECRET\"}, \"DeviceIdTemplate\": \"{SharedAccessKey=x.SECRET}\","
                     "\"IoTCentral\": {\"DeviceProvisioningService\": {\"GroupEnrollmentKey\": "
                     "\"no key.SECRET\"}}}}",
                     environment);
        say_all(&loaded, &said);
        assert_true(loaded.report.mistakes >= 6);
        assert_no_secret("report", buf_text(&said));
}

static void a_masked_connection_string_still_says_which_hub(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;

        (void)state;
        load_text(&loaded,
                  "{\"AzureIoT\": {\"IoTHub\": {\n\"ConnectionString\": \"" HUB_STRING "\"}}}");
        assert_usable(&loaded);
        conf_show(settings_schema(), &loaded.settings, &loaded.report, &shown);
        assert_non_null(strstr(buf_text(&shown), "HostName=example-hub.azure-devices.net;"
                                                 "SharedAccessKeyName=device;SharedAccessKey=*** "
                                                 "(line 2)"));
        assert_no_secret("show", buf_text(&shown));
}

static void what_is_shown_is_json_with_defaults_and_origins(void **state)
{
        char *environment[] = {VARIABLE("Log__Level=Debug"), NULL};
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *root = NULL;
        struct json_object *origins;

        (void)state;
        load_text_as(&loaded, "test.json",
                     "{\"AzureIoT\": {\"IoTHub\": {\n\"ConnectionString\": \"" HUB_STRING "\"}}}",
                     environment);
        conf_show(settings_schema(), &loaded.settings, &loaded.report, &shown);
        root = json_parse(shown.data, shown.size, 16, JSON_STRICT, NULL);
        assert_non_null(root);
        assert_text(json_object_get_string(json_member(root, "Listen")), "127.0.0.1:8080");
        assert_text(json_object_get_string(json_member(json_object_member(root, "Log"), "Level")),
                    "Debug");
        origins = json_object_member(root, "Origins");
        assert_text(json_object_get_string(json_member(origins, "Log.Level")),
                    "environment variable Log__Level");
        assert_text(json_object_get_string(
                            json_member(origins, "AzureIoT.AzureIoTHub.ConnectionString")),
                    "line 2");
        assert_null(json_member(origins, "Listen"));
}

/* docs/configuration.md holds the table as `isthmus config settings` prints it. */
static void the_documentation_has_the_table_of_all_settings(void **state)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf table = BUF_INIT;
        const char *start;
        const char *end;

        (void)state;
        conf_describe(settings_schema(), &table);
        assert_int_equal(file_read(TEST_PROJECT "/docs/configuration.md", 1 << 20, &text, NULL), 0);
        start = strstr(buf_text(&text), "| setting | type | default | meaning |\n");
        assert_non_null(start);
        end = strstr(start, "|\n\n");
        assert_non_null(end);
        if ((size_t)(end + 2 - start) != table.size || memcmp(start, table.data, table.size) != 0)
                fail_msg("docs/configuration.md must hold what 'isthmus config settings' prints");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_secret_of_any_file_is_shown_or_said),
                cmocka_unit_test(no_wrong_secret_is_said),
                cmocka_unit_test(a_masked_connection_string_still_says_which_hub),
                cmocka_unit_test(what_is_shown_is_json_with_defaults_and_origins),
                cmocka_unit_test(the_documentation_has_the_table_of_all_settings),
        };

        return cmocka_run_group_tests_name("conf.show", tests, NULL, NULL);
}
