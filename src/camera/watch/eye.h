// SPDX-License-Identifier: MIT
/*
 * The one model that all cameras look through. A camera's thread waits for its turn; decoding and
 * everything that is done with the decoded picture happens in that turn, so that only one picture
 * is in memory at a time however many cameras there are.
 */
#ifndef ISTHMUS_CAMERA_WATCH_EYE_H
#define ISTHMUS_CAMERA_WATCH_EYE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "camera/detect/boxes.h"
#include "camera/detect/labels.h"
#include "camera/picture/picture.h"
#include "camera/settings/camera_settings.h"

struct eye;

enum eye_condition {
        EYE_E_FAILED = 1, /* the reason says why */
};

/*
 * Begins to open ONNX Runtime and to load the model, which takes longer than all else at the start:
 * a thread of its own does it. `settings` must stay. The eye is the caller's.
 */
struct eye *eye_new(const struct camera_program_settings *settings);

/*
 * Waits until that is done. 0, or EYE_E_FAILED with the reason: then the eye can only be freed.
 * Nothing below may be called before.
 */
int eye_wait(struct eye *eye, struct reason *reason) MUST_CHECK;

/*
 * Tells whether the model runs: by the first picture, if one is looked at so soon, else by an empty
 * one. 0, or EYE_E_FAILED with the reason.
 */
int eye_try(struct eye *eye, int64_t patience_ms, struct reason *reason) MUST_CHECK;

/* NULL is allowed. */
void eye_free(struct eye *eye);

const struct labels *eye_labels(const struct eye *eye);

/* For the log: size of the input and layout. */
const char *eye_describe(const struct eye *eye);

/* One picture and what is done with it. */
struct eye_turn {
        const struct buf *jpeg;
        struct box_rules rules;
        /* In the turn: the decoded picture, which may be drawn on, and what was found in it. */
        void (*seen)(void *context, struct picture *picture, struct box_list *found);
        void *context;
};

/* 0 when `seen` was called, else EYE_E_FAILED with the reason. Any thread; waits for its turn. */
int eye_look(struct eye *eye, struct eye_turn *turn, struct reason *reason) MUST_CHECK;

#endif
