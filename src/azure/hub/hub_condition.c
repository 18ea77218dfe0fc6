// SPDX-License-Identifier: MIT
#include "azure/hub/hub_condition.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "azure/names.h"
#include "base/text.h"

static const struct {
        const char *name;
        enum hub_fault fault;
} faults[] = {
        {AZURE_E_UNAUTHORIZED, HUB_FAULT_UNAUTHORIZED},
        {AZURE_E_NOT_FOUND, HUB_FAULT_NOT_FOUND},
        {AZURE_E_SIZE, HUB_FAULT_TOO_LARGE},
        {AZURE_E_ARGUMENT, HUB_FAULT_ARGUMENT},
        {AZURE_E_ARGUMENT_RANGE, HUB_FAULT_ARGUMENT},
        {AZURE_E_INVALID_FIELD, HUB_FAULT_ARGUMENT},
        {AZURE_E_DECODE, HUB_FAULT_ARGUMENT},
        {AZURE_E_THROTTLED, HUB_FAULT_THROTTLED},
        {AZURE_E_QUOTA, HUB_FAULT_THROTTLED},
        {AZURE_E_RESOURCE_LIMIT, HUB_FAULT_THROTTLED},
        {AZURE_E_SUSPENDED, HUB_FAULT_THROTTLED},
        {AZURE_E_STOLEN, HUB_FAULT_STOLEN},
        {AZURE_E_LINK_CONFLICT, HUB_FAULT_STOLEN},
        {AZURE_E_NOT_ALLOWED, HUB_FAULT_REFUSED},
        {AZURE_E_NOT_IMPLEMENTED, HUB_FAULT_REFUSED},
        {AZURE_E_HUB_NOT_FOUND, HUB_FAULT_REFUSED},
        {AZURE_E_PRECONDITION, HUB_FAULT_REFUSED},
};

/* The description is often JSON with an `errorCode`; its number is all that is wanted of it. */
static bool mentions(const char *description, int code)
{
        char digits[16];

        snprintf(digits, sizeof(digits), "%d", code);
        return description != NULL && strstr(description, digits) != NULL;
}

enum hub_fault hub_condition_fault(const char *name, const char *description)
{
        enum hub_fault fault = HUB_FAULT_AGAIN;

        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                if (text_equal(name, faults[i].name))
                        fault = faults[i].fault;
        }
        /* A wrong address is our mistake and says nothing about the device. */
        if (fault == HUB_FAULT_NOT_FOUND && mentions(description, AZURE_CODE_ADDRESS_NOT_FOUND))
                return HUB_FAULT_REFUSED;
        return fault;
}

enum hub_outcome hub_fault_outcome(enum hub_fault fault)
{
        switch (fault) {
        case HUB_FAULT_TOO_LARGE:
        case HUB_FAULT_ARGUMENT:
        case HUB_FAULT_REFUSED:
                return HUB_REJECTED;
        case HUB_FAULT_AGAIN:
        case HUB_FAULT_THROTTLED:
                return HUB_THROTTLED;
        case HUB_FAULT_UNAUTHORIZED:
        case HUB_FAULT_NOT_FOUND:
        case HUB_FAULT_STOLEN:
                break;
        }
        return HUB_UNKNOWN;
}

void hub_condition_read(struct hub_condition *copy, pn_condition_t *condition,
                        const char *otherwise)
{
        const char *name;
        const char *description;

        if (condition == NULL || !pn_condition_is_set(condition)) {
                copy->fault = HUB_FAULT_AGAIN;
                reason_set(&copy->reason, "%s", otherwise);
                return;
        }
        name = pn_condition_get_name(condition);
        description = pn_condition_get_description(condition);
        copy->fault = hub_condition_fault(name, description);
        if (text_is_empty(description))
                reason_set(&copy->reason, "%s", name);
        else
                reason_set(&copy->reason, "%s: %s", name, description);
}
