// SPDX-License-Identifier: MIT
#include "camera/onnx/onnx_runtime.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"
#include "camera/onnx/onnx_inside.h"

#define LIBRARY "libonnxruntime.so.1"

bool onnx_is_good(const struct onnx_runtime *runtime, struct onnx_status *status,
                  struct reason *reason)
{
        if (!status)
                return true;
        reason_set(reason, "ONNX Runtime says: %s", ONNX_CALL(runtime->api, error_message)(status));
        ONNX_CALL(runtime->api, release_status)(status);
        return false;
}

static void *open_library(const char *path)
{
        return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void *open_beside_program(void)
{
        CLEANUP(mem_cleanup) char *folder = process_folder();

        for (int i = 0; folder && i < 2; i++) {
                CLEANUP(mem_cleanup)
                char *path = i == 0 ? mem_format("%s/" LIBRARY, folder)
                                    : mem_format("%s/../lib/isthmus/" LIBRARY, folder);

                if (access(path, F_OK) == 0)
                        return open_library(path);
        }
        return NULL;
}

/* What the makers and Debian 13 call it. */
static void *open_anywhere(void)
{
        void *library = open_beside_program();

        if (!library)
                library = open_library(LIBRARY);
        if (!library)
                library = open_library("libonnxruntime.so.1.21");
        return library;
}

static int refuse_library(const char *path, struct reason *reason)
{
        const char *words = dlerror();

        reason_set(reason,
                   "ONNX Runtime can't be opened%s%s: %s; see docs/camera.md, \"ONNX Runtime\"",
                   path ? " at " : "", path ? path : "", words ? words : "it was not found");
        return ONNX_E_LIBRARY;
}

static bool find_api(struct onnx_runtime *runtime, struct reason *reason)
{
        const struct onnx_base *(*get_base)(void);
        const struct onnx_base *base;

        *(void **)&get_base = dlsym(runtime->library, "OrtGetApiBase");
        if (!get_base) {
                reason_set(reason, "the library is not ONNX Runtime: it has no OrtGetApiBase");
                return false;
        }
        base = get_base();
        runtime->api = base->get_api(ONNX_API_VERSION);
        if (!runtime->api)
                reason_set(reason, "ONNX Runtime %s is too old; 1.14 or later is needed",
                           base->version());
        return runtime->api;
}

static bool prepare(struct onnx_runtime *runtime, struct reason *reason)
{
        const onnx_function *api = runtime->api;

        return onnx_is_good(runtime,
                            ONNX_CALL(api, create_env)(ONNX_LOG_ERROR, "isthmus", &runtime->env),
                            reason) &&
               onnx_is_good(runtime, ONNX_CALL(api, disable_telemetry)(runtime->env), reason) &&
               onnx_is_good(runtime, ONNX_CALL(api, create_memory)(1, 0, &runtime->memory),
                            reason) &&
               onnx_is_good(runtime, ONNX_CALL(api, default_allocator)(&runtime->allocator),
                            reason);
}

int onnx_runtime_open(const char *path, struct onnx_runtime **runtime, struct reason *reason)
{
        struct onnx_runtime *fresh = mem_new(1, sizeof(*fresh));

        /* Builds from 1.29 on write an identifier before they can be asked not to. */
        setenv("ORT_DISABLE_TELEMETRY", "1", 1);
        fresh->library = path ? open_library(path) : open_anywhere();
        if (!fresh->library) {
                free(fresh);
                return refuse_library(path, reason);
        }
        if (!find_api(fresh, reason) || !prepare(fresh, reason)) {
                onnx_runtime_close(fresh);
                return ONNX_E_LIBRARY;
        }
        *runtime = fresh;
        return 0;
}

void onnx_runtime_close(struct onnx_runtime *runtime)
{
        if (!runtime)
                return;
        if (runtime->memory)
                ONNX_CALL(runtime->api, release_memory)(runtime->memory);
        if (runtime->env)
                ONNX_CALL(runtime->api, release_env)(runtime->env);
        dlclose(runtime->library);
        free(runtime);
}
