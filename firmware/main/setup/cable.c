#include "cable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP                                                                                                          \
  "\"claim\" lets the board be claimed; \"reset settings\" forgets owner, network and all the rest"
#define ASK "ask "
#define METHOD_BYTES_MAX 8
#define CRC_DIGITS 8
#define BASE64_BYTES (CABLE_PIECE_BYTES / 3 * 4)

static uint32_t crc32_of(const char *text, size_t bytes) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < bytes; i++) {
    crc ^= (uint8_t)text[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

/* --- Answers ------------------------------------------------------------------------------------------------------ */

static void send_frame(cable_t *cable, uint32_t id, uint32_t sequence, const char *payload) {
  char frame[1 + 11 + 11 + BASE64_BYTES + 1 + 1 + CRC_DIGITS + 3];
  int bytes = snprintf(frame, sizeof frame, "~%lu:%lu:%s", (unsigned long)id, (unsigned long)sequence, payload);
  uint32_t crc = crc32_of(frame + 1, (size_t)bytes - 1);
  bytes += snprintf(frame + bytes, sizeof frame - (size_t)bytes, ":%08lx\r\n", (unsigned long)crc);
  cable->host.send(cable->host.user, (const uint8_t *)frame, (size_t)bytes);
}

static void send_next(cable_t *cable, const char *payload) { send_frame(cable, cable->id, cable->sequence++, payload); }

static void send_piece(cable_t *cable) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char text[BASE64_BYTES + 1];
  size_t at = 0;
  for (size_t i = 0; i < cable->piece_bytes; i += 3) {
    size_t here = cable->piece_bytes - i;
    const uint8_t *from = cable->piece + i;
    uint32_t three = (uint32_t)from[0] << 16;
    if (here > 1) three |= (uint32_t)from[1] << 8;
    if (here > 2) three |= from[2];
    text[at++] = digits[three >> 18];
    text[at++] = digits[three >> 12 & 63];
    text[at++] = here > 1 ? digits[three >> 6 & 63] : '=';
    text[at++] = here > 2 ? digits[three & 63] : '=';
  }
  text[at] = 0;
  cable->piece_bytes = 0;
  if (at > 0) send_next(cable, text);
}

static bool is_open(const cable_t *cable, uint32_t number) { return cable->open && cable->asked == number; }

void cable_answer_begin(cable_t *cable, uint32_t number, unsigned status) {
  if (!is_open(cable, number)) return;
  char text[16];
  snprintf(text, sizeof text, "=%u", status);
  send_next(cable, text);
}

void cable_answer_add(cable_t *cable, uint32_t number, const uint8_t *bytes, size_t byte_count) {
  if (!is_open(cable, number)) return;
  cable->body_bytes += (uint32_t)byte_count;
  for (size_t i = 0; i < byte_count; i++) {
    cable->piece[cable->piece_bytes++] = bytes[i];
    if (cable->piece_bytes == CABLE_PIECE_BYTES) send_piece(cable);
  }
}

void cable_answer_end(cable_t *cable, uint32_t number) {
  if (!is_open(cable, number)) return;
  send_piece(cable);
  char text[16];
  snprintf(text, sizeof text, ".%lu", (unsigned long)cable->body_bytes);
  send_next(cable, text);
  cable->open = false;
}

/* --- Questions ---------------------------------------------------------------------------------------------------- */

/* Cuts a word off, which ends with a space or with the text; NULL: there is none. */
static char *take_word(char **at) {
  char *word = *at;
  if (*word == 0 || *word == ' ') return NULL;
  char *end = strchr(word, ' ');
  *at = end == NULL ? word + strlen(word) : end + 1;
  if (end != NULL) *end = 0;
  return word;
}

static void ask(cable_t *cable, const char *line) {
  char text[IMPROV_LINE_BYTES_MAX + 1];
  snprintf(text, sizeof text, "%s", line);
  char *crc_at = strrchr(text, ' '), *end;
  unsigned long crc = strtoul(crc_at + 1, &end, 16);
  bool whole = strlen(crc_at + 1) == CRC_DIGITS && *end == 0 && crc == crc32_of(text, (size_t)(crc_at - text));
  *crc_at = 0;
  char *at = text + strlen(ASK);
  char *id_text = whole ? take_word(&at) : NULL;
  unsigned long id = id_text == NULL ? 0 : strtoul(id_text, &end, 10);
  if (id_text == NULL || *end != 0 || id > UINT32_MAX) id = 0;
  char *method = id == 0 ? NULL : take_word(&at);
  char *target = method == NULL ? NULL : take_word(&at);
  if (target == NULL || *at != 0 || strlen(method) > METHOD_BYTES_MAX || target[0] != '/') {
    send_frame(cable, (uint32_t)id, 0, "!");
    return;
  }
  cable->asked++;
  cable->open = true;
  cable->id = (uint32_t)id;
  cable->sequence = cable->body_bytes = 0;
  cable->piece_bytes = 0;
  send_next(cable, "+");
  cable->host.ask(cable->host.user, cable->asked, method, target);
}

/* --- Improv and words --------------------------------------------------------------------------------------------- */

static void send(void *user, const uint8_t *bytes, size_t byte_count) {
  cable_t *cable = user;
  cable->host.send(cable->host.user, bytes, byte_count);
}

static void join(void *user, const char *ssid, const char *password) {
  cable_t *cable = user;
  cable->host.join(cable->host.user, ssid, password);
}

static void scan(void *user) {
  cable_t *cable = user;
  cable->host.scan(cable->host.user);
}

static void hear_line(void *user, const char *text) {
  cable_t *cable = user;
  if (strncmp(text, ASK, strlen(ASK)) == 0)
    ask(cable, text);
  else if (strcmp(text, "claim") == 0)
    cable->host.claim(cable->host.user);
  else if (strcmp(text, "reset settings") == 0)
    cable->host.reset_settings(cable->host.user);
  else
    cable->host.help(cable->host.user, HELP);
}

void cable_begin(cable_t *cable, const cable_host_t *host, bool provisioned) {
  memset(cable, 0, sizeof *cable);
  cable->host = *host;
  improv_host_t improv = {.user = cable,
                          .send = send,
                          .join = join,
                          .scan = scan,
                          .line = hear_line,
                          .firmware = host->firmware,
                          .version = host->version,
                          .chip = host->chip,
                          .device_name = host->device_name};
  improv_begin(&cable->improv, &improv, provisioned);
}

void cable_feed(cable_t *cable, const uint8_t *bytes, size_t byte_count) {
  improv_feed(&cable->improv, bytes, byte_count);
}
