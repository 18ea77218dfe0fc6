// SPDX-License-Identifier: MIT
#include "store/store_quotas.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define TELL_AGAIN_NS (INT64_C(600) * CLOCK_NS_PER_S)

struct quota {
        struct table_entry entry;
        struct list_node node; /* of `changed`; not on it while next is NULL */
        int64_t bytes;
        int64_t change; /* of the transaction that is being written */
        int64_t told_ns;
        char device[];
};

void store_quotas_init(struct store_quotas *quotas)
{
        quotas->devices = TABLE_INIT;
        list_init(&quotas->changed);
}

static void forget(struct store_quotas *quotas, struct quota *quota)
{
        table_remove(&quotas->devices, &quota->entry);
        free(quota);
}

void store_quotas_deinit(struct store_quotas *quotas)
{
        for (size_t i = 0; i < quotas->devices.slot_count; i++) {
                while (quotas->devices.slots[i])
                        forget(quotas, table_of(quotas->devices.slots[i], struct quota, entry));
        }
        table_deinit(&quotas->devices);
}

static struct quota *find(const struct store_quotas *quotas, const char *device)
{
        struct table_entry *entry = table_find(&quotas->devices, device);

        return entry ? table_of(entry, struct quota, entry) : NULL;
}

static struct quota *find_or_make(struct store_quotas *quotas, const char *device)
{
        struct quota *quota = find(quotas, device);
        size_t size;

        if (quota)
                return quota;
        size = strlen(device) + 1;
        quota = mem_new(1, sizeof(*quota) + size);
        quota->entry.key = memcpy(quota->device, device, size);
        table_add(&quotas->devices, &quota->entry);
        return quota;
}

void store_quotas_add(struct store_quotas *quotas, const char *device, int64_t bytes)
{
        struct quota *quota = find_or_make(quotas, device);

        quota->bytes += bytes;
        quota->change += bytes;
        if (!quota->node.next)
                list_push_back(&quotas->changed, &quota->node);
}

static void end_transaction(struct store_quotas *quotas, bool undo)
{
        struct list_node *node;

        while ((node = list_pop_front(&quotas->changed))) {
                struct quota *quota = list_entry(node, struct quota, node);

                if (undo)
                        quota->bytes -= quota->change;
                quota->change = 0;
                if (quota->bytes <= 0)
                        forget(quotas, quota);
        }
}

void store_quotas_keep(struct store_quotas *quotas)
{
        end_transaction(quotas, false);
}

void store_quotas_undo(struct store_quotas *quotas)
{
        end_transaction(quotas, true);
}

int64_t store_quotas_held(const struct store_quotas *quotas, const char *device)
{
        const struct quota *quota = find(quotas, device);

        return quota ? quota->bytes : 0;
}

bool store_quotas_allow(const struct store_quotas *quotas, const char *device, int64_t bytes,
                        int64_t used, int64_t maximum)
{
        double free_bytes = (double)(maximum - used);
        int64_t held;

        if (used <= maximum / 2)
                return true;
        held = store_quotas_held(quotas, device);
        return held <= 0 || (double)(held + bytes) <= 2 * free_bytes * free_bytes / (double)maximum;
}

bool store_quotas_tell(struct store_quotas *quotas, const char *device, int64_t now_ns)
{
        struct quota *quota = find(quotas, device);

        if (!quota || (quota->told_ns && now_ns - quota->told_ns < TELL_AGAIN_NS))
                return false;
        quota->told_ns = now_ns;
        return true;
}
