// SPDX-License-Identifier: MIT
/* The bytes of a camera: a picture of the size that was promised, or a reason. */
#include <stdint.h>
#include <stdlib.h>

#include "camera/picture/jpeg.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct picture picture = PICTURE_INIT;
        struct reason reason = REASON_INIT;

        if (jpeg_read(data, size, &picture, &reason) == 0) {
                unsigned int sum = 0;

                for (size_t i = 0; i < (size_t)picture.width * (size_t)picture.height; i++)
                        sum += picture.pixels[i * PICTURE_PIXEL_BYTES];
                if (picture.width < 1 || picture.height < 1 || sum > 255U * PICTURE_PIXELS_MAX)
                        abort();
        } else if (reason.text[0] == '\0' || picture.pixels) {
                abort();
        }
        picture_deinit(&picture);
        return 0;
}
