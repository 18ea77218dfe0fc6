// SPDX-License-Identifier: MIT
/*
 * The hub's own verification of shared access signatures: any order of fields, the MAC over the
 * resource exactly as it was sent, the resource compared after decoding, segment by segment
 * (rules W1 and W23). Deliberately shares nothing with the client's code.
 */
#ifndef ISTHMUS_LOCALHUB_GATE_TOKEN_CHECK_H
#define ISTHMUS_LOCALHUB_GATE_TOKEN_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/registry/registry.h"

/* Tokens longer than this are refused unread. */
#define TOKEN_SIZE_MAX 4096

struct token {
        char *signed_text; /* what the MAC covers: resource as sent, newline, expiry as sent */
        char *resource;    /* decoded: `myhub.azure-devices.net/devices/dev1` */
        char *key_name;    /* decoded; "" = none */
        uint8_t signature[32];
        int64_t expires_s; /* Unix time */
};

/* For CLEANUP; safe on zeroed memory. */
void token_deinit(struct token *token);

/* Takes the token apart; -EINVAL with the reason. `text` need not end in a zero byte. */
int token_parse(const char *text, size_t size, struct token *token,
                struct reason *reason) MUST_CHECK;

/* True if this base64 key made the signature. */
bool token_is_signed_by(const struct token *token, const char *key);

/* True if `resource` is `path` or lies above it: `/a/b` covers `/a/b/c`, but not `/a/bc`. */
bool token_covers(const char *resource, const char *path);

/* Clocks differ: a token is taken this long after its end. One that ends while it is in use does.
 */
#define TOKEN_CLOCK_SKEW_S 300

/* What a token of a hub allows. */
struct token_grant {
        unsigned rights;                        /* enum registry_right */
        char device_id[REGISTRY_IDENTITY_SIZE]; /* only this device; "" = all */
        char key_name[REGISTRY_ID_SIZE];        /* the policy; "" = a key of the device */
        int64_t expires_s;
        int hub; /* whose it is; of token_check_any_hub */
};

enum token_condition {
        TOKEN_E_UNAUTHORIZED = 1, /* malformed, expired, wrong key, wrong audience, disabled */
        TOKEN_E_NO_DEVICE,        /* well formed, but there is no such device */
};

/*
 * Verifies a token for a hub: signed by a policy of it, or by a key of the enabled device that
 * the resource names. 0, or a condition with the reason.
 */
int token_check_hub(struct registry *registry, int hub, const char *text, size_t size,
                    int64_t now_s, struct token_grant *grant, struct reason *reason) MUST_CHECK;

/* The same for the first hub that takes the token, where no port or name says which one is meant.
 */
int token_check_any_hub(struct registry *registry, const char *text, int64_t now_s,
                        struct token_grant *grant, struct reason *reason) MUST_CHECK;

#endif
