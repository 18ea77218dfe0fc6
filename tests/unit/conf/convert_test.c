// SPDX-License-Identifier: MIT
/* A configuration of an earlier program, written in our own names: it means the same. */
#include "support.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/engine/configuration.h"
#include "conf/settings_load.h"

#define FOLDER TEST_PROJECT "/tests/data/config"

static char *no_environment[] = {NULL};

/* What is in force, without where it came from, and with all secrets' lengths hidden. */
static char *shown(const struct settings *settings)
{
        const struct conf_report none = CONF_REPORT_INIT;
        struct buf out = BUF_INIT;

        conf_show(settings_schema(), settings, &none, &out);
        return buf_take(&out);
}

static void convert_file(const char *file, struct buf *converted, char **before)
{
        const struct conf_source source = {.file = file, .environment = no_environment};
        struct conf_report report = CONF_REPORT_INIT;
        struct settings settings;

        settings_init(&settings);
        if (conf_convert_file(settings_schema(), &source, &settings, &report, converted) != 0)
                fail_msg("%s: not usable", file);
        *before = shown(&settings);
        settings_deinit(&settings);
        conf_report_deinit(&report);
}

static void assert_means_the_same(const char *name)
{
        CLEANUP(mem_cleanup) char *file = mem_format(FOLDER "/%s", name);
        CLEANUP(buf_deinit) struct buf converted = BUF_INIT;
        CLEANUP(loaded_free) struct loaded again;
        CLEANUP(mem_cleanup) char *before = NULL;
        CLEANUP(mem_cleanup) char *after = NULL;

        convert_file(file, &converted, &before);
        load_text_as(&again, FOLDER "/converted.json", buf_text(&converted), NULL);
        assert_usable(&again);
        after = shown(&again.settings);
        if (strcmp(before, after) != 0)
                fail_msg("%s:\n%s\nbecame\n%s", name, before, after);
        /* Every name is ours now. */
        for (size_t i = 0; i < again.report.count; i++) {
                if (strstr(again.report.findings[i].sentence, "no such setting"))
                        fail_msg("%s: %s", name, again.report.findings[i].path);
        }
}

static void every_earlier_shape_means_the_same_when_converted(void **state)
{
        struct dirent **entries = NULL;
        int count = scandir(FOLDER, &entries, NULL, alphasort);
        int converted = 0;

        (void)state;
        for (int i = 0; i < count; i++) {
                const char *dot = strrchr(entries[i]->d_name, '.');

                if (dot && strcmp(dot, ".json") == 0) {
                        assert_means_the_same(entries[i]->d_name);
                        converted++;
                }
                free(entries[i]);
        }
        free(entries);
        assert_true(converted >= 10);
}

static void comments_say_what_was_called_otherwise(void **state)
{
        CLEANUP(buf_deinit) struct buf converted = BUF_INIT;
        CLEANUP(mem_cleanup) char *before = NULL;

        (void)state;
        convert_file(FOLDER "/things-network-v2.json", &converted, &before);
        assert_non_null(strstr(buf_text(&converted), "        // was: DPSIDScope-building\n"
                                                     "        \"IdScope\": \"0ne00123ABC\""));
        assert_non_null(
                strstr(buf_text(&converted), "\n// DeviceProvisioningPollingDelay: has no effect"));
}

static void lists_keys_and_places_of_secrets_stay(void **state)
{
        static const char text[] =
                "{\"WebhookKeys\": [{\"Key\": {\"Env\": \"K\"}, \"Applications\": [\"a.b\", "
                "\"c\"]}, "
                "\"a-second-webhook-key\"], \"AzureIoT\": {\"IoTHub\": {\"ConnectionString\": "
                "{\"KeyVault\": \"https://v.vault.azure.net/secrets/s\"}}, \"Methods\": {\"go\": "
                "{\"Port\": \"10\", \"Payload\": {\"a\": [1, 2]}}, \"stop\": {}}}}";
        char *environment[] = {VARIABLE("K=the-first-webhook-key"), NULL};
        char path[] = "/tmp/isthmus-convert-XXXXXX";
        const struct conf_source source = {.file = path, .environment = environment};
        int file = mkstemp(path);
        CLEANUP(buf_deinit) struct buf converted = BUF_INIT;
        CLEANUP(loaded_free) struct loaded again;
        struct conf_report report = CONF_REPORT_INIT;
        struct settings settings;

        (void)state;
        assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
        close(file);
        settings_init(&settings);
        assert_int_equal(
                conf_convert_file(settings_schema(), &source, &settings, &report, &converted), 0);
        unlink(path);
        settings_deinit(&settings);
        conf_report_deinit(&report);
        load_text_as(&again, "test.json", buf_text(&converted), environment);
        assert_usable(&again);
        assert_int_equal(again.settings.webhook_key_count, 2);
        assert_text(again.settings.webhook_keys[0].key, "the-first-webhook-key");
        assert_text(again.settings.webhook_keys[0].applications.texts[0], "a.b");
        assert_text(again.settings.webhook_keys[1].key, "a-second-webhook-key");
        assert_int_equal(again.settings.secrets.count, 1);
        assert_int_equal(again.settings.azure.methods[0].port, 10);
        assert_text(again.settings.azure.methods[0].payload, "{\"a\":[1,2]}");
        assert_int_equal(again.settings.azure.method_count, 2);
        assert_text(again.settings.azure.methods[1].name, "stop");
        assert_null(strstr(buf_text(&converted), "the-first-webhook-key"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_earlier_shape_means_the_same_when_converted),
                cmocka_unit_test(comments_say_what_was_called_otherwise),
                cmocka_unit_test(lists_keys_and_places_of_secrets_stay),
        };

        return cmocka_run_group_tests_name("conf.convert", tests, NULL, NULL);
}
