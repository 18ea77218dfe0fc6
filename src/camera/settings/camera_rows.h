// SPDX-License-Identifier: MIT
/* What the files of camera/settings share. */
#ifndef ISTHMUS_CAMERA_SETTINGS_CAMERA_ROWS_H
#define ISTHMUS_CAMERA_SETTINGS_CAMERA_ROWS_H

#include "conf/engine/schema.h"

/* Below this stand the cameras, each with a row for every row at the top level that has one. */
#define CAMERAS_PREFIX "Cameras.*."

/* camera_spellings.c */
extern const struct conf_spelling camera_spellings[];
extern const struct conf_ignored camera_ignored[];

/* camera_inherit.c: gives each camera what is said at the top level and not below its name. */
void camera_settings_inherit(struct conf_load *load);

/* camera_check.c: sets what follows from others and reports what does not fit together. */
void camera_settings_check(struct conf_load *load);

#endif
