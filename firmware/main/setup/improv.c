#include "improv.h"

#include <stdio.h>
#include <string.h>

static const uint8_t magic[] = {'I', 'M', 'P', 'R', 'O', 'V', 1};

/* Of a packet: magic and version, then type and length, data, and a checksum. */
#define TYPE_AT 7
#define LENGTH_AT 8
#define DATA_AT 9
#define TEXTS_MAX 4
#define SSID_BYTES_MAX 32
/* WPA takes no shorter one; one of 64 is the key itself. None: the network is open. */
#define PASSWORD_BYTES_MIN 8
#define PASSWORD_BYTES_MAX 64

enum { TYPE_STATE = 1, TYPE_ERROR = 2, TYPE_COMMAND = 3, TYPE_RESULT = 4 };
enum { COMMAND_JOIN = 1, COMMAND_STATE = 2, COMMAND_INFO = 3, COMMAND_SCAN = 4 };

static uint8_t checksum_of(const uint8_t *bytes, size_t count) {
  uint8_t sum = 0;
  for (size_t i = 0; i < count; i++) sum = (uint8_t)(sum + bytes[i]);
  return sum;
}

static void send_packet(improv_t *improv, uint8_t type, const uint8_t *data, size_t bytes) {
  uint8_t packet[DATA_AT + IMPROV_DATA_BYTES_MAX + 2];
  memcpy(packet, magic, sizeof magic);
  packet[TYPE_AT] = type;
  packet[LENGTH_AT] = (uint8_t)bytes;
  memcpy(packet + DATA_AT, data, bytes);
  packet[DATA_AT + bytes] = checksum_of(packet, DATA_AT + bytes);
  packet[DATA_AT + bytes + 1] = '\n';
  improv->host.send(improv->host.user, packet, DATA_AT + bytes + 2);
}

static void send_state(improv_t *improv, improv_state_t state) {
  improv->state = state;
  uint8_t byte = (uint8_t)state;
  send_packet(improv, TYPE_STATE, &byte, 1);
}

static void send_error(improv_t *improv, improv_error_t error) {
  uint8_t byte = (uint8_t)error;
  send_packet(improv, TYPE_ERROR, &byte, 1);
}

/* An answer is texts, each behind its length. What does not fit is cut. */
static void send_result(improv_t *improv, uint8_t command, const char *const *texts, size_t count) {
  uint8_t data[IMPROV_DATA_BYTES_MAX];
  size_t at = 2;
  for (size_t i = 0; i < count; i++) {
    size_t bytes = strlen(texts[i]), room = sizeof data - at - (count - i);
    if (bytes > room) bytes = room;
    data[at++] = (uint8_t)bytes;
    memcpy(data + at, texts[i], bytes);
    at += bytes;
  }
  data[0] = command;
  data[1] = (uint8_t)(at - 2);
  send_packet(improv, TYPE_RESULT, data, at);
}

static void send_url(improv_t *improv, uint8_t command) {
  const char *texts[] = {improv->url};
  send_result(improv, command, texts, improv->url[0] == 0 ? 0 : 1);
}

/* One text of a command's data; false when it is longer than its data, or than is allowed. */
static bool take_text(const uint8_t **at, const uint8_t *end, char *out, size_t bytes_max) {
  if (*at >= end) return false;
  size_t bytes = *(*at)++;
  if (bytes > bytes_max || bytes > (size_t)(end - *at)) return false;
  memcpy(out, *at, bytes);
  out[bytes] = 0;
  *at += bytes;
  return strlen(out) == bytes;
}

static void join(improv_t *improv, const uint8_t *at, const uint8_t *end) {
  char ssid[SSID_BYTES_MAX + 1], password[PASSWORD_BYTES_MAX + 1];
  if (!take_text(&at, end, ssid, SSID_BYTES_MAX) || !take_text(&at, end, password, PASSWORD_BYTES_MAX) || at != end ||
      ssid[0] == 0 || (password[0] != 0 && strlen(password) < PASSWORD_BYTES_MIN)) {
    send_error(improv, IMPROV_ERROR_INVALID);
    return;
  }
  send_error(improv, IMPROV_ERROR_NONE);
  send_state(improv, IMPROV_PROVISIONING);
  improv->host.join(improv->host.user, ssid, password);
}

static void run_command(improv_t *improv, const uint8_t *data, size_t bytes) {
  if (bytes < 2 || data[1] != bytes - 2) {
    send_error(improv, IMPROV_ERROR_INVALID);
    return;
  }
  const char *info[TEXTS_MAX] = {improv->host.firmware, improv->host.version, improv->host.chip,
                                 improv->host.device_name};
  switch (data[0]) {
    case COMMAND_JOIN:
      join(improv, data + 2, data + bytes);
      break;
    case COMMAND_STATE:
      send_state(improv, improv->state);
      if (improv->state == IMPROV_PROVISIONED) send_url(improv, COMMAND_STATE);
      break;
    case COMMAND_INFO:
      send_result(improv, COMMAND_INFO, info, TEXTS_MAX);
      break;
    case COMMAND_SCAN:
      improv->scanning = true;
      improv->host.scan(improv->host.user);
      break;
    default:
      send_error(improv, IMPROV_ERROR_UNKNOWN_COMMAND);
  }
}

static void add_to_line(improv_t *improv, uint8_t byte) {
  if (byte != '\n' && byte != '\r') {
    if (improv->line_bytes < IMPROV_LINE_BYTES_MAX) improv->line[improv->line_bytes++] = (char)byte;
    return;
  }
  improv->line[improv->line_bytes] = 0;
  if (improv->line_bytes > 0) improv->host.line(improv->host.user, improv->line);
  improv->line_bytes = 0;
}

static void feed_byte(improv_t *improv, uint8_t byte) {
  size_t at = improv->packet_bytes;
  if (at < sizeof magic && byte != magic[at]) {
    /* It was text after all. */
    for (size_t i = 0; i < at; i++) add_to_line(improv, improv->packet[i]);
    improv->packet_bytes = 0;
    if (byte == magic[0])
      improv->packet[improv->packet_bytes++] = byte;
    else
      add_to_line(improv, byte);
    return;
  }
  improv->packet[improv->packet_bytes++] = byte;
  at = improv->packet_bytes;
  if (at < DATA_AT || at < DATA_AT + (size_t)improv->packet[LENGTH_AT] + 1) return;
  improv->packet_bytes = 0;
  if (checksum_of(improv->packet, at - 1) != byte)
    send_error(improv, IMPROV_ERROR_INVALID);
  else if (improv->packet[TYPE_AT] == TYPE_COMMAND)
    run_command(improv, improv->packet + DATA_AT, improv->packet[LENGTH_AT]);
}

void improv_begin(improv_t *improv, const improv_host_t *host, bool provisioned) {
  memset(improv, 0, sizeof *improv);
  improv->host = *host;
  improv->state = provisioned ? IMPROV_PROVISIONED : IMPROV_READY;
}

void improv_feed(improv_t *improv, const uint8_t *bytes, size_t byte_count) {
  for (size_t i = 0; i < byte_count; i++) feed_byte(improv, bytes[i]);
}

void improv_joined(improv_t *improv, const char *url) {
  bool asked = improv->state == IMPROV_PROVISIONING;
  snprintf(improv->url, sizeof improv->url, "%s", url);
  improv->state = IMPROV_PROVISIONED;
  if (!asked) return;
  send_state(improv, IMPROV_PROVISIONED);
  send_url(improv, COMMAND_JOIN);
}

void improv_failed(improv_t *improv, improv_error_t error) {
  if (improv->state == IMPROV_PROVISIONING) send_state(improv, IMPROV_READY);
  send_error(improv, error);
}

void improv_network(improv_t *improv, const char *ssid, int rssi_dbm, bool locked) {
  char rssi[12];
  snprintf(rssi, sizeof rssi, "%d", rssi_dbm);
  const char *texts[] = {ssid, rssi, locked ? "YES" : "NO"};
  send_result(improv, COMMAND_SCAN, texts, sizeof texts / sizeof texts[0]);
}

void improv_networks_end(improv_t *improv) {
  improv->scanning = false;
  send_result(improv, COMMAND_SCAN, NULL, 0);
}
