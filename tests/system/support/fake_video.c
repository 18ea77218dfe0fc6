// SPDX-License-Identifier: MIT
/*
 * For tests without a camera, by LD_PRELOAD: a video device that exists in this process only, as
 * far as whoever takes pictures by the memory of buffers asks it (kernel.org, "Video for Linux
 * API").
 *
 *   ISTHMUS_VIDEO_DEVICE   the path that it is opened by
 *   ISTHMUS_VIDEO_FORMAT   "MJPG 640 480": its one format
 *   ISTHMUS_VIDEO_FRAME    a file with a frame in that format; without it none ever comes
 */

/* So that open is open, and open64 beside it. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS_MAX  8
#define BUFFER_BYTES (4u << 20)

/* So often a program that does not wait is told to come again. */
#define TURNS_AWAY 5

static struct {
        int file; /* 0 = not open; the buffers are in it */
        char code[5];
        unsigned int width;
        unsigned int height;
        unsigned int queued[BUFFERS_MAX];
        unsigned int queued_count;
        unsigned int sequence;
        int turned_away;
} device;

static int open_device(int flags)
{
        const char *format = getenv("ISTHMUS_VIDEO_FORMAT");

        memset(&device, 0, sizeof(device));
        if (!format ||
            sscanf(format, "%4s %u %u", device.code, &device.width, &device.height) != 3) {
                errno = EINVAL;
                return -1;
        }
        device.file = memfd_create("video", MFD_CLOEXEC);
        if (device.file < 0 || ftruncate(device.file, (off_t)BUFFERS_MAX * BUFFER_BYTES) != 0 ||
            fcntl(device.file, F_SETFL, flags & O_NONBLOCK) != 0)
                return -1;
        return device.file;
}

static void describe_format(struct v4l2_pix_format *format)
{
        memset(format, 0, sizeof(*format));
        format->width = device.width;
        format->height = device.height;
        format->pixelformat =
                v4l2_fourcc((unsigned char)device.code[0], (unsigned char)device.code[1],
                            (unsigned char)device.code[2], (unsigned char)device.code[3]);
        format->field = V4L2_FIELD_NONE;
        format->bytesperline = strcmp(device.code, "YUYV") == 0 ? device.width * 2 : 0;
        format->sizeimage =
                format->bytesperline > 0 ? format->bytesperline * device.height : BUFFER_BYTES;
}

static void describe_buffer(struct v4l2_buffer *buffer)
{
        buffer->length = BUFFER_BYTES;
        buffer->m.offset = buffer->index * BUFFER_BYTES;
}

/* A frame into the oldest buffer, or none. */
static int give_frame(struct v4l2_buffer *buffer)
{
        const char *path = getenv("ISTHMUS_VIDEO_FRAME");
        static char frame[BUFFER_BYTES];
        bool waits = !(fcntl(device.file, F_GETFL) & O_NONBLOCK);
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        struct timespec now;
        ssize_t size = file >= 0 ? read(file, frame, sizeof(frame)) : -1;

        if (file >= 0)
                close(file);
        while (size < 0 && waits)
                pause();
        if (size < 0 || device.queued_count == 0 || (!waits && device.turned_away++ < TURNS_AWAY)) {
                errno = EAGAIN;
                return -1;
        }
        buffer->index = device.queued[0];
        device.queued_count--;
        memmove(device.queued, device.queued + 1, device.queued_count * sizeof(device.queued[0]));
        describe_buffer(buffer);
        if (pwrite(device.file, frame, (size_t)size, (off_t)buffer->m.offset) != size)
                return -1;
        buffer->bytesused = (unsigned int)size;
        buffer->sequence = device.sequence++;
        buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        clock_gettime(CLOCK_MONOTONIC, &now);
        buffer->timestamp = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
        return 0;
}

static int queue_buffer(const struct v4l2_buffer *buffer)
{
        if (buffer->index >= BUFFERS_MAX || device.queued_count == BUFFERS_MAX) {
                errno = EINVAL;
                return -1;
        }
        device.queued[device.queued_count++] = buffer->index;
        return 0;
}

static int describe(void *argument)
{
        struct v4l2_capability *capability = argument;

        memset(capability, 0, sizeof(*capability));
        snprintf((char *)capability->driver, sizeof(capability->driver), "test");
        snprintf((char *)capability->card, sizeof(capability->card), "a test's camera");
        capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
}

static int list_format(struct v4l2_fmtdesc *format)
{
        struct v4l2_pix_format only;

        if (format->index > 0) {
                errno = EINVAL;
                return -1;
        }
        describe_format(&only);
        format->pixelformat = only.pixelformat;
        return 0;
}

static int answer(unsigned long request, void *argument)
{
        switch (request) {
        case VIDIOC_QUERYCAP:
                return describe(argument);
        case VIDIOC_G_INPUT:
                *(int *)argument = 0;
                return 0;
        case VIDIOC_ENUMINPUT:
                ((struct v4l2_input *)argument)->std = 0;
                return 0;
        case VIDIOC_ENUM_FMT:
                return list_format(argument);
        case VIDIOC_G_FMT:
        case VIDIOC_S_FMT:
        case VIDIOC_TRY_FMT:
                describe_format(&((struct v4l2_format *)argument)->fmt.pix);
                return 0;
        case VIDIOC_REQBUFS:
                if (((struct v4l2_requestbuffers *)argument)->count > BUFFERS_MAX)
                        ((struct v4l2_requestbuffers *)argument)->count = BUFFERS_MAX;
                return 0;
        case VIDIOC_QUERYBUF:
                describe_buffer(argument);
                return 0;
        case VIDIOC_QBUF:
                return queue_buffer(argument);
        case VIDIOC_DQBUF:
                return give_frame(argument);
        case VIDIOC_STREAMON:
        case VIDIOC_STREAMOFF:
        case VIDIOC_G_PARM:
        case VIDIOC_S_PARM:
                return 0;
        default:
                errno = ENOTTY;
                return -1;
        }
}

int ioctl(int file, unsigned long request, ...)
{
        static int (*real)(int, unsigned long, ...);
        va_list arguments;
        void *argument;

        va_start(arguments, request);
        argument = va_arg(arguments, void *);
        va_end(arguments);
        /* FFmpeg passes an int, whose sign is spread over the upper half. */
        if (file > 0 && file == device.file)
                return answer(request & 0xffffffffUL, argument);
        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "ioctl");
        return real(file, request, argument);
}

static int open_any(const char *name, const char *path, int flags, mode_t mode)
{
        const char *ours = getenv("ISTHMUS_VIDEO_DEVICE");
        int (*real)(const char *, int, ...);

        if (ours && strcmp(path, ours) == 0)
                return open_device(flags);
        *(void **)&real = dlsym(RTLD_NEXT, name);
        return real(path, flags, mode);
}

#define OPEN(name)                                                                                 \
        int name(const char *path, int flags, ...)                                                 \
        {                                                                                          \
                va_list arguments;                                                                 \
                mode_t mode;                                                                       \
                                                                                                   \
                va_start(arguments, flags);                                                        \
                mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;              \
                va_end(arguments);                                                                 \
                return open_any(#name, path, flags, mode);                                         \
        }

#undef open
#undef open64
OPEN(open)
OPEN(open64)
