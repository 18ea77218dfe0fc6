// SPDX-License-Identifier: MIT
/* Brings a value from where it stands: the configuration, a file of its own, the environment. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/engine/load.h"

/* Keys and connection strings are much shorter. */
#define SECRET_FILE_MAX 65536

char *conf_absolute(const char *folder, const char *path)
{
        if (path[0] == '/' || text_is_empty(folder))
                return mem_text(path);
        return mem_format("%s/%s", folder, path);
}

/* True if the file is there for reading; what else can be opened might never end. */
static bool is_file(const char *path, mode_t *mode, struct reason *reason)
{
        struct stat status;

        if (stat(path, &status) != 0) {
                reason_set(reason, "can't read '%s': %s", path, strerror(errno));
                return false;
        }
        *mode = status.st_mode;
        if (S_ISREG(status.st_mode))
                return true;
        reason_set(reason, "'%s' is no file", path);
        return false;
}

static char *fetch_file(struct conf_load *load, const struct conf_entry *entry, const char *path)
{
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;
        struct reason reason;
        mode_t mode = 0;

        if (!is_file(path, &mode, &reason) ||
            file_read(path, SECRET_FILE_MAX, &text, &reason) != 0) {
                conf_say(load, CONF_MISTAKE, entry, "%s", reason.text);
                return NULL;
        }
        buf_trim_end(&text, " \t\r\n");
        if (text.size == 0) {
                conf_say(load, CONF_MISTAKE, entry, "the file '%s' is empty", path);
                return NULL;
        }
        if (mode & S_IROTH)
                conf_say(load, CONF_WARNING, entry,
                         "every user of this machine can read the secret in '%s'; 'chmod o-rwx' "
                         "helps",
                         path);
        return mem_text_n(text.data, text.size);
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

static char *fetch_credential(struct conf_load *load, const struct conf_entry *entry)
{
        const char *folder = find_variable(load->environment, "CREDENTIALS_DIRECTORY");
        CLEANUP(mem_cleanup) char *path = NULL;

        if (strchr(entry->text, '/') || entry->text[0] == '.') {
                conf_say(load, CONF_MISTAKE, entry, "'%s' is no name of a credential", entry->text);
                return NULL;
        }
        if (text_is_empty(folder)) {
                conf_say(load, CONF_MISTAKE, entry,
                         "CREDENTIALS_DIRECTORY is not set; systemd sets it for a service whose "
                         "unit has LoadCredential=%s",
                         entry->text);
                return NULL;
        }
        path = mem_format("%s/%s", folder, entry->text);
        return fetch_file(load, entry, path);
}

char *conf_fetch(struct conf_load *load, const struct conf_binding *binding)
{
        CLEANUP(mem_cleanup) char *path = NULL;

        if (text_is_empty(binding->entry->text))
                return NULL;
        if (binding->via == CONF_VIA_FILE) {
                path = conf_absolute(load->folder, binding->entry->text);
                return fetch_file(load, binding->entry, path);
        }
        if (binding->via == CONF_VIA_CREDENTIAL)
                return fetch_credential(load, binding->entry);
        if (binding->via == CONF_VIA_ENV)
                return fetch_variable(load, binding->entry);
        return mem_text(binding->entry->text);
}
