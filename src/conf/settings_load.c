// SPDX-License-Identifier: MIT
#include "conf/settings_load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/document.h"
#include "conf/load.h"
#include "conf/settings_check.h"
#include "conf/settings_rows.h"

/* "" for a file in the working folder. */
static char *folder_of(const char *file)
{
        const char *slash = file ? strrchr(file, '/') : NULL;

        if (!slash)
                return mem_text("");
        return mem_text_n(file, slash == file ? 1 : (size_t)(slash - file));
}

static void read_entries(struct conf_load *load, const char *text, size_t size)
{
        bool list;

        if (!conf_document_read(text, size, &load->entries, load->report))
                return;
        list = load->entries.count > 0 && load->entries.items[0].shape == CONF_LIST;
        conf_entries_unfold(&load->entries);
        if (list && load->entries.count == 0)
                conf_report_add(load->report, CONF_MISTAKE, NULL, "",
                                "the file holds a list; it must hold an object in { }, or what "
                                "the Azure portal exports: objects with name and value");
}

/* `text` NULL: no file. */
static int load_settings(const struct settings_source *source, const char *text, size_t size,
                         struct conf_load *load)
{
        CLEANUP(mem_cleanup) char *folder = folder_of(source->file);
        struct settings *settings = load->target;

        load->schema = &settings_schema;
        load->folder = folder;
        load->environment = source->environment;
        if (text)
                read_entries(load, text, size);
        /* What a broken file may have said must not count as missing. */
        if (load->report->mistakes == 0) {
                conf_entries_add_environment(&load->entries, source->environment);
                conf_bind(load);
                conf_apply(load);
                settings_derive(settings);
                settings_check(load, settings);
        }
        conf_report_sort(load->report);
        return load->report->mistakes > 0 ? SETTINGS_E_MISTAKES : 0;
}

int settings_load_text(const struct settings_source *source, const char *text, size_t size,
                       struct settings *settings, struct conf_report *report)
{
        CLEANUP(conf_load_deinit) struct conf_load load = {.target = settings, .report = report};

        return load_settings(source, text, size, &load);
}

/* 0 or an error number; one byte more than is allowed is read, so that the excess shows. */
static int read_file(const char *path, struct buf *text, mode_t *mode)
{
        int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat status;
        ssize_t got = 1;
        int error = 0;

        if (file < 0)
                return errno;
        buf_reserve(text, CONF_DOCUMENT_MAX + 1);
        if (fstat(file, &status) != 0)
                error = errno;
        while (error == 0 && got > 0 && text->size <= CONF_DOCUMENT_MAX) {
                got = read(file, text->data + text->size, CONF_DOCUMENT_MAX + 1 - text->size);
                if (got > 0)
                        text->size += (size_t)got;
                else if (got < 0 && errno != EINTR)
                        error = errno;
                else if (got < 0)
                        got = 1;
        }
        close(file);
        text->data[text->size] = '\0';
        *mode = error == 0 ? status.st_mode : 0;
        return error;
}

static void report_unreadable(const struct settings_source *source, int error,
                              struct conf_report *report)
{
        CLEANUP(mem_cleanup) char *sentence = NULL;

        if (error == ENOENT && source->may_be_absent) {
                conf_report_add(report, CONF_NOTE, NULL, "",
                                "there is no such file; the environment alone counts");
                return;
        }
        sentence = mem_format("the file can't be read: %s", strerror(error));
        conf_report_add(report, CONF_MISTAKE, NULL, "", sentence);
}

static const struct conf_binding *find_plain_secret(const struct conf_load *load)
{
        for (size_t i = 0; i < load->count; i++) {
                const struct conf_binding *binding = &load->bindings[i];

                if (binding->row->secret && binding->via == CONF_PLAIN &&
                    !binding->entry->place.variable && binding->entry->text)
                        return binding;
        }
        return NULL;
}

int settings_load(const struct settings_source *source, struct settings *settings,
                  struct conf_report *report)
{
        CLEANUP(conf_load_deinit) struct conf_load load = {.target = settings, .report = report};
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        const struct conf_binding *secret;
        mode_t mode = 0;
        int result;
        int error = read_file(source->file, &text, &mode);

        if (error != 0)
                report_unreadable(source, error, report);
        result = load_settings(source, error == 0 ? text.data : NULL, text.size, &load);
        secret = find_plain_secret(&load);
        if (secret && (mode & S_IROTH)) {
                conf_say(&load, CONF_WARNING, secret->entry,
                         "every user of this machine can read this secret; 'chmod o-rwx %s' "
                         "helps, or {\"File\": \"path\"} in its place",
                         source->file);
                conf_report_sort(report);
        }
        if (text.data)
                mem_wipe(text.data, text.size);
        return result;
}

bool settings_load_or_complain(struct settings *settings, const char *file)
{
        const struct settings_source source = {
                .file = file,
                .may_be_absent = strcmp(file, SETTINGS_DEFAULT_FILE) == 0,
                .environment = environ,
        };
        CLEANUP(conf_report_deinit) struct conf_report report = CONF_REPORT_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int result = settings_load(&source, settings, &report);

        conf_report_write(&report, file, CONF_WARNING, &text);
        fputs(buf_text(&text), stderr);
        return result == 0;
}
