/* The Wi-Fi that the board opens when it is in none: whoever joins it is shown the page of setup/portal.h. */
#ifndef SYNAPSE_OWN_NETWORK_H
#define SYNAPSE_OWN_NETWORK_H

#include <stdbool.h>

#include "setup/portal.h"

/* On the network's task. */
void own_network_open(void);
void own_network_close(void);
bool own_network_is_open(void);
void own_network_list(const portal_t *list); /* networks in reach */
void own_network_say(const char *problem);   /* why joining did not work; empty: it did */

#endif
