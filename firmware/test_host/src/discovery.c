/* mDNS and SNTP without a network: what is announced goes to the log, where tests read it. */
#include "esp_log.h"
#include "esp_netif_sntp.h"
#include "mdns.h"

static const char TAG[] = "mdns";

esp_err_t mdns_init(void) { return ESP_OK; }
void mdns_free(void) {}

esp_err_t mdns_hostname_set(const char *name) {
  ESP_LOGI(TAG, "host %s.local", name);
  return ESP_OK;
}

static void log_items(const mdns_txt_item_t items[], size_t count) {
  for (size_t i = 0; i < count; i++) ESP_LOGI(TAG, "text %s=%s", items[i].key, items[i].value);
}

esp_err_t mdns_service_add(const char *instance, const char *type, const char *protocol, uint16_t port,
                           mdns_txt_item_t items[], size_t count) {
  ESP_LOGI(TAG, "service %s.%s.%s at port %u", instance, type, protocol, port);
  log_items(items, count);
  return ESP_OK;
}

esp_err_t mdns_service_instance_name_set(const char *type, const char *protocol, const char *instance) {
  ESP_LOGI(TAG, "service %s.%s.%s", instance, type, protocol);
  return ESP_OK;
}

esp_err_t mdns_service_txt_set(const char *type, const char *protocol, mdns_txt_item_t items[], uint8_t count) {
  ESP_LOGI(TAG, "new texts of %s.%s", type, protocol);
  log_items(items, count);
  return ESP_OK;
}

esp_err_t mdns_service_remove(const char *type, const char *protocol) {
  (void)type, (void)protocol;
  return ESP_OK;
}

esp_err_t esp_netif_sntp_init(const esp_sntp_config_t *config) {
  (void)config;
  return ESP_OK;
}
void esp_netif_sntp_deinit(void) {}
