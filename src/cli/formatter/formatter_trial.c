// SPDX-License-Identifier: MIT
#include "cli/formatter/formatter_trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json_writer.h"
#include "base/mem.h"
#include "base/text.h"

/* --- names --------------------------------------------------------------------------------- */

static const char *const functions[FORMATTER_FUNCTIONS] = {
        [FORMATTER_DECODE_UPLINK] = "decodeUplink",
        [FORMATTER_NORMALIZE_UPLINK] = "normalizeUplink",
        [FORMATTER_ENCODE_DOWNLINK] = "encodeDownlink",
        [FORMATTER_DECODE_DOWNLINK] = "decodeDownlink",
};

bool formatter_function_parse(const char *name, enum formatter_function *function)
{
        for (int i = 0; i < FORMATTER_FUNCTIONS; i++) {
                if (strcmp(functions[i], name) == 0) {
                        *function = (enum formatter_function)i;
                        return true;
                }
        }
        return false;
}

const char *formatter_function_name(enum formatter_function function)
{
        return functions[function];
}

const char *formatter_status_name(enum formatter_status status)
{
        static const char *const names[] = {
                [FORMATTER_GOOD] = "good",       [FORMATTER_MISSING] = "missing",
                [FORMATTER_FAILED] = "failed",   [FORMATTER_NOT_COMPILED] = "not-compiled",
                [FORMATTER_TIMEOUT] = "timeout", [FORMATTER_MEMORY] = "memory",
                [FORMATTER_CRASHED] = "crashed", [FORMATTER_UNAVAILABLE] = "unavailable",
                [FORMATTER_STOPPED] = "stopped",
        };

        return names[status];
}

/* --- calls --------------------------------------------------------------------------------- */

static void result_deinit(struct formatter_result *result)
{
        free(result->data);
        free(result->warnings);
        buf_deinit(&result->bytes);
        properties_deinit(result->properties, result->property_count);
        free(result->properties);
        *result = (struct formatter_result){.status = FORMATTER_STOPPED};
}

static void result_copy(struct formatter_result *copy, const struct formatter_result *result)
{
        *copy = *result;
        copy->data = mem_text(result->data);
        copy->warnings = mem_text(result->warnings);
        copy->bytes = BUF_INIT;
        buf_add(&copy->bytes, result->bytes.data, result->bytes.size);
        copy->properties = properties_copy(result->properties, result->property_count);
}

static void take_result(void *context, const struct formatter_result *result)
{
        struct formatter_trial *trial = context;

        pthread_mutex_lock(&trial->lock);
        result_copy(&trial->result, result);
        trial->done = true;
        pthread_cond_signal(&trial->filled);
        pthread_mutex_unlock(&trial->lock);
}

const struct formatter_result *formatter_trial_call(struct formatter_trial *trial,
                                                    enum formatter_function function,
                                                    const struct formatter_input *input)
{
        result_deinit(&trial->result);
        trial->done = false;
        formatter_call(trial->pool, trial->name, function, input, take_result, trial);
        pthread_mutex_lock(&trial->lock);
        while (!trial->done)
                pthread_cond_wait(&trial->filled, &trial->lock);
        pthread_mutex_unlock(&trial->lock);
        return &trial->result;
}

int formatter_trial_init(struct formatter_trial *trial, const char *file,
                         const struct formatter_options *options, struct reason *reason)
{
        struct formatter_options own = *options;
        const char *slash = strrchr(file, '/');
        const char *base = slash ? slash + 1 : file;
        CLEANUP(mem_cleanup)
        char *folder = slash ? mem_text_n(file, (size_t)(slash - file) + 1) : mem_text(".");

        *trial = (struct formatter_trial){.result = {.status = FORMATTER_STOPPED}};
        pthread_mutex_init(&trial->lock, NULL);
        pthread_cond_init(&trial->filled, NULL);
        trial->name = mem_text_n(base, text_size_without(base, FORMATTER_SUFFIX));
        own.directory = folder;
        own.workers = 1;
        own.impatient = true;
        return formatter_pool_new(&own, &trial->pool, reason);
}

void formatter_trial_deinit(struct formatter_trial *trial)
{
        formatter_pool_free(trial->pool);
        result_deinit(&trial->result);
        free(trial->name);
        pthread_cond_destroy(&trial->filled);
        pthread_mutex_destroy(&trial->lock);
}

/* --- as JSON ------------------------------------------------------------------------------- */

static void add_bytes(struct buf *out, const struct buf *bytes)
{
        buf_add_char(out, '[');
        for (size_t i = 0; i < bytes->size; i++)
                buf_add_format(out, "%s%d", i > 0 ? "," : "", (unsigned char)bytes->data[i]);
        buf_add_char(out, ']');
}

static void add_properties(struct buf *out, const struct formatter_result *result)
{
        struct json_writer writer;

        json_writer_open(&writer, out);
        for (size_t i = 0; i < result->property_count; i++)
                json_writer_text(&writer, result->properties[i].name, result->properties[i].value);
        json_writer_close(&writer);
}

void formatter_result_write(struct buf *out, enum formatter_function function,
                            const struct formatter_result *result)
{
        struct json_writer writer;

        json_writer_open(&writer, out);
        if (function == FORMATTER_ENCODE_DOWNLINK) {
                json_writer_name(&writer, "bytes");
                add_bytes(out, &result->bytes);
        } else {
                json_writer_value(&writer, "data", result->data);
        }
        if (result->port > 0)
                json_writer_int(&writer, "fPort", result->port);
        if (result->property_count > 0) {
                json_writer_name(&writer, "properties");
                add_properties(out, result);
        }
        json_writer_value(&writer, "warnings", result->warnings);
        json_writer_close(&writer);
}
