// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_a_thread_is_what_it_entered_as(void **state)
{
        char name[16] = "";

        (void)state;
        assert_false(thread_is("ingest"));
        thread_enter("ingest");
        assert_true(thread_is("ingest"));
        assert_false(thread_is("store"));
        assert_false(thread_is("inges"));
        assert_false(thread_is("ingest2"));
        THREAD_ASSERT("ingest");
        assert_int_equal(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
        assert_string_equal(name, "ingest");
}

static void test_a_long_name_is_cut_as_the_kernel_cuts_it(void **state)
{
        (void)state;
        thread_enter("a-name-of-twenty-two-c");
        assert_true(thread_is("a-name-of-twenty-two-c"));
        assert_true(thread_is("a-name-of-twent"));
}

static void test_the_wrong_thread_ends_the_program(void **state)
{
        int status = 0;
        pid_t child = fork();

        (void)state;
        if (child == 0) {
                close(STDERR_FILENO);
                signal(SIGABRT, SIG_DFL);
                thread_enter("ingest");
                THREAD_ASSERT("store");
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
}

struct seen {
        sigset_t blocked;
        bool is_main;
};

static void *look(void *context)
{
        struct seen *seen = context;

        seen->is_main = thread_is("main");
        pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
        return NULL;
}

static void test_a_started_thread_gets_no_signals_and_no_name(void **state)
{
        struct seen seen = {.is_main = true};
        sigset_t mine;
        pthread_t thread;

        (void)state;
        thread_enter("main");
        thread_start(&thread, look, &seen);
        pthread_join(thread, NULL);
        assert_false(seen.is_main);
        assert_true(sigismember(&seen.blocked, SIGTERM));
        assert_true(sigismember(&seen.blocked, SIGINT));
        pthread_sigmask(SIG_BLOCK, NULL, &mine);
        assert_false(sigismember(&mine, SIGTERM));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_thread_is_what_it_entered_as),
                cmocka_unit_test(test_a_long_name_is_cut_as_the_kernel_cuts_it),
                cmocka_unit_test(test_the_wrong_thread_ends_the_program),
                cmocka_unit_test(test_a_started_thread_gets_no_signals_and_no_name),
        };

        return cmocka_run_group_tests_name("base.thread", tests, NULL, NULL);
}
