// SPDX-License-Identifier: MIT
#include "camera/onnx/onnx_session.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "camera/onnx/onnx_inside.h"

#define MODEL_LIMIT ((size_t)1 << 30)

struct onnx_session {
        struct onnx_runtime *runtime;
        struct onnx_graph *graph;
        struct onnx_port inputs[ONNX_PORTS_MAX];
        struct onnx_port outputs[ONNX_PORTS_MAX];
        size_t input_count;
        size_t output_count;
        struct onnx_value *result; /* of the last run */
};

static struct onnx_options *make_options(struct onnx_runtime *runtime, int threads,
                                         struct reason *reason)
{
        const onnx_function *api = runtime->api;
        struct onnx_options *options = NULL;

        if (!onnx_is_good(runtime, ONNX_CALL(api, create_options)(&options), reason))
                return NULL;
        if (onnx_is_good(runtime, ONNX_CALL(api, set_optimisation)(options, ONNX_OPTIMISE_ALL),
                         reason) &&
            onnx_is_good(runtime, ONNX_CALL(api, set_execution_mode)(options, 0), reason) &&
            onnx_is_good(runtime, ONNX_CALL(api, set_threads)(options, threads), reason) &&
            onnx_is_good(
                    runtime,
                    ONNX_CALL(api, add_config)(options, "session.intra_op.allow_spinning", "0"),
                    reason))
                return options;
        ONNX_CALL(api, release_options)(options);
        return NULL;
}

static bool read_shape(const struct onnx_runtime *runtime, const struct onnx_shape *shape,
                       int *element, size_t *rank, int64_t *dimensions, struct reason *reason)
{
        const onnx_function *api = runtime->api;

        if (!onnx_is_good(runtime, ONNX_CALL(api, element_type)(shape, element), reason) ||
            !onnx_is_good(runtime, ONNX_CALL(api, rank)(shape, rank), reason))
                return false;
        if (*rank > ONNX_RANK_MAX) {
                reason_set(reason, "a tensor has %zu dimensions, at most %d are understood", *rank,
                           ONNX_RANK_MAX);
                return false;
        }
        return onnx_is_good(runtime, ONNX_CALL(api, dimensions)(shape, dimensions, *rank), reason);
}

static bool read_type(struct onnx_runtime *runtime, struct onnx_type *type, struct onnx_port *port,
                      struct reason *reason)
{
        const struct onnx_shape *shape = NULL;
        bool good =
                onnx_is_good(runtime, ONNX_CALL(runtime->api, cast_to_shape)(type, &shape), reason);

        if (good && shape)
                good = read_shape(runtime, shape, &port->element, &port->rank, port->dimensions,
                                  reason);
        ONNX_CALL(runtime->api, release_type)(type);
        return good;
}

static bool read_name(struct onnx_session *session, onnx_port_name_function *name_of, size_t index,
                      struct onnx_port *port, struct reason *reason)
{
        struct onnx_runtime *runtime = session->runtime;
        char *name = NULL;

        if (!onnx_is_good(runtime, name_of(session->graph, index, runtime->allocator, &name),
                          reason))
                return false;
        port->name = mem_text(name);
        return onnx_is_good(
                runtime, ONNX_CALL(runtime->api, allocator_free)(runtime->allocator, name), reason);
}

/* Inputs and outputs differ only in the functions that tell of them. */
static bool read_port(struct onnx_session *session, onnx_port_name_function *name_of,
                      onnx_port_type_function *type_of, size_t index, struct onnx_port *port,
                      struct reason *reason)
{
        struct onnx_type *type = NULL;

        return read_name(session, name_of, index, port, reason) &&
               onnx_is_good(session->runtime, type_of(session->graph, index, &type), reason) &&
               read_type(session->runtime, type, port, reason);
}

static bool read_ports(struct onnx_session *session, struct reason *reason)
{
        const onnx_function *api = session->runtime->api;

        if (!onnx_is_good(session->runtime,
                          ONNX_CALL(api, input_count)(session->graph, &session->input_count),
                          reason) ||
            !onnx_is_good(session->runtime,
                          ONNX_CALL(api, output_count)(session->graph, &session->output_count),
                          reason))
                return false;
        if (session->input_count > ONNX_PORTS_MAX || session->output_count > ONNX_PORTS_MAX) {
                reason_set(reason, "the model has %zu inputs and %zu outputs, at most %d each",
                           session->input_count, session->output_count, ONNX_PORTS_MAX);
                return false;
        }
        for (size_t i = 0; i < session->input_count; i++) {
                if (!read_port(session, ONNX_CALL(api, input_name), ONNX_CALL(api, input_type), i,
                               &session->inputs[i], reason))
                        return false;
        }
        for (size_t i = 0; i < session->output_count; i++) {
                if (!read_port(session, ONNX_CALL(api, output_name), ONNX_CALL(api, output_type), i,
                               &session->outputs[i], reason))
                        return false;
        }
        return true;
}

/* The library keeps nothing of the bytes: a model without external data is copied. */
static bool make_graph(struct onnx_session *session, const struct buf *bytes, int threads,
                       struct reason *reason)
{
        struct onnx_runtime *runtime = session->runtime;
        struct onnx_options *options = make_options(runtime, threads, reason);
        bool good;

        if (!options)
                return false;
        good = onnx_is_good(
                runtime,
                ONNX_CALL(runtime->api, create_session_from_array)(
                        runtime->env, bytes->data, bytes->size, options, &session->graph),
                reason);
        ONNX_CALL(runtime->api, release_options)(options);
        return good;
}

int onnx_session_load(struct onnx_runtime *runtime, const char *path, int threads,
                      struct onnx_session **session, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct onnx_session *fresh;

        if (file_read(path, MODEL_LIMIT, &bytes, reason) != 0)
                return ONNX_E_MODEL;
        fresh = mem_new(1, sizeof(*fresh));
        fresh->runtime = runtime;
        if (!make_graph(fresh, &bytes, threads, reason) || !read_ports(fresh, reason)) {
                onnx_session_free(fresh);
                reason_prefix(reason, "it can't be loaded as an ONNX model; docs/camera.md says "
                                      "under 'Models' which can");
                return ONNX_E_MODEL;
        }
        *session = fresh;
        return 0;
}

static void forget_result(struct onnx_session *session)
{
        if (session->result)
                ONNX_CALL(session->runtime->api, release_value)(session->result);
        session->result = NULL;
}

void onnx_session_free(struct onnx_session *session)
{
        if (!session)
                return;
        forget_result(session);
        for (size_t i = 0; i < ONNX_PORTS_MAX; i++) {
                free(session->inputs[i].name);
                free(session->outputs[i].name);
        }
        if (session->graph)
                ONNX_CALL(session->runtime->api, release_session)(session->graph);
        free(session);
}

size_t onnx_session_inputs(const struct onnx_session *session, const struct onnx_port **ports)
{
        *ports = session->inputs;
        return session->input_count;
}

size_t onnx_session_outputs(const struct onnx_session *session, const struct onnx_port **ports)
{
        *ports = session->outputs;
        return session->output_count;
}

char *onnx_session_metadata(const struct onnx_session *session, const char *key)
{
        struct onnx_runtime *runtime = session->runtime;
        const onnx_function *api = runtime->api;
        struct onnx_metadata *metadata = NULL;
        char *found = NULL;
        char *value = NULL;

        if (!onnx_is_good(runtime, ONNX_CALL(api, metadata)(session->graph, &metadata), NULL))
                return NULL;
        if (onnx_is_good(runtime,
                         ONNX_CALL(api, lookup_metadata)(metadata, runtime->allocator, key, &found),
                         NULL) &&
            found) {
                value = mem_text(found);
                if (!onnx_is_good(runtime,
                                  ONNX_CALL(api, allocator_free)(runtime->allocator, found),
                                  NULL)) {
                        free(value);
                        value = NULL;
                }
        }
        ONNX_CALL(api, release_metadata)(metadata);
        return value;
}

/* The values of the last run's output. */
static bool read_result(struct onnx_session *session, struct onnx_output *result,
                        struct reason *reason)
{
        struct onnx_runtime *runtime = session->runtime;
        const onnx_function *api = runtime->api;
        struct onnx_shape *shape = NULL;
        void *data = NULL;
        int element = 0;
        int is_tensor = 0;
        bool good;

        if (!onnx_is_good(runtime, ONNX_CALL(api, is_tensor)(session->result, &is_tensor), reason))
                return false;
        if (!is_tensor) {
                reason_set(reason, "the output is no tensor");
                return false;
        }
        if (!onnx_is_good(runtime, ONNX_CALL(api, shape_of)(session->result, &shape), reason))
                return false;
        good = read_shape(runtime, shape, &element, &result->rank, result->dimensions, reason);
        ONNX_CALL(api, release_shape)(shape);
        if (good && element != ONNX_FLOAT) {
                reason_set(reason, "the output has elements of type %d, 1 (float) is needed",
                           element);
                good = false;
        }
        if (!good ||
            !onnx_is_good(runtime, ONNX_CALL(api, tensor_data)(session->result, &data), reason))
                return false;
        result->data = data;
        return true;
}

int onnx_session_run(struct onnx_session *session, float *input, const int64_t *dimensions,
                     size_t output, struct onnx_output *result, struct reason *reason)
{
        struct onnx_runtime *runtime = session->runtime;
        const onnx_function *api = runtime->api;
        size_t rank = session->inputs[0].rank;
        size_t size = sizeof(*input);
        struct onnx_value *value = NULL;
        const char *input_name = session->inputs[0].name;
        const char *output_name = session->outputs[output].name;
        bool good;

        forget_result(session);
        for (size_t i = 0; i < rank; i++)
                size *= (size_t)dimensions[i];
        if (!onnx_is_good(runtime,
                          ONNX_CALL(api, create_tensor)(runtime->memory, input, size, dimensions,
                                                        rank, ONNX_FLOAT, &value),
                          reason))
                return ONNX_E_RUN;
        good = onnx_is_good(runtime,
                            ONNX_CALL(api, run)(session->graph, NULL, &input_name,
                                                (const struct onnx_value *const[]){value}, 1,
                                                &output_name, 1, &session->result),
                            reason);
        ONNX_CALL(api, release_value)(value);
        return good && read_result(session, result, reason) ? 0 : ONNX_E_RUN;
}
