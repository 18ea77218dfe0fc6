// SPDX-License-Identifier: MIT
/*
 * The input is a request as it comes off the wire: its first line ends with the version, header
 * lines follow. Whatever is let through must be read the same by every reader: the target counts
 * with code of its own what the check must have counted.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "http/http_check.h"

/* What another reader finds. */
struct seen {
        int hosts;
        int lengths;
        int codings;
        bool is_clean;   /* no character that a header must not have */
        bool is_number;  /* each Content-Length */
        bool is_chunked; /* each Transfer-Encoding */
        const char *host;
        const char *origin;
        const char *site;
};

static bool is_clean(const char *text, size_t size, bool is_name)
{
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)text[i];

                if (is_name ? c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)
                            : (c < ' ' && c != '\t') || c == 0x7f)
                        return false;
        }
        return !is_name || size > 0;
}

static bool is_digits(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return false;
        }
        return size > 0;
}

static bool is_chunked(const char *text)
{
        size_t size = strlen(text);

        while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
                size--;
        return size == 7 && strncasecmp(text, "chunked", 7) == 0;
}

static void look_at(struct seen *seen, const char *name, size_t name_size, const char *value,
                    size_t value_size)
{
        seen->is_clean = seen->is_clean && is_clean(name, name_size, true) &&
                         is_clean(value, value_size, false);
        if (strcasecmp(name, "Host") == 0) {
                seen->hosts++;
                seen->host = value;
        } else if (strcasecmp(name, "Content-Length") == 0) {
                seen->lengths++;
                seen->is_number = seen->is_number && is_digits(value, value_size);
        } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
                seen->codings++;
                seen->is_chunked = seen->is_chunked && is_chunked(value);
        } else if (strcasecmp(name, "Origin") == 0) {
                seen->origin = value;
        } else if (strcasecmp(name, "Sec-Fetch-Site") == 0) {
                seen->site = value;
        }
}

/* The line that begins at *at, and its end; the text has a zero byte in place of each line's end.
 */
static char *next_line(char *text, size_t size, size_t *at, size_t *line_size)
{
        char *line = text + *at;
        char *end = memchr(line, '\n', size - *at);

        *line_size = end ? (size_t)(end - line) : size - *at;
        *at += *line_size + 1;
        if (*line_size > 0 && line[*line_size - 1] == '\r')
                --*line_size;
        line[*line_size] = '\0';
        return line;
}

static void take_header(struct http_check *check, struct seen *seen, char *line, size_t size)
{
        char *colon = memchr(line, ':', size);
        char *value = colon ? colon + 1 : line + size;
        size_t name_size = colon ? (size_t)(colon - line) : size;
        size_t value_size;

        while (*value == ' ' || *value == '\t')
                value++;
        value_size = (size_t)(line + size - value);
        line[name_size] = '\0';
        http_check_header(check, line, name_size, value, value_size);
        look_at(seen, line, name_size, value, value_size);
}

static void judge(const char *fault, const struct seen *seen, const char *version)
{
        bool is_modern = strcmp(version, "HTTP/1.1") == 0;
        bool is_clear = seen->is_clean && seen->is_number && seen->is_chunked && seen->hosts <= 1 &&
                        (seen->hosts == 1 || !is_modern) && seen->lengths + seen->codings <= 1 &&
                        (seen->codings == 0 || is_modern);

        require(is_clear == !fault);
        if (!http_check_is_from_a_page(seen->origin, seen->site, seen->host))
                require(!seen->origin && seen->host &&
                        (strncasecmp(seen->host, "localhost", 9) == 0 ||
                         strncmp(seen->host, "127.0.0.1", 9) == 0 ||
                         strncmp(seen->host, "[::1]", 5) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        struct http_check check = {0};
        struct seen seen = {.is_clean = true, .is_number = true, .is_chunked = true};
        size_t at = 0;
        size_t line_size;
        const char *version = next_line(text, size, &at, &line_size);
        const char *space = strrchr(version, ' ');

        version = space ? space + 1 : version;
        while (at < size) {
                char *line = next_line(text, size, &at, &line_size);

                if (line_size == 0)
                        break;
                take_header(&check, &seen, line, line_size);
        }
        judge(http_check_end(&check, version), &seen, version);
        return 0;
}
