// SPDX-License-Identifier: MIT
#include "formatter/formatter_process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"

#define PROGRAM_NAME "isthmus-formatter"
#define READ_SIZE    65536
/* Descriptors on their way are kept away from the numbers that the worker will find them under. */
#define LEAST_FD 10

/* --- the program --------------------------------------------------------------------------- */

char *formatter_process_find(const char *given, struct reason *reason)
{
        static const char *const places[] = {"/" PROGRAM_NAME, "/../libexec/isthmus/" PROGRAM_NAME};
        CLEANUP(mem_cleanup) char *folder = NULL;

        if (given) {
                if (access(given, X_OK) == 0)
                        return mem_text(given);
                reason_set(reason, "can't run '%s': %s", given, strerror(errno));
                return NULL;
        }
        folder = process_folder();
        for (size_t i = 0; folder && i < ARRAY_SIZE(places); i++) {
                CLEANUP(mem_cleanup) char *path = mem_format("%s%s", folder, places[i]);

                if (access(path, X_OK) == 0)
                        return mem_text(path);
        }
        reason_set(reason,
                   "there is no " PROGRAM_NAME " beside this program, nor in libexec/isthmus; "
                   "payload formatters need it");
        return NULL;
}

/* --- start --------------------------------------------------------------------------------- */

void formatter_process_init(struct formatter_process *process)
{
        *process = (struct formatter_process){.socket = -1, .in = BUF_INIT, .out = BUF_INIT};
}

static int move_up(int *fd)
{
        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, LEAST_FD);

        if (moved < 0)
                return -errno;
        close(*fd);
        *fd = moved;
        return 0;
}

static int make_sockets(int sockets[2])
{
        int result;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
                return -errno;
        result = move_up(&sockets[1]);
        if (result == 0 && fcntl(sockets[0], F_SETFL, O_NONBLOCK) != 0)
                result = -errno;
        if (result != 0) {
                close(sockets[0]);
                close(sockets[1]);
        }
        return result;
}

/* A descriptor of the memory. */
static int make_progress(struct formatter_progress **progress)
{
        int fd = memfd_create("isthmus-formatter-progress", MFD_CLOEXEC);
        int result;

        if (fd < 0)
                return -errno;
        result = ftruncate(fd, sizeof(**progress)) == 0 ? move_up(&fd) : -errno;
        if (result == 0) {
                void *memory =
                        mmap(NULL, sizeof(**progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

                *progress = memory == MAP_FAILED ? NULL : memory;
                result = *progress ? 0 : -errno;
        }
        if (result == 0)
                return fd;
        close(fd);
        return result;
}

static int add_actions(posix_spawn_file_actions_t *actions, int socket, int progress)
{
        static const struct {
                int fd;
                int flags;
        } nulls[] = {
                {STDIN_FILENO, O_RDONLY}, {STDOUT_FILENO, O_WRONLY}, {STDERR_FILENO, O_WRONLY}};
        int result = 0;

        for (size_t i = 0; i < ARRAY_SIZE(nulls) && result == 0; i++)
                result = posix_spawn_file_actions_addopen(actions, nulls[i].fd, "/dev/null",
                                                          nulls[i].flags, 0);
        if (result == 0)
                result = posix_spawn_file_actions_adddup2(actions, socket, FORMATTER_SOCKET_FD);
        if (result == 0)
                result = posix_spawn_file_actions_adddup2(actions, progress, FORMATTER_PROGRESS_FD);
        if (result == 0)
                result = posix_spawn_file_actions_addclosefrom_np(actions,
                                                                  FORMATTER_PROGRESS_FD + 1);
        return result;
}

static int spawn(struct formatter_process *process, const struct formatter_process_options *options,
                 int socket, int progress)
{
        CLEANUP(mem_cleanup) char *timeout = mem_format("%" PRId64, options->timeout_ms);
        CLEANUP(mem_cleanup) char *memory = mem_format("%" PRId64, options->memory_bytes);
        CLEANUP(mem_cleanup) char *name = mem_text(PROGRAM_NAME);
        CLEANUP(mem_cleanup) char *zone = mem_text("TZ=UTC");
        CLEANUP(mem_cleanup) char *locale = mem_text("LC_ALL=C");
        char *arguments[] = {name, timeout, memory, NULL};
        char *environment[] = {zone, locale, NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int result;

        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        result = add_actions(&actions, socket, progress);
        if (result == 0)
                result = process_set_child(&attributes, false);
        if (result == 0)
                result = posix_spawn(&process->pid, options->program, &actions, &attributes,
                                     arguments, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -result;
}

int formatter_process_start(struct formatter_process *process,
                            const struct formatter_process_options *options, struct reason *reason)
{
        int sockets[2] = {-1, -1};
        int progress = -1;
        int result = make_sockets(sockets);

        if (result == 0) {
                progress = make_progress(&process->progress);
                result = progress < 0 ? progress : spawn(process, options, sockets[1], progress);
                close(sockets[1]);
                if (progress >= 0)
                        close(progress);
        }
        if (result == 0) {
                process->socket = sockets[0];
                return 0;
        }
        if (sockets[0] >= 0)
                close(sockets[0]);
        if (process->progress)
                munmap(process->progress, sizeof(*process->progress));
        process->progress = NULL;
        reason_set(reason, "can't start '%s': %s", options->program, strerror(-result));
        return result;
}

/* --- talking ------------------------------------------------------------------------------- */

bool formatter_process_send(struct formatter_process *process)
{
        while (process->out_done < process->out.size) {
                ssize_t sent = send(process->socket, process->out.data + process->out_done,
                                    process->out.size - process->out_done, MSG_NOSIGNAL);

                if (sent < 0 && errno == EINTR)
                        continue;
                if (sent < 0 && errno == EAGAIN)
                        return true;
                if (sent < 0)
                        break;
                process->out_done += (size_t)sent;
        }
        buf_clear(&process->out);
        process->out_done = 0;
        return false;
}

int formatter_process_receive(struct formatter_process *process)
{
        ssize_t got;

        buf_reserve(&process->in, READ_SIZE);
        do
                got = recv(process->socket, process->in.data + process->in.size, READ_SIZE, 0);
        while (got < 0 && errno == EINTR);
        if (got < 0 && errno == EAGAIN)
                return 0;
        if (got <= 0)
                return -EPIPE;
        process->in.size += (size_t)got;
        return 0;
}

void formatter_process_received(struct formatter_process *process, size_t size)
{
        process->in.size -= size;
        if (size > 0)
                memmove(process->in.data, process->in.data + size, process->in.size);
}

void formatter_process_kill(struct formatter_process *process)
{
        if (process->pid > 0)
                kill(process->pid, SIGKILL);
}

int formatter_process_end(struct formatter_process *process)
{
        int status = -1;

        formatter_process_kill(process);
        if (process->pid > 0) {
                while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
                        ;
        }
        if (process->socket >= 0)
                close(process->socket);
        if (process->progress)
                munmap(process->progress, sizeof(*process->progress));
        buf_deinit(&process->in);
        buf_deinit(&process->out);
        formatter_process_init(process);
        return status;
}
