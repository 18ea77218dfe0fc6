// SPDX-License-Identifier: MIT
/* Brings a value from where it stands: the configuration, a file of its own, the environment. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "conf/load.h"

/* Keys and connection strings are much shorter. */
#define SECRET_FILE_MAX 65536

char *conf_absolute(const char *folder, const char *path)
{
        if (path[0] == '/' || text_is_empty(folder))
                return mem_text(path);
        return mem_format("%s/%s", folder, path);
}

/* Reads to the end, at most `size` bytes; -1 with errno. */
static ssize_t read_all(int file, char *bytes, size_t size)
{
        size_t got = 0;

        while (got < size) {
                ssize_t more = read(file, bytes + got, size - got);

                if (more < 0 && errno == EINTR)
                        continue;
                if (more < 0)
                        return -1;
                if (more == 0)
                        break;
                got += (size_t)more;
        }
        return (ssize_t)got;
}

/* 0 or an error number. The text, without the white space behind it, is the caller's. */
static int read_secret(const char *path, mode_t *mode, char **text)
{
        int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char *bytes;
        struct stat status;
        ssize_t size;
        int error;

        if (file < 0)
                return errno;
        bytes = mem_new(SECRET_FILE_MAX + 1, 1);
        if (fstat(file, &status) != 0 || (size = read_all(file, bytes, SECRET_FILE_MAX)) < 0) {
                error = errno;
                close(file);
                free(bytes);
                return error;
        }
        close(file);
        while (size > 0 && strchr(" \t\r\n", bytes[size - 1]))
                size--;
        *text = mem_text_n(bytes, (size_t)size);
        mem_wipe(bytes, SECRET_FILE_MAX);
        free(bytes);
        *mode = status.st_mode;
        return 0;
}

static char *fetch_file(struct conf_load *load, const struct conf_entry *entry)
{
        CLEANUP(mem_cleanup) char *path = conf_absolute(load->folder, entry->text);
        char *text = NULL;
        mode_t mode = 0;
        int error = read_secret(path, &mode, &text);

        if (error != 0) {
                conf_say(load, CONF_MISTAKE, entry, "the file %s can't be read: %s", path,
                         strerror(error));
                return NULL;
        }
        if (text[0] == '\0') {
                conf_say(load, CONF_MISTAKE, entry, "the file %s is empty", path);
                free(text);
                return NULL;
        }
        if (mode & S_IROTH)
                conf_say(load, CONF_WARNING, entry,
                         "every user of this machine can read the secret in %s; 'chmod o-rwx' "
                         "helps",
                         path);
        return text;
}

static const char *find_variable(char *const *environment, const char *name)
{
        size_t length = strlen(name);

        for (; environment && *environment; environment++) {
                if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
                        return *environment + length + 1;
        }
        return NULL;
}

static char *fetch_variable(struct conf_load *load, const struct conf_entry *entry)
{
        const char *text = find_variable(load->environment, entry->text);

        if (text_is_empty(text)) {
                conf_say(load, CONF_MISTAKE, entry, "the environment variable %s is %s",
                         entry->text, text ? "empty" : "not set");
                return NULL;
        }
        return mem_text(text);
}

char *conf_fetch(struct conf_load *load, const struct conf_binding *binding)
{
        if (text_is_empty(binding->entry->text))
                return NULL;
        if (binding->via == CONF_VIA_FILE)
                return fetch_file(load, binding->entry);
        if (binding->via == CONF_VIA_ENV)
                return fetch_variable(load, binding->entry);
        return mem_text(binding->entry->text);
}
