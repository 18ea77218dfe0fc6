// SPDX-License-Identifier: MIT
#include "camera/picture/jpeg.h"

#include <stdbool.h>
#include <stdlib.h>
#include <turbojpeg.h>

#include "base/mem.h"
#include "camera/picture/exif.h"

static void destroy_handle(tjhandle *handle)
{
        if (*handle)
                tjDestroy(*handle);
}

struct header {
        int width;
        int height;
        int colours; /* enum TJCS */
};

static int read_header(tjhandle handle, const unsigned char *bytes, size_t size,
                       struct header *header, struct reason *reason)
{
        int sampling;

        if (size == 0) {
                reason_set(reason, "the picture is empty: it has not one byte");
                return JPEG_E_BAD;
        }
        if (tjDecompressHeader3(handle, bytes, size, &header->width, &header->height, &sampling,
                                &header->colours) != 0) {
                reason_set(reason, "it is no JPEG picture: %s", tjGetErrorStr2(handle));
                return JPEG_E_BAD;
        }
        if (header->width < 1 || header->height < 1 || header->width > PICTURE_SIDE_MAX ||
            header->height > PICTURE_SIDE_MAX ||
            (int64_t)header->width * header->height > PICTURE_PIXELS_MAX) {
                reason_set(reason,
                           "the picture has %d x %d pixels; at most %d million, and %d a side, "
                           "are taken",
                           header->width, header->height, PICTURE_PIXELS_MAX / 1000000,
                           PICTURE_SIDE_MAX);
                return JPEG_E_BAD;
        }
        return 0;
}

/* Adobe's programs write CMYK inverted, and so does everybody since. */
static void colours_of_cmyk(struct picture *picture)
{
        size_t count = (size_t)picture->width * (size_t)picture->height;
        uint8_t *pixel = picture->pixels;

        for (size_t i = 0; i < count; i++, pixel += PICTURE_PIXEL_BYTES) {
                unsigned int cyan = pixel[0];
                unsigned int magenta = pixel[1];
                unsigned int yellow = pixel[2];
                unsigned int black = pixel[3];

                pixel[0] = (uint8_t)(yellow * black / 255);
                pixel[1] = (uint8_t)(magenta * black / 255);
                pixel[2] = (uint8_t)(cyan * black / 255);
        }
}

int jpeg_read(const void *bytes, size_t size, struct picture *picture, struct reason *reason)
{
        CLEANUP(destroy_handle) tjhandle handle = tjInitDecompress();
        struct header header;
        bool is_cmyk;
        int result;

        if (!handle) {
                reason_set(reason, "libjpeg-turbo can't start: %s", tjGetErrorStr2(NULL));
                return JPEG_E_BAD;
        }
        result = read_header(handle, bytes, size, &header, reason);
        if (result != 0)
                return result;
        is_cmyk = header.colours == TJCS_CMYK || header.colours == TJCS_YCCK;
        picture_init(picture, header.width, header.height);
        /* A warning is an error here: it means that data is missing or wrong. */
        if (tjDecompress2(handle, bytes, size, picture->pixels, header.width, 0, header.height,
                          is_cmyk ? TJPF_CMYK : TJPF_BGRX, TJFLAG_LIMITSCANS) != 0) {
                reason_set(reason, "the JPEG picture is damaged or cut off: %s",
                           tjGetErrorStr2(handle));
                picture_deinit(picture);
                return JPEG_E_BAD;
        }
        if (is_cmyk)
                colours_of_cmyk(picture);
        picture_turn_upright(picture, exif_orientation(bytes, size));
        return 0;
}

int jpeg_write(const struct picture *picture, int quality, struct buf *out, struct reason *reason)
{
        CLEANUP(destroy_handle) tjhandle handle = tjInitCompress();
        unsigned long size = tjBufSize(picture->width, picture->height, TJSAMP_420);
        unsigned char *place;

        if (!handle || size == (unsigned long)-1) {
                reason_set(reason, "libjpeg-turbo can't start: %s", tjGetErrorStr2(NULL));
                return JPEG_E_BAD;
        }
        buf_reserve(out, size);
        place = (unsigned char *)out->data + out->size;
        if (tjCompress2(handle, picture->pixels, picture->width, 0, picture->height, TJPF_BGRX,
                        &place, &size, TJSAMP_420, quality, TJFLAG_NOREALLOC) != 0) {
                reason_set(reason, "the picture can't be written as JPEG: %s",
                           tjGetErrorStr2(handle));
                return JPEG_E_BAD;
        }
        out->size += size;
        out->data[out->size] = '\0';
        return 0;
}
