#ifndef ESP_ETH_MAC_ESP_H
#define ESP_ETH_MAC_ESP_H

#include "esp_err.h"

struct esp_eth_mac;
typedef struct esp_eth_mac esp_eth_mac_t;

typedef struct {
  int smi_mdc_gpio_num;
} eth_esp32_emac_config_t;

typedef struct {
  uint32_t rx_task_stack_size;
} eth_mac_config_t;

#define ETH_ESP32_EMAC_DEFAULT_CONFIG() {.smi_mdc_gpio_num = 31}
#define ETH_MAC_DEFAULT_CONFIG() {.rx_task_stack_size = 4096}

esp_eth_mac_t *esp_eth_mac_new_esp32(const eth_esp32_emac_config_t *emac, const eth_mac_config_t *config);

#endif
