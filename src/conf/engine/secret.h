// SPDX-License-Identifier: MIT
/*
 * Secrets that stand outside the configuration, in files of their own or in a vault, and may change
 * there while the program runs.
 *
 * Law: a field that holds such a secret is read with conf_secret_text, on any thread. A text that
 * was read stays valid until conf_secrets_deinit, also when another has taken its place.
 */
#ifndef ISTHMUS_CONF_ENGINE_SECRET_H
#define ISTHMUS_CONF_ENGINE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "conf/engine/schema.h"

struct conf_secret {
        const struct conf_row *row;
        char *captures[CONF_CAPTURES_MAX];
        int64_t index;
        char *path; /* the setting's own name, for people */
        char *file; /* that holds it, or says where it is; NULL = none */
        char *url;  /* where a vault keeps it; NULL = the file holds it */
};

struct conf_secrets {
        struct conf_secret *items;
        size_t count;
        char **retired; /* texts that others have taken the place of */
        size_t retired_count;
};

/* Those of a target, whose schema has `refer`. */
struct conf_secrets *conf_secrets_of(const struct conf_schema *schema, void *target);

/* Overwrites the texts. Nobody may read a secret any more. */
void conf_secrets_deinit(struct conf_secrets *secrets);

/* What a field holds of a secret that a vault keeps and that was not read yet: "". */
static inline bool conf_secret_is_awaited(const char *text)
{
        return text && text[0] == '\0';
}

static inline const char *conf_secret_text(char *const *field)
{
        return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

/*
 * Adds what a secret's file holds now, without the white space at its end. A negative errno, with
 * the reason, if it can't be read or is empty. `others` (may be NULL): may every user read it?
 */
int conf_secret_read_file(const char *file, struct buf *value, bool *others,
                          struct reason *reason) MUST_CHECK;

enum conf_secret_fate {
        CONF_SECRET_SAME, /* it is known already */
        CONF_SECRET_CHANGED,
        CONF_SECRET_REFUSED, /* the setting can't have this value, for the reason */
};

/* Puts a value in force; `secret` is one of `secrets`. One thread at a time. */
enum conf_secret_fate conf_secret_put(const struct conf_schema *schema, void *target,
                                      const struct conf_secret *secret, const char *value,
                                      struct reason *reason);

/* What is in force now; "" = awaited. */
const char *conf_secret_now(const struct conf_schema *schema, void *target,
                            const struct conf_secret *secret);

#endif
