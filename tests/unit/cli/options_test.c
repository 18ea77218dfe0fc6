// SPDX-License-Identifier: MIT
/* The table of a command's options: reading, --help, and the manual page that is made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"

struct target {
        bool loud;
        const char *name;
        int64_t number;
        int reads;
        const char *read;
};

static bool read_even(void *target, const char *text, struct reason *reason)
{
        struct target *to = target;

        to->reads++;
        to->read = text;
        if (text_equal(text, "odd"))
                reason_set(reason, "--even must be even");
        return text_equal(text, "even");
}

static int nothing(void *target)
{
        (void)target;
        return CLI_GOOD;
}

static const struct options_row rows[] = {
        OPTION_SWITCH(struct target, loud, "loud", "says more"),
        {.name = "name",
         .letter = 'n',
         .value = "NAME",
         .meaning = "what it is called",
         .offset = offsetof(struct target, name)},
        OPTION_NUMBER(struct target, number, "number", "N", -5, 5, "how often"),
        OPTION_READ("even", "E", "an even one", read_even),
        {.name = NULL},
};

static const struct options_action actions[] = {
        {"look", "", "looks", 0, 0, nothing},
        {"take", "THING [MORE]", "takes one or two", 1, 2, nothing},
        {.name = NULL},
};

static const struct options plain = {
        .command = "plain", .synopsis = "THING [options]", .rows = rows, .least = 1, .most = 1};
static const struct options acting = {.command = "acting", .actions = actions, .rows = rows};

/* -1 if all is well and the command may go on; else its exit status. */
static int read_line(const struct options *options, const char *line, struct target *target,
                     struct options_found *found)
{
        static char words[256];
        static char *argv[16];
        char *rest = words;
        int argc = 0;
        int status = -1;

        snprintf(words, sizeof(words), "%s", line);
        *target = (struct target){.number = 1};
        while (argc < 15 && (argv[argc] = strtok_r(NULL, " ", &rest)))
                argc++;
        return options_read(options, argc, argv, target, found, &status) ? -1 : status;
}

static void each_kind_of_option_reaches_its_field(void **state)
{
        struct options_found found;
        struct target target;

        (void)state;
        assert_int_equal(read_line(&plain, "plain thing", &target, &found), -1);
        assert_false(target.loud);
        assert_null(target.name);
        assert_int_equal(target.number, 1);
        assert_int_equal(found.count, 1);
        assert_string_equal(found.arguments[0], "thing");
        assert_null(found.action);
        assert_int_equal(read_line(&plain, "plain --number -5 thing -n x --loud --even even",
                                   &target, &found),
                         -1);
        assert_true(target.loud);
        assert_string_equal(target.name, "x");
        assert_int_equal(target.number, -5);
        assert_int_equal(target.reads, 1);
        assert_int_equal(read_line(&plain, "plain --name=y -- --loud", &target, &found), -1);
        assert_string_equal(target.name, "y");
        assert_string_equal(found.arguments[0], "--loud");
        assert_false(target.loud);
}

static void an_action_has_its_own_number_of_arguments(void **state)
{
        struct options_found found;
        struct target target;

        (void)state;
        assert_int_equal(read_line(&acting, "acting take a b", &target, &found), -1);
        assert_string_equal(found.action->name, "take");
        assert_int_equal(found.count, 2);
        assert_string_equal(found.arguments[1], "b");
        assert_int_equal(read_line(&acting, "acting look", &target, &found), -1);
        assert_int_equal(read_line(&acting, "acting look a", &target, &found), CLI_USAGE);
        assert_int_equal(read_line(&acting, "acting take", &target, &found), CLI_USAGE);
        assert_int_equal(read_line(&acting, "acting take a b c", &target, &found), CLI_USAGE);
        assert_int_equal(read_line(&acting, "acting leave", &target, &found), CLI_USAGE);
        assert_int_equal(read_line(&acting, "acting", &target, &found), CLI_USAGE);
}

static void wrong_usage_ends_with_2_and_help_with_0(void **state)
{
        static const char *const wrong[] = {
                "plain",
                "plain a b",
                "plain --nonsense a",
                "plain -x a",
                "plain a --name",
                "plain a --number 6",
                "plain a --number x",
                "plain a --even odd",
                "plain a --even else",
                "plain a --loud=yes",
        };
        struct options_found found;
        struct target target;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                if (read_line(&plain, wrong[i], &target, &found) != CLI_USAGE)
                        fail_msg("%s", wrong[i]);
        }
        assert_int_equal(read_line(&plain, "plain --help", &target, &found), CLI_GOOD);
        assert_int_equal(read_line(&acting, "acting take -h", &target, &found), CLI_GOOD);
}

static void the_help_is_made_from_the_table(void **state)
{
        static const char expected[] = "usage: isthmus acting look\n"
                                       "       isthmus acting take THING [MORE]\n"
                                       "\n"
                                       "  look  looks\n"
                                       "  take  takes one or two\n"
                                       "\n"
                                       "  --loud       says more\n"
                                       "  --name NAME  what it is called\n"
                                       "  --number N   how often\n"
                                       "  --even E     an even one\n"
                                       "  --help       this text\n";
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        (void)state;
        options_help(&acting, &text);
        assert_string_equal(buf_text(&text), expected);
}

/* isthmus help --manual prints it. */
static void the_manual_page_has_the_commands_as_their_tables_say(void **state)
{
        CLEANUP(buf_deinit) struct buf page = BUF_INIT;
        CLEANUP(buf_deinit) struct buf made = BUF_INIT;

        (void)state;
        cli_manual(&made);
        assert_int_equal(file_read(TEST_PROJECT "/docs/man/isthmus.1", 1 << 20, &page, NULL), 0);
        if (!strstr(buf_text(&page), buf_text(&made)))
                fail_msg("docs/man/isthmus.1 must hold what 'isthmus help --manual' prints");
}

/* isthmus help --completion-bash and --completion-zsh print them. */
static void the_shells_complete_the_commands_as_their_tables_say(void **state)
{
        static const char *const files[] = {[CLI_BASH] = "isthmus", [CLI_ZSH] = "_isthmus"};

        (void)state;
        for (int i = CLI_BASH; i <= CLI_ZSH; i++) {
                CLEANUP(mem_cleanup)
                char *path = mem_format(TEST_PROJECT "/packaging/completion/%s", files[i]);
                CLEANUP(buf_deinit) struct buf file = BUF_INIT;
                CLEANUP(buf_deinit) struct buf made = BUF_INIT;

                cli_completion((enum cli_shell)i, &made);
                assert_int_equal(file_read(path, 1 << 20, &file, NULL), 0);
                if (strcmp(buf_text(&file), buf_text(&made)) != 0)
                        fail_msg("%s must be what 'isthmus help --completion-...' prints", path);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_kind_of_option_reaches_its_field),
                cmocka_unit_test(an_action_has_its_own_number_of_arguments),
                cmocka_unit_test(wrong_usage_ends_with_2_and_help_with_0),
                cmocka_unit_test(the_help_is_made_from_the_table),
                cmocka_unit_test(the_shells_complete_the_commands_as_their_tables_say),
                cmocka_unit_test(the_manual_page_has_the_commands_as_their_tables_say),
        };

        return cmocka_run_group_tests_name("cli.options", tests, NULL, NULL);
}
