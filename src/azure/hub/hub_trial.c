// SPDX-License-Identifier: MIT
#include "azure/hub/hub_trial.h"

#include "azure/hub/hub_device.h"
#include "base/log.h"

/* Messages of a suspect that are to be accepted: nothing is known of it, or it is the culprit. */
#define PAROLE         1
#define CULPRIT_PAROLE 10

static void begin(struct hub_trial *trial, uint64_t token, uint64_t accepted)
{
        if (trial->token == token && trial->tries + trial->losses > 0)
                return;
        *trial = (struct hub_trial){
                .token = token, .accepted = accepted, .on_parole = trial->on_parole};
}

static void end(struct hub_trial *trial)
{
        *trial = (struct hub_trial){.on_parole = trial->on_parole};
}

bool hub_trial_failed(struct hub_device *device, uint64_t token, struct reason *reason)
{
        struct hub_trial *trial = &device->trial;

        begin(trial, token, device->hub->accepted);
        if (trial->tries < HUB_TRIAL_MOST_TRIES)
                trial->tries++;
        if (trial->tries < HUB_TRIAL_MOST_TRIES || device->hub->accepted == trial->accepted)
                return false;
        end(trial);
        reason_prefix(reason, "given up after %d tries while the hub accepted others",
                      HUB_TRIAL_MOST_TRIES);
        return true;
}

/* --- lost connections ------------------------------------------------------------------------ */

static void suspect(struct hub_device *device, int parole)
{
        struct hub_trial *trial = &device->trial;

        if (trial->on_parole == 0) {
                device->hub->suspects++;
                log_info("HUB_DEVICE_ISOLATED",
                         "A device whose message was under way when connections were lost gets "
                         "one of its own",
                         LOG_TEXT("device", device->device_id), LOG_TEXT("hub", device->hub->name),
                         LOG_END);
        }
        if (trial->on_parole < parole)
                trial->on_parole = parole;
}

/* One more loss; true if the message is to be given up. */
static bool lost(struct hub_device *device, uint64_t token, bool alone)
{
        struct hub_trial *trial = &device->trial;
        struct hub_client *client = device->hub->client;

        begin(trial, token, device->hub->accepted);
        trial->losses++;
        if (trial->losses >= HUB_TRIAL_SUSPECT_LOSSES)
                suspect(device, PAROLE);
        if (!alone)
                return false;
        if (trial->lone_losses++ == 0)
                trial->accepted = device->hub->accepted;
        suspect(device, CULPRIT_PAROLE);
        device->not_before_ms = client->now_ms + hub_core_backoff(client, trial->lone_losses);
        return trial->lone_losses >= HUB_TRIAL_MOST_LOSSES &&
               device->hub->accepted > trial->accepted;
}

static size_t under_way(const struct hub_connection *connection)
{
        size_t count = connection->in_flight.count;
        uint64_t token;

        list_for_each (node, &connection->devices[HUB_PLACE_READY])
                count += hub_twin_under_way(list_entry(node, struct hub_device, node), &token);
        return count;
}

void hub_trial_lost(struct hub_connection *connection)
{
        bool alone = connection->for_suspects && under_way(connection) == 1;

        list_for_each (node, &connection->devices[HUB_PLACE_READY]) {
                struct hub_device *device = list_entry(node, struct hub_device, node);
                struct reason reason = REASON_INIT;
                uint64_t token;

                if (!hub_telemetry_under_way(device, &token) && !hub_twin_under_way(device, &token))
                        continue;
                if (!lost(device, token, alone))
                        continue;
                reason_set(&reason,
                           "given up: %d connections were lost while nothing but this was under "
                           "way on them, and the hub accepted others meanwhile",
                           device->trial.lone_losses);
                end(&device->trial);
                hub_telemetry_reject(device, reason.text);
                hub_twin_reject(device, reason.text);
        }
}

void hub_trial_accepted(struct hub_device *device, uint64_t token)
{
        struct hub_trial *trial = &device->trial;

        if (trial->token == token)
                end(trial);
        if (trial->on_parole == 0 || --trial->on_parole > 0)
                return;
        device->hub->suspects--;
        hub_device_unseat(device, "it goes back to the connection of the others");
}

bool hub_trial_is_suspect(const struct hub_device *device)
{
        return device->trial.on_parole > 0;
}

size_t hub_trial_share(const struct hub *hub)
{
        return (hub->suspects + HUB_TRIAL_CONNECTIONS - 1) / HUB_TRIAL_CONNECTIONS;
}

void hub_trial_forget(struct hub_device *device)
{
        if (device->trial.on_parole > 0)
                device->hub->suspects--;
        device->trial.on_parole = 0;
}
