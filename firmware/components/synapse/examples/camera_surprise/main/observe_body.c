#include "observe_body.h"

#include <stdlib.h>
#include <string.h>

/* Room for everything but texts, picture and action. */
#define FRAMING_BYTES 96

/* Major types of CBOR, in the upper three bits of a head. */
enum { BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5 };

static uint8_t *put_head(uint8_t *at, unsigned major, size_t count) {
  *at++ = (uint8_t)(major << 5 | 26); /* four bytes of a count follow */
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = (uint8_t)(count >> shift);
  return at;
}

static uint8_t *put(uint8_t *at, unsigned major, const void *bytes, size_t count) {
  at = put_head(at, major, count);
  memcpy(at, bytes, count);
  return at + count;
}

static uint8_t *put_text(uint8_t *at, const char *text) { return put(at, TEXT, text, strlen(text)); }

uint8_t *observe_body(const char *stream, const frame_t *frame, uint32_t action_count, size_t *out_bytes) {
  uint8_t *body = malloc(FRAMING_BYTES + strlen(stream) + strlen(frame->type) + frame->byte_count + action_count);
  if (body == NULL) return NULL;
  uint8_t *at = put_head(body, MAP, 4);
  at = put_text(put_text(at, "stream"), stream);
  at = put(put_text(at, "image"), BYTES, frame->bytes, frame->byte_count);
  at = put_text(put_text(at, "type"), frame->type);
  at = put_head(put_text(at, "action"), ARRAY, action_count);
  memset(at, 0, action_count);
  *out_bytes = (size_t)(at + action_count - body);
  return body;
}
