// SPDX-License-Identifier: MIT
/* Pictures that a program takes: one that is configured, or the Raspberry Pi's own. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/source/command_run.h"

/* The argument that stands for a new file, which the program is to write. */
#define FILE_ARGUMENT "{file}"

#define ARGUMENTS_MAX 64

struct command {
        char *arguments[ARGUMENTS_MAX + 1]; /* NULL at the end */
        size_t count;
        bool writes_file;
};

static void close_command(struct source *source)
{
        struct command *command = source->own;

        for (size_t i = 0; i < command->count; i++)
                free(command->arguments[i]);
        free(command);
}

static void add(struct command *command, const char *argument)
{
        command->arguments[command->count++] = mem_text(argument);
        command->writes_file = command->writes_file || text_equal(argument, FILE_ARGUMENT);
}

/* --- a configured program ------------------------------------------------------------------ */

static int open_command(struct source *source, struct reason *reason)
{
        const char *const *arguments = source->settings.command;
        size_t count = 0;

        while (arguments && arguments[count])
                count++;
        if (count == 0 || count > ARGUMENTS_MAX || text_is_empty(arguments[0])) {
                reason_set(reason, "the command needs a program and at most %d arguments",
                           ARGUMENTS_MAX - 1);
                return -EINVAL;
        }
        source->own = mem_new(1, sizeof(struct command));
        for (size_t i = 0; i < count; i++)
                add(source->own, arguments[i]);
        /* The caller's, which need not stay. */
        source->settings.command = NULL;
        return 0;
}

/* With a new empty file in the place of its argument: what it held before is never the picture. */
static int take_from_file(struct source *source, int64_t deadline_ms,
                          struct source_picture *picture, struct reason *reason)
{
        const struct command *command = source->own;
        char *arguments[ARGUMENTS_MAX + 1] = {NULL};
        const char *folder = getenv("TMPDIR");
        CLEANUP(mem_cleanup)
        char *path = mem_format("%s/isthmus-camera-XXXXXX", folder ? folder : "/tmp");
        CLEANUP(buf_deinit) struct buf ignored = BUF_INIT;
        int fd = mkostemp(path, O_CLOEXEC);
        int result;

        if (fd < 0) {
                reason_set(reason, "can't make '%s': %s", path, strerror(errno));
                return SOURCE_E_FAILED;
        }
        close(fd);
        for (size_t i = 0; i < command->count; i++)
                arguments[i] = text_equal(command->arguments[i], FILE_ARGUMENT)
                                       ? path
                                       : command->arguments[i];
        result = command_run(source, arguments, deadline_ms, &ignored, reason);
        if (result == 0 &&
            file_read(path, source->settings.maximum_bytes, &picture->bytes, reason) != 0)
                result = SOURCE_E_FAILED;
        unlink(path);
        return result;
}

static int take_command(struct source *source, int64_t deadline_ms, struct source_picture *picture,
                        struct reason *reason)
{
        const struct command *command = source->own;
        int64_t asked_ms = clock_wall_ms();
        int result = command->writes_file ? take_from_file(source, deadline_ms, picture, reason)
                                          : command_run(source, command->arguments, deadline_ms,
                                                        &picture->bytes, reason);

        if (result == 0 && picture->bytes.size == 0) {
                reason_set(
                        reason,
                        command->writes_file
                                ? "'%s' ended well but gave no picture: it wrote nothing to the "
                                  "file in the place of " FILE_ARGUMENT
                                : "'%s' ended well but gave no picture: it must write it to "
                                  "standard output, or to the file in the place of " FILE_ARGUMENT,
                        command->arguments[0]);
                result = SOURCE_E_FAILED;
        }
        picture->taken_ms = asked_ms;
        return result;
}

const struct source_driver source_command_driver = {
        .open = open_command,
        .take = take_command,
        .close = close_command,
};

/* --- the Raspberry Pi's programs ----------------------------------------------------------- */

/*
 * Newest first. Those of libcamera turn by half only; the oldest knows a quarter, too
 * (https://www.raspberrypi.com/documentation/computers/camera_software.html).
 */
static const struct still_program {
        const char *name;
        const char *arguments[6]; /* to take a picture at once, to standard output */
        const char *rotation;
        bool turns_quarter;
} still_programs[] = {
        {"rpicam-still", {"--nopreview", "--timeout", "1", "--output", "-"}, "--rotation", false},
        {"libcamera-still",
         {"--nopreview", "--timeout", "1", "--output", "-"},
         "--rotation",
         false},
        {"raspistill", {"-n", "-t", "1", "-o", "-"}, "-rot", true},
};

static bool is_in_path(const char *name)
{
        CLEANUP(mem_cleanup) char *path = mem_text(getenv("PATH"));
        char *rest = NULL;

        for (const char *folder = path ? strtok_r(path, ":", &rest) : NULL; folder;
             folder = strtok_r(NULL, ":", &rest)) {
                CLEANUP(mem_cleanup) char *file = mem_format("%s/%s", folder, name);

                if (access(file, X_OK) == 0)
                        return true;
        }
        return false;
}

static const struct still_program *find_still_program(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(still_programs); i++) {
                if (is_in_path(still_programs[i].name))
                        return &still_programs[i];
        }
        return NULL;
}

static int check_rotation(const struct still_program *program, int rotation, struct reason *reason)
{
        if (rotation == 0 || rotation == 180 ||
            (program->turns_quarter && (rotation == 90 || rotation == 270)))
                return 0;
        reason_set(reason, "'%s' turns pictures by %s, not by %d", program->name,
                   program->turns_quarter ? "0, 90, 180 or 270 degrees" : "0 or 180 degrees",
                   rotation);
        return -EINVAL;
}

static int open_pi(struct source *source, struct reason *reason)
{
        const struct still_program *program = find_still_program();
        int rotation = source->settings.rotation;

        if (!program) {
                reason_set(reason, "there is no rpicam-still, libcamera-still or raspistill; on "
                                   "Raspberry Pi OS the package rpicam-apps has it");
                return -EINVAL;
        }
        if (check_rotation(program, rotation, reason) != 0)
                return -EINVAL;
        source->own = mem_new(1, sizeof(struct command));
        add(source->own, program->name);
        for (size_t i = 0; program->arguments[i]; i++)
                add(source->own, program->arguments[i]);
        if (rotation != 0) {
                CLEANUP(mem_cleanup) char *degrees = mem_format("%d", rotation);

                add(source->own, program->rotation);
                add(source->own, degrees);
        }
        return 0;
}

const struct source_driver source_pi_driver = {
        .open = open_pi,
        .take = take_command,
        .close = close_command,
};
