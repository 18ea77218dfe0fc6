// SPDX-License-Identifier: MIT
/* What a gateway does with the records of a kind when it takes devices over, without threads. */
#ifndef ISTHMUS_TESTS_SUPPORT_LOAD_RECORDS_H
#define ISTHMUS_TESTS_SUPPORT_LOAD_RECORDS_H

#include <stdbool.h>

#include "store/store.h"

struct load_records {
        void (*take)(void *context, const struct store_record *record);
        void *context;
};

static inline bool load_records_visit(void *context, const struct store_record *record)
{
        struct load_records *load = context;

        load->take(load->context, record);
        return true;
}

/* As the `take` of a struct ownership_part. As store_records_each. */
static inline int load_records(struct store *store, const char *kind,
                               void (*take)(void *context, const struct store_record *record),
                               void *context)
{
        return store_records_each(store, kind, NULL, load_records_visit,
                                  &(struct load_records){take, context});
}

#endif
