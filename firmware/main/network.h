/* How the board is in the network: Wi-Fi through the companion chip, Ethernet, or both; and the network of its own that
 * it opens when it is in none. One task does all of it; these functions only tell it. */
#ifndef SYNAPSE_NETWORK_H
#define SYNAPSE_NETWORK_H

#include <stdbool.h>

#include "esp_err.h"
#include "setup/portal.h"
#include "synapse_esp.h"

typedef struct network_callbacks {
  /* On the network's task. */
  void (*link)(bool up, const char *address);
  void (*join_failed)(const char *reason); /* what was asked for by network_join */
  void (*networks)(const portal_network_t *networks, size_t count);
} network_callbacks_t;

/* Before anything else; network_get_link may be called from then on. */
esp_err_t network_prepare(const network_callbacks_t *callbacks);
esp_err_t network_start(void);
/* Joins this Wi-Fi from now on; an empty name: none. `asked`: somebody waits, and is told when it does not work. */
void network_join(const char *ssid, const char *password, bool asked);
void network_scan(void);
/* For the board's callbacks: may be called from any task. */
void network_get_link(void *user, synapse_esp_link_t *out_link);
/* For synapse_esp_config_t: answers those who are in the board's own network. `user` is a function
 * `void (ssid, password)` that is called when somebody has said how to join another. */
typedef void (*network_on_join_t)(const char *ssid, const char *password);
bool network_intercept(void *user, struct httpd_req *request);

#endif
