#include "captive_dns.h"

#include <string.h>

#define HEADER_BYTES 12
#define RECORD_BYTES 16
#define LABEL_BYTES_MAX 63
/* As short as it may be: the board's own network goes away when it has joined another. */
#define TTL_S 5

enum { TYPE_A = 1, CLASS_IN = 1 };

/* Where the first question ends; 0: there is none. */
static size_t question_end(const uint8_t *query, size_t bytes) {
  size_t at = HEADER_BYTES;
  while (at < bytes && query[at] != 0) {
    if (query[at] > LABEL_BYTES_MAX) return 0;
    at += query[at] + 1u;
  }
  return at + 5 <= bytes ? at + 5 : 0;
}

size_t captive_dns_answer(const uint8_t *query, size_t bytes, const uint8_t address[4], uint8_t *out) {
  if (bytes < HEADER_BYTES || bytes > CAPTIVE_DNS_BYTES_MAX - RECORD_BYTES) return 0;
  /* Only questions, of the usual kind, and one of them. */
  if ((query[2] & 0xf8) != 0 || query[4] != 0 || query[5] != 1) return 0;
  size_t end = question_end(query, bytes);
  if (end == 0) return 0;
  uint16_t type = (uint16_t)(query[end - 4] << 8 | query[end - 3]);
  uint16_t class = (uint16_t)(query[end - 2] << 8 | query[end - 1]);
  int known = type == TYPE_A && class == CLASS_IN;
  memcpy(out, query, end);
  /* An answer, by who knows best, to a question that wanted recursion or not. */
  out[2] = (uint8_t)(0x84 | (query[2] & 0x01));
  out[3] = 0;
  memset(out + 6, 0, 6);
  out[7] = (uint8_t)known;
  if (!known) return end;
  const uint8_t record[RECORD_BYTES] = {0xc0, HEADER_BYTES, 0, TYPE_A, 0, CLASS_IN, 0, 0, 0, TTL_S, 0, 4,
                                        address[0], address[1], address[2], address[3]};
  memcpy(out + end, record, RECORD_BYTES);
  return end + RECORD_BYTES;
}
