// SPDX-License-Identifier: MIT
/*
 * Import and export of a hub's devices (rule W32): `devices.txt` in a blob container, a line of
 * JSON for each, by the container's address with its shared access signature. Lines that can't be
 * imported are told in `importErrors.log` of the output container, a line of JSON each.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/fleet/fleet_inside.h"

#define FILE_NAME   "devices.txt"
#define ERRORS_NAME "importErrors.log"
#define FILE_MAX    ((size_t)1 << 30)
#define LINE_DEPTH  32
/* What the hub in the cloud says of a line that is no device. */
#define INVALID_FORMAT 400012
#define TIMEOUT_MS     300000

enum transfer_status {
        TRANSFER_QUEUED,
        TRANSFER_RUNNING,
        TRANSFER_COMPLETED,
        TRANSFER_FAILED,
        TRANSFER_CANCELLED,
};

struct transfer {
        struct fleet_item item; /* first */
        struct fleet *fleet;
        bool imports;
        bool without_keys;
        char *input;  /* address of a container; NULL = none */
        char *output; /* likewise */
        enum transfer_status status;
        int64_t start_ms;
        int64_t end_ms;
        char *failure;
        bool waits;         /* for an answer */
        struct buf content; /* of an import, until it is taken up */
        bool has_content;
};

/* --- documents ------------------------------------------------------------------------------- */

struct json_object *fleet_transfer_document(const void *item)
{
        const struct transfer *transfer = item;
        static const char *const names[] = {"enqueued", "running", "completed", "failed",
                                            "cancelled"};
        struct json_object *made = json_object_new_object();

        json_add_text(made, "jobId", transfer->item.id);
        json_add_text(made, "type", transfer->imports ? "import" : "export");
        json_add_text(made, "status", names[transfer->status]);
        fleet_add_time(made, "startTimeUtc", transfer->start_ms);
        fleet_add_time(made, "endTimeUtc", transfer->end_ms);
        json_add_int(made, "progress", transfer->status == TRANSFER_COMPLETED ? 100 : 0);
        json_add_text(made, "inputBlobContainerUri", transfer->input);
        json_add_text(made, "outputBlobContainerUri", transfer->output);
        json_add_bool(made, "excludeKeysInExport", transfer->without_keys);
        json_object_object_add(made, "failureReason",
                               transfer->failure ? json_object_new_string(transfer->failure)
                                                 : NULL);
        return made;
}

/* --- coming and going ------------------------------------------------------------------------ */

static void transfer_free(struct transfer *transfer)
{
        free(transfer->item.id);
        free(transfer->input);
        free(transfer->output);
        free(transfer->failure);
        buf_wipe(&transfer->content);
        free(transfer);
}

void fleet_transfers_deinit(struct fleet *fleet)
{
        struct list_node *node;

        while ((node = list_pop_front(&fleet->items[FLEET_TRANSFER])) != NULL)
                transfer_free(list_entry(node, struct transfer, item.node));
}

static void end(struct transfer *transfer, enum transfer_status status, const char *failure)
{
        if (transfer->end_ms)
                return;
        transfer->status = status;
        transfer->end_ms = clock_wall_ms();
        transfer->failure = mem_text(failure);
}

static bool is_address(const char *text)
{
        return text &&
               (strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0);
}

/* False with the reason. */
static bool read_request(struct transfer *transfer, struct json_object *request,
                         struct reason *reason)
{
        const char *type = json_text_member(request, "type");
        const char *input = json_text_member(request, "inputBlobContainerUri");
        const char *output = json_text_member(request, "outputBlobContainerUri");

        transfer->imports = text_equal_nocase(type, "import");
        transfer->without_keys = json_bool_member(request, "excludeKeysInExport", false);
        transfer->input = mem_text(input);
        transfer->output = mem_text(output);
        if (!transfer->imports && !text_equal_nocase(type, "export"))
                reason_set(reason, "'type' must be import or export");
        else if (text_equal_nocase(json_text_member(request, "storageAuthenticationType"),
                                   "identityBased"))
                reason_set(reason, "the local hub has no identities: use a container's address "
                                   "with a shared access signature");
        else if (!is_address(output) || (transfer->imports && !is_address(input)))
                reason_set(reason, "'inputBlobContainerUri' and 'outputBlobContainerUri' must be "
                                   "addresses of containers");
        else
                return true;
        return false;
}

/* One at a time in each hub. */
static bool is_busy(const struct fleet *fleet, int hub)
{
        list_for_each (node, &fleet->items[FLEET_TRANSFER]) {
                const struct transfer *transfer = list_entry(node, struct transfer, item.node);

                if (transfer->item.hub == hub && !transfer->end_ms)
                        return true;
        }
        return false;
}

static void forget_oldest(struct fleet *fleet)
{
        struct transfer *oldest =
                list_entry(fleet->items[FLEET_TRANSFER].head.next, struct transfer, item.node);

        if (!oldest->end_ms || oldest->waits)
                return;
        list_remove(&fleet->items[FLEET_TRANSFER], &oldest->item.node);
        transfer_free(oldest);
}

int fleet_transfer_start(struct fleet *fleet, int hub, struct json_object *request,
                         struct json_object **answer, struct reason *reason)
{
        struct transfer *transfer = mem_new(1, sizeof(*transfer));
        char id[CRYPTO_UUID_SIZE];
        int r = FLEET_E_INVALID;

        crypto_uuid4(id);
        transfer->fleet = fleet;
        transfer->item.hub = hub;
        transfer->item.id = mem_text(id);
        if (read_request(transfer, request, reason)) {
                pthread_mutex_lock(&fleet->mutex);
                r = is_busy(fleet, hub) ? FLEET_E_BUSY : 0;
                if (r == 0) {
                        transfer->item.serial = ++fleet->last_serial;
                        transfer->start_ms = clock_wall_ms();
                        list_push_back(&fleet->items[FLEET_TRANSFER], &transfer->item.node);
                        if (fleet->items[FLEET_TRANSFER].count > FLEET_HISTORY_MAX)
                                forget_oldest(fleet);
                        *answer = fleet_transfer_document(transfer);
                        fleet_wake(fleet);
                }
                pthread_mutex_unlock(&fleet->mutex);
        }
        if (r == FLEET_E_BUSY)
                reason_set(reason, "an import or export of this hub is under way already");
        if (r != 0)
                transfer_free(transfer);
        return r;
}

int fleet_transfer_cancel(struct fleet *fleet, int hub, const char *id)
{
        struct transfer *transfer;
        int r = FLEET_E_NOT_FOUND;

        pthread_mutex_lock(&fleet->mutex);
        transfer = fleet_find(&fleet->items[FLEET_TRANSFER], hub, id);
        if (transfer)
                r = transfer->end_ms ? FLEET_E_OVER : 0;
        if (r == 0)
                end(transfer, TRANSFER_CANCELLED, NULL);
        pthread_mutex_unlock(&fleet->mutex);
        return r;
}

/* --- blobs ----------------------------------------------------------------------------------- */

/* A blob in the container: its name comes before the signature. */
static char *address_of(const char *container, const char *name)
{
        size_t size = strcspn(container, "?");
        bool has_slash = size > 0 && container[size - 1] == '/';

        return mem_format("%.*s%s%s%s", (int)size, container, has_slash ? "" : "/", name,
                          container + size);
}

static void send_request(struct transfer *transfer, struct http_request request,
                         const char *container, const char *name, http_done *done)
{
        static const struct http_header headers[] = {
                {"x-ms-blob-type", "BlockBlob"},
                {"x-ms-version", "2021-08-06"},
                {"Content-Type", "text/plain; charset=utf-8"},
        };
        CLEANUP(mem_cleanup) char *url = address_of(container, name);
        struct reason ignored = REASON_INIT;

        if (!transfer->fleet->http &&
            http_client_new(
                    &(struct http_client_options){.trusted_certificates =
                                                          transfer->fleet->trusted_certificates,
                                                  .user_agent = "isthmus-hub",
                                                  .timeout_ms = TIMEOUT_MS,
                                                  .maximum_answer = FILE_MAX},
                    &transfer->fleet->http, &ignored) != 0) {
                end(transfer, TRANSFER_FAILED, ignored.text);
                return;
        }
        request.url = url;
        request.headers = headers;
        request.header_count = ARRAY_SIZE(headers);
        transfer->waits = true;
        http_client_send(transfer->fleet->http, &request, done, transfer);
}

/* Its container can't be reached, or does not want it; on the thread "http". */
static bool end_if_failed(struct transfer *transfer, const struct http_answer *answer)
{
        CLEANUP(mem_cleanup) char *text = NULL;

        if (answer->failure == HTTP_OK && answer->status >= 200 && answer->status < 300)
                return false;
        text = answer->failure == HTTP_OK
                       ? mem_format("the blob container answered %d", answer->status)
                       : mem_format("the blob container can't be reached: %s", answer->reason.text);
        end(transfer, TRANSFER_FAILED, text);
        return true;
}

static void written(void *context, const struct http_answer *answer)
{
        struct transfer *transfer = context;
        struct fleet *fleet = transfer->fleet;

        pthread_mutex_lock(&fleet->mutex);
        transfer->waits = false;
        if (!end_if_failed(transfer, answer))
                end(transfer, TRANSFER_COMPLETED, NULL);
        pthread_mutex_unlock(&fleet->mutex);
}

static void was_read(void *context, const struct http_answer *answer)
{
        struct transfer *transfer = context;
        struct fleet *fleet = transfer->fleet;

        pthread_mutex_lock(&fleet->mutex);
        transfer->waits = false;
        if (!end_if_failed(transfer, answer)) {
                buf_add(&transfer->content, answer->body.data, answer->body.size);
                transfer->has_content = true;
                fleet_wake(fleet);
        }
        pthread_mutex_unlock(&fleet->mutex);
}

static void write_blob(struct transfer *transfer, const char *name, const struct buf *text)
{
        send_request(transfer,
                     (struct http_request){
                             .method = "PUT", .body = buf_text(text), .body_size = text->size},
                     transfer->output, name, written);
}

/* --- at work (without the mutex while devices are read or written) ---------------------------- */

static void add_line(const struct fleet *fleet, const struct transfer *transfer,
                     const struct registry_device *device, struct buf *text)
{
        CLEANUP(json_cleanup)
        struct json_object *line =
                fleet->documents->write(fleet->documents->context, device, transfer->without_keys);

        json_write(text, line);
        buf_add_text(text, "\r\n");
}

/* Each with its modules behind it. */
static void export_devices(struct fleet *fleet, struct transfer *transfer)
{
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;
        struct registry_device device;
        struct registry_device module;
        uint64_t cursor = 0;

        pthread_mutex_unlock(&fleet->mutex);
        while (registry_device_next(fleet->registry, transfer->item.hub, &cursor, &device)) {
                uint64_t inner = 0;

                add_line(fleet, transfer, &device, &text);
                while (registry_module_next(fleet->registry, transfer->item.hub, device.id, &inner,
                                            &module))
                        add_line(fleet, transfer, &module, &text);
        }
        mem_wipe(&device, sizeof(device));
        mem_wipe(&module, sizeof(module));
        pthread_mutex_lock(&fleet->mutex);
        if (!transfer->end_ms)
                write_blob(transfer, FILE_NAME, &text);
}

/* A line of `devices.txt`. */
struct import_line {
        const char *text;
        size_t size;
        int number; /* from 1 */
};

/* As the hub in the cloud does, but with the line's number in place of its text, which has keys. */
static void add_error(struct buf *errors, struct json_object *device, int error,
                      const char *description)
{
        CLEANUP(json_cleanup) struct json_object *told = json_object_new_object();

        json_add_text(told, "deviceId", json_text_member(device, "id"));
        json_add_text(told, "moduleId", json_text_member(device, "moduleId"));
        json_add_int(told, "errorCode", error);
        json_add_text(told, "errorStatus", description);
        json_write(errors, told);
        buf_add_text(errors, "\r\n");
}

static void import_line(struct fleet *fleet, int hub, const struct import_line *line,
                        struct buf *errors)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *device =
                json_parse_foreign(line->text, line->size, LINE_DEPTH, JSON_VALUES_USUAL, &reason);
        CLEANUP(mem_cleanup) char *description = NULL;
        int error = INVALID_FORMAT;

        if (device)
                error = fleet->documents->read(fleet->documents->context, hub, device, &reason);
        if (!error)
                return;
        description = mem_format("%s line %d of %s: %s",
                                 device ? "The device in" : "Invalid device format in",
                                 line->number, FILE_NAME, reason.text);
        add_error(errors, device, error, description);
}

static void import_devices(struct fleet *fleet, struct transfer *transfer)
{
        CLEANUP(buf_wipe) struct buf content = transfer->content;
        CLEANUP(buf_deinit) struct buf errors = BUF_INIT;
        struct import_line line = {.text = buf_text(&content), .number = 1};

        transfer->content = BUF_INIT;
        transfer->has_content = false;
        pthread_mutex_unlock(&fleet->mutex);
        for (; *line.text; line.number++) {
                line.size = strcspn(line.text, "\r\n");
                if (line.size > 0)
                        import_line(fleet, transfer->item.hub, &line, &errors);
                line.text += line.size;
                line.text += *line.text == '\r' && line.text[1] == '\n' ? 2 : *line.text ? 1 : 0;
        }
        pthread_mutex_lock(&fleet->mutex);
        if (errors.size > 0)
                write_blob(transfer, ERRORS_NAME, &errors);
        else
                end(transfer, TRANSFER_COMPLETED, NULL);
}

static void begin(struct fleet *fleet, struct transfer *transfer)
{
        transfer->status = TRANSFER_RUNNING;
        if (transfer->imports)
                send_request(transfer, (struct http_request){.method = "GET"}, transfer->input,
                             FILE_NAME, was_read);
        else
                export_devices(fleet, transfer);
}

void fleet_transfers_run(struct fleet *fleet, int64_t *next_ms)
{
        list_for_each (node, &fleet->items[FLEET_TRANSFER]) {
                struct transfer *transfer = list_entry(node, struct transfer, item.node);

                if (transfer->end_ms ||
                    (transfer->status != TRANSFER_QUEUED && !transfer->has_content))
                        continue;
                if (transfer->has_content)
                        import_devices(fleet, transfer);
                else
                        begin(fleet, transfer);
                /* The list may have changed. */
                *next_ms = 0;
                return;
        }
}
