/* Improv over serial (https://www.improv-wifi.com/serial/): a browser or `synapse-host provision` says by cable how to
 * join the Wi-Fi. Portable: bytes in, bytes out. Whatever is not part of a packet is text, given on line by line. */
#ifndef SYNAPSE_IMPROV_H
#define SYNAPSE_IMPROV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPROV_DATA_BYTES_MAX 255
#define IMPROV_LINE_BYTES_MAX 80

typedef enum improv_state { IMPROV_READY = 2, IMPROV_PROVISIONING = 3, IMPROV_PROVISIONED = 4 } improv_state_t;

typedef enum improv_error {
  IMPROV_ERROR_NONE = 0,
  IMPROV_ERROR_INVALID = 1,
  IMPROV_ERROR_UNKNOWN_COMMAND = 2,
  IMPROV_ERROR_NO_CONNECTION = 3,
  IMPROV_ERROR_UNKNOWN = 0xff,
} improv_error_t;

typedef struct improv improv_t;

/* What the application does. All are called from inside improv_feed. */
typedef struct improv_host {
  void *user;
  void (*send)(void *user, const uint8_t *bytes, size_t byte_count);
  /* Joins a network; answered later, with improv_joined or improv_failed. Texts end with 0. */
  void (*join)(void *user, const char *ssid, const char *password);
  /* Looks for networks; answered with improv_network for each, and improv_networks_end. */
  void (*scan)(void *user);
  void (*line)(void *user, const char *text);
  const char *firmware, *version, *chip, *device_name;
} improv_host_t;

struct improv {
  improv_host_t host;
  improv_state_t state;
  bool scanning; /* somebody waits for the networks */
  char url[96]; /* of the board, once it is in the network */
  uint8_t packet[9 + IMPROV_DATA_BYTES_MAX + 1];
  size_t packet_bytes;
  char line[IMPROV_LINE_BYTES_MAX + 1];
  size_t line_bytes;
};

void improv_begin(improv_t *improv, const improv_host_t *host, bool provisioned);
void improv_feed(improv_t *improv, const uint8_t *bytes, size_t byte_count);
/* The board is in the network, at this address; also when nobody has asked it to join. */
void improv_joined(improv_t *improv, const char *url);
/* What improv_feed was asked for did not work. */
void improv_failed(improv_t *improv, improv_error_t error);
void improv_network(improv_t *improv, const char *ssid, int rssi_dbm, bool locked);
void improv_networks_end(improv_t *improv);

#endif
