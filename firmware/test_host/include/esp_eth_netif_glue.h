#ifndef ESP_ETH_NETIF_GLUE_H
#define ESP_ETH_NETIF_GLUE_H

#include "esp_eth.h"

void *esp_eth_new_netif_glue(esp_eth_handle_t handle);

#endif
