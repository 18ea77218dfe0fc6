// SPDX-License-Identifier: MIT
#include "azure/hub/hub_condition.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/names.h"
#include "base/text.h"

/* Conditions are AMQP's own, or Microsoft's. */
#define STANDARD "amqp:"
#define VENDOR   "com.microsoft:"

/* All others are passing: HUB_FAULT_AGAIN. */
static const struct {
        const char *name;
        enum hub_fault fault;
} faults[] = {
        {AZURE_E_RESOURCE_LIMIT, HUB_FAULT_THROTTLED},
        {AZURE_E_THROTTLED, HUB_FAULT_THROTTLED},
        {AZURE_E_SUSPENDED, HUB_FAULT_THROTTLED},
        {AZURE_E_QUOTA, HUB_FAULT_THROTTLED},
        {AZURE_E_SIZE, HUB_FAULT_TOO_LARGE},
        {AZURE_E_INVALID_FIELD, HUB_FAULT_ARGUMENT},
        {AZURE_E_DECODE, HUB_FAULT_ARGUMENT},
        {AZURE_E_ARGUMENT, HUB_FAULT_ARGUMENT},
        {AZURE_E_ARGUMENT_RANGE, HUB_FAULT_ARGUMENT},
        {AZURE_E_UNAUTHORIZED, HUB_FAULT_UNAUTHORIZED},
        {AZURE_E_NOT_FOUND, HUB_FAULT_NOT_FOUND},
        {AZURE_E_STOLEN, HUB_FAULT_STOLEN},
        {AZURE_E_LINK_CONFLICT, HUB_FAULT_STOLEN},
        {AZURE_E_HUB_NOT_FOUND, HUB_FAULT_HUB},
        {AZURE_E_NOT_ALLOWED, HUB_FAULT_REFUSED},
        {AZURE_E_NOT_IMPLEMENTED, HUB_FAULT_REFUSED},
        {AZURE_E_RESOURCE_DELETED, HUB_FAULT_REFUSED},
        {AZURE_E_DEVICE_EXISTS, HUB_FAULT_REFUSED},
        {AZURE_E_PRECONDITION, HUB_FAULT_REFUSED},
};

/* What an error number in the description says more exactly than the condition. */
static const struct {
        int code;
        enum hub_fault fault;
} codes[] = {
        {AZURE_CODE_ADDRESS_NOT_FOUND, HUB_FAULT_REFUSED}, /* our mistake; not about the device */
        {AZURE_CODE_HUB_FAILS_OVER, HUB_FAULT_THROTTLED},
        {AZURE_CODE_HUB_NOT_FOUND, HUB_FAULT_HUB},
        {AZURE_CODE_HUB_SUSPENDED, HUB_FAULT_THROTTLED},
        {AZURE_CODE_QUOTA_EXCEEDED, HUB_FAULT_THROTTLED},
};

/* The description is often JSON with an `errorCode`; its number is all that is wanted of it. */
static int code_of(const char *description)
{
        static const char name[] = "errorCode";
        const char *found = description == NULL ? NULL : strstr(description, name);

        if (found == NULL)
                return 0;
        found += strlen(name);
        return (int)strtol(found + strspn(found, "\\\"': "), NULL, 10);
}

enum hub_fault hub_condition_fault(const char *name, const char *description)
{
        int code = code_of(description);

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
                if (code == codes[i].code)
                        return codes[i].fault;
        }
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                if (text_equal(name, faults[i].name))
                        return faults[i].fault;
        }
        return HUB_FAULT_AGAIN;
}

enum hub_fate hub_fault_fate(enum hub_fault fault)
{
        switch (fault) {
        case HUB_FAULT_TOO_LARGE:
        case HUB_FAULT_ARGUMENT:
                return HUB_FATE_NEVER;
        case HUB_FAULT_THROTTLED:
                return HUB_FATE_LATER;
        case HUB_FAULT_AGAIN:
        case HUB_FAULT_REFUSED:
                return HUB_FATE_TRY;
        case HUB_FAULT_UNAUTHORIZED:
        case HUB_FAULT_NOT_FOUND:
        case HUB_FAULT_STOLEN:
        case HUB_FAULT_HUB:
                break;
        }
        return HUB_FATE_NOT_ASKED;
}

void hub_condition_read(struct hub_condition *copy, pn_condition_t *condition,
                        const char *otherwise)
{
        const char *name;
        const char *description;

        copy->is_pace = false;
        if (condition == NULL || !pn_condition_is_set(condition)) {
                copy->fault = HUB_FAULT_AGAIN;
                reason_set(&copy->reason, "%s", otherwise);
                return;
        }
        name = pn_condition_get_name(condition);
        description = pn_condition_get_description(condition);
        copy->fault = hub_condition_fault(name, description);
        copy->is_pace = copy->fault == HUB_FAULT_THROTTLED && text_equal(name, AZURE_E_THROTTLED);
        if (text_is_empty(description))
                reason_set(&copy->reason, "%s", name);
        else
                reason_set(&copy->reason, "%s: %s", name, description);
}

void hub_reason_condition(const struct reason *reason, char condition[HUB_CONDITION_SIZE])
{
        const char *text = reason->text;
        size_t size;

        condition[0] = '\0';
        /* Whoever prefixed the reason put ": " between. */
        while (text && strncmp(text, STANDARD, strlen(STANDARD)) != 0 &&
               strncmp(text, VENDOR, strlen(VENDOR)) != 0) {
                text = strstr(text, ": ");
                text = text ? text + strlen(": ") : NULL;
        }
        if (!text)
                return;
        size = strstr(text, ": ") ? (size_t)(strstr(text, ": ") - text) : strlen(text);
        snprintf(condition, HUB_CONDITION_SIZE, "%.*s", (int)size, text);
}
