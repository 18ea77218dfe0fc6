// SPDX-License-Identifier: MIT
/* What the hub means by an AMQP error (rule W11), and what follows. */
#ifndef ISTHMUS_AZURE_HUB_HUB_CONDITION_H
#define ISTHMUS_AZURE_HUB_HUB_CONDITION_H

#include <proton/condition.h>
#include <stdbool.h>

#include "azure/hub/hub_client.h"
#include "base/reason.h"

enum hub_fault {
        HUB_FAULT_AGAIN,        /* passing: attach or send again after the usual pause */
        HUB_FAULT_THROTTLED,    /* again, but not soon */
        HUB_FAULT_TOO_LARGE,    /* the message is; the device is well */
        HUB_FAULT_ARGUMENT,     /* something in the message is wrong */
        HUB_FAULT_UNAUTHORIZED, /* expired or wrong token, disabled device */
        HUB_FAULT_NOT_FOUND,    /* no such device */
        HUB_FAULT_STOLEN,       /* another connection holds this device */
        HUB_FAULT_HUB,          /* no such hub, or not here any more */
        HUB_FAULT_REFUSED,      /* anything else that repeating seldom cures */
};

/* A copy of proton's, for the time when the connection is gone. */
struct hub_condition {
        enum hub_fault fault;
        bool is_pace;         /* HUB_FAULT_THROTTLED because there are too many in a second */
        struct reason reason; /* "name: description", or what is said when the hub gives none */
};

/* `condition` may be NULL or unset; `otherwise` is the text for that case. */
void hub_condition_read(struct hub_condition *copy, pn_condition_t *condition,
                        const char *otherwise);

/* What a fault of one message means for it. */
enum hub_fate {
        HUB_FATE_NEVER,     /* it can never be sent */
        HUB_FATE_LATER,     /* the hub takes nothing of this device now: it waits, however long */
        HUB_FATE_TRY,       /* it may be the message: it is tried again, a number of times */
        HUB_FATE_NOT_ASKED, /* it is the device, or the hub: says nothing about the message */
};

enum hub_fate hub_fault_fate(enum hub_fault fault);

enum hub_fault hub_condition_fault(const char *name, const char *description);

#endif
