// SPDX-License-Identifier: MIT
/* Brings a value from where it stands: the configuration, a file of its own, the environment. */
#include "conf/engine/secret.h"

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
static int look_at(const char *path, struct stat *status, struct reason *reason)
{
        if (stat(path, status) != 0) {
                int error = errno;

                reason_set(reason, "can't read '%s': %s", path, strerror(error));
                return -error;
        }
        if (S_ISREG(status->st_mode))
                return 0;
        reason_set(reason, "'%s' is no file", path);
        return -EINVAL;
}

int conf_secret_read_file(const char *file, struct buf *value, bool *others, struct reason *reason)
{
        struct stat status;
        int result = look_at(file, &status, reason);

        if (result == 0)
                result = file_read(file, SECRET_FILE_MAX, value, reason);
        if (result != 0)
                return result;
        if (others)
                *others = status.st_mode & S_IROTH;
        buf_trim_end(value, " \t\r\n");
        if (value->size > 0)
                return 0;
        reason_set(reason, "the file '%s' is empty", file);
        return -ENODATA;
}

static char *fetch_file(struct conf_load *load, const struct conf_entry *entry, const char *path)
{
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;
        struct reason reason;
        bool others = false;

        if (conf_secret_read_file(path, &text, &others, &reason) != 0) {
                conf_say(load, CONF_MISTAKE, entry, "%s", reason.text);
                return NULL;
        }
        if (others && !conf_is_reference(buf_text(&text)))
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

static char *credential_path(struct conf_load *load, const struct conf_entry *entry)
{
        const char *folder = find_variable(load->environment, "CREDENTIALS_DIRECTORY");

        if (strchr(entry->text, '/') || entry->text[0] == '.') {
                conf_say(load, CONF_MISTAKE, entry, "'%s' is no name of a credential", entry->text);
                return NULL;
        }
        if (!text_is_empty(folder))
                return mem_format("%s/%s", folder, entry->text);
        conf_say(load, CONF_MISTAKE, entry,
                 "CREDENTIALS_DIRECTORY is not set; systemd sets it for a service whose unit has "
                 "LoadCredential=%s",
                 entry->text);
        return NULL;
}

/* The file that a binding names, below the folder if its path is relative; NULL = none. */
static char *fetch_path(struct conf_load *load, const struct conf_binding *binding)
{
        if (binding->via == CONF_VIA_FILE)
                return conf_absolute(load->folder, binding->entry->text);
        if (binding->via == CONF_VIA_CREDENTIAL)
                return credential_path(load, binding->entry);
        return NULL;
}

char *conf_fetch(struct conf_load *load, const struct conf_binding *binding)
{
        CLEANUP(mem_cleanup) char *path = NULL;

        if (text_is_empty(binding->entry->text))
                return NULL;
        path = fetch_path(load, binding);
        if (path)
                return fetch_file(load, binding->entry, path);
        if (binding->via == CONF_VIA_FILE || binding->via == CONF_VIA_CREDENTIAL)
                return NULL;
        if (binding->via == CONF_VIA_ENV)
                return fetch_variable(load, binding->entry);
        return mem_text(binding->entry->text);
}

/* --- secrets that may change ---------------------------------------------------------------- */

struct conf_secrets *conf_secrets_of(const struct conf_schema *schema, void *target)
{
        return (void *)((uintptr_t)target + schema->secrets_offset);
}

void conf_secret_note(struct conf_load *load, const struct conf_binding *binding, const char *url)
{
        CLEANUP(mem_cleanup) char *file = fetch_path(load, binding);
        struct conf_secrets *secrets;
        struct conf_secret *secret;
        struct buf path = BUF_INIT;

        if (!load->schema->refer || (!file && !url))
                return;
        secrets = conf_secrets_of(load->schema, load->target);
        conf_schema_write_path(binding->row, (const char *const *)binding->captures, binding->index,
                               &path);
        secrets->items = mem_resize(secrets->items, secrets->count + 1, sizeof(*secrets->items));
        secret = &secrets->items[secrets->count++];
        *secret = (struct conf_secret){
                .row = binding->row,
                .index = binding->index,
                .path = buf_take(&path),
                .file = mem_text(file),
                .url = mem_text(url),
        };
        for (size_t i = 0; i < CONF_CAPTURES_MAX; i++)
                secret->captures[i] = mem_text(binding->captures[i]);
}

void conf_secrets_deinit(struct conf_secrets *secrets)
{
        for (size_t i = 0; i < secrets->count; i++) {
                struct conf_secret *secret = &secrets->items[i];

                for (size_t j = 0; j < CONF_CAPTURES_MAX; j++)
                        free(secret->captures[j]);
                free(secret->path);
                free(secret->file);
                free(secret->url);
        }
        for (size_t i = 0; i < secrets->retired_count; i++) {
                mem_wipe(secrets->retired[i], strlen(secrets->retired[i]));
                free(secrets->retired[i]);
        }
        free(secrets->items);
        free(secrets->retired);
        *secrets = (struct conf_secrets){.items = NULL};
}

static char **field_of(const struct conf_schema *schema, void *target,
                       const struct conf_secret *secret)
{
        return conf_field(schema, target, secret->row, secret->captures, secret->index);
}

const char *conf_secret_now(const struct conf_schema *schema, void *target,
                            const struct conf_secret *secret)
{
        return conf_secret_text(field_of(schema, target, secret));
}

static void retire(struct conf_secrets *secrets, char *text)
{
        if (!text)
                return;
        secrets->retired =
                mem_resize(secrets->retired, secrets->retired_count + 1, sizeof(*secrets->retired));
        secrets->retired[secrets->retired_count++] = text;
}

enum conf_secret_fate conf_secret_put(const struct conf_schema *schema, void *target,
                                      const struct conf_secret *secret, const char *value,
                                      struct reason *reason)
{
        char **field = field_of(schema, target, secret);

        if (text_equal(*field, value))
                return CONF_SECRET_SAME;
        if (!conf_check_value(secret->row, value, reason))
                return CONF_SECRET_REFUSED;
        retire(conf_secrets_of(schema, target),
               __atomic_exchange_n(field, mem_text(value), __ATOMIC_ACQ_REL));
        return CONF_SECRET_CHANGED;
}
