// SPDX-License-Identifier: MIT
#include "camera/picture/exif.h"

#include <stdbool.h>
#include <string.h>

#define MARKER_APP1 0xE1
#define MARKER_SOS  0xDA

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3

#define ENTRY_SIZE 12

/* TIFF's bytes, in one of two orders. */
struct tiff {
        const uint8_t *bytes;
        size_t size;
        bool is_little;
};

/* False where the number is not within the bytes. */
static bool read_number(const struct tiff *tiff, size_t at, size_t width, uint32_t *number)
{
        if (at > tiff->size || tiff->size - at < width)
                return false;
        *number = 0;
        for (size_t i = 0; i < width; i++) {
                size_t place = tiff->is_little ? width - 1 - i : i;

                *number = *number << 8 | tiff->bytes[at + place];
        }
        return true;
}

static int read_orientation(const struct tiff *tiff)
{
        uint32_t directory;
        uint32_t count;
        uint32_t tag;
        uint32_t type;
        uint32_t value;

        if (!read_number(tiff, 4, 4, &directory) || !read_number(tiff, directory, 2, &count))
                return 1;
        for (uint32_t i = 0; i < count; i++) {
                size_t entry = (size_t)directory + 2 + (size_t)i * ENTRY_SIZE;

                if (!read_number(tiff, entry, 2, &tag) || !read_number(tiff, entry + 2, 2, &type))
                        return 1;
                if (tag != TAG_ORIENTATION || type != TYPE_SHORT)
                        continue;
                if (read_number(tiff, entry + 8, 2, &value) && value >= 1 && value <= 8)
                        return (int)value;
                return 1;
        }
        return 1;
}

static int read_app1(const uint8_t *bytes, size_t size)
{
        struct tiff tiff;

        if (size < 14 || memcmp(bytes, "Exif\0\0", 6) != 0)
                return 1;
        tiff = (struct tiff){.bytes = bytes + 6, .size = size - 6};
        tiff.is_little = memcmp(tiff.bytes, "II", 2) == 0;
        if (!tiff.is_little && memcmp(tiff.bytes, "MM", 2) != 0)
                return 1;
        return read_orientation(&tiff);
}

int exif_orientation(const uint8_t *jpeg, size_t size)
{
        size_t at = 2;

        while (at + 4 <= size && jpeg[at] == 0xFF && jpeg[at + 1] != MARKER_SOS) {
                size_t length = (size_t)jpeg[at + 2] << 8 | jpeg[at + 3];

                if (length < 2 || length > size - at - 2)
                        return 1;
                if (jpeg[at + 1] == MARKER_APP1 &&
                    memcmp(jpeg + at + 4, "Exif", length >= 6 ? 4 : 0) == 0 && length >= 8)
                        return read_app1(jpeg + at + 4, length - 2);
                at += 2 + length;
        }
        return 1;
}
