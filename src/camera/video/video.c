// SPDX-License-Identifier: MIT
/* isthmus-camera-video.so: one picture of a stream or a device, by FFmpeg's libraries. */
#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <unistd.h>

#include "camera/video/video_plugin.h"

#define STREAM_PROBE_BYTES                                                                         \
        "50000" /* enough for a camera's stream, and half a second instead of 3 */

/* A device that has no picture yet is asked again. */
#define DEVICE_PAUSE_US 2000

struct video {
        const struct video_request *request;
        AVFormatContext *input;
        AVCodecContext *decoder;
        AVPacket *packet;
        AVFrame *frame;
        int stream;
};

video_take isthmus_video_take_1;

/* FFmpeg asks this again and again while it waits; of a device it would do nothing else. */
static int is_over(void *context)
{
        const struct video *video = context;

        if (video->request->format)
                usleep(DEVICE_PAUSE_US);
        return video->request->is_over(video->request->context);
}

static int open_input(struct video *video)
{
        const struct video_request *request = video->request;
        AVDictionary *options = NULL;
        const AVInputFormat *format = NULL;
        int result;

        if (request->format) {
                format = av_find_input_format(request->format);
                if (!format)
                        return AVERROR_DEMUXER_NOT_FOUND;
        }
        video->input = avformat_alloc_context();
        if (!video->input)
                return AVERROR(ENOMEM);
        video->input->interrupt_callback = (AVIOInterruptCB){.callback = is_over, .opaque = video};
        /* Else a device that gives none would be waited for in the kernel, whatever is_over says.
         */
        if (request->format)
                video->input->flags |= AVFMT_FLAG_NONBLOCK;
        av_dict_set(&options, "protocol_whitelist", request->protocols, 0);
        av_dict_set(&options, "rtsp_transport", "tcp", 0);
        av_dict_set(&options, "probesize", STREAM_PROBE_BYTES, 0);
        av_dict_set(&options, "analyzeduration", "0", 0);
        av_dict_set(&options, "fflags", "+nobuffer", 0);
        result = avformat_open_input(&video->input, request->url, format, &options);
        av_dict_free(&options);
        return result;
}

static int open_decoder(struct video *video)
{
        const AVCodec *codec = NULL;
        int result = avformat_find_stream_info(video->input, NULL);

        if (result < 0)
                return result;
        video->stream = av_find_best_stream(video->input, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
        if (video->stream < 0)
                return video->stream;
        video->decoder = avcodec_alloc_context3(codec);
        if (!video->decoder)
                return AVERROR(ENOMEM);
        result = avcodec_parameters_to_context(video->decoder,
                                               video->input->streams[video->stream]->codecpar);
        /* Several threads would hold as many pictures back. */
        video->decoder->thread_count = 1;
        video->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
        return result < 0 ? result : avcodec_open2(video->decoder, codec, NULL);
}

/* The next packet of our stream goes into the decoder; what is damaged is passed over. */
static int feed(struct video *video)
{
        int result = av_read_frame(video->input, video->packet);

        if (result == AVERROR(EAGAIN))
                return 0;
        if (result == AVERROR_EOF)
                return avcodec_send_packet(video->decoder, NULL);
        if (result < 0)
                return result;
        if (video->packet->stream_index == video->stream)
                result = avcodec_send_packet(video->decoder, video->packet);
        av_packet_unref(video->packet);
        return result == AVERROR_INVALIDDATA ? 0 : result;
}

/* A picture that was decoded around something missing is none. */
static bool is_whole(const AVFrame *frame)
{
        return frame->decode_error_flags == 0 && (frame->flags & AV_FRAME_FLAG_CORRUPT) == 0;
}

static int take_frame(struct video *video)
{
        int left = video->request->skip;

        for (;;) {
                int result = avcodec_receive_frame(video->decoder, video->frame);

                if (result == 0 && is_whole(video->frame) && left-- <= 0)
                        return 0;
                if (result == AVERROR(EAGAIN))
                        result = feed(video);
                if (is_over(video))
                        return AVERROR_EXIT;
                if (result < 0)
                        return result;
        }
}

static void set_colours(struct SwsContext *scaler, const AVFrame *frame)
{
        const int *table = sws_getCoefficients(
                frame->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601);
        bool is_full = frame->color_range == AVCOL_RANGE_JPEG ||
                       frame->format == AV_PIX_FMT_YUVJ420P ||
                       frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P;

        sws_setColorspaceDetails(scaler, table, is_full, table, 1, 0, 1 << 16, 1 << 16);
}

static int convert(struct video *video)
{
        const AVFrame *frame = video->frame;
        struct SwsContext *scaler;
        uint8_t *pixels =
                video->request->make(video->request->context, frame->width, frame->height);
        uint8_t *planes[] = {pixels, NULL, NULL, NULL};
        const int strides[] = {frame->width * 4, 0, 0, 0};

        if (!pixels)
                return AVERROR(EFBIG);
        scaler = sws_getContext(frame->width, frame->height, frame->format, frame->width,
                                frame->height, AV_PIX_FMT_BGR0, SWS_BILINEAR, NULL, NULL, NULL);
        if (!scaler)
                return AVERROR(ENOSYS);
        set_colours(scaler, frame);
        sws_scale(scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
                  planes, strides);
        sws_freeContext(scaler);
        return 0;
}

int isthmus_video_take_1(const struct video_request *request, char *why, size_t why_size)
{
        struct video video = {.request = request};
        int result;

        av_log_set_level(AV_LOG_QUIET);
        avdevice_register_all();
        video.packet = av_packet_alloc();
        video.frame = av_frame_alloc();
        result = video.packet && video.frame ? open_input(&video) : AVERROR(ENOMEM);
        if (result >= 0)
                result = open_decoder(&video);
        if (result >= 0)
                result = take_frame(&video);
        if (result >= 0)
                result = convert(&video);
        avcodec_free_context(&video.decoder);
        avformat_close_input(&video.input);
        av_frame_free(&video.frame);
        av_packet_free(&video.packet);
        if (result >= 0)
                return 0;
        if (av_strerror(result, why, why_size) < 0)
                snprintf(why, why_size, "error %d", result);
        return -1;
}
