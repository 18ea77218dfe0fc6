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

/* rest_module_NAME: what is asked of devices there. */
#define AS_DEVICE(name, handle)                                                                    \
        void rest_module_##name(struct service_call *call)                                         \
        {                                                                                          \
                as_device(call, handle);                                                           \
        }

AS_DEVICE(put, rest_device_put)
AS_DEVICE(get, rest_device_get)
AS_DEVICE(delete, rest_device_delete)
AS_DEVICE(twin_get, rest_twin_get)
AS_DEVICE(twin_patch, rest_twin_patch)
AS_DEVICE(twin_put, rest_twin_put)
AS_DEVICE(invoke, rest_method_invoke)
