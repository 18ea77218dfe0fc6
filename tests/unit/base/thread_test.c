// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"

#include <assert.h>
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

static void be_on_the_wrong_thread(void)
{
        thread_enter("ingest");
        THREAD_ASSERT("store");
}

static void be_in_the_wrong_state(void)
{
        assert(thread_is("nowhere"));
}

static void assert_ends_the_program(void (*run)(void))
{
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
                close(STDERR_FILENO);
                signal(SIGABRT, SIG_DFL);
                run();
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_the_wrong_thread_ends_the_program(void **state)
{
        (void)state;
        assert_ends_the_program(be_on_the_wrong_thread);
}

static void test_the_wrong_state_ends_the_program_in_every_build(void **state)
{
        (void)state;
        assert_ends_the_program(be_in_the_wrong_state);
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

struct meeting {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool is_there;
};

static void *arrive(void *context)
{
        struct meeting *meeting = context;

        pthread_mutex_lock(&meeting->lock);
        meeting->is_there = true;
        pthread_cond_signal(&meeting->changed);
        pthread_mutex_unlock(&meeting->lock);
        return NULL;
}

static void test_a_condition_is_waited_for_until_a_time_of_the_steady_clock(void **state)
{
        struct meeting meeting = {.lock = PTHREAD_MUTEX_INITIALIZER};
        int64_t hour_ns = clock_steady_ns() + 3600 * CLOCK_NS_PER_S;
        pthread_t thread;

        (void)state;
        condition_init(&meeting.changed);
        pthread_mutex_lock(&meeting.lock);
        assert_false(condition_wait_until(&meeting.changed, &meeting.lock, clock_steady_ns()));
        thread_start(&thread, arrive, &meeting);
        while (!meeting.is_there)
                assert_true(condition_wait_until(&meeting.changed, &meeting.lock, hour_ns));
        pthread_mutex_unlock(&meeting.lock);
        pthread_join(thread, NULL);
        pthread_cond_destroy(&meeting.changed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_thread_is_what_it_entered_as),
                cmocka_unit_test(test_a_long_name_is_cut_as_the_kernel_cuts_it),
                cmocka_unit_test(test_the_wrong_thread_ends_the_program),
                cmocka_unit_test(test_the_wrong_state_ends_the_program_in_every_build),
                cmocka_unit_test(test_a_started_thread_gets_no_signals_and_no_name),
                cmocka_unit_test(test_a_condition_is_waited_for_until_a_time_of_the_steady_clock),
        };

        return cmocka_run_group_tests_name("base.thread", tests, NULL, NULL);
}
