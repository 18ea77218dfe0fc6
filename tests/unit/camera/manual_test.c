// SPDX-License-Identifier: MIT
/* The manual page, the completions and the table of settings are what the program prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/file.h"
#include "camera/camera_options.h"
#include "camera/settings/camera_settings.h"
#include "cli/terminal.h"

static void assert_in_file(const char *path, const struct buf *text, const char *what)
{
        CLEANUP(buf_deinit) struct buf page = BUF_INIT;

        assert_int_equal(file_read(path, 1 << 20, &page, NULL), 0);
        if (!strstr(buf_text(&page), buf_text(text)))
                fail_msg("%s must hold what '%s' prints", path, what);
}

static void the_manual_page_has_the_options_as_their_tables_say(void **state)
{
        CLEANUP(buf_deinit) struct buf made = BUF_INIT;

        (void)state;
        terminal_set_program(CAMERA_PROGRAM);
        camera_manual(&made);
        assert_in_file(TEST_PROJECT "/docs/man/isthmus-camera.1", &made, "isthmus-camera --manual");
}

static void the_shells_complete_the_options_as_their_tables_say(void **state)
{
        CLEANUP(buf_deinit) struct buf bash = BUF_INIT;
        CLEANUP(buf_deinit) struct buf zsh = BUF_INIT;

        (void)state;
        camera_completion(CLI_BASH, &bash);
        assert_in_file(TEST_PROJECT "/packaging/completion/isthmus-camera", &bash,
                       "isthmus-camera --completion-bash");
        camera_completion(CLI_ZSH, &zsh);
        assert_in_file(TEST_PROJECT "/packaging/completion/_isthmus-camera", &zsh,
                       "isthmus-camera --completion-zsh");
}

static void the_documentation_has_the_table_of_all_settings(void **state)
{
        CLEANUP(buf_deinit) struct buf made = BUF_INIT;

        (void)state;
        conf_describe(&camera_schema, &made);
        assert_in_file(TEST_PROJECT "/docs/camera.md", &made, "isthmus-camera config settings");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_manual_page_has_the_options_as_their_tables_say),
                cmocka_unit_test(the_documentation_has_the_table_of_all_settings),
                cmocka_unit_test(the_shells_complete_the_options_as_their_tables_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
