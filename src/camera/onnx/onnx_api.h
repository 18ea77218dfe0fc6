// SPDX-License-Identifier: MIT
/*
 * The few functions of ONNX Runtime's C interface that are used here. Its structure OrtApi is
 * nothing but function pointers, whose places never change from one version to the next (the
 * library's onnxruntime_c_api.cc asserts them), so a function is named here by its place; the
 * places and arguments are those of onnxruntime_c_api.h. Every place below is there since version
 * 5 of the interface.
 */
#ifndef ISTHMUS_CAMERA_ONNX_ONNX_API_H
#define ISTHMUS_CAMERA_ONNX_ONNX_API_H

#include <stddef.h>
#include <stdint.h>

/* The version that is asked for: of 2023, in every library since 1.14. */
#define ONNX_API_VERSION 14

/* ORT_LOGGING_LEVEL_ERROR: the library's own lines are for those who make models. */
#define ONNX_LOG_ERROR 3

#define ONNX_OPTIMISE_ALL 99

/* ONNXTensorElementDataType */
enum onnx_element {
        ONNX_FLOAT = 1,
        ONNX_UINT8 = 2,
        ONNX_INT64 = 7,
        ONNX_FLOAT16 = 10,
};

struct onnx_status;
struct onnx_env;
struct onnx_options;
struct onnx_graph; /* OrtSession */
struct onnx_value;
struct onnx_memory;
struct onnx_allocator;
struct onnx_type;
struct onnx_shape; /* OrtTensorTypeAndShapeInfo */
struct onnx_metadata;

/* OrtApi, as an array of functions. */
typedef void (*onnx_function)(void);

struct onnx_base {
        const onnx_function *(*get_api)(uint32_t version);
        const char *(*version)(void);
};

/* ONNX_CALL(api, NAME): the function NAME of a table, with its type. */
#define ONNX_CALL(api, name) ((onnx_##name##_function *)(api)[ONNX_##name])

/* A place and a type for each. Those that return a status return NULL for success. */
#define ONNX_SLOT(name, place) ONNX_##name = (place)
enum onnx_slot {
        ONNX_SLOT(error_message, 2),
        ONNX_SLOT(create_env, 3),
        ONNX_SLOT(disable_telemetry, 6),
        ONNX_SLOT(create_session_from_array, 8),
        ONNX_SLOT(run, 9),
        ONNX_SLOT(create_options, 10),
        ONNX_SLOT(set_execution_mode, 13),
        ONNX_SLOT(set_optimisation, 23),
        ONNX_SLOT(set_threads, 24),
        ONNX_SLOT(input_count, 30),
        ONNX_SLOT(output_count, 31),
        ONNX_SLOT(input_type, 33),
        ONNX_SLOT(output_type, 34),
        ONNX_SLOT(input_name, 36),
        ONNX_SLOT(output_name, 37),
        ONNX_SLOT(create_tensor, 49),
        ONNX_SLOT(is_tensor, 50),
        ONNX_SLOT(tensor_data, 51),
        ONNX_SLOT(cast_to_shape, 55),
        ONNX_SLOT(element_type, 60),
        ONNX_SLOT(rank, 61),
        ONNX_SLOT(dimensions, 62),
        ONNX_SLOT(shape_of, 65),
        ONNX_SLOT(create_memory, 69),
        ONNX_SLOT(allocator_free, 76),
        ONNX_SLOT(default_allocator, 78),
        ONNX_SLOT(release_env, 92),
        ONNX_SLOT(release_status, 93),
        ONNX_SLOT(release_memory, 94),
        ONNX_SLOT(release_session, 95),
        ONNX_SLOT(release_value, 96),
        ONNX_SLOT(release_type, 98),
        ONNX_SLOT(release_shape, 99),
        ONNX_SLOT(release_options, 100),
        ONNX_SLOT(metadata, 111),
        ONNX_SLOT(lookup_metadata, 116),
        ONNX_SLOT(release_metadata, 118),
        ONNX_SLOT(add_config, 130),
};

typedef const char *onnx_error_message_function(const struct onnx_status *status);
typedef struct onnx_status *onnx_create_env_function(int level, const char *id,
                                                     struct onnx_env **env);
typedef struct onnx_status *onnx_disable_telemetry_function(const struct onnx_env *env);
typedef struct onnx_status *
onnx_create_session_from_array_function(const struct onnx_env *env, const void *bytes, size_t size,
                                        const struct onnx_options *options,
                                        struct onnx_graph **graph);
typedef struct onnx_status *onnx_run_function(struct onnx_graph *graph, const void *run_options,
                                              const char *const *input_names,
                                              const struct onnx_value *const *inputs,
                                              size_t input_count, const char *const *output_names,
                                              size_t output_count, struct onnx_value **outputs);
typedef struct onnx_status *onnx_create_options_function(struct onnx_options **options);
typedef struct onnx_status *onnx_set_execution_mode_function(struct onnx_options *options,
                                                             int mode);
typedef struct onnx_status *onnx_set_optimisation_function(struct onnx_options *options, int level);
typedef struct onnx_status *onnx_set_threads_function(struct onnx_options *options, int threads);
typedef struct onnx_status *onnx_port_count_function(const struct onnx_graph *graph, size_t *count);
typedef onnx_port_count_function onnx_input_count_function;
typedef onnx_port_count_function onnx_output_count_function;
typedef struct onnx_status *onnx_port_type_function(const struct onnx_graph *graph, size_t index,
                                                    struct onnx_type **type);
typedef onnx_port_type_function onnx_input_type_function;
typedef onnx_port_type_function onnx_output_type_function;
typedef struct onnx_status *onnx_port_name_function(const struct onnx_graph *graph, size_t index,
                                                    struct onnx_allocator *allocator, char **name);
typedef onnx_port_name_function onnx_input_name_function;
typedef onnx_port_name_function onnx_output_name_function;
typedef struct onnx_status *onnx_create_tensor_function(const struct onnx_memory *memory,
                                                        void *data, size_t size,
                                                        const int64_t *dimensions, size_t rank,
                                                        int element, struct onnx_value **value);
typedef struct onnx_status *onnx_is_tensor_function(const struct onnx_value *value, int *answer);
typedef struct onnx_status *onnx_tensor_data_function(struct onnx_value *value, void **data);
typedef struct onnx_status *onnx_cast_to_shape_function(const struct onnx_type *type,
                                                        const struct onnx_shape **shape);
typedef struct onnx_status *onnx_element_type_function(const struct onnx_shape *shape,
                                                       int *element);
typedef struct onnx_status *onnx_rank_function(const struct onnx_shape *shape, size_t *rank);
typedef struct onnx_status *onnx_dimensions_function(const struct onnx_shape *shape,
                                                     int64_t *dimensions, size_t rank);
typedef struct onnx_status *onnx_shape_of_function(const struct onnx_value *value,
                                                   struct onnx_shape **shape);
typedef struct onnx_status *onnx_create_memory_function(int allocator, int type,
                                                        struct onnx_memory **memory);
typedef struct onnx_status *onnx_allocator_free_function(struct onnx_allocator *allocator,
                                                         void *pointer);
typedef struct onnx_status *onnx_default_allocator_function(struct onnx_allocator **allocator);
typedef void onnx_release_env_function(struct onnx_env *env);
typedef void onnx_release_status_function(struct onnx_status *status);
typedef void onnx_release_memory_function(struct onnx_memory *memory);
typedef void onnx_release_session_function(struct onnx_graph *graph);
typedef void onnx_release_value_function(struct onnx_value *value);
typedef void onnx_release_type_function(struct onnx_type *type);
typedef void onnx_release_shape_function(struct onnx_shape *shape);
typedef void onnx_release_options_function(struct onnx_options *options);
typedef struct onnx_status *onnx_metadata_function(const struct onnx_graph *graph,
                                                   struct onnx_metadata **metadata);
typedef struct onnx_status *onnx_lookup_metadata_function(const struct onnx_metadata *metadata,
                                                          struct onnx_allocator *allocator,
                                                          const char *key, char **value);
typedef void onnx_release_metadata_function(struct onnx_metadata *metadata);
typedef struct onnx_status *onnx_add_config_function(struct onnx_options *options, const char *key,
                                                     const char *value);

#endif
