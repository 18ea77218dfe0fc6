// SPDX-License-Identifier: MIT
#include "gateway/formatter_mirror.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/storage/storage_access.h"
#include "azure/storage/storage_blob.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "formatter/formatter.h"
#include "monitor/monitor_call.h"

#define BLOB_MAX      (1024 * 1024)
#define BLOBS_MAX     1000
#define NAME_MAX_SIZE 128

/* Two lists must say so before a file goes. */
#define MISSES_MAX 2

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* A file of the folder, or one that is to be. */
struct copy {
        struct copy *next;
        char *name;
        char *etag;   /* of what is in the folder; NULL = it was there before we started */
        char *wanted; /* of what the container has; NULL = the same */
        bool seen;    /* in the list that is being read */
        int misses;
};

struct container {
        struct formatter_mirror *mirror;
        const char *name;
        char *folder;
        struct storage_access access;
        struct copy *copies;
        size_t count;
        struct copy *reading; /* under way */
        struct map *skipped;  /* names that were warned of; values are of no interest */
        char *marker;         /* of the next page */
        int failures;         /* in a row */
        char told[STORAGE_CODE_SIZE];
};

struct formatter_mirror {
        struct formatter_mirror_options options;
        struct container containers[2];
        size_t count;
};

static void list(void *context);

char *formatter_mirror_folder(const struct settings *settings)
{
        if (!settings_formatters_are_mirrored(settings))
                return NULL;
        return mem_format("%s/formatters", settings->data_directory);
}

static void again(struct container *container, int64_t delay_ms)
{
        free(container->marker);
        container->marker = NULL;
        http_client_after(container->access.http, delay_ms, list, container);
}

static void note_failure(struct container *container, const struct http_answer *answer)
{
        struct reason reason = REASON_INIT;
        char code[STORAGE_CODE_SIZE];

        container->failures++;
        storage_answer_code(answer, code);
        if (strcmp(code, container->told) != 0) {
                strcpy(container->told, code);
                storage_answer_explain(answer, code, &reason);
                log_warn("FORMATTER_MIRROR_FAILED",
                         "A container of payload formatters can't be read now; the copies stay",
                         LOG_TEXT("container", container->name), LOG_TEXT("code", code),
                         LOG_TEXT("reason", reason.text), LOG_END);
        }
        again(container, storage_answer_pause_ms(answer, container->failures));
}

static void send(struct container *container, struct storage_queue_request *request,
                 http_done *done)
{
        storage_access_send(&container->access, &request->request, done, container);
        storage_queue_request_deinit(request);
}

/* --- the files -------------------------------------------------------------------------------- */

static struct copy *find_copy(const struct container *container, const char *name)
{
        struct copy *copy = container->copies;

        while (copy && strcmp(copy->name, name) != 0)
                copy = copy->next;
        return copy;
}

static struct copy *add_copy(struct container *container, const char *name)
{
        struct copy *copy = mem_new(1, sizeof(*copy));

        copy->name = mem_text(name);
        copy->next = container->copies;
        container->copies = copy;
        container->count++;
        return copy;
}

static void free_copy(struct copy *copy)
{
        free(copy->name);
        free(copy->etag);
        free(copy->wanted);
        free(copy);
}

/* Why a blob of this name and size is not mirrored; NULL = it is. */
static const char *obstacle(const struct container *container, const struct storage_blob *blob)
{
        size_t length = strlen(blob->name);

        if (length > NAME_MAX_SIZE || strspn(blob->name, LETTERS) != length || blob->name[0] == '.')
                return "its name has more than letters, digits, '.', '_' and '-'";
        if (blob->size > BLOB_MAX)
                return "it is longer than 1 MiB";
        if (!find_copy(container, blob->name) && container->count >= BLOBS_MAX)
                return "there are more than 1,000 formatters";
        return NULL;
}

static bool is_formatter(const char *name)
{
        return text_size_without(name, FORMATTER_SUFFIX) < strlen(name);
}

static void warn_skipped(struct container *container, const char *name, const char *why)
{
        if (map_get(container->skipped, name) || map_count(container->skipped) >= BLOBS_MAX)
                return;
        map_set(container->skipped, name, container);
        log_warn("FORMATTER_BLOB_SKIPPED", "A blob is not taken as a payload formatter",
                 LOG_TEXT("container", container->name), LOG_TEXT("blob", name),
                 LOG_TEXT("reason", why), LOG_END);
}

static void note_blob(struct container *container, const struct storage_blob *blob)
{
        const char *why = obstacle(container, blob);
        struct copy *copy;

        if (why) {
                warn_skipped(container, blob->name, why);
                return;
        }
        /* Other files, such as those in C#, may lie beside them. */
        if (!is_formatter(blob->name))
                return;
        copy = find_copy(container, blob->name);
        if (!copy)
                copy = add_copy(container, blob->name);
        copy->seen = true;
        copy->misses = 0;
        if (text_equal(copy->etag, blob->etag))
                return;
        free(copy->wanted);
        copy->wanted = mem_text(blob->etag);
}

static void remove_file(const struct container *container, const char *name)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", container->folder, name);

        if (unlink(path) == 0)
                log_info("FORMATTER_BLOB_GONE",
                         "A payload formatter is not in its container any more",
                         LOG_TEXT("container", container->name), LOG_TEXT("blob", name), LOG_END);
}

/* The whole list was read. */
static void drop_missing(struct container *container)
{
        struct copy **at = &container->copies;

        while (*at) {
                struct copy *copy = *at;

                if (copy->seen || ++copy->misses < MISSES_MAX) {
                        copy->seen = false;
                        at = &copy->next;
                        continue;
                }
                *at = copy->next;
                container->count--;
                remove_file(container, copy->name);
                free_copy(copy);
        }
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_next(struct container *container);

static void take_text(struct container *container, const struct buf *text)
{
        struct copy *copy = container->reading;
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", container->folder, copy->name);
        struct reason reason = REASON_INIT;

        if (file_write(path, 0600, text->data, text->size, &reason) != 0) {
                warn_skipped(container, copy->name, reason.text);
        } else {
                log_info("FORMATTER_COPIED", "A payload formatter was read from its container",
                         LOG_TEXT("container", container->name), LOG_TEXT("blob", copy->name),
                         LOG_INT("bytes", text->size), LOG_END);
        }
        free(copy->etag);
        copy->etag = copy->wanted;
        copy->wanted = NULL;
}

static void on_blob(void *context, const struct http_answer *answer)
{
        struct container *container = context;
        struct http_answer wrong = {.failure = HTTP_E_BROKEN, .retry_after_ms = -1};

        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (!storage_answer_is_good(answer)) {
                note_failure(container, answer);
                return;
        }
        if (!storage_blob_is_whole(answer, &wrong.reason)) {
                note_failure(container, &wrong);
                return;
        }
        take_text(container, &answer->body);
        read_next(container);
}

static void read_next(struct container *container)
{
        const struct settings *settings = container->mirror->options.settings;
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;
        struct copy *copy = container->copies;

        while (copy && !copy->wanted)
                copy = copy->next;
        container->reading = copy;
        if (!copy) {
                again(container, settings->payload_formatters.refresh_s * 1000);
                return;
        }
        storage_blob_get(container->name, copy->name, &request);
        send(container, &request, on_blob);
}

/* --- listing ---------------------------------------------------------------------------------- */

static void on_page(void *context, const struct http_answer *answer)
{
        struct container *container = context;
        struct http_answer wrong = {.failure = HTTP_E_BROKEN, .retry_after_ms = -1};
        CLEANUP(storage_blob_page_deinit) struct storage_blob_page page = {.count = 0};

        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (!storage_answer_is_good(answer)) {
                note_failure(container, answer);
                return;
        }
        if (!storage_blob_page_read(buf_text(&answer->body), answer->body.size, &page,
                                    &wrong.reason)) {
                note_failure(container, &wrong);
                return;
        }
        for (size_t i = 0; i < page.count; i++)
                note_blob(container, &page.items[i]);
        free(container->marker);
        container->marker = mem_text(page.next);
        if (page.next[0] != '\0') {
                list(container);
                return;
        }
        if (container->told[0] != '\0')
                log_info("FORMATTER_MIRROR_WORKS",
                         "A container of payload formatters is read again",
                         LOG_TEXT("container", container->name), LOG_END);
        container->told[0] = '\0';
        container->failures = 0;
        drop_missing(container);
        read_next(container);
}

static void list(void *context)
{
        struct container *container = context;
        const struct settings *settings = container->mirror->options.settings;
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;
        struct http_answer wrong = {.failure = HTTP_E_CONNECT, .retry_after_ms = -1};

        if (!storage_access_renew(&container->access,
                                  conf_secret_text(&settings->payload_formatters.storage),
                                  &wrong.reason)) {
                note_failure(container, &wrong);
                return;
        }
        if (text_is_empty(container->marker)) {
                for (struct copy *copy = container->copies; copy; copy = copy->next)
                        copy->seen = false;
        }
        storage_blob_list(container->name, container->marker, &request);
        send(container, &request, on_page);
}

/* --- start ------------------------------------------------------------------------------------ */

/* Copies of an earlier start: read again once, and dropped if the container has them no more. */
static void find_copies(struct container *container)
{
        DIR *folder = opendir(container->folder);
        const struct dirent *entry;

        while (folder && (entry = readdir(folder))) {
                if (is_formatter(entry->d_name) && entry->d_name[0] != '.')
                        add_copy(container, entry->d_name);
        }
        if (folder)
                closedir(folder);
}

static void open_container(struct formatter_mirror *mirror, const char *name, const char *part)
{
        const struct settings *settings = mirror->options.settings;
        CLEANUP(mem_cleanup) char *above = formatter_mirror_folder(settings);
        const char *url = settings->payload_formatters.service_uri;
        struct container *container = &mirror->containers[mirror->count++];
        struct reason reason = REASON_INIT;

        container->mirror = mirror;
        container->name = name;
        container->folder = mem_format("%s/%s", above, part);
        container->skipped = map_new();
        container->access = (struct storage_access){
                .service = STORAGE_BLOB,
                .http = mirror->options.http,
                .identity = mirror->options.identity,
                .client = settings->payload_formatters.client_id,
                .watch = monitor_call_watch(mirror->options.monitor, MONITOR_TYPE_BLOB),
                .account = STORAGE_ACCOUNT_INIT,
        };
        /* Its check has let only a good URL through. */
        if (url && !settings->payload_formatters.storage &&
            !storage_account_by_identity(STORAGE_BLOB, url, &container->access.account, NULL))
                abort();
        if (file_make_directory(container->folder, 0700, &reason) != 0)
                warn_skipped(container, container->folder, reason.text);
        find_copies(container);
        http_client_after(mirror->options.http, 0, list, container);
}

struct formatter_mirror *formatter_mirror_start(const struct formatter_mirror_options *options)
{
        const struct settings *settings = options->settings;
        struct formatter_mirror *mirror;

        if (!settings_formatters_are_mirrored(settings))
                return NULL;
        mirror = mem_new(1, sizeof(*mirror));
        mirror->options = *options;
        if (settings->payload_formatters.uplink_container)
                open_container(mirror, settings->payload_formatters.uplink_container,
                               FORMATTER_UPLINKS);
        if (settings->payload_formatters.downlink_container)
                open_container(mirror, settings->payload_formatters.downlink_container,
                               FORMATTER_DOWNLINKS);
        return mirror;
}

void formatter_mirror_free(struct formatter_mirror *mirror)
{
        for (size_t i = 0; mirror && i < mirror->count; i++) {
                struct container *container = &mirror->containers[i];

                while (container->copies) {
                        struct copy *copy = container->copies;

                        container->copies = copy->next;
                        free_copy(copy);
                }
                storage_account_deinit(&container->access.account);
                map_free(container->skipped);
                free(container->marker);
                free(container->folder);
        }
        free(mirror);
}
