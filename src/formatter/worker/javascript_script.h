// SPDX-License-Identifier: MIT
/*
 * One version of a formatter in JavaScriptCore, and the contexts in which it runs.
 *
 * Every call starts from a fresh script, as on The Things Stack. A text that can reach neither the
 * global object nor the language's own objects (javascript_scan.h) is compiled as a function, which
 * is run anew for each call, in one context: its variables are the function's, and nothing else
 * outlives a call. Any other text runs as the script that it is, in a context that is made for the
 * call and thrown away: its functions and variables are members of the global object, and whatever
 * it changes there, or in Array.prototype and its like, is gone with the context. That costs 0.1 ms
 * more for each call.
 */
#ifndef ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_SCRIPT_H
#define ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_SCRIPT_H

#include <JavaScriptCore/JavaScript.h>
#include <stdbool.h>

#include "formatter/formatter_wire.h"

/* What worker/javascript/ has besides call.js. */
enum javascript_surroundings {
        JAVASCRIPT_CONSOLE,
        JAVASCRIPT_BASE64,
        JAVASCRIPT_TEXT_CODING,
        JAVASCRIPT_SURROUNDINGS
};

struct javascript_script {
        JSContextGroupRef group;
        JSStringRef url; /* how exceptions name it */

        /* Where calls are made from, and where a text that is a function runs. */
        JSGlobalContextRef context;
        JSObjectRef run;  /* call.js */
        int first_column; /* what the first line's columns are too large by */

        JSObjectRef function;                /* the text; NULL = it is a script */
        JSStringRef text;                    /* the script */
        bool needs[JAVASCRIPT_SURROUNDINGS]; /* it mentions them */
};

/* Where one call runs. */
struct javascript_realm {
        JSGlobalContextRef context; /* of all that the formatter sees */
        JSValueRef functions;       /* what `run` takes as its first argument */
};

/* The names of a new context's globals, with a blank before and behind each. */
char *javascript_script_globals(JSContextGroupRef group);

void javascript_script_init(struct javascript_script *script, JSContextGroupRef group,
                            const char *name);
void javascript_script_deinit(struct javascript_script *script);

/*
 * Compiles a text; nothing of it runs. If it does not compile: false, with what was thrown in the
 * script's context.
 */
bool javascript_script_compile(struct javascript_script *script, const struct formatter_load *load,
                               const char *globals, JSValueRef *exception) MUST_CHECK;

/*
 * The realm of one call; what is a script runs now. False with what it threw. The realm is to be
 * left in either case.
 */
bool javascript_script_enter(const struct javascript_script *script, struct javascript_realm *realm,
                             JSValueRef *exception) MUST_CHECK;
void javascript_script_leave(const struct javascript_script *script,
                             struct javascript_realm *realm);

#endif
