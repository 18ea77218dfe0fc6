// SPDX-License-Identifier: MIT
/* Frames get all fields of their performatives, however their bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/amqp/amqp_pad.h"
#include "base/crypto.h"

static const struct {
        const char *given;
        const char *made; /* NULL = the same */
        uint32_t maximum;
} cases[] = {
        /* the protocol's header; an empty frame; one of SASL; no performative */
        {"414d515000010000", NULL, 0},
        {"0000000802000000", NULL, 0},
        {"0000000f02010000005341c0020140", NULL, 0},
        {"0000000c0200000000539945", NULL, 0},
        /* begin with four of eight fields, and where there is no room for more */
        {"0000001602000000005311c009045201520150025003",
         "0000001e02000000005311c011085201520150025003700003ffff404040", 0},
        {"0000001602000000005311c009045201520150025003", NULL, 25},
        /* transfer with a payload behind it */
        {"0000001802000000005314c00703435201a0010101020304",
         "0000002002000000005314c00f0b435201a00101404040404040404001020304", 0},
        /* end and detach without a field */
        {"0000000c0200000000531745", "0000000f02000000005317c0020140", 0},
        {"0000000c0200000000531645", "0000001102000000005316c00403404040", 0},
        /* a long list stays one where it must be, and one becomes long */
        {"0000001402000000005318d00000000400000000", "0000000f02000000005318c0020140", 0},
        {"0000010a02000000005312c0fd01a1fa616161616161616161616161616161616161616161616161616161616"
         "16161616161616161616161616161616161616161616161616161616161616161616161616161616161616161"
         "61616161616161616161616161616161616161616161616161616161616161616161616161616161616161616"
         "16161616161616161616161616161616161616161616161616161616161616161616161616161616161616161"
         "61616161616161616161616161616161616161616161616161616161616161616161616161616161616161616"
         "161616161616161616161616161616161616161616161616161616161616161616161616161616161616161",
         "0000011d02000000005312d00000010d0000000ea1fa616161616161616161616161616161616161616161616"
         "16161616161616161616161616161616161616161616161616161616161616161616161616161616161616161"
         "61616161616161616161616161616161616161616161616161616161616161616161616161616161616161616"
         "16161616161616161616161616161616161616161616161616161616161616161616161616161616161616161"
         "61616161616161616161616161616161616161616161616161616161616161616161616161616161616161616"
         "16161616161616161616161616161616161616161616161616161616161616161616161616161616161616161"
         "616161616140404040404040404040404040",
         0},
        /* all fields are there */
        {"0000001402000000005315c00706414340414040", NULL, 0},
};

/* All frames one behind the other, in pieces of so many bytes. */
static void pad_in_pieces(size_t piece)
{
        struct amqp_pad pad = {.head_size = 0};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *wanted = cases[i].made ? cases[i].made : cases[i].given;
                struct buf bytes = BUF_INIT;
                struct buf made = BUF_INIT;
                struct buf text = BUF_INIT;

                assert_true(crypto_hex_decode(&bytes, cases[i].given, strlen(cases[i].given)));
                for (size_t at = 0; at < bytes.size; at += piece) {
                        size_t left = bytes.size - at;

                        amqp_pad_add(&pad, cases[i].maximum, bytes.data + at,
                                     left < piece ? left : piece, &made);
                }
                crypto_hex_encode(&text, made.data, made.size);
                assert_string_equal(buf_text(&text), wanted);
                buf_deinit(&bytes);
                buf_deinit(&made);
                buf_deinit(&text);
        }
}

static void missing_fields_are_added(void **state)
{
        (void)state;
        pad_in_pieces(SIZE_MAX / 2);
}

static void frames_may_come_in_pieces(void **state)
{
        (void)state;
        for (size_t piece = 1; piece < 40; piece++)
                pad_in_pieces(piece);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(missing_fields_are_added),
                cmocka_unit_test(frames_may_come_in_pieces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
