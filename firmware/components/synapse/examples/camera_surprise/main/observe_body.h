/* The body of POST /v1/observe as CBOR, which carries a picture as it is. */
#ifndef OBSERVE_BODY_H
#define OBSERVE_BODY_H

#include "frame_source.h"

/* A new block with the body, which free() gives back; NULL: no memory. `action_count` zeros are the action since the
 * frame before. */
uint8_t *observe_body(const char *stream, const frame_t *frame, uint32_t action_count, size_t *out_bytes);

#endif
