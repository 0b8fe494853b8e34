#include "network.h"

#include "esp_check.h"
#include "esp_eth.h"
#include "esp_eth_netif_glue.h"
#include "esp_event.h"
#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#define TAG "network"

static void on_address(void *user, esp_event_base_t base, int32_t id, void *data) {
  (void)base;
  (void)id;
  const ip_event_got_ip_t *got = data;
  ESP_LOGI(TAG, "address " IPSTR, IP2STR(&got->ip_info.ip));
  xSemaphoreGive(user);
}

esp_err_t network_connect(void) {
  SemaphoreHandle_t has_address = xSemaphoreCreateBinary();
  ESP_RETURN_ON_FALSE(has_address != NULL, ESP_ERR_NO_MEM, TAG, "no memory");
  ESP_RETURN_ON_ERROR(esp_netif_init(), TAG, "no network stack");
  eth_esp32_emac_config_t emac = ETH_ESP32_EMAC_DEFAULT_CONFIG();
  eth_mac_config_t mac_config = ETH_MAC_DEFAULT_CONFIG();
  eth_phy_config_t phy_config = ETH_PHY_DEFAULT_CONFIG();
  esp_eth_config_t config =
      ETH_DEFAULT_CONFIG(esp_eth_mac_new_esp32(&emac, &mac_config), esp_eth_phy_new_generic(&phy_config));
  esp_eth_handle_t driver = NULL;
  ESP_RETURN_ON_ERROR(esp_eth_driver_install(&config, &driver), TAG, "no PHY answers");
  esp_netif_config_t netif_config = ESP_NETIF_DEFAULT_ETH();
  esp_netif_t *netif = esp_netif_new(&netif_config);
  ESP_RETURN_ON_FALSE(netif != NULL, ESP_ERR_NO_MEM, TAG, "no memory");
  ESP_RETURN_ON_ERROR(esp_netif_attach(netif, esp_eth_new_netif_glue(driver)), TAG, "not attached");
  ESP_RETURN_ON_ERROR(esp_event_handler_register(IP_EVENT, IP_EVENT_ETH_GOT_IP, on_address, has_address), TAG,
                      "no event loop");
  ESP_RETURN_ON_ERROR(esp_eth_start(driver), TAG, "not started");
  xSemaphoreTake(has_address, portMAX_DELAY);
  return ESP_OK;
}
