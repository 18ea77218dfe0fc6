// SPDX-License-Identifier: MIT
/* A list of files in the configuration: where they lie, and what may be in them. */
#include "unit/conf/support.h"

#include "base/mem.h"
#include "support/network_places.h"

/* Only its folder counts. */
#define FOLDER        TEST_PROJECT "/tests/data/certificates"
#define CONFIGURATION FOLDER "/isthmus.json"

/* `list` is the setting's JSON. */
static void load_list(struct loaded *loaded, const char *list, char *const *environment)
{
        CLEANUP(mem_cleanup)
        char *text =
                mem_format("{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"%s\"}},\n"
                           "\"Myriota\": {\"CertificateFiles\": %s}}",
                           HUB_STRING, list);

        load_text_as(loaded, CONFIGURATION, text, environment);
}

static void assert_file(const struct loaded *loaded, size_t index, const char *name)
{
        const struct conf_texts *files =
                &loaded->settings.networks[MYRIOTA].signature.certificate_files;
        CLEANUP(mem_cleanup) char *path = mem_format(FOLDER "/%s", name);

        assert_true(index < files->count);
        assert_string_equal(files->texts[index], path);
}

static void files_lie_beside_the_configuration(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;

        (void)state;
        load_list(&loaded, "[\"one.pem\", \"one.der\"]", NULL);
        assert_usable(&loaded);
        assert_int_equal(loaded.settings.networks[MYRIOTA].signature.certificate_files.count, 2);
        assert_file(&loaded, 0, "one.pem");
        assert_file(&loaded, 1, "one.der");
        conf_show(settings_schema(), &loaded.settings, &loaded.report, &shown);
        assert_non_null(strstr(buf_text(&shown), "/one.der\""));
}

static void the_environment_gives_files_too(void **state)
{
        char *const environment[] = {VARIABLE("Myriota__CertificateFiles__0=one.der"), NULL};
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_list(&loaded, "[\"one.pem\"]", environment);
        assert_usable(&loaded);
        assert_file(&loaded, 0, "one.der");
}

static void a_file_that_holds_something_else_is_named_with_its_place(void **state)
{
        static const struct {
                const char *list;
                const char *said;
        } rows[] = {
                {"[\"one.pem\", \"none.pem\"]", "none.pem"},
                {"[\"page.html\"]", "page.html' holds no certificate"},
                {"[\"two.pem\"]", "two.pem' holds several certificates"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(loaded_free) struct loaded loaded;

                load_list(&loaded, rows[i].list, NULL);
                assert_int_equal(loaded.report.mistakes, 1);
                assert_said(&loaded, ":2:");
                assert_said(&loaded, "Myriota.CertificateFiles");
                assert_said(&loaded, rows[i].said);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_lie_beside_the_configuration),
                cmocka_unit_test(the_environment_gives_files_too),
                cmocka_unit_test(a_file_that_holds_something_else_is_named_with_its_place),
        };

        return cmocka_run_group_tests_name("conf.certificate_files", tests, NULL, NULL);
}
