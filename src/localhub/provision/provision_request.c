// SPDX-License-Identifier: MIT
#include "localhub/provision/provision_request.h"

#include "base/text.h"

bool provision_is_line(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                if (text[i] < ' ' || text[i] > '~')
                        return false;
        }
        return size > 0;
}

void provision_request_write(struct buf *out, const struct provision_request *request)
{
        size_t size = request->operation_id ? 0 : request->body_size;

        buf_add_format(out, "%s /", request->operation_id ? "GET" : "PUT");
        text_url_escape(out, request->id_scope);
        buf_add_text(out, "/registrations/");
        text_url_escape(out, request->registration_id);
        if (request->operation_id) {
                buf_add_text(out, "/operations/");
                text_url_escape(out, request->operation_id);
        } else {
                buf_add_text(out, "/register");
        }
        buf_add_text(out, "?api-version=");
        text_url_escape(out, request->api_version);
        buf_add_format(out, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                            "Content-Type: application/json\r\n");
        if (request->token[0])
                buf_add_format(out, "Authorization: %s\r\n", request->token);
        buf_add_format(out, "Content-Length: %zu\r\n\r\n", size);
        buf_add(out, request->body, size);
}
