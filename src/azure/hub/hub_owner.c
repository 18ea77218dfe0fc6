// SPDX-License-Identifier: MIT
/*
 * What a device's owner is told. Owners may do anything to the device from within their handlers,
 * also close it: it is freed when the handler has returned.
 */
#include "azure/hub/hub_device.h"

void hub_device_news(struct hub_device *device)
{
        if (!device->closed && device->news_node.next == NULL)
                list_push_back(&device->hub->client->news, &device->news_node);
}

void hub_device_tell_again(struct hub_device *device)
{
        device->tell_again = true;
        hub_device_news(device);
}

static enum hub_device_state state_of(const struct hub_device *device)
{
        switch (device->place) {
        case HUB_PLACE_READY:
                return HUB_DEVICE_READY;
        case HUB_PLACE_REFUSED:
                return HUB_DEVICE_REFUSED;
        case HUB_PLACE_DOUBTED:
                return device->hub->doubt.trust == HUB_DOUBTED ? HUB_DEVICE_REFUSED
                                                               : HUB_DEVICE_CONNECTING;
        default:
                return HUB_DEVICE_CONNECTING;
        }
}

static void tell_state(struct hub_device *device)
{
        enum hub_device_state state = state_of(device);
        enum hub_refusal refusal = HUB_REFUSAL_NONE;
        struct reason reason = REASON_INIT;

        if (state == device->told && (!device->tell_again || state == HUB_DEVICE_CONNECTING))
                return;
        device->told = state;
        device->tell_again = false;
        if (device->reason != NULL)
                reason_set(&reason, "%s", device->reason);
        if (state == HUB_DEVICE_REFUSED)
                refusal = device->place == HUB_PLACE_DOUBTED ? HUB_REFUSAL_COMMON : device->refusal;
        device->handler->state(device->context, state, refusal, &reason);
}

void hub_device_tell_outcomes(struct hub_device *device)
{
        struct list_node *node;

        while ((node = list_pop_front(&device->ended)) != NULL) {
                struct hub_send *send = list_entry(node, struct hub_send, device_node);
                struct reason reason = REASON_INIT;

                if (send->reason != NULL)
                        reason_set(&reason, "%s", send->reason);
                device->handler->outcome(device->context, send->token, send->outcome, &reason);
                hub_send_free(send);
        }
}

void hub_device_tell(struct hub_device *device)
{
        bool ready = device->place == HUB_PLACE_READY;

        device->telling = true;
        if (!ready) /* before owners send again what comes back */
                tell_state(device);
        hub_device_tell_outcomes(device);
        hub_commands_tell(device);
        hub_methods_tell(device);
        if (!device->closed)
                tell_state(device);
        device->telling = false;
        if (device->closed)
                hub_device_free(device);
}
