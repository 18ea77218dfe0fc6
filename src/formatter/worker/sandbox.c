// SPDX-License-Identifier: MIT
#include "formatter/worker/sandbox.h"

#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "formatter/formatter_progress.h"

/* The engine's threads each have an event descriptor. */
#define MOST_FILES 64

static int limit(__rlimit_resource_t resource, rlim_t value)
{
        struct rlimit limits = {.rlim_cur = value, .rlim_max = value};

        return setrlimit(resource, &limits) == 0 ? 0 : -errno;
}

/*
 * Not RLIMIT_AS: the engine reserves tens of gigabytes of addresses. Not RLIMIT_NPROC: it counts
 * all processes of the user, and the filter forbids new ones.
 */
int sandbox_prepare(void)
{
        int result = limit(RLIMIT_CORE, 0);

        if (result == 0)
                result = limit(RLIMIT_FSIZE, 0);
        if (result == 0)
                result = limit(RLIMIT_NOFILE, MOST_FILES);
        if (result != 0)
                return result;
        if (close_range(FORMATTER_PROGRESS_FD + 1, ~0U, 0) != 0 && errno != ENOSYS)
                return -errno;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
                return -errno;
        return 0;
}

/* What the engine, its collector's threads and the C library need to go on. */
static const int allowed[] = {
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(pread64),
        SCMP_SYS(close),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(eventfd2),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(brk),
        SCMP_SYS(mincore),
        SCMP_SYS(membarrier),
        SCMP_SYS(futex),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(rseq),
        SCMP_SYS(sched_yield),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(sched_getscheduler),
        SCMP_SYS(sched_getparam),
        SCMP_SYS(sched_get_priority_max),
        SCMP_SYS(sched_get_priority_min),
        SCMP_SYS(getpriority),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_getres),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(nanosleep),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(time),
        SCMP_SYS(getrandom),
        SCMP_SYS(getrusage),
        SCMP_SYS(sysinfo),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(rt_sigsuspend),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
};

/* What the engine asks for its threads and does without. */
static const int refused[] = {
        SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_setparam),    SCMP_SYS(sched_setattr),
        SCMP_SYS(setpriority),        SCMP_SYS(sched_setaffinity),
};

/* Allowed only with certain arguments. */
static int add_conditional(scmp_filter_ctx filter)
{
        const unsigned long thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

        if (result == 0)
                result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        /* The collector stops threads with signals: those of this process only. */
        if (result == 0)
                result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
        /* Threads, no processes; clone3 hides its flags from a filter, and the C library does
         * without it. */
        if (result == 0)
                result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                          SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
        if (result == 0)
                result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        if (result == 0)
                result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                          SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
        return result;
}

int sandbox_enter(void)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
        int result = filter ? 0 : -ENOMEM;

        for (size_t i = 0; i < ARRAY_SIZE(allowed) && result == 0; i++)
                result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
        for (size_t i = 0; i < ARRAY_SIZE(refused) && result == 0; i++)
                result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
        if (result == 0)
                result = add_conditional(filter);
        if (result == 0)
                result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
        if (result == 0)
                result = seccomp_load(filter);
        seccomp_release(filter);
        return result;
}
