// SPDX-License-Identifier: MIT
#include "store/store_shares.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define TELL_AGAIN_NS (INT64_C(600) * CLOCK_NS_PER_S)

struct share {
        struct table_entry entry;
        struct list_node node; /* of `changed`; not on it while next is NULL */
        int64_t bytes;
        int64_t change; /* of the transaction that is being written */
        int64_t told_ns;
        char device[];
};

void store_shares_init(struct store_shares *shares)
{
        shares->devices = TABLE_INIT;
        list_init(&shares->changed);
}

static void forget(struct store_shares *shares, struct share *share)
{
        table_remove(&shares->devices, &share->entry);
        free(share);
}

void store_shares_deinit(struct store_shares *shares)
{
        for (size_t i = 0; i < shares->devices.slot_count; i++) {
                while (shares->devices.slots[i])
                        forget(shares, table_of(shares->devices.slots[i], struct share, entry));
        }
        table_deinit(&shares->devices);
}

static struct share *find(const struct store_shares *shares, const char *device)
{
        struct table_entry *entry = table_find(&shares->devices, device);

        return entry ? table_of(entry, struct share, entry) : NULL;
}

static struct share *find_or_make(struct store_shares *shares, const char *device)
{
        struct share *share = find(shares, device);
        size_t size;

        if (share)
                return share;
        size = strlen(device) + 1;
        share = mem_new(1, sizeof(*share) + size);
        share->entry.key = memcpy(share->device, device, size);
        table_add(&shares->devices, &share->entry);
        return share;
}

void store_shares_add(struct store_shares *shares, const char *device, int64_t bytes)
{
        struct share *share = find_or_make(shares, device);

        share->bytes += bytes;
        share->change += bytes;
        if (!share->node.next)
                list_push_back(&shares->changed, &share->node);
}

static void end_transaction(struct store_shares *shares, bool undo)
{
        struct list_node *node;

        while ((node = list_pop_front(&shares->changed))) {
                struct share *share = list_entry(node, struct share, node);

                if (undo)
                        share->bytes -= share->change;
                share->change = 0;
                if (share->bytes <= 0)
                        forget(shares, share);
        }
}

void store_shares_keep(struct store_shares *shares)
{
        end_transaction(shares, false);
}

void store_shares_undo(struct store_shares *shares)
{
        end_transaction(shares, true);
}

int64_t store_shares_held(const struct store_shares *shares, const char *device)
{
        const struct share *share = find(shares, device);

        return share ? share->bytes : 0;
}

bool store_shares_allow(const struct store_shares *shares, const char *device, int64_t bytes,
                        int64_t used, int64_t maximum)
{
        double free_bytes = (double)(maximum - used);
        int64_t held;

        if (used <= maximum / 2)
                return true;
        held = store_shares_held(shares, device);
        return held <= 0 || (double)(held + bytes) <= 2 * free_bytes * free_bytes / (double)maximum;
}

bool store_shares_tell(struct store_shares *shares, const char *device, int64_t now_ns)
{
        struct share *share = find(shares, device);

        if (!share || (share->told_ns && now_ns - share->told_ns < TELL_AGAIN_NS))
                return false;
        share->told_ns = now_ns;
        return true;
}
