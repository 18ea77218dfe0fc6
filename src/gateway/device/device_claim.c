// SPDX-License-Identifier: MIT
/* Whose an id, or a place, in IoT Hub is: the store is asked, which all gateways share. */
#include "gateway/device/device_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/device/device_identity.h"

/* An identity that another gateway's device has is asked for again by an event after so long. */
#define CLAIM_AGAIN_MS (60 * 1000)

char *device_claim_identity(const struct settings *settings, const struct device *device)
{
        return device_identity_claim(settings, device->application,
                                     device->hub_id ? device->hub_id : "");
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

bool device_owner_read(const struct store_record *record, struct device_owner *owner)
{
        const char *at = strrchr(record->key, '@');
        char *rest;

        owner->device = mem_text_n(record->value, record->value_size);
        owner->template = strchr(owner->device, '\n');
        owner->hub_id = NULL;
        if (!at || !owner->template)
                return false;
        *owner->template ++ = '\0';
        rest = strchr(owner->template, '\n');
        if (rest)
                *rest++ = '\0';
        owner->hub_id = rest ? mem_text(rest) : mem_text_n(record->key, (size_t)(at - record->key));
        owner->scope = at + 1;
        return true;
}

void device_owner_deinit(struct device_owner *owner)
{
        free(owner->device);
        free(owner->hub_id);
}

/* --- asking ---------------------------------------------------------------------------------- */

static void claiming_free(struct device_claiming *claiming)
{
        free(claiming->identity);
        free(claiming->device_key);
        free(claiming->lane_key);
        free(claiming->template);
        free(claiming->holder);
        free(claiming);
}

/* On the thread "loop". */
static void claim_answered(void *context)
{
        struct device_claiming *claiming = context;
        struct device_claims *claims = claiming->claims;

        claims->answered(claims->context, claiming);
        list_remove(&claims->asked, &claiming->node);
        claiming_free(claiming);
}

/* On the store's thread. */
static void on_claimed(struct store_claim *claim, int result, const char *holder,
                       const char *template)
{
        struct device_claiming *claiming = list_entry(claim, struct device_claiming, claim);

        (void)template;
        claiming->result = result;
        claiming->holder = mem_text(holder);
        loop_post(claiming->claims->loop, claim_answered, claiming);
}

void device_claims_ask(struct device_claims *claims, const struct device *device,
                       const char *identity, const char *template)
{
        struct device_claiming *claiming = mem_new(1, sizeof(*claiming));

        claiming->claims = claims;
        claiming->identity = mem_text(identity);
        claiming->device_key = mem_text(device->key);
        claiming->lane_key = mem_text(device->lane_key);
        claiming->template = mem_text(template);
        claiming->claim = (struct store_claim){
                .kind = claims->kind,
                .identity = claiming->identity,
                .device = claiming->device_key,
                .lane = claiming->lane_key,
                .template = claiming->template,
                .done = on_claimed,
        };
        list_push_back(&claims->asked, &claiming->node);
        store_claim(claims->store, &claiming->claim);
}

void device_claims_deinit(struct device_claims *claims)
{
        struct list_node *node;

        while ((node = list_pop_front(&claims->asked)))
                claiming_free(list_entry(node, struct device_claiming, node));
}

/* --- ids ------------------------------------------------------------------------------------- */

static void claim_decided(struct device_table *table, struct device *device,
                          const struct device_claiming *claiming)
{
        CLEANUP(mem_cleanup)
        char *key = device_identity_key(table->settings, device->application, device->hub_id);
        char *owner = map_get(table->owners, key);
        bool is_ours = claiming->result == 0 && text_equal(claiming->holder, device->key);

        device->claim = is_ours ? DEVICE_CLAIMED : DEVICE_UNCLAIMED;
        if (is_ours)
                return;
        /* Who has it may be known to another gateway alone, and may give it back. */
        if (text_equal(owner, device->key)) {
                map_remove(table->owners, key);
                free(owner);
        }
        if (claiming->result == 0)
                device_claim_clash(device, claiming->holder);
        device->claim_after_ms = clock_steady_ms() + CLAIM_AGAIN_MS;
}

/* A device that has left or is another one's meanwhile was claimed in vain. */
void device_claim_answered(void *context, const struct device_claiming *claiming)
{
        struct device_table *table = context;
        struct device *device = device_table_find(table, claiming->device_key);
        CLEANUP(mem_cleanup)
        char *identity = device_claim_identity(table->settings, device);

        if (device->claim != DEVICE_CLAIM_ASKED || !text_equal(identity, claiming->identity))
                return;
        claim_decided(table, device, claiming);
        if (device->keeper)
                device->keeper->wake(device);
}

/* What stands behind the device in its record; the caller's. */
static char *claim_template(const struct device_table *table, const struct device *device,
                            const char *identity)
{
        const char *template = table->settings->azure.device_id_template;
        size_t size = strlen(device->hub_id);

        return strncmp(identity, device->hub_id, size) == 0
                       ? mem_text(template)
                       : mem_format("%s\n%s", template, device->hub_id);
}

static void ask_for_identity(struct device_table *table, struct device *device, const char *key)
{
        CLEANUP(mem_cleanup) char *identity = device_claim_identity(table->settings, device);
        CLEANUP(mem_cleanup) char *template = claim_template(table, device, identity);

        map_set(table->owners, key, mem_text(device->key));
        device->claim = DEVICE_CLAIM_ASKED;
        device_claims_ask(&table->claims, device, identity, template);
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
