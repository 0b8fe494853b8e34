/* Frames without a camera: a room in which nothing happens, until something does. */
#include "frame_source.h"

#define PERIOD 10 /* frames; the last of each is another picture */

extern const uint8_t cat_start[] asm("_binary_cat_jpg_start"), cat_end[] asm("_binary_cat_jpg_end");
extern const uint8_t coffee_start[] asm("_binary_coffee_jpg_start"), coffee_end[] asm("_binary_coffee_jpg_end");

frame_t frame_source_next(void) {
  static unsigned count;
  if (++count % PERIOD != 0)
    return (frame_t){.bytes = cat_start, .byte_count = (size_t)(cat_end - cat_start), .type = "image/jpeg"};
  return (frame_t){.bytes = coffee_start, .byte_count = (size_t)(coffee_end - coffee_start), .type = "image/jpeg"};
}
