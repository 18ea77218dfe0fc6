// SPDX-License-Identifier: MIT
/* Whose an identity in IoT Hub is: the store is asked, which all gateways share. */
#include "gateway/device/device_inside.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/device/device_identity.h"

/* An identity that another gateway's device has is asked for again by an event after so long. */
#define CLAIM_AGAIN_MS (60 * 1000)

char *device_claim_identity(const struct settings *settings, const char *hub_id,
                            const char *application)
{
        CLEANUP(mem_cleanup) char *scope = device_identity_scope(settings, application);

        return mem_format("%s@%s", hub_id, scope);
}

void device_claim_clash(struct device *device, const char *owner)
{
        device->clash = mem_format("two devices want the IoT Hub device id '%s': %s has it, %s "
                                   "can't have it too; set DeviceIdTemplate to "
                                   "{application}-{device}",
                                   device->hub_id, owner, device->key);
        log_error("DEVICE_CLASH", "Two devices want the same IoT Hub device id",
                  LOG_TEXT("hub_device", device->hub_id), LOG_TEXT("owner", owner),
                  LOG_TEXT("device", device->key), LOG_END);
}

/* The store is asked, and its answer is on its way back. */
struct claiming {
        struct list_node node; /* of table->claimings */
        struct store_claim claim;
        struct device_table *table;
        char *identity;
        char *key; /* of `owners` */
        char *device_key;
        int result;
        char *holder; /* device key */
};

static void claiming_free(struct claiming *claiming)
{
        free(claiming->identity);
        free(claiming->key);
        free(claiming->device_key);
        free(claiming->holder);
        free(claiming);
}

static void take_answer(struct device_table *table, struct device *device,
                        const struct claiming *claiming)
{
        char *owner = map_get(table->owners, claiming->key);
        bool is_ours = claiming->result == 0 && text_equal(claiming->holder, device->key);

        device->claim = is_ours ? DEVICE_CLAIMED : DEVICE_UNCLAIMED;
        if (is_ours)
                return;
        /* Who has it may be known to another gateway alone, and may give it back. */
        if (text_equal(owner, device->key)) {
                map_remove(table->owners, claiming->key);
                free(owner);
        }
        if (claiming->result == 0)
                device_claim_clash(device, claiming->holder);
        device->claim_after_ms = clock_steady_ms() + CLAIM_AGAIN_MS;
}

/* On the thread "loop". A device that has left or is another one's meanwhile was claimed in vain.
 */
static void claim_answered(void *context)
{
        struct claiming *claiming = context;
        struct device_table *table = claiming->table;
        struct device *device = device_table_find(table, claiming->device_key);
        CLEANUP(mem_cleanup)
        char *identity = device_claim_identity(
                table->settings, device->hub_id ? device->hub_id : "", device->application);

        if (device->claim == DEVICE_CLAIM_ASKED && text_equal(identity, claiming->identity)) {
                take_answer(table, device, claiming);
                if (device->keeper)
                        device->keeper->wake(device);
        }
        list_remove(&table->claimings, &claiming->node);
        claiming_free(claiming);
}

/* On the store's thread. */
static void on_claimed(struct store_claim *claim, int result, const char *holder,
                       const char *template)
{
        struct claiming *claiming = list_entry(claim, struct claiming, claim);

        (void)template;
        claiming->result = result;
        claiming->holder = mem_text(holder);
        loop_post(claiming->table->loop, claim_answered, claiming);
}

static void ask_for_identity(struct device_table *table, struct device *device, const char *key)
{
        struct claiming *claiming = mem_new(1, sizeof(*claiming));

        map_set(table->owners, key, mem_text(device->key));
        device->claim = DEVICE_CLAIM_ASKED;
        claiming->table = table;
        claiming->identity =
                device_claim_identity(table->settings, device->hub_id, device->application);
        claiming->key = mem_text(key);
        claiming->device_key = mem_text(device->key);
        claiming->claim = (struct store_claim){
                .kind = DEVICE_OWNER_KIND,
                .identity = claiming->identity,
                .device = claiming->device_key,
                .lane = device->lane_key,
                .template = table->settings->azure.device_id_template,
                .done = on_claimed,
        };
        list_push_back(&table->claimings, &claiming->node);
        store_claim(table->store, &claiming->claim);
}

void device_table_claim(struct device_table *table, struct device *device)
{
        CLEANUP(mem_cleanup)
        char *key = device_identity_key(table->settings, device->application, device->hub_id);
        const char *owner = map_get(table->owners, key);

        device->claim = DEVICE_UNCLAIMED;
        if (!owner)
                ask_for_identity(table, device, key);
        else if (!text_equal(owner, device->key))
                device_claim_clash(device, owner);
        else
                device->claim = DEVICE_CLAIMED;
}

void device_claims_free(struct device_table *table)
{
        struct list_node *node;

        while ((node = list_pop_front(&table->claimings)))
                claiming_free(list_entry(node, struct claiming, node));
}
