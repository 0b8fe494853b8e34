#ifndef ESP_ETH_H
#define ESP_ETH_H

#include "esp_eth_mac_esp.h"
#include "esp_eth_phy.h"

typedef struct {
  esp_eth_mac_t *mac;
  esp_eth_phy_t *phy;
} esp_eth_config_t;

typedef void *esp_eth_handle_t;

#define ETH_DEFAULT_CONFIG(the_mac, the_phy) {.mac = (the_mac), .phy = (the_phy)}

esp_err_t esp_eth_driver_install(const esp_eth_config_t *config, esp_eth_handle_t *out_handle);
esp_err_t esp_eth_start(esp_eth_handle_t handle);

#endif
