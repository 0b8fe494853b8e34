/* What somebody with a cable may say, and what is answered: Improv (improv.h), a few words for people, and questions to
 * the board's own API for programs. Portable: bytes in, bytes out.
 *
 * A question is a line of its own, with the CRC-32 (IEEE 802.3) of what stands before the last space, in hexadecimal:
 *
 *   ask 17 POST /v1/selftest 574c2d51
 *
 * Its answer are frames, each `~id:sequence:payload:crc` with the CRC of what stands between `~` and the last `:`, and
 * a line end. They come between lines of the log, and the log may cut into them; then the CRC is wrong, and whoever
 * asked asks again. By their sequence, payloads are: `+` (the question has come), `=200` (the status), pieces of the
 * body in base64, and at the end `.` and how many bytes the body had. A question that is none is answered `!`, with the
 * id 0 where it cannot be read. A new question takes the place of one that is not answered yet. */
#ifndef SYNAPSE_CABLE_H
#define SYNAPSE_CABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "improv.h"

#define CABLE_PIECE_BYTES 48 /* of a body, in one frame */

/* What the application does. All are called from inside cable_feed; texts end with 0. */
typedef struct cable_host {
  void *user;
  void (*send)(void *user, const uint8_t *bytes, size_t byte_count);
  void (*join)(void *user, const char *ssid, const char *password);
  void (*scan)(void *user);
  /* "claim": the board may be claimed without its code. */
  void (*claim)(void *user);
  /* "reset settings" */
  void (*reset_settings)(void *user);
  /* Something else was typed; the words that there are, for the log. */
  void (*help)(void *user, const char *text);
  /* Answered now or later, under this number: cable_answer_begin, _add, _end. */
  void (*ask)(void *user, uint32_t number, const char *method, const char *target);
  const char *firmware, *version, *chip, *device_name;
} cable_host_t;

typedef struct cable {
  improv_t improv;
  cable_host_t host;
  uint32_t asked; /* number of the last question */
  bool open;      /* it is not answered yet */
  uint32_t id, sequence, body_bytes;
  uint8_t piece[CABLE_PIECE_BYTES];
  size_t piece_bytes;
} cable_t;

void cable_begin(cable_t *cable, const cable_host_t *host, bool provisioned);
void cable_feed(cable_t *cable, const uint8_t *bytes, size_t byte_count);
/* Of an answer whose place another question has taken, nothing is said. */
void cable_answer_begin(cable_t *cable, uint32_t number, unsigned status);
void cable_answer_add(cable_t *cable, uint32_t number, const uint8_t *bytes, size_t byte_count);
void cable_answer_end(cable_t *cable, uint32_t number);

#endif
