// SPDX-License-Identifier: MIT
#include "http/http_check.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* Only the characters of a token (RFC 9110, 5.6.2)? */
static bool is_token(const char *name, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                char c = name[i];

                if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
                    c != '-' && (c == '\0' || !strchr("!#$%&'*+.^_`|~", c)))
                        return false;
        }
        return size > 0;
}

static bool is_value(const char *value, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                unsigned char byte = (unsigned char)value[i];

                if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
                        return false;
        }
        return true;
}

static bool is_chunked(const char *value)
{
        return strncasecmp(value, "chunked", 7) == 0 && value[7 + strspn(value + 7, " \t")] == '\0';
}

static void set_fault(struct http_check *check, const char *fault)
{
        if (!check->fault)
                check->fault = fault;
}

void http_check_header(struct http_check *check, const char *name, size_t name_size,
                       const char *value, size_t value_size)
{
        if (!is_token(name, name_size))
                set_fault(check, "a header's name has a character that names don't have");
        if (!is_value(value, value_size))
                set_fault(check, "a header has a control character");
        if (name_size == 4 && strcasecmp(name, "Host") == 0)
                check->hosts++;
        if (name_size == 14 && strcasecmp(name, "Content-Length") == 0) {
                check->lengths++;
                if (value_size == 0 || strspn(value, "0123456789") != value_size)
                        set_fault(check, "Content-Length is no number");
        }
        if (name_size == 17 && strcasecmp(name, "Transfer-Encoding") == 0) {
                check->codings++;
                if (!is_chunked(value))
                        set_fault(check, "the only Transfer-Encoding understood is 'chunked'");
        }
}

void http_check_argument(struct http_check *check, const char *value, size_t size)
{
        if (value && strlen(value) != size)
                set_fault(check, "an argument of the query has a zero byte");
}

const char *http_check_end(struct http_check *check, const char *version)
{
        bool modern = text_equal(version, "HTTP/1.1");

        if (check->hosts > 1)
                set_fault(check, "there is more than one Host");
        if (check->hosts == 0 && modern)
                set_fault(check, "there is no Host");
        if (check->lengths > 1)
                set_fault(check, "there is more than one Content-Length");
        if (check->codings > 1)
                set_fault(check, "there is more than one Transfer-Encoding");
        if (check->lengths > 0 && check->codings > 0)
                set_fault(check, "there are both a Content-Length and a Transfer-Encoding");
        if (check->codings > 0 && !modern)
                set_fault(check, "this version of HTTP has no Transfer-Encoding");
        return check->fault;
}

/* `host` or `host:port` of this machine itself, as only a local program would say it. */
static bool is_this_machine(const char *host)
{
        static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

        for (size_t i = 0; host && i < ARRAY_SIZE(names); i++) {
                size_t length = strlen(names[i]);
                const char *rest = host + length;
                int64_t port;

                if (strncasecmp(host, names[i], length) == 0 &&
                    (*rest == '\0' || (*rest == ':' && text_to_int64(rest + 1, 0, 65535, &port))))
                        return true;
        }
        return false;
}

bool http_check_is_from_a_page(const char *origin, const char *site, const char *host)
{
        if (origin || !is_this_machine(host))
                return true;
        return site && !text_equal(site, "none") && !text_equal(site, "same-origin");
}
