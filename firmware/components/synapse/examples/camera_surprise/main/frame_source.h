/* Where frames come from. A camera goes here: another file with this one function. */
#ifndef FRAME_SOURCE_H
#define FRAME_SOURCE_H

#include <stddef.h>
#include <stdint.h>

typedef struct frame {
  const uint8_t *bytes; /* valid until the next call */
  size_t byte_count;
  /* image/jpeg, image/png, or application/octet-stream: R, G, B of each pixel, in the model's size, to which
   * synapse_image.h brings rows of any other. */
  const char *type;
} frame_t;

frame_t frame_source_next(void);

#endif
