// SPDX-License-Identifier: MIT
#include "formatter/worker/javascript_engine.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "formatter/worker/javascript_script.h"
#include "formatter/worker/javascript_text.h"

/*
 * How often a running formatter is looked at. Not more often: each look is a wake-up of a thread of
 * the library's, and in WebKitGTK 2.50 the two may get in each other's way, so that the process
 * ends (WebKit's bug 302605). Less often would use up the watchdog's grace.
 */
#define PERIOD_MS 25
/* So old the processor time may be that a call is taken to have started at. */
#define PROCESSOR_AGE_NS CLOCK_NS_PER_MS

/* Exported by the library, declared in its private header JSContextRefPrivate.h alone. */
typedef bool (*javascript_limit_reached)(JSContextRef context, void *engine);
/* NOLINTNEXTLINE(readability-identifier-naming) */
extern void JSContextGroupSetExecutionTimeLimit(JSContextGroupRef group, double seconds,
                                                javascript_limit_reached reached, void *engine);

/* So are these, in JSLockRefPrivate.h. Who holds the lock need not take it for each function. */
extern void JSLock(JSContextRef context);   /* NOLINT(readability-identifier-naming) */
extern void JSUnlock(JSContextRef context); /* NOLINT(readability-identifier-naming) */

/* What a version regains of its time for compiling with each call that keeps within its limit. */
#define SPARE_PART 64

struct script {
        struct list_node node;
        uint64_t version;
        struct javascript_script script;
        int64_t compile_ns; /* formatter_compile_ms */
        int64_t spare_ns;   /* left of it */
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
        char *globals;       /* javascript_script_globals */
        struct list scripts; /* the last used one first */
        int64_t asked_ns;    /* when this thread was last asked for its processor time */
        int64_t answered_ns; /* what it was */
        int64_t started_ns;  /* processor time of this thread, for what is under way */
        int64_t deadline_ns;
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

static void arm(struct javascript_engine *engine);

/* True ends the script, with an exception that it can't catch. */
static bool look(JSContextRef context, void *engine_pointer)
{
        struct javascript_engine *engine = engine_pointer;

        (void)context;
        engine->timed_out = processor_ns() >= engine->deadline_ns;
        if (!engine->timed_out)
                arm(engine);
        return engine->timed_out;
}

static void arm(struct javascript_engine *engine)
{
        int64_t period_ms =
                engine->limits.timeout_ms < PERIOD_MS ? engine->limits.timeout_ms : PERIOD_MS;

        JSContextGroupSetExecutionTimeLimit(engine->group, (double)period_ms / 1000, look, engine);
}

/*
 * At least the processor time, and at most PROCESSOR_AGE_NS more: no processor time passes faster
 * than the clock. To ask for it at each call would be a part of a small call that shows.
 */
static int64_t processor_about_ns(struct javascript_engine *engine)
{
        int64_t now_ns = clock_steady_ns();

        if (now_ns - engine->asked_ns > PROCESSOR_AGE_NS) {
                engine->answered_ns = processor_ns();
                engine->asked_ns = now_ns;
        }
        return engine->answered_ns + now_ns - engine->asked_ns;
}

static void start_clock(struct javascript_engine *engine, int64_t spare_ns)
{
        engine->started_ns = processor_about_ns(engine);
        engine->deadline_ns =
                engine->started_ns + engine->limits.timeout_ms * CLOCK_NS_PER_MS + spare_ns;
        engine->timed_out = false;
}

static void set_options(const struct javascript_limits *limits)
{
        char memory[24];

        snprintf(memory, sizeof(memory), "%lld", (long long)limits->memory_bytes);
        setenv("JSC_useJIT", "0", 1);
        setenv("JSC_useSharedArrayBuffer", "0", 1);
        setenv("JSC_useWasm", "0", 1);
        setenv("JSC_numberOfGCMarkers", "1", 1);
        setenv("JSC_forceRAMSize", memory, 1);
}

/*
 * Without its compiler to machine code the library takes itself to be where memory is scarce: from
 * the first group on its allocator (libpas) returns free pages to the system whenever it takes
 * others, and all of them after 5 ms, and a busy formatter needs them again at once. So its
 * settings of before are put back: what was free for 0.3 s is returned. Where a version of the
 * library does not have one of them it stays as it is.
 */
static JSContextGroupRef group_new(void)
{
        static const struct {
                const char *name;
                size_t size;
        } settings[] = {
                {"pas_scavenger_period_in_milliseconds", sizeof(double)},
                {"pas_scavenger_max_epoch_delta", sizeof(uint64_t)},
                {"pas_physical_page_sharing_pool_balancing_enabled", sizeof(bool)},
                {"pas_physical_page_sharing_pool_balancing_enabled_for_utility", sizeof(bool)},
        };
        void *places[ARRAY_SIZE(settings)];
        char before[ARRAY_SIZE(settings)][sizeof(uint64_t)];
        JSContextGroupRef group;

        for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
                places[i] = dlsym(RTLD_DEFAULT, settings[i].name);
                if (places[i])
                        memcpy(before[i], places[i], settings[i].size);
        }
        group = JSContextGroupCreate();
        for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
                if (places[i])
                        memcpy(places[i], before[i], settings[i].size);
        }
        return group;
}

struct javascript_engine *javascript_engine_new(const struct javascript_limits *limits)
{
        struct javascript_engine *engine = mem_new(1, sizeof(*engine));

        engine->limits = *limits;
        list_init(&engine->scripts);
        set_options(limits);
        engine->group = group_new();
        arm(engine);
        start_clock(engine, 0);
        engine->globals = javascript_script_globals(engine->group);
        return engine;
}

void javascript_engine_set_timeout(struct javascript_engine *engine, int64_t timeout_ms)
{
        engine->limits.timeout_ms = timeout_ms;
        arm(engine);
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

/* Is it of the formatter's own text, not of worker/javascript? */
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

static void add_place(const struct javascript_script *script, JSContextRef context,
                      JSValueRef exception, struct reason *reason)
{
        JSObjectRef object;
        int line;
        int column;

        if (!JSValueIsObject(context, exception))
                return;
        object = JSValueToObject(context, exception, NULL);
        if (!object || !is_from(context, object, script->url))
                return;
        line = number_member(context, object, "line");
        column = number_member(context, object, "column");
        if (line == 1 && column > script->first_column)
                column -= script->first_column;
        if (line && column)
                reason_prefix(reason, "line %d, column %d", line, column);
        else if (line)
                reason_prefix(reason, "line %d", line);
}

/* What formatters written for other surroundings look for, and what to use instead. */
static void add_advice(const char *text, struct reason *reason)
{
        static const struct {
                const char *name;
                const char *advice;
        } missing[] = {
                {"Buffer", "there is no Buffer here, as on The Things Stack: `input.bytes` is a "
                           "list of numbers, and DataView, TextDecoder and atob read the rest"},
                {"require", "there are no modules here: a formatter is one file"},
                {"module", "there are no modules here: functions are found by their names"},
                {"exports", "there are no modules here: functions are found by their names"},
                {"process", "there is no process here: a formatter has its input alone"},
                {"setTimeout", "there are no timers here: a formatter returns its result at once"},
                {"fetch", "there is no network here: a formatter has its input alone"},
        };
        static const char start[] = "ReferenceError: Can't find variable: ";

        if (strncmp(text, start, strlen(start)) != 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
                if (strcmp(text + strlen(start), missing[i].name) == 0)
                        reason_add(reason, "%s", missing[i].advice);
        }
}

/* Turns an exception to text, which may run the formatter's own code once more. */
static void describe(const struct javascript_script *script, JSContextRef context,
                     JSValueRef exception, struct reason *reason)
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        JSValueRef again = NULL;

        string = JSValueToStringCopy(context, exception, &again);
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
        add_place(script, context, exception, reason);
        add_advice(buf_text(&text), reason);
}

static void say_timeout(const struct javascript_engine *engine, struct reason *reason)
{
        reason_set(reason, "it took more than %lld ms", (long long)engine->limits.timeout_ms);
}

/* --- loading ------------------------------------------------------------------------------- */

static void script_free(struct script *script)
{
        javascript_script_deinit(&script->script);
        free(script);
}

void javascript_engine_load(struct javascript_engine *engine, const struct formatter_load *load,
                            struct formatter_loaded *loaded)
{
        struct script *script = mem_new(1, sizeof(*script));
        JSValueRef exception = NULL;

        *loaded = (struct formatter_loaded){.version = load->version, .reason = REASON_INIT};
        script->version = load->version;
        script->compile_ns = formatter_compile_ms(load->source_size) * CLOCK_NS_PER_MS;
        script->spare_ns = script->compile_ns;
        start_clock(engine, script->compile_ns);
        javascript_script_init(&script->script, engine->group, load->name);
        loaded->good =
                javascript_script_compile(&script->script, load, engine->globals, &exception);
        if (loaded->good) {
                list_push_front(&engine->scripts, &script->node);
                return;
        }
        reason_set(&loaded->reason, "it does not compile");
        if (exception)
                describe(&script->script, script->script.context, exception, &loaded->reason);
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
        free(engine->globals);
        buf_deinit(&engine->texts.data);
        buf_deinit(&engine->texts.bytes);
        buf_deinit(&engine->texts.warnings);
        buf_deinit(&engine->texts.properties);
        free(engine);
}

/* --- a call -------------------------------------------------------------------------------- */

int64_t javascript_engine_limit_ms(struct javascript_engine *engine, uint64_t version)
{
        const struct script *script = find(engine, version);

        return engine->limits.timeout_ms + (script ? script->spare_ns / CLOCK_NS_PER_MS : 0);
}

/* What a call took beyond its limit is the version's, until nothing is left. */
static void settle(const struct javascript_engine *engine, struct script *script,
                   int64_t elapsed_ns)
{
        int64_t limit_ns = engine->limits.timeout_ms * CLOCK_NS_PER_MS;
        int64_t beyond_ns =
                elapsed_ns < limit_ns ? -1 : processor_ns() - engine->started_ns - limit_ns;

        if (beyond_ns < 0)
                beyond_ns = -script->compile_ns / SPARE_PART;
        script->spare_ns -= beyond_ns;
        if (script->spare_ns < 0)
                script->spare_ns = 0;
        if (script->spare_ns > script->compile_ns)
                script->spare_ns = script->compile_ns;
}

/* One call on its way. `context` is the realm's. */
struct run {
        struct javascript_engine *engine;
        struct script *script;
        struct javascript_realm realm;
        JSContextRef context;
        struct formatter_result *result;
        struct property *properties;
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
                describe(&run->script->script, run->context, exception, &run->result->reason);
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

/* The names of the input's members, made once. */
enum member {
        MEMBER_BYTES,
        MEMBER_PORT,
        MEMBER_TIME,
        MEMBER_DATA,
        MEMBER_DEVICE,
        MEMBER_TERMINAL,
        MEMBER_APPLICATION,
        MEMBER_METHOD,
        MEMBER_COUNT
};

static JSStringRef member_name(enum member member)
{
        static const char *const texts[MEMBER_COUNT] = {
                [MEMBER_BYTES] = "bytes",
                [MEMBER_PORT] = "fPort",
                [MEMBER_TIME] = "recvTime",
                [MEMBER_DATA] = "data",
                [MEMBER_DEVICE] = "deviceId",
                [MEMBER_TERMINAL] = "terminalId",
                [MEMBER_APPLICATION] = "applicationId",
                [MEMBER_METHOD] = "method",
        };
        static JSStringRef names[MEMBER_COUNT];

        if (!names[member])
                names[member] = JSStringCreateWithUTF8CString(texts[member]);
        return names[member];
}

/* NULL = it is absent. */
static void set_member(JSContextRef context, JSObjectRef object, enum member member,
                       JSValueRef value)
{
        if (value)
                JSObjectSetProperty(context, object, member_name(member), value,
                                    kJSPropertyAttributeNone, NULL);
}

static JSValueRef time_of(JSContextRef context, int64_t time_ns)
{
        JSValueRef ms =
                JSValueMakeNumber(context, floor((double)time_ns / (double)CLOCK_NS_PER_MS));

        return time_ns ? JSObjectMakeDate(context, 1, &ms, NULL) : NULL;
}

/* NULL if the caller's data is no JSON. */
static JSObjectRef input_of(JSContextRef context, const struct formatter_input *input)
{
        JSObjectRef object = JSObjectMake(context, NULL, NULL);
        JSValueRef device = javascript_value_of(context, input->device);
        JSValueRef data = NULL;

        if (input->data) {
                CLEANUP(javascript_string_cleanup)
                JSStringRef text = JSStringCreateWithUTF8CString(input->data);

                data = JSValueMakeFromJSONString(context, text);
                if (!data)
                        return NULL;
        }
        if (input->bytes)
                set_member(context, object, MEMBER_BYTES,
                           array_of(context, input->bytes, input->size));
        if (input->port != FORMATTER_NO_PORT)
                set_member(context, object, MEMBER_PORT, JSValueMakeNumber(context, input->port));
        set_member(context, object, MEMBER_TIME, time_of(context, input->time_ns));
        set_member(context, object, MEMBER_DATA, data);
        set_member(context, object, MEMBER_DEVICE, device);
        set_member(context, object, MEMBER_TERMINAL, device);
        set_member(context, object, MEMBER_APPLICATION,
                   javascript_value_of(context, input->application));
        set_member(context, object, MEMBER_METHOD, javascript_value_of(context, input->method));
        return object;
}

/* What call.js returned at an index; NULL if that throws. */
static JSValueRef element(const struct run *run, JSObjectRef list, unsigned int index)
{
        JSValueRef exception = NULL;
        JSValueRef value = JSObjectGetPropertyAtIndex(run->context, list, index, &exception);

        return exception ? NULL : value;
}

/* It is not a text. */
#define NO_TEXT 1

/* 0, NO_TEXT, or -E2BIG, and the call has failed. */
static int take(const struct run *run, JSValueRef value, struct buf *out,
                void (*add)(struct buf *out, JSStringRef string))
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;
        CLEANUP(mem_cleanup) char *text = NULL;

        if (!value || !JSValueIsString(run->context, value))
                return NO_TEXT;
        string = JSValueToStringCopy(run->context, value, NULL);
        if (!string)
                return NO_TEXT;
        if (JSStringGetLength(string) <= FORMATTER_RESULT_LIMIT) {
                add(out, string);
                return 0;
        }
        text = mem_format("the result has at least %zu bytes, at most %zu are taken",
                          JSStringGetLength(string), FORMATTER_RESULT_LIMIT);
        (void)fail(run, text);
        return -E2BIG;
}

/* Reads how many properties there are, then their texts, then points at them. */
static int take_properties(const struct run *run, JSValueRef value)
{
        struct buf *texts = &run->engine->texts.properties;
        struct formatter_result *result = run->result;
        size_t starts[2 * FORMATTER_PROPERTY_LIMIT];
        unsigned int count = 0;
        int taken = 0;
        JSObjectRef list;

        if (!value || !JSValueIsObject(run->context, value))
                return 0;
        list = JSValueToObject(run->context, value, NULL);
        while (count < ARRAY_SIZE(starts)) {
                starts[count] = texts->size;
                taken = take(run, element(run, list, count), texts, javascript_add_text);
                if (taken != 0)
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
        return taken < 0 ? taken : 0;
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

static int take_data(const struct run *run, JSValueRef value)
{
        struct texts *texts = &run->engine->texts;
        int taken = take(run, value, &texts->data, javascript_add_text);

        if (taken == 0)
                run->result->data = texts->data.data;
        return taken;
}

/* As take(). */
static int take_list(const struct run *run, JSObjectRef list)
{
        struct texts *texts = &run->engine->texts;
        JSContextRef context = run->context;
        JSValueRef value;
        int taken = take_data(run, element(run, list, ELEMENT_DATA));

        if (taken < 0)
                return taken;
        if (take(run, element(run, list, ELEMENT_BYTES), &texts->bytes, javascript_add_bytes) == 0)
                run->result->bytes = texts->bytes;
        taken = take(run, element(run, list, ELEMENT_WARNINGS), &texts->warnings,
                     javascript_add_text);
        if (taken < 0)
                return taken;
        if (taken == 0) {
                (void)javascript_mend_json(texts->warnings.data);
                run->result->warnings = texts->warnings.data;
        }
        value = element(run, list, ELEMENT_PORT);
        if (value && JSValueIsNumber(context, value))
                run->result->port = (int)JSValueToNumber(context, value, NULL) & 255;
        return take_properties(run, element(run, list, ELEMENT_PROPERTIES));
}

static bool take_result(const struct run *run, JSValueRef returned)
{
        CLEANUP(buf_deinit) struct buf failure = BUF_INIT;
        JSObjectRef list;
        int taken = take_data(run, returned);

        if (taken == NO_TEXT && !JSValueIsObject(run->context, returned))
                return fail(run, "its context is out of order");
        if (taken == NO_TEXT) {
                list = JSValueToObject(run->context, returned, NULL);
                taken = take(run, element(run, list, ELEMENT_FAILURE), &failure,
                             javascript_add_text);
                if (taken == 0)
                        return fail(run, buf_text(&failure));
                if (taken == NO_TEXT)
                        taken = take_list(run, list);
        }
        return taken >= 0 && check_size(run) && check_depth(run);
}

static bool run_call(const struct run *run, const struct formatter_wire_call *call)
{
        const struct javascript_script *script = &run->script->script;
        JSObjectRef input = input_of(run->context, &call->input);
        JSValueRef arguments[] = {run->realm.functions,
                                  JSValueMakeNumber(run->context, call->function), input};
        JSValueRef exception = NULL;
        JSValueRef returned;

        if (!input)
                return fail(run, "the input's data is no JSON");
        returned = JSObjectCallAsFunction(script->context, script->run, NULL, ARRAY_SIZE(arguments),
                                          arguments, &exception);
        if (exception || !returned)
                return fail_by_exception(run, exception);
        return take_result(run, returned);
}

static bool run_script(struct run *run, const struct formatter_wire_call *call)
{
        const struct javascript_script *script = &run->script->script;
        JSValueRef exception = NULL;
        bool entered = javascript_script_enter(script, &run->realm, &exception);
        bool good;

        run->context = run->realm.context;
        good = entered ? run_call(run, call) : fail_by_exception(run, exception);
        javascript_script_leave(script, &run->realm);
        return good;
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
        if (!run.script) {
                wire->result.status = FORMATTER_NOT_COMPILED;
                reason_set(&wire->result.reason, "the worker does not know this version");
        } else {
                start_clock(engine, run.script->spare_ns);
                JSLock(run.script->script.context);
                if (!run_script(&run, call))
                        forget_result(&wire->result);
                JSUnlock(run.script->script.context);
        }
        wire->result.elapsed_ns = clock_steady_ns() - started_ns;
        if (run.script)
                settle(engine, run.script, wire->result.elapsed_ns);
}
