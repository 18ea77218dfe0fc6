// SPDX-License-Identifier: MIT
/* A list of texts. */
#ifndef ISTHMUS_CONF_ENGINE_TEXTS_H
#define ISTHMUS_CONF_ENGINE_TEXTS_H

#include <stddef.h>

struct conf_texts {
        char **texts;
        size_t count;
};

#endif
