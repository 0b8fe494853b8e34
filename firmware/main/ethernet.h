/* The chip's own Ethernet, where the board has a socket for it. */
#ifndef SYNAPSE_ETHERNET_H
#define SYNAPSE_ETHERNET_H

#include "esp_err.h"

/* Starts it and asks for an address; events of IP_EVENT say when there is one. ESP_ERR_NOT_SUPPORTED: the board has
 * none. */
esp_err_t ethernet_start(void);

#endif
