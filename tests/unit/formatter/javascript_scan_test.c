// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/worker/javascript_scan.h"

#include <string.h>

#include "base/error.h"

static const char globals[] =
        " Object Function Array Number parseInt Infinity undefined String Date RegExp Error JSON "
        "Math console Boolean Uint8Array isNaN ";

static bool is_plain(const char *text)
{
        return javascript_is_plain(text, strlen(text), globals);
}

static void test_texts_that_keep_to_themselves_are_plain(void **state)
{
        static const char *const plain[] = {
                "",
                "function decodeUplink(input) { return { data: { t: input.bytes[0] / 10 } }; }",
                "\"use strict\";\nconst a = Math.floor(1.5) + Number('1') + [1].map(Number)[0];",
                "// this is the prototype of Function\n/* eval(this) */ let x = 1;",
                "let s = 'this port' + \"eval\" + `globalThis ${ 1 + `${s}` } this`;",
                "let r = /this'/.test(s) ? a / b : (a + b) / 2; // it's this",
                "x = a[0] / 2 + b / 3; y = { Date: new Date(0), Error: typeof Error, a: Error('x') "
                "};",
                "if (Number.isNaN(v) || v === Infinity || v == undefined) throw new Error('no');",
                "const { floor } = obj, date = input.Date; o.Math = 1; o?.JSON;",
                "JSON.stringify(a); console.log(b); Object.keys(c).length; Array.isArray(d) == "
                "true;",
                "let o = '\\u00b0C \\x0a \\0 \\n'; let t = `a${{ b: 1 }.b}c`;",
                "if (Object.prototype.hasOwnProperty.call(a, 'b')) Array.prototype.slice.apply(c);",
                "f(...rest); const n = 1e3, m = .5, k = 1.; i++; j = i++ + 1;",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
                if (!is_plain(plain[i]))
                        fail_msg("not plain: %s", plain[i]);
        }
}

static void test_ways_to_what_outlives_a_call_are_found(void **state)
{
        static const char *const others[] = {
                "this.twice(1)",
                "globalThis.x = 1",
                "eval('1')",
                "new Function('return 1')",
                "Array.prototype.x = 1",
                "Array.prototype.push.x = 1; Array.prototype.push.call",
                "let p = Array.prototype; p.call(1)",
                "Object.prototype.call(1)",
                "[].__proto__.x = 1",
                "''['constructor']",
                "let k = \"__proto__\"",
                "let k = `proto${1}constructor`",
                "`${this}`",
                "`${`${{a: this}}`}`",
                "let { constructor: C } = []",
                "Object.getPrototypeOf([])",
                "Math.half = 1",
                "Math . half\n= 1",
                "Number.x += 1",
                "Number.x++",
                "Math/**/.half = 1",
                "Math['half'] = 1",
                "JSON.stringify.x = 1",
                "var JSON = JSON || {}",
                "var console",
                "Date = 5",
                "let M = Math; M.x = 1",
                "extend(Math)",
                "f(...Math)",
                "RegExp.$1",
                "gl\\u006fbalThis.x",
                "let k = 'pr\\u006ftotype', l = 'pr\\x6ftotype'",
                "let k = 'pr\\157totype'",
                "let k = 'pr\\u{6f}totype'",
                "#!/usr/bin/env node\n",
                "let a = 'not closed",
                "let a = `not closed ${1}",
                "/* not closed",
                "if (a) /'/.test(b); this.c = '\\'';",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                if (is_plain(others[i]))
                        fail_msg("plain: %s", others[i]);
        }
        assert_false(javascript_is_plain("a\0b", 3, globals));
        assert_true(javascript_is_plain("'a\0b'", 5, globals));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_texts_that_keep_to_themselves_are_plain),
                cmocka_unit_test(test_ways_to_what_outlives_a_call_are_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
