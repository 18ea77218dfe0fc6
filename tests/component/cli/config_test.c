// SPDX-License-Identifier: MIT
/* `isthmus config` as people and scripts see it: what it prints, and its exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "support/directory.h"

#define HUB_KEY "cG9saWN5S2V5T2ZOb1VzZUF0QWxsMDEyMzQ1Njc4OQ=="
#define GOOD                                                                                       \
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"HostName=hub.example;"          \
        "SharedAccessKeyName=device;SharedAccessKey=" HUB_KEY "\"}}}"

static char *directory;

static int make_directory(void **state)
{
        (void)state;
        directory = test_directory_new();
        return 0;
}

static int remove_directory(void **state)
{
        (void)state;
        test_directory_remove(directory);
        return 0;
}

/* Both streams of one run. */
struct output {
        int status;
        struct buf out;
        struct buf err;
};

static void output_free(struct output *output)
{
        buf_deinit(&output->out);
        buf_deinit(&output->err);
}

/* Sends a stream into a file; the old one's copy comes back. */
static int divert(FILE *stream, const char *name)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, name);
        int kept = dup(fileno(stream));
        FILE *file = fopen(path, "w");

        fflush(stream);
        assert_non_null(file);
        assert_true(dup2(fileno(file), fileno(stream)) >= 0);
        fclose(file);
        return kept;
}

static void restore(FILE *stream, int kept, const char *name, struct buf *out)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, name);

        fflush(stream);
        assert_true(dup2(kept, fileno(stream)) >= 0);
        close(kept);
        *out = BUF_INIT;
        assert_int_equal(file_read(path, 1 << 20, out, NULL), 0);
}

/* Arguments behind "config"; at most four, NULL ends them. */
static void run(struct output *output, const char *first, const char *second, const char *third,
                const char *fourth)
{
        const char *given[] = {"config", first, second, third, fourth, NULL};
        char *arguments[ARRAY_SIZE(given)] = {NULL};
        int count = 0;
        int kept_out = divert(stdout, "stdout");
        int kept_err = divert(stderr, "stderr");

        for (; given[count]; count++)
                arguments[count] = mem_text(given[count]);
        /* glibc starts anew. */
        optind = 0;
        output->status = isthmus_config(count, arguments);
        restore(stdout, kept_out, "stdout", &output->out);
        restore(stderr, kept_err, "stderr", &output->err);
        for (int i = 0; i < count; i++)
                free(arguments[i]);
}

static char *write_file(const char *text, mode_t mode)
{
        char *path = test_directory_file(directory, "isthmus.json");

        test_directory_write(directory, "isthmus.json", text);
        assert_int_equal(chmod(path, mode), 0);
        return path;
}

static void assert_holds(const struct buf *text, const char *part)
{
        if (!strstr(buf_text(text), part))
                fail_msg("'%s' is not in:\n%s", part, buf_text(text));
}

static void check_of_a_good_file_ends_with_0(void **state)
{
        CLEANUP(mem_cleanup) char *path = write_file(GOOD, 0600);
        CLEANUP(output_free) struct output output;

        (void)state;
        run(&output, "check", "--config", path, NULL);
        assert_int_equal(output.status, CLI_GOOD);
        assert_holds(&output.out, "isthmus.json: usable, 0 warnings\n");
        assert_string_equal(buf_text(&output.err), "");
}

static void check_says_every_mistake_with_its_place_and_ends_with_2(void **state)
{
        CLEANUP(mem_cleanup)
        char *path = write_file("{\n  \"Log\": {\"Level\": \"Loud\"},\n  \"AzureIoT\": {\n"
                                "    \"AmqpPort\": 0\n  }\n}\n",
                                0600);
        CLEANUP(mem_cleanup) char *first = mem_format("%s:2:20: Log.Level: 'Loud' is none", path);
        CLEANUP(mem_cleanup)
        char *second = mem_format("%s:4:17: AzureIoT.AmqpPort: '0' is no whole number", path);
        CLEANUP(output_free) struct output output;

        (void)state;
        run(&output, "check", "--config", path, NULL);
        assert_int_equal(output.status, CLI_USAGE);
        assert_holds(&output.out, first);
        assert_holds(&output.out, second);
        assert_holds(&output.out, "neither a connection string nor");
        assert_holds(&output.out, "isthmus.json: not usable: 3 mistakes\n");
}

static void check_warns_of_a_secret_that_all_may_read(void **state)
{
        CLEANUP(mem_cleanup) char *path = write_file(GOOD, 0644);
        CLEANUP(output_free) struct output output;

        (void)state;
        run(&output, "check", "-c", path, NULL);
        assert_int_equal(output.status, CLI_GOOD);
        assert_holds(&output.out, "warning: AzureIoT.AzureIoTHub.ConnectionString: every user of "
                                  "this machine can read this secret");
        assert_holds(&output.out, "usable, 1 warning\n");
}

static void show_prints_json_without_secrets(void **state)
{
        CLEANUP(mem_cleanup) char *path = write_file(GOOD, 0600);
        CLEANUP(json_cleanup) struct json_object *root = NULL;
        CLEANUP(output_free) struct output output;

        (void)state;
        run(&output, "show", "--config", path, NULL);
        assert_int_equal(output.status, CLI_GOOD);
        root = json_parse(output.out.data, output.out.size, 16, JSON_STRICT, NULL);
        assert_non_null(root);
        assert_string_equal(json_text_member(root, "Listen"), "127.0.0.1:8080");
        assert_holds(&output.out, "HostName=hub.example;SharedAccessKeyName=device;"
                                  "SharedAccessKey=*** (line 1)");
        assert_null(strstr(buf_text(&output.out), "cG9saWN5"));
}

static void show_of_a_bad_file_prints_its_mistakes_and_no_json(void **state)
{
        CLEANUP(mem_cleanup) char *path = write_file("{ \"a\" }", 0600);
        CLEANUP(output_free) struct output output;

        (void)state;
        run(&output, "show", "--config", path, NULL);
        assert_int_equal(output.status, CLI_USAGE);
        assert_string_equal(buf_text(&output.out), "");
        assert_holds(&output.err, "isthmus.json:1:7: not valid JSON");
}

static void a_missing_file_is_a_mistake(void **state)
{
        CLEANUP(output_free) struct output output;

        (void)state;
        run(&output, "check", "--config", "/nowhere/isthmus.json", NULL);
        assert_int_equal(output.status, CLI_USAGE);
        assert_holds(&output.out, "/nowhere/isthmus.json: the file can't be read: No such file");
}

static void settings_lists_them_all(void **state)
{
        CLEANUP(output_free) struct output output;

        (void)state;
        run(&output, "settings", NULL, NULL, NULL);
        assert_int_equal(output.status, CLI_GOOD);
        assert_holds(&output.out, "| `Listen` | text | `127.0.0.1:8080` |");
        assert_holds(&output.out, "| `PayloadFormatters.MaximumMemoryBytes` |");
}

static void wrong_usage_ends_with_2_and_help_with_0(void **state)
{
        CLEANUP(output_free) struct output none;
        CLEANUP(output_free) struct output unknown;
        CLEANUP(output_free) struct output many;
        CLEANUP(output_free) struct output option;
        CLEANUP(output_free) struct output help;

        (void)state;
        run(&none, NULL, NULL, NULL, NULL);
        assert_int_equal(none.status, CLI_USAGE);
        assert_holds(&none.err, "usage: isthmus config check");
        run(&unknown, "chek", NULL, NULL, NULL);
        assert_int_equal(unknown.status, CLI_USAGE);
        assert_holds(&unknown.err, "there is no 'chek'");
        run(&many, "check", "more", NULL, NULL);
        assert_int_equal(many.status, CLI_USAGE);
        assert_holds(&many.err, "'more' is one argument too many");
        run(&option, "check", "--file", NULL, NULL);
        assert_int_equal(option.status, CLI_USAGE);
        run(&help, "--help", NULL, NULL, NULL);
        assert_int_equal(help.status, CLI_GOOD);
        assert_holds(&help.out, "usage: isthmus config check");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(check_of_a_good_file_ends_with_0),
                cmocka_unit_test(check_says_every_mistake_with_its_place_and_ends_with_2),
                cmocka_unit_test(check_warns_of_a_secret_that_all_may_read),
                cmocka_unit_test(show_prints_json_without_secrets),
                cmocka_unit_test(show_of_a_bad_file_prints_its_mistakes_and_no_json),
                cmocka_unit_test(a_missing_file_is_a_mistake),
                cmocka_unit_test(settings_lists_them_all),
                cmocka_unit_test(wrong_usage_ends_with_2_and_help_with_0),
        };

        return cmocka_run_group_tests_name("cli.config", tests, make_directory, remove_directory);
}
