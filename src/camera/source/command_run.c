// SPDX-License-Identifier: MIT
#include "camera/source/command_run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"
#include "base/text.h"

#define READ_SIZE  65536
#define ERRORS_MAX 4096 /* the last bytes of standard error that are kept */

struct run {
        pid_t pid;
        int ended;  /* a pidfd: readable when the program has ended */
        int output; /* our ends of its pipes */
        int errors;
        struct buf *out;
        struct buf said; /* on standard error */
        bool is_too_long;
};

/* --- start --------------------------------------------------------------------------------- */

static int add_actions(posix_spawn_file_actions_t *actions, int output, int errors)
{
        int result =
                posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

        if (result == 0)
                result = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
        if (result == 0)
                result = posix_spawn_file_actions_adddup2(actions, errors, STDERR_FILENO);
        if (result == 0)
                result = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
        return result;
}

static int spawn(struct run *run, char *const *arguments, int output, int errors)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int result;

        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        result = add_actions(&actions, output, errors);
        if (result == 0)
                result = process_set_child(&attributes, true);
        if (result == 0)
                result = posix_spawnp(&run->pid, arguments[0], &actions, &attributes, arguments,
                                      environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return result;
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

static int start(struct run *run, char *const *arguments, struct reason *reason)
{
        int output[2] = {-1, -1};
        int errors[2] = {-1, -1};
        int result = 0;

        if (pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0)
                result = errno;
        if (result == 0)
                result = spawn(run, arguments, output[1], errors[1]);
        close_fd(&output[1]);
        close_fd(&errors[1]);
        run->output = output[0];
        run->errors = errors[0];
        if (result == 0) {
                fcntl(run->output, F_SETFL, O_NONBLOCK);
                fcntl(run->errors, F_SETFL, O_NONBLOCK);
                run->ended = (int)syscall(SYS_pidfd_open, run->pid, 0);
                if (run->ended < 0)
                        result = errno;
        }
        if (result != 0)
                reason_set(reason, "can't run '%s': %s", arguments[0], strerror(result));
        return result == 0 ? 0 : SOURCE_E_FAILED;
}

/* --- while it runs ------------------------------------------------------------------------- */

/* Reads what is there now, and closes at the end. */
static void read_output(struct run *run, size_t limit)
{
        for (;;) {
                ssize_t got;

                buf_reserve(run->out, READ_SIZE);
                got = read(run->output, run->out->data + run->out->size, READ_SIZE);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno == EAGAIN)
                        return;
                if (got <= 0) {
                        close_fd(&run->output);
                        return;
                }
                run->out->size += (size_t)got;
                run->out->data[run->out->size] = '\0';
                if (run->out->size > limit) {
                        run->is_too_long = true;
                        return;
                }
        }
}

static void read_errors(struct run *run)
{
        char bytes[ERRORS_MAX];
        ssize_t got = read(run->errors, bytes, sizeof(bytes));

        if (got < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (got <= 0) {
                close_fd(&run->errors);
                return;
        }
        if (run->said.size + (size_t)got > ERRORS_MAX)
                buf_clear(&run->said);
        buf_add(&run->said, bytes, (size_t)got);
}

enum outcome {
        OUTCOME_NONE,
        OUTCOME_ENDED,
        OUTCOME_TOO_LONG,
        OUTCOME_LATE,
        OUTCOME_STOPPED,
};

static enum outcome look(struct run *run, const struct source *source, int64_t left_ms)
{
        struct pollfd polled[] = {
                {.fd = source->stop_fd, .events = POLLIN},
                {.fd = run->ended, .events = POLLIN},
                {.fd = run->output, .events = POLLIN},
                {.fd = run->errors, .events = POLLIN},
        };

        if (poll(polled, ARRAY_SIZE(polled), left_ms > 0 ? (int)left_ms : 0) < 0)
                return OUTCOME_NONE;
        if (polled[0].revents != 0)
                return OUTCOME_STOPPED;
        if (polled[2].revents != 0)
                read_output(run, source->settings.maximum_bytes);
        if (polled[3].revents != 0)
                read_errors(run);
        if (run->is_too_long)
                return OUTCOME_TOO_LONG;
        /* What it printed before it ended was there by then: no more is waited for. */
        if (polled[1].revents != 0) {
                if (run->output >= 0)
                        read_output(run, source->settings.maximum_bytes);
                return run->is_too_long ? OUTCOME_TOO_LONG : OUTCOME_ENDED;
        }
        return left_ms > 0 ? OUTCOME_NONE : OUTCOME_LATE;
}

/* --- the end ------------------------------------------------------------------------------- */

/* The group is killed before its leader is waited for: until then its number is nobody else's. */
static int end(struct run *run)
{
        int status = 0;

        if (run->pid > 0) {
                kill(-run->pid, SIGKILL);
                while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
                        continue;
        }
        close_fd(&run->ended);
        close_fd(&run->output);
        close_fd(&run->errors);
        return status;
}

static void add_last_line(struct reason *reason, struct buf *said)
{
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        const char *start;

        while (said->size > 0 && strchr("\r\n ", said->data[said->size - 1]))
                said->data[--said->size] = '\0';
        if (said->size == 0)
                return;
        start = strrchr(said->data, '\n');
        start = start ? start + 1 : said->data;
        text_add_printable(&line, start, strlen(start));
        reason_add(reason, "it says: %.200s", buf_text(&line));
}

static int judge(const struct source *source, enum outcome outcome, int status, const char *name,
                 struct reason *reason)
{
        if (outcome == OUTCOME_STOPPED)
                return SOURCE_E_STOPPED;
        if (outcome == OUTCOME_LATE)
                reason_set(reason, "'%s' has not ended within %ld ms", name,
                           source->settings.timeout_ms);
        else if (outcome == OUTCOME_TOO_LONG)
                reason_set(reason, "'%s' prints more than %zu bytes", name,
                           source->settings.maximum_bytes);
        else if (WIFSIGNALED(status))
                reason_set(reason, "'%s' was ended by signal %d", name, WTERMSIG(status));
        else if (WEXITSTATUS(status) != 0)
                reason_set(reason, "'%s' ended with status %d", name, WEXITSTATUS(status));
        else
                return 0;
        return SOURCE_E_FAILED;
}

int command_run(const struct source *source, char *const *arguments, int64_t deadline_ms,
                struct buf *out, struct reason *reason)
{
        struct run run = {.ended = -1, .output = -1, .errors = -1, .out = out, .said = BUF_INIT};
        enum outcome outcome = OUTCOME_NONE;
        int result = start(&run, arguments, reason);
        int status;

        while (result == 0 && outcome == OUTCOME_NONE)
                outcome = look(&run, source, deadline_ms - clock_steady_ms());
        if (run.errors >= 0)
                read_errors(&run);
        status = end(&run);
        if (result == 0)
                result = judge(source, outcome, status, arguments[0], reason);
        if (result == SOURCE_E_FAILED)
                add_last_line(reason, &run.said);
        buf_deinit(&run.said);
        return result;
}
