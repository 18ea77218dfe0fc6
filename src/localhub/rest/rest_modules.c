// SPDX-License-Identifier: MIT
/*
 * The service's REST API: modules. A module is a device whose id is `DEVICE/MODULE`, so that what
 * is asked of devices can be asked of modules.
 */
#include "base/json/json.h"
#include "base/mem.h"
#include "localhub/rest/rest_call.h"

static void as_device(struct service_call *call, service_handler *handle)
{
        CLEANUP(mem_cleanup)
        char *identity = mem_format("%s/%s", call->arguments[0], call->arguments[1]);

        call->arguments[0] = identity;
        handle(call);
}

void rest_module_list(struct service_call *call)
{
        struct json_object *list;
        struct registry_device device;
        struct registry_device module;
        uint64_t cursor = 0;

        if (!rest_find_device(call, &device))
                return;
        list = json_object_new_array();
        while (registry_module_next(call->registry, call->hub_index, device.id, &cursor, &module))
                json_object_array_add(list, rest_device_document(call, &module));
        rest_answer(call->exchange, 200, list);
}

void rest_module_put(struct service_call *call)
{
        as_device(call, rest_device_put);
}

void rest_module_get(struct service_call *call)
{
        as_device(call, rest_device_get);
}

void rest_module_delete(struct service_call *call)
{
        as_device(call, rest_device_delete);
}

void rest_module_twin_get(struct service_call *call)
{
        as_device(call, rest_twin_get);
}

void rest_module_twin_patch(struct service_call *call)
{
        as_device(call, rest_twin_patch);
}

void rest_module_twin_put(struct service_call *call)
{
        as_device(call, rest_twin_put);
}

void rest_module_invoke(struct service_call *call)
{
        as_device(call, rest_method_invoke);
}
