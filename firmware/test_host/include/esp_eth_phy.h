#ifndef ESP_ETH_PHY_H
#define ESP_ETH_PHY_H

#include "esp_err.h"

struct esp_eth_phy;
typedef struct esp_eth_phy esp_eth_phy_t;

typedef struct {
  int32_t phy_addr;
  int reset_gpio_num;
} eth_phy_config_t;

#define ETH_PHY_DEFAULT_CONFIG() {.phy_addr = -1, .reset_gpio_num = -1}

esp_eth_phy_t *esp_eth_phy_new_generic(const eth_phy_config_t *config);

#endif
