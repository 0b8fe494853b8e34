/* The application's network. Wi-Fi, or another PHY, would be another file with this one function. */
#ifndef NETWORK_H
#define NETWORK_H

#include "esp_err.h"

/* Starts the chip's own Ethernet, at its default pins, and waits until it has an address. */
esp_err_t network_connect(void);

#endif
