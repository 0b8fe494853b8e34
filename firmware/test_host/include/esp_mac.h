#ifndef ESP_MAC_H
#define ESP_MAC_H

#include "esp_err.h"

typedef enum {
  ESP_MAC_WIFI_STA,
  ESP_MAC_WIFI_SOFTAP,
  ESP_MAC_BT,
  ESP_MAC_ETH,
  ESP_MAC_IEEE802154,
  ESP_MAC_BASE,
} esp_mac_type_t;

esp_err_t esp_efuse_mac_get_default(uint8_t *out_mac);

#endif
