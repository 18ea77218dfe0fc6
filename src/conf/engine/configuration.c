// SPDX-License-Identifier: MIT
#include "conf/engine/configuration.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "conf/engine/document.h"
#include "conf/engine/load.h"

/* "" for a file in the working folder. */
static char *folder_of(const char *file)
{
        const char *slash = file ? strrchr(file, '/') : NULL;

        if (!slash)
                return mem_text("");
        return mem_text_n(file, slash == file ? 1 : (size_t)(slash - file));
}

/* False if nothing can be said of what the file was meant to hold. */
static bool read_entries(struct conf_load *load, const char *text, size_t size)
{
        bool list;

        if (!conf_document_read(text, size, &load->entries, load->report))
                return false;
        conf_check_twice(load);
        list = load->entries.count > 0 && load->entries.items[0].shape == CONF_LIST;
        conf_entries_unfold(&load->entries);
        if (!list || load->entries.count > 0)
                return true;
        conf_report_add(load->report, CONF_MISTAKE, NULL, "",
                        "the file holds a list; it must hold an object in { }, or what the Azure "
                        "portal exports: objects with name and value");
        return false;
}

/* `text` NULL: no file. */
static int load_all(const struct conf_source *source, const struct buf *text,
                    struct conf_load *load)
{
        CLEANUP(mem_cleanup) char *folder = folder_of(source->file);

        load->folder = folder;
        load->environment = source->environment;
        /* What a broken file, or one that can't be read, may have said must not count as missing.
         */
        if (load->report->mistakes == 0 &&
            (!text || read_entries(load, buf_text(text), text->size))) {
                conf_entries_add_environment(&load->entries, source->environment);
                conf_bind(load);
                if (load->schema->prepare)
                        load->schema->prepare(load);
                conf_apply(load);
                load->schema->finish(load);
        }
        return load->report->mistakes > 0 ? CONF_E_MISTAKES : 0;
}

int conf_load_text(const struct conf_schema *schema, const struct conf_source *source,
                   const struct buf *text, void *target, struct conf_report *report)
{
        CLEANUP(conf_load_deinit)
        struct conf_load load = {.schema = schema, .target = target, .report = report};
        int result = load_all(source, text, &load);

        conf_report_sort(report);
        return result;
}

/* `error` is file_read's. */
static void report_unreadable(const struct conf_source *source, int error,
                              struct conf_report *report)
{
        CLEANUP(mem_cleanup) char *sentence = NULL;

        if (error == -ENOENT && source->may_be_absent) {
                conf_report_add(report, CONF_NOTE, NULL, "",
                                "there is no such file; the environment alone counts");
                return;
        }
        sentence = mem_format("the file can't be read: %s", strerror(-error));
        conf_report_add(report, CONF_MISTAKE, NULL, "", sentence);
}

static const struct conf_binding *find_plain_secret(const struct conf_load *load)
{
        for (size_t i = 0; i < load->count; i++) {
                const struct conf_binding *binding = &load->bindings[i];

                if (binding->row->secret && binding->index != CONF_ITEM &&
                    binding->via == CONF_PLAIN && !binding->entry->place.variable &&
                    binding->entry->text && !conf_is_reference(binding->entry->text))
                        return binding;
        }
        return NULL;
}

/* Warns if everybody may read a secret in the file. */
static void check_mode(struct conf_load *load, const char *file)
{
        const struct conf_binding *secret = find_plain_secret(load);
        struct stat status;

        if (!secret || stat(file, &status) != 0 || !(status.st_mode & S_IROTH))
                return;
        conf_say(load, CONF_WARNING, secret->entry,
                 "every user of this machine can read this secret; 'chmod o-rwx %s' helps, or "
                 "{\"File\": \"path\"} in its place",
                 file);
}

static int load_file(const struct conf_schema *schema, const struct conf_source *source,
                     void *target, struct conf_report *report, struct buf *converted)
{
        CLEANUP(conf_load_deinit)
        struct conf_load load = {.schema = schema, .target = target, .report = report};
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;
        int error = file_read(source->file, CONF_DOCUMENT_MAX, &text, NULL);
        int result;

        if (error != 0)
                report_unreadable(source, error, report);
        result = load_all(source, error == 0 ? &text : NULL, &load);
        check_mode(&load, source->file);
        conf_report_sort(report);
        if (converted && result == 0)
                conf_convert(&load, converted);
        return result;
}

int conf_load_file(const struct conf_schema *schema, const struct conf_source *source, void *target,
                   struct conf_report *report)
{
        return load_file(schema, source, target, report, NULL);
}

int conf_convert_file(const struct conf_schema *schema, const struct conf_source *source,
                      void *target, struct conf_report *report, struct buf *converted)
{
        return load_file(schema, source, target, report, converted);
}

bool conf_load_or_complain(const struct conf_schema *schema, const struct conf_source *source,
                           void *target)
{
        CLEANUP(conf_report_deinit) struct conf_report report = CONF_REPORT_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int result = conf_load_file(schema, source, target, &report);

        conf_report_write(&report, source->file, CONF_WARNING, &text);
        fputs(buf_text(&text), stderr);
        return result == 0;
}
