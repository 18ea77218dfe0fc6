// SPDX-License-Identifier: MIT
#include "formatter/worker/javascript_script.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "formatter/worker/javascript_scan.h"
#include "formatter/worker/javascript_text.h"
#include <formatter_scripts.h>

/* --- own scripts --------------------------------------------------------------------------- */

/* The functions of enum formatter_function, then their older forms, then those that other network
 * servers call, in the order of call.js. */
static const char functions[] =
        "[typeof decodeUplink === 'function' ? decodeUplink : undefined,"
        "typeof normalizeUplink === 'function' ? normalizeUplink : undefined,"
        "typeof encodeDownlink === 'function' ? encodeDownlink : undefined,"
        "typeof decodeDownlink === 'function' ? decodeDownlink : undefined,"
        "typeof Decoder === 'function' ? Decoder : undefined,"
        "undefined,"
        "typeof Encoder === 'function' ? Encoder : undefined,"
        "undefined,"
        "typeof Decode === 'function' ? Decode : undefined,"
        "undefined,"
        "typeof Encode === 'function' ? Encode : undefined,"
        "undefined]";

/* Each is made once, and stays: the engine finds what it has compiled by the string. */
enum own {
        OWN_CALL = JAVASCRIPT_SURROUNDINGS,
        OWN_FUNCTIONS,
        OWN_GLOBALS,
        OWN_COUNT
};

static JSStringRef own_text(int which)
{
        static const char *const texts[OWN_COUNT] = {
                [JAVASCRIPT_CONSOLE] = formatter_console_js,
                [JAVASCRIPT_BASE64] = formatter_base64_js,
                [JAVASCRIPT_TEXT_CODING] = formatter_text_coding_js,
                [OWN_CALL] = formatter_call_js,
                [OWN_FUNCTIONS] = functions,
                [OWN_GLOBALS] = "' ' + Object.getOwnPropertyNames(globalThis).join(' ') + ' '",
        };
        static JSStringRef strings[OWN_COUNT];

        if (!strings[which])
                strings[which] = JSStringCreateWithUTF8CString(texts[which]);
        return strings[which];
}

static JSValueRef evaluate(JSContextRef context, JSStringRef text, JSStringRef url,
                           JSValueRef *exception)
{
        JSValueRef value = JSEvaluateScript(context, text, NULL, url, 1, exception);

        return *exception ? NULL : value;
}

/* No formatter has had a chance to break it. */
static JSValueRef evaluate_own(JSContextRef context, int which)
{
        JSValueRef exception = NULL;
        JSValueRef value = evaluate(context, own_text(which), NULL, &exception);

        if (!value)
                abort();
        return value;
}

/* --- contexts ------------------------------------------------------------------------------ */

static JSGlobalContextRef context_new(JSContextGroupRef group, const bool *needs)
{
        static JSStringRef compiler;
        JSGlobalContextRef context = JSGlobalContextCreateInGroup(group, NULL);

        /* Where the engine has it in spite of its option: formatters have no use for it. */
        if (!compiler)
                compiler = JSStringCreateWithUTF8CString("WebAssembly");
        JSObjectDeleteProperty(context, JSContextGetGlobalObject(context), compiler, NULL);
        for (int i = 0; i < JAVASCRIPT_SURROUNDINGS; i++) {
                if (needs[i])
                        (void)evaluate_own(context, i);
        }
        return context;
}

static JSObjectRef keep_object(JSContextRef context, JSValueRef value)
{
        if (!value || !JSValueIsObject(context, value))
                return NULL;
        JSValueProtect(context, value);
        return JSValueToObject(context, value, NULL);
}

static const bool all[JAVASCRIPT_SURROUNDINGS] = {true, true, true};

char *javascript_script_globals(JSContextGroupRef group)
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;
        JSGlobalContextRef context = context_new(group, all);
        struct buf text = BUF_INIT;

        string = JSValueToStringCopy(context, evaluate_own(context, OWN_GLOBALS), NULL);
        if (!string)
                abort();
        javascript_add_text(&text, string);
        JSGlobalContextRelease(context);
        return buf_take(&text);
}

/* --- a script ------------------------------------------------------------------------------ */

void javascript_script_init(struct javascript_script *script, JSContextGroupRef group,
                            const char *name)
{
        CLEANUP(mem_cleanup) char *url = mem_format("%s.js", name);

        *script = (struct javascript_script){.group = group,
                                             .url = JSStringCreateWithUTF8CString(url),
                                             .context = context_new(group, all)};
        script->run = keep_object(script->context, evaluate_own(script->context, OWN_CALL));
        if (!script->run)
                abort();
}

void javascript_script_deinit(struct javascript_script *script)
{
        if (script->function)
                JSValueUnprotect(script->context, script->function);
        if (script->text)
                JSStringRelease(script->text);
        JSValueUnprotect(script->context, script->run);
        JSGlobalContextRelease(script->context);
        JSStringRelease(script->url);
}

static const char function_start[] = "(function () {";
static const char function_return[] = "\n;return ";
static const char function_end[] = ";})";

static bool make_function(struct javascript_script *script, const struct formatter_load *load,
                          JSValueRef *exception)
{
        CLEANUP(javascript_string_cleanup) JSStringRef string = NULL;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        buf_add_text(&text, function_start);
        buf_add(&text, load->source, load->source_size);
        buf_add_text(&text, function_return);
        buf_add_text(&text, functions);
        buf_add_text(&text, function_end);
        string = javascript_string_of(buf_text(&text), text.size);
        script->first_column = (int)strlen(function_start);
        script->function = keep_object(script->context,
                                       evaluate(script->context, string, script->url, exception));
        return script->function != NULL;
}

static bool mentions(const struct formatter_load *load, const char *word)
{
        return memmem(load->source, load->source_size, word, strlen(word)) != NULL;
}

bool javascript_script_compile(struct javascript_script *script, const struct formatter_load *load,
                               const char *globals, JSValueRef *exception)
{
        script->text = javascript_string_of(load->source, load->source_size);
        if (!JSCheckScriptSyntax(script->context, script->text, script->url, 1, exception))
                return false;
        if (javascript_is_plain(load->source, load->source_size, globals))
                return make_function(script, load, exception);
        script->needs[JAVASCRIPT_CONSOLE] = mentions(load, "console");
        script->needs[JAVASCRIPT_BASE64] = mentions(load, "atob") || mentions(load, "btoa");
        script->needs[JAVASCRIPT_TEXT_CODING] =
                mentions(load, "TextEncoder") || mentions(load, "TextDecoder");
        return true;
}

/* --- a call -------------------------------------------------------------------------------- */

bool javascript_script_enter(const struct javascript_script *script, struct javascript_realm *realm,
                             JSValueRef *exception)
{
        if (script->function) {
                *realm = (struct javascript_realm){.context = script->context,
                                                   .functions = script->function};
                return true;
        }
        realm->context = context_new(script->group, script->needs);
        realm->functions = NULL;
        if (!evaluate(realm->context, script->text, script->url, exception))
                return false;
        realm->functions = keep_object(
                realm->context, evaluate(realm->context, own_text(OWN_FUNCTIONS), NULL, exception));
        return realm->functions != NULL;
}

void javascript_script_leave(const struct javascript_script *script, struct javascript_realm *realm)
{
        if (script->function)
                return;
        if (realm->functions)
                JSValueUnprotect(realm->context, realm->functions);
        JSGlobalContextRelease(realm->context);
}
