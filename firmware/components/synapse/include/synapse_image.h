/* The one filter that every picture goes through, on a board as on the host: both axes independently, by a triangle
 * that is as wide as the picture shrinks. For whoever feeds a model from a camera: rows go in, one after another, and
 * what comes out is equal, byte for byte, to what `synapse-host` makes of the same pixels. */
#ifndef SYNAPSE_IMAGE_H
#define SYNAPSE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct synapse_resizer synapse_resizer;

/* Sizes in pixels, 1 to 16,384 a side; `pixel_bytes` is 1 (gray), 3 (R, G, B) or 4 (R, G, B and a byte that does not
 * count). */
typedef struct synapse_resize_config {
  uint32_t size; /* sizeof(synapse_resize_config) */
  uint32_t from_width, from_height;
  uint32_t to_width, to_height;
  uint32_t pixel_bytes;
} synapse_resize_config;

/* Bytes of memory that a resizer needs; 0: the configuration is not valid. */
size_t synapse_resize_requirements(const synapse_resize_config *config);
/* In `memory`, 16-byte aligned. NULL: the configuration is not valid, or the memory too small. */
synapse_resizer *synapse_resize_begin(const synapse_resize_config *config, void *memory, size_t memory_bytes);
/* The next row, from the top: from_width * pixel_bytes bytes. More rows than the picture has are ignored. */
void synapse_resize_row(synapse_resizer *resizer, const uint8_t *pixels);
/* Once all rows were given: to_width * to_height * 3 bytes, R, G, B. */
void synapse_resize_end(synapse_resizer *resizer, uint8_t *out_rgb);

#ifdef __cplusplus
}
#endif
#endif
