#include "ethernet.h"

#include "sdkconfig.h"

#if CONFIG_SYNAPSE_ETHERNET
#include "esp_eth.h"
#include "esp_eth_driver.h"
#include "esp_eth_mac_esp.h"
#include "esp_eth_netif_glue.h"
#include "esp_eth_phy.h"
#include "esp_netif.h"

esp_err_t ethernet_start(void) {
  /* The chip's own pins, which its boards use. */
  eth_esp32_emac_config_t emac = ETH_ESP32_EMAC_DEFAULT_CONFIG();
  eth_mac_config_t mac_config = ETH_MAC_DEFAULT_CONFIG();
  eth_phy_config_t phy_config = ETH_PHY_DEFAULT_CONFIG();
  phy_config.phy_addr = CONFIG_SYNAPSE_ETHERNET_PHY_ADDRESS;
  phy_config.reset_gpio_num = CONFIG_SYNAPSE_ETHERNET_RESET_GPIO;
  esp_eth_mac_t *mac = esp_eth_mac_new_esp32(&emac, &mac_config);
  esp_eth_phy_t *phy = esp_eth_phy_new_generic(&phy_config);
  if (mac == NULL || phy == NULL) return ESP_ERR_NO_MEM;
  esp_eth_config_t config = ETH_DEFAULT_CONFIG(mac, phy);
  esp_eth_handle_t driver = NULL;
  esp_err_t result = esp_eth_driver_install(&config, &driver);
  if (result != ESP_OK) return result;
  esp_netif_config_t netif_config = ESP_NETIF_DEFAULT_ETH();
  esp_netif_t *netif = esp_netif_new(&netif_config);
  if (netif == NULL) return ESP_ERR_NO_MEM;
  result = esp_netif_attach(netif, esp_eth_new_netif_glue(driver));
  return result == ESP_OK ? esp_eth_start(driver) : result;
}
#else
esp_err_t ethernet_start(void) { return ESP_ERR_NOT_SUPPORTED; }
#endif
