// SPDX-License-Identifier: MIT
#include "gateway/device/hub_health.h"

#include <stdlib.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/text.h"

/* A hub that can't be reached for so long may be gone for good. */
#define AWAY_MS (60 * 1000)

/* Between two devices that ask for all; doubled at each. */
#define ASK_MIN_MS (30 * 1000)
#define ASK_MAX_MS (15 * 60 * 1000)

void hub_healths_init(struct hub_healths *healths)
{
        list_init(&healths->hubs);
}

void hub_healths_deinit(struct hub_healths *healths)
{
        list_for_each_safe (node, &healths->hubs) {
                struct hub_health *health = list_entry(node, struct hub_health, node);

                free(health->name);
                free(health);
        }
        list_init(&healths->hubs);
}

static struct hub_health *find(struct hub_healths *healths, const char *hub)
{
        struct hub_health *health;

        list_for_each (node, &healths->hubs) {
                health = list_entry(node, struct hub_health, node);
                if (text_equal(health->name, hub))
                        return health;
        }
        health = mem_new(1, sizeof(*health));
        health->name = mem_text(hub);
        list_push_back(&healths->hubs, &health->node);
        return health;
}

static void move(struct hub_health *health, enum hub_health_state state, int64_t next_ask_ms)
{
        if (health->state == state)
                return;
        if (health->state == HUB_HEALTH_GOOD)
                health->asks = 0;
        health->state = state;
        health->next_ask_ms = next_ask_ms;
}

void hub_healths_clock_was_set(struct hub_healths *healths, int64_t now_ms)
{
        list_for_each (node, &healths->hubs) {
                struct hub_health *health = list_entry(node, struct hub_health, node);

                if (health->next_ask_ms < now_ms + ASK_MIN_MS)
                        health->next_ask_ms = now_ms + ASK_MIN_MS;
        }
}

void hub_health_works(struct hub_healths *healths, const char *hub)
{
        move(find(healths, hub), HUB_HEALTH_GOOD, 0);
}

void hub_health_refuses(struct hub_healths *healths, const char *hub, int64_t now_ms)
{
        move(find(healths, hub), HUB_HEALTH_REFUSING, now_ms);
}

void hub_health_observe(struct hub_healths *healths, const struct hub_summary *summary,
                        int64_t now_ms)
{
        struct hub_health *health = find(healths, summary->name);

        if (summary->ready > 0)
                move(health, HUB_HEALTH_GOOD, 0);
        else if (summary->failures > 0 && summary->devices > summary->refused)
                move(health, HUB_HEALTH_AWAY, now_ms + AWAY_MS);
}

bool hub_health_is_due(const struct hub_health *health, int64_t now_ms)
{
        return health->state != HUB_HEALTH_GOOD && !health->asker && now_ms >= health->next_ask_ms;
}

void hub_health_ask(struct hub_health *health, struct device *asker, int64_t now_ms)
{
        health->asker = asker;
        health->next_ask_ms = now_ms + backoff_ms(++health->asks, ASK_MIN_MS, ASK_MAX_MS);
}

struct hub_health *hub_health_answered(struct hub_healths *healths, const struct device *asker)
{
        list_for_each (node, &healths->hubs) {
                struct hub_health *health = list_entry(node, struct hub_health, node);

                if (health->asker == asker) {
                        health->asker = NULL;
                        return health;
                }
        }
        return NULL;
}
