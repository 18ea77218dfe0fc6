// SPDX-License-Identifier: MIT
/* Storage queues that deliveries are taken from: is there a way to each? */
#include <string.h>

#include "azure/storage/storage_account.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/settings_check.h"
#include "conf/signature_check.h"

#define NAME    "UplinkQueueName"
#define STORAGE "ConnectionStrings.UplinkQueueStorage"

#define FUNCTION "AzureWebJobsStorage"

/* In Azure Functions NAME__credential says what kind of identity it is, and names no file. */
void settings_prepare_queues(struct conf_load *load)
{
        for (size_t i = load->count; i-- > 0;) {
                const struct conf_binding *binding = &load->bindings[i];

                if (binding->via == CONF_VIA_CREDENTIAL &&
                    strcmp(binding->row->path, STORAGE) == 0 &&
                    text_equal_nocase(binding->entry->text, "managedidentity"))
                        conf_drop_binding(load, i);
        }
}

static bool has_storage(const struct settings *settings)
{
        return settings->uplink_queue.storage || settings->uplink_queue.service_uri;
}

/* The earlier connectors' queue is one like all others. */
static void adopt_uplink_queue(struct settings *settings)
{
        struct settings_storage_queue *queue;

        if (!settings->uplink_queue.service_uri && settings->uplink_queue.account_name)
                settings->uplink_queue.service_uri = mem_format(
                        "https://%s.queue.core.windows.net", settings->uplink_queue.account_name);
        if (!settings->uplink_queue.name || !has_storage(settings))
                return;
        for (size_t i = 0; i < settings->storage_queue_count; i++) {
                if (text_equal(settings->storage_queues[i].name, settings->uplink_queue.name))
                        return;
        }
        settings->storage_queues =
                mem_resize(settings->storage_queues, settings->storage_queue_count + 1,
                           sizeof(*settings->storage_queues));
        queue = &settings->storage_queues[settings->storage_queue_count++];
        *queue = (struct settings_storage_queue){
                .name = mem_text(settings->uplink_queue.name),
                .maximum_polling_s = 10,
                .visibility_timeout_s = 300,
        };
}

/* Where the connection string that counts for a queue was given. */
static struct conf_subject storage_subject(const struct settings *settings,
                                           const struct settings_storage_queue *queue)
{
        if (queue->connection_string)
                return (struct conf_subject){.path = "Queues.*.ConnectionString",
                                             .captures = {queue->name}};
        if (queue->service_uri)
                return (struct conf_subject){.path = "Queues.*.QueueServiceUri",
                                             .captures = {queue->name}};
        return (struct conf_subject){.path = has_storage(settings) ? STORAGE : FUNCTION};
}

static void check_signature(struct conf_load *load, const struct conf_subject *subject,
                            const struct settings_storage_queue *queue,
                            const struct storage_account *account)
{
        const struct signature_need needs[] = {
                {'p', CONF_MISTAKE,
                 "'process' (p), without which no message can be taken out of a queue"},
                {'a', CONF_WARNING,
                 "'add' (a), without which messages that can't be read stay in the queue"},
                /* The last one, for those that are held. */
                {queue->settlement == SETTINGS_QUEUE_ACCEPTED ? 'u' : '\0', CONF_WARNING,
                 "'update' (u), without which others see messages that wait for a hub"},
                {.right = '\0'},
        };

        signature_check(load, subject, account, STORAGE_QUEUE, needs);
}

static void check_queue(struct conf_load *load, const struct settings *settings,
                        const struct settings_storage_queue *queue)
{
        CLEANUP(storage_account_deinit) struct storage_account account = STORAGE_ACCOUNT_INIT;
        const struct conf_subject own = {.path = "Queues.*.ConnectionString",
                                         .captures = {queue->name}};
        const struct conf_subject subject = storage_subject(settings, queue);
        const char *text = settings_queue_storage(settings, queue);
        const char *url = settings_queue_service(settings, queue);
        struct reason reason = REASON_INIT;

        if (!storage_queue_name_is_valid(queue->name)) {
                conf_say_about(load, CONF_MISTAKE, &own,
                               "'%s' is no name of a storage queue: 3 to 63 small letters, digits "
                               "and single '-' between them",
                               queue->name);
                return;
        }
        if (url) {
                if (!storage_account_by_identity(STORAGE_QUEUE, url, &account, &reason))
                        conf_say_about(load, CONF_MISTAKE, &subject, "%s", reason.text);
                return;
        }
        if (!text) {
                conf_say_about(load, CONF_MISTAKE, &own,
                               "the connection string of this queue's storage account is missing "
                               "here, and " STORAGE " is missing too");
                return;
        }
        if (conf_secret_is_awaited(text))
                return;
        if (!storage_account_parse(text, &account, &reason))
                conf_say_about(load, CONF_MISTAKE, &subject, "%s", reason.text);
        else if (!account.endpoints[STORAGE_QUEUE])
                conf_say_about(load, CONF_MISTAKE, &subject, "QueueEndpoint is missing");
        else
                check_signature(load, &subject, queue, &account);
}

void settings_check_queues(struct conf_load *load, struct settings *settings)
{
        static const struct conf_subject name = {.path = NAME};
        static const struct conf_subject storage = {.path = STORAGE};

        adopt_uplink_queue(settings);
        for (size_t i = 0; i < settings->storage_queue_count; i++)
                check_queue(load, settings, &settings->storage_queues[i]);
        if (settings->uplink_queue.name && settings->storage_queue_count == 0)
                conf_say_about(load, CONF_NOTE, &name,
                               "has no effect without " STORAGE
                               ", the connection string of the account with this queue");
        if (has_storage(settings) && settings->storage_queue_count == 0)
                conf_say_about(load, CONF_NOTE, &storage,
                               "has no effect without " NAME ", which names a queue");
}
