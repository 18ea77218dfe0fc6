// SPDX-License-Identifier: MIT
#include "formatter/worker/javascript_engine.h"

#include <JavaScriptCore/JavaScript.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "formatter/worker/javascript_text.h"
#include <formatter_prelude.h>

/* How often a running formatter is looked at. */
#define PERIOD_S 0.005

/* Exported by the library, declared in its private header JSContextRefPrivate.h alone. */
typedef bool (*javascript_limit_reached)(JSContextRef context, void *engine);
/* NOLINTNEXTLINE(readability-identifier-naming) */
extern void JSContextGroupSetExecutionTimeLimit(JSContextGroupRef group, double seconds,
                                                javascript_limit_reached reached, void *engine);

struct script {
        struct list_node node;
        uint64_t version;
        JSStringRef url; /* how its exceptions name it */
        JSGlobalContextRef context;
        JSObjectRef make; /* the whole text as a function */
        JSObjectRef run;  /* prelude.js */
};

/* What a result points to. */
struct texts {
        struct buf data;
        struct buf bytes;
        struct buf warnings;
        struct buf properties;
};

struct javascript_engine {
        struct javascript_limits limits;
        JSContextGroupRef group;
        struct list scripts; /* the last used one first */
        int64_t deadline_ns; /* processor time of this thread; of the call under way */
        bool timed_out;
        struct texts texts;
};

/* --- limits -------------------------------------------------------------------------------- */

static int64_t processor_ns(void)
{
        struct timespec time;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return (int64_t)time.tv_sec * CLOCK_NS_PER_S + time.tv_nsec;
}

/* True ends the script, with an exception that it can't catch. */
static bool look(JSContextRef context, void *engine_pointer)
{
        struct javascript_engine *engine = engine_pointer;

        if (engine->limits.tick)
                engine->limits.tick();
        if (processor_ns() >= engine->deadline_ns) {
                engine->timed_out = true;
                return true;
        }
        JSContextGroupSetExecutionTimeLimit(JSContextGetGroup(context), PERIOD_S, look, engine);
        return false;
}

static void start_clock(struct javascript_engine *engine)
{
        engine->deadline_ns = processor_ns() + engine->limits.timeout_ms * CLOCK_NS_PER_MS;
        engine->timed_out = false;
}

static void set_options(const struct javascript_limits *limits)
{
        char memory[24];

        snprintf(memory, sizeof(memory), "%lld", (long long)limits->memory_bytes);
        setenv("JSC_useJIT", "0", 1);
        setenv("JSC_useSharedArrayBuffer", "0", 1);
        setenv("JSC_numberOfGCMarkers", "1", 1);
        setenv("JSC_forceRAMSize", memory, 1);
}

struct javascript_engine *javascript_engine_new(const struct javascript_limits *limits)
{
        struct javascript_engine *engine = mem_new(1, sizeof(*engine));

        engine->limits = *limits;
        list_init(&engine->scripts);
        set_options(limits);
        engine->group = JSContextGroupCreate();
        JSContextGroupSetExecutionTimeLimit(engine->group, PERIOD_S, look, engine);
        start_clock(engine);
        return engine;
}

void javascript_engine_set_timeout(struct javascript_engine *engine, int64_t timeout_ms)
{
        engine->limits.timeout_ms = timeout_ms;
}

/* --- exceptions ---------------------------------------------------------------------------- */

static int number_member(JSContextRef context, JSObjectRef object, const char *name)
{
        CLEANUP(javascript_string_cleanup)
        JSStringRef string = JSStringCreateWithUTF8CString(name);
        JSValueRef exception = NULL;
        JSValueRef value = JSObjectGetProperty(context, object, string, &exception);
        double number;

        if (exception || !value || !JSValueIsNumber(context, value))
                return 0;
        number = JSValueToNumber(context, value, NULL);
        return number >= 1 && number <= 1e9 ? (int)number : 0;
}

/* Is it of the formatter's own text, not of prelude.js? */
static bool is_from(JSContextRef context, JSObjectRef exception, JSStringRef url)
{
        CLEANUP(javascript_string_cleanup)
        JSStringRef name = JSStringCreateWithUTF8CString("sourceURL");
        CLEANUP(javascript_string_cleanup) JSStringRef text = NULL;
        JSValueRef failure = NULL;
        JSValueRef value = JSObjectGetProperty(context, exception, name, &failure);

        if (failure || !value || !JSValueIsString(context, value))
                return false;
        text = JSValueToStringCopy(context, value, NULL);
        return text && JSStringIsEqual(text, url);
}

static void add_place(const struct script *script, JSValueRef exception, struct reason *reason)
{
        JSObjectRef object;
        int line;
        int column;

        if (!JSValueIsObject(script->context, exception))
                return;
        object = JSValueToObject(script->context, exception, NULL);
        if (!object || !is_from(script->context, object, script->url))
                return;
        line = number_member(script->context, object, "line");
        column = number_member(script->context, object, "column");
        if (line && column)
                reason_prefix(reason, "line %d, column %d", line, column);
        else if (line)
                reason_prefix(reason, "line %d", line);
}

/* Turns an exception to text, which may run the formatter's own code once more. */
static void describe(const struct script *script, JSValueRef exception, struct reason *reason)
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        JSValueRef again = NULL;

        string = JSValueToStringCopy(script->context, exception, &again);
        if (!string || again) {
                reason_set(reason, "it threw something that has no text");
                return;
        }
        if (JSStringGetLength(string) > FORMATTER_RESULT_LIMIT) {
                reason_set(reason, "it threw a text of %zu characters", JSStringGetLength(string));
                return;
        }
        javascript_add_text(&text, string);
        reason_set(reason, "%s", buf_text(&text));
        add_place(script, exception, reason);
}

static void say_timeout(const struct javascript_engine *engine, struct reason *reason)
{
        reason_set(reason, "it took more than %lld ms", (long long)engine->limits.timeout_ms);
}

/* --- loading ------------------------------------------------------------------------------- */

static void script_free(struct script *script)
{
        if (script->make)
                JSValueUnprotect(script->context, script->make);
        if (script->run)
                JSValueUnprotect(script->context, script->run);
        JSGlobalContextRelease(script->context);
        JSStringRelease(script->url);
        free(script);
}

static JSObjectRef evaluate(const struct script *script, const char *text, JSStringRef url,
                            JSValueRef *exception)
{
        CLEANUP(javascript_string_cleanup)
        JSStringRef string = JSStringCreateWithUTF8CString(text);
        JSValueRef value = JSEvaluateScript(script->context, string, NULL, url, 1, exception);

        if (*exception || !value || !JSValueIsObject(script->context, value))
                return NULL;
        JSValueProtect(script->context, value);
        return JSValueToObject(script->context, value, NULL);
}

/* The text is one whole script, or the reason says where it is not. */
static bool check_syntax(const struct script *script, const char *source, struct reason *reason)
{
        CLEANUP(javascript_string_cleanup)
        JSStringRef string = JSStringCreateWithUTF8CString(source);
        JSValueRef exception = NULL;

        if (JSCheckScriptSyntax(script->context, string, script->url, 1, &exception))
                return true;
        reason_set(reason, "it does not compile");
        if (exception)
                describe(script, exception, reason);
        return false;
}

/* The functions of enum formatter_function, then their older forms, in the order of prelude.js. */
static const char make_start[] = "(function () {";
static const char make_end[] =
        "\n;return ["
        "typeof decodeUplink === 'function' ? decodeUplink : undefined,"
        "typeof normalizeUplink === 'function' ? normalizeUplink : undefined,"
        "typeof encodeDownlink === 'function' ? encodeDownlink : undefined,"
        "typeof decodeDownlink === 'function' ? decodeDownlink : undefined,"
        "typeof Decoder === 'function' ? Decoder : undefined,"
        "undefined,"
        "typeof Encoder === 'function' ? Encoder : undefined];})";

static bool compile(struct script *script, const char *source, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        JSValueRef exception = NULL;

        if (!check_syntax(script, source, reason))
                return false;
        buf_add_text(&text, make_start);
        buf_add_text(&text, source);
        buf_add_text(&text, make_end);
        script->make = evaluate(script, buf_text(&text), script->url, &exception);
        if (script->make)
                return true;
        reason_set(reason, "it does not compile");
        if (exception)
                describe(script, exception, reason);
        return false;
}

static void prepare(struct script *script)
{
        CLEANUP(javascript_string_cleanup)
        JSStringRef url = JSStringCreateWithUTF8CString("isthmus:prelude");
        JSValueRef exception = NULL;

        script->run = evaluate(script, formatter_prelude, url, &exception);
        if (!script->run)
                abort();
}

static struct script *script_new(struct javascript_engine *engine,
                                 const struct formatter_load *load)
{
        CLEANUP(mem_cleanup) char *url = mem_format("%s.js", load->name);
        struct script *script = mem_new(1, sizeof(*script));

        script->version = load->version;
        script->url = JSStringCreateWithUTF8CString(url);
        script->context = JSGlobalContextCreateInGroup(engine->group, NULL);
        prepare(script);
        return script;
}

void javascript_engine_load(struct javascript_engine *engine, const struct formatter_load *load,
                            struct formatter_loaded *loaded)
{
        struct script *script;

        start_clock(engine);
        *loaded = (struct formatter_loaded){.version = load->version, .reason = REASON_INIT};
        script = script_new(engine, load);
        loaded->good = compile(script, load->source, &loaded->reason);
        if (loaded->good)
                list_push_front(&engine->scripts, &script->node);
        else
                script_free(script);
}

static struct script *find(struct javascript_engine *engine, uint64_t version)
{
        list_for_each (node, &engine->scripts) {
                struct script *script = list_entry(node, struct script, node);

                if (script->version != version)
                        continue;
                list_remove(&engine->scripts, node);
                list_push_front(&engine->scripts, node);
                return script;
        }
        return NULL;
}

void javascript_engine_unload(struct javascript_engine *engine, uint64_t version)
{
        struct script *script = find(engine, version);

        if (!script)
                return;
        list_remove(&engine->scripts, &script->node);
        script_free(script);
}

void javascript_engine_free(struct javascript_engine *engine)
{
        struct list_node *node;

        if (!engine)
                return;
        while ((node = list_pop_front(&engine->scripts)))
                script_free(list_entry(node, struct script, node));
        JSContextGroupRelease(engine->group);
        buf_deinit(&engine->texts.data);
        buf_deinit(&engine->texts.bytes);
        buf_deinit(&engine->texts.warnings);
        buf_deinit(&engine->texts.properties);
        free(engine);
}

/* --- a call -------------------------------------------------------------------------------- */

/* One call on its way. `context` is the script's. */
struct run {
        struct javascript_engine *engine;
        const struct script *script;
        JSContextRef context;
        struct formatter_result *result;
        struct formatter_property *properties;
};

static bool fail(const struct run *run, const char *text)
{
        run->result->status = FORMATTER_FAILED;
        reason_set(&run->result->reason, "%s", text);
        return false;
}

static bool fail_by_exception(const struct run *run, JSValueRef exception)
{
        run->result->status = FORMATTER_FAILED;
        if (!run->engine->timed_out)
                describe(run->script, exception, &run->result->reason);
        if (run->engine->timed_out) {
                run->result->status = FORMATTER_TIMEOUT;
                say_timeout(run->engine, &run->result->reason);
        }
        return false;
}

static JSValueRef array_of(JSContextRef context, const uint8_t *bytes, size_t size)
{
        JSValueRef few[256] = {NULL};
        JSValueRef *values = size > ARRAY_SIZE(few) ? mem_new(size, sizeof(JSValueRef)) : few;
        JSValueRef array;

        for (size_t i = 0; i < size; i++)
                values[i] = JSValueMakeNumber(context, bytes[i]);
        array = JSObjectMakeArray(context, size, values, NULL);
        if (values != few)
                free(values);
        return array;
}

enum argument {
        ARGUMENT_MAKE,
        ARGUMENT_KIND,
        ARGUMENT_BYTES,
        ARGUMENT_PORT,
        ARGUMENT_TIME,
        ARGUMENT_DATA,
        ARGUMENT_DEVICE,
        ARGUMENT_APPLICATION,
        ARGUMENT_METHOD,
        ARGUMENT_COUNT
};

/* False if the caller's data is no JSON. */
static bool put_arguments(const struct run *run, const struct formatter_wire_call *call,
                          JSValueRef arguments[ARGUMENT_COUNT])
{
        const struct formatter_input *input = &call->input;
        JSContextRef context = run->context;
        CLEANUP(javascript_string_cleanup) JSStringRef data = NULL;

        for (int i = 0; i < ARGUMENT_COUNT; i++)
                arguments[i] = JSValueMakeUndefined(context);
        arguments[ARGUMENT_MAKE] = run->script->make;
        arguments[ARGUMENT_KIND] = JSValueMakeNumber(context, call->function);
        arguments[ARGUMENT_PORT] = JSValueMakeNumber(context, input->port);
        arguments[ARGUMENT_DEVICE] = javascript_value_of(context, input->device);
        arguments[ARGUMENT_APPLICATION] = javascript_value_of(context, input->application);
        arguments[ARGUMENT_METHOD] = javascript_value_of(context, input->method);
        if (input->bytes)
                arguments[ARGUMENT_BYTES] = array_of(context, input->bytes, input->size);
        if (input->time_ns)
                arguments[ARGUMENT_TIME] = JSValueMakeNumber(
                        context, floor((double)input->time_ns / (double)CLOCK_NS_PER_MS));
        if (!input->data)
                return true;
        data = JSStringCreateWithUTF8CString(input->data);
        arguments[ARGUMENT_DATA] = JSValueMakeFromJSONString(context, data);
        return arguments[ARGUMENT_DATA] != NULL;
}

/* The string at an index of what prelude.js returned; false if there is another thing. */
static bool string_at(const struct run *run, JSObjectRef list, unsigned int index,
                      JSStringRef *string)
{
        JSValueRef exception = NULL;
        JSValueRef value = JSObjectGetPropertyAtIndex(run->context, list, index, &exception);

        *string = NULL;
        if (exception || !value || !JSValueIsString(run->context, value))
                return false;
        *string = JSValueToStringCopy(run->context, value, &exception);
        return *string != NULL;
}

static bool take(const struct run *run, JSObjectRef list, unsigned int index, struct buf *out,
                 void (*add)(struct buf *out, JSStringRef string))
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;

        if (!string_at(run, list, index, &string) ||
            JSStringGetLength(string) > FORMATTER_RESULT_LIMIT + 1)
                return false;
        add(out, string);
        return true;
}

/* Reads how many properties there are, then their texts, then points at them. */
static bool take_properties(const struct run *run, JSObjectRef list)
{
        struct buf *texts = &run->engine->texts.properties;
        struct formatter_result *result = run->result;
        size_t starts[2 * FORMATTER_PROPERTY_LIMIT];
        unsigned int count = 0;

        while (count < ARRAY_SIZE(starts)) {
                starts[count] = texts->size;
                if (!take(run, list, count, texts, javascript_add_text))
                        break;
                buf_add_char(texts, '\0');
                count++;
        }
        result->property_count = count / 2;
        result->properties = run->properties;
        for (size_t i = 0; i < result->property_count; i++) {
                run->properties[i].name = texts->data + starts[2 * i];
                run->properties[i].value = texts->data + starts[2 * i + 1];
        }
        return true;
}

static bool check_size(const struct run *run)
{
        const struct texts *texts = &run->engine->texts;
        size_t size = texts->data.size + texts->bytes.size + texts->warnings.size +
                      texts->properties.size;
        CLEANUP(mem_cleanup) char *text = NULL;

        if (size <= FORMATTER_RESULT_LIMIT)
                return true;
        text = mem_format("the result has %zu bytes, at most %zu are taken", size,
                          FORMATTER_RESULT_LIMIT);
        return fail(run, text);
}

static bool too_large(const struct run *run, JSObjectRef list, unsigned int index)
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;
        CLEANUP(mem_cleanup) char *text = NULL;

        if (!string_at(run, list, index, &string) ||
            JSStringGetLength(string) <= FORMATTER_RESULT_LIMIT)
                return false;
        text = mem_format("the result has at least %zu bytes, at most %zu are taken",
                          JSStringGetLength(string), FORMATTER_RESULT_LIMIT);
        (void)fail(run, text);
        return true;
}

static bool check_depth(const struct run *run)
{
        CLEANUP(mem_cleanup) char *text = NULL;

        if (run->engine->texts.data.size == 0 ||
            javascript_mend_json(run->engine->texts.data.data) <= FORMATTER_DEPTH_LIMIT)
                return true;
        text = mem_format("`data` is nested too deep: more than %d levels", FORMATTER_DEPTH_LIMIT);
        return fail(run, text);
}

enum element {
        ELEMENT_FAILURE,
        ELEMENT_DATA,
        ELEMENT_BYTES,
        ELEMENT_PORT,
        ELEMENT_WARNINGS,
        ELEMENT_PROPERTIES
};

static bool take_result(const struct run *run, JSObjectRef list)
{
        struct texts *texts = &run->engine->texts;
        JSContextRef context = run->context;
        JSValueRef value;

        if (too_large(run, list, ELEMENT_DATA) || too_large(run, list, ELEMENT_WARNINGS))
                return false;
        if (take(run, list, ELEMENT_DATA, &texts->data, javascript_add_text))
                run->result->data = texts->data.data;
        if (take(run, list, ELEMENT_BYTES, &texts->bytes, javascript_add_bytes))
                run->result->bytes = texts->bytes;
        if (take(run, list, ELEMENT_WARNINGS, &texts->warnings, javascript_add_text)) {
                (void)javascript_mend_json(texts->warnings.data);
                run->result->warnings = texts->warnings.data;
        }
        value = JSObjectGetPropertyAtIndex(context, list, ELEMENT_PORT, NULL);
        if (value && JSValueIsNumber(context, value))
                run->result->port = (int)JSValueToNumber(context, value, NULL) & 255;
        value = JSObjectGetPropertyAtIndex(context, list, ELEMENT_PROPERTIES, NULL);
        if (value && JSValueIsObject(context, value))
                (void)take_properties(run, JSValueToObject(context, value, NULL));
        return check_size(run) && check_depth(run);
}

static bool take_list(const struct run *run, JSValueRef returned)
{
        CLEANUP(buf_deinit) struct buf failure = BUF_INIT;
        JSObjectRef list;

        if (!JSValueIsObject(run->context, returned))
                return fail(run, "its context is out of order");
        list = JSValueToObject(run->context, returned, NULL);
        if (too_large(run, list, ELEMENT_FAILURE))
                return false;
        if (take(run, list, ELEMENT_FAILURE, &failure, javascript_add_text))
                return fail(run, buf_text(&failure));
        return take_result(run, list);
}

static bool run_call(const struct run *run, const struct formatter_wire_call *call)
{
        JSValueRef arguments[ARGUMENT_COUNT];
        JSValueRef exception = NULL;
        JSValueRef returned;

        if (!put_arguments(run, call, arguments))
                return fail(run, "the input's data is no JSON");
        returned = JSObjectCallAsFunction(run->context, run->script->run, NULL, ARGUMENT_COUNT,
                                          arguments, &exception);
        if (exception || !returned)
                return fail_by_exception(run, exception);
        return take_list(run, returned);
}

static void clear_texts(struct texts *texts)
{
        buf_clear(&texts->data);
        buf_clear(&texts->bytes);
        buf_clear(&texts->warnings);
        buf_clear(&texts->properties);
}

static void forget_result(struct formatter_result *result)
{
        result->data = NULL;
        result->bytes = BUF_INIT;
        result->warnings = NULL;
        result->property_count = 0;
        result->port = 0;
}

void javascript_engine_call(struct javascript_engine *engine,
                            const struct formatter_wire_call *call,
                            struct formatter_wire_result *wire)
{
        int64_t started_ns = clock_steady_ns();
        struct run run = {.engine = engine,
                          .script = find(engine, call->version),
                          .result = &wire->result,
                          .properties = wire->properties};

        wire->id = call->id;
        wire->result = (struct formatter_result){.status = FORMATTER_GOOD, .reason = REASON_INIT};
        clear_texts(&engine->texts);
        start_clock(engine);
        run.context = run.script ? run.script->context : NULL;
        if (!run.script) {
                wire->result.status = FORMATTER_NOT_COMPILED;
                reason_set(&wire->result.reason, "the worker does not know this version");
        } else if (!run_call(&run, call)) {
                forget_result(&wire->result);
        }
        wire->result.elapsed_ns = clock_steady_ns() - started_ns;
}
