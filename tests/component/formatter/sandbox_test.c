// SPDX-License-Identifier: MIT
/* What a worker has locked itself out of: each attempt, made by a process of its own behind the
 * same filter, is its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/worker/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit status of an attempt that was not stopped. */
#define CAME_BACK 9

/* Bare system calls: a sanitizer's wrapper makes others of its own. */
static void open_file(void)
{
        syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static void open_socket(void)
{
        syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void fork_process(void)
{
        syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void run_program(void)
{
        syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void kill_parent(void)
{
        syscall(SYS_kill, getppid(), 0);
}

static void signal_thread_of_another(void)
{
        syscall(SYS_tgkill, 1, 1, 0);
}

static void trace(void)
{
        syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL);
}

static void map_executable_memory(void)
{
        syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void remove_file(void)
{
        syscall(SYS_unlinkat, AT_FDCWD, "/nothing", 0);
}

static void change_limits(void)
{
        syscall(SYS_prlimit64, 0, 0, NULL, NULL);
}

static void nothing(void)
{
        syscall(SYS_getpid);
}

/* How the attempt ended, as a wait status. */
static int attempt(void (*act)(void))
{
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
                if (sandbox_prepare() != 0 || sandbox_enter() != 0)
                        syscall(SYS_exit_group, 1);
                act();
                syscall(SYS_exit_group, CAME_BACK);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        return status;
}

static void test_what_a_formatter_has_no_use_for_is_the_end(void **state)
{
        void (*const acts[])(void) = {
                open_file,   open_socket,   fork_process,          run_program,
                kill_parent, trace,         map_executable_memory, signal_thread_of_another,
                remove_file, change_limits,
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
                int status = attempt(acts[i]);

                assert_true(WIFSIGNALED(status));
                assert_int_equal(WTERMSIG(status), SIGSYS);
        }
}

static void test_what_it_needs_goes_on(void **state)
{
        int status = attempt(nothing);

        (void)state;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), CAME_BACK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_a_formatter_has_no_use_for_is_the_end),
                cmocka_unit_test(test_what_it_needs_goes_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
