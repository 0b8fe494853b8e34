/* The page in the board's own network that asks for the Wi-Fi to join. Portable: a request in, an answer out. */
#ifndef SYNAPSE_PORTAL_H
#define SYNAPSE_PORTAL_H

#include <stdbool.h>
#include <stddef.h>

#define PORTAL_NETWORKS_MAX 20
#define PORTAL_BODY_BYTES_MAX 512 /* of a request */

typedef struct portal_network {
  char ssid[33];
  int rssi_dbm;
  bool locked;
} portal_network_t;

typedef struct portal {
  char address[16];     /* the board's, in its own network */
  char device_name[64];
  char problem[96];     /* why the last try did not work; empty: there was none */
  portal_network_t networks[PORTAL_NETWORKS_MAX];
  size_t network_count;
} portal_t;

typedef struct portal_request {
  const char *method, *target, *host;
  const char *body;
  size_t body_bytes;
} portal_request_t;

typedef struct portal_answer {
  int status;
  const char *content_type; /* NULL: there is no body */
  char location[48];        /* empty: no redirect */
  /* What was asked for: a network to join; empty: none. */
  char ssid[33], password[65];
} portal_answer_t;

/* Answers any request, the questions included by which phones find out that there is a portal. The answer's text is
 * written to `out`, cut to `bytes` with the 0 at its end; bytes that the page needs at most are portal_page_bytes. */
void portal_answer(const portal_t *portal, const portal_request_t *request, portal_answer_t *answer, char *out,
                   size_t bytes);
size_t portal_page_bytes(const portal_t *portal);
/* Adds a network that was found; the strongest of one name stays, and the strongest of all come first. */
void portal_add_network(portal_t *portal, const char *ssid, int rssi_dbm, bool locked);

#endif
