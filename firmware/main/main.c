/* The ready application: a board that serves its models in the network, set up over a cable or from a phone.
 *
 * What happens when a model, or the board's own code, makes the board start again and again is the core's to say: after
 * five starts that it did not get through it opens no model, and takes updates (safe mode in /v1/device). */
#include <stdio.h>

#include "button.h"
#include "console.h"
#include "esp_event.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "network.h"
#include "nvs_flash.h"
#include "synapse_esp.h"

#define TAG "main"
#define SETTINGS_STACK_BYTES 4096
#define SETTINGS_PRIORITY 3

static synapse_esp_handle_t board;

/* --- The network -------------------------------------------------------------------------------------------------- */

static void join_as_set(bool asked) {
  char ssid[33] = "", password[65] = "";
  synapse_esp_get_setting(board, "wifi_ssid", ssid, sizeof ssid);
  synapse_esp_get_setting(board, "wifi_password", password, sizeof password);
  network_join(ssid, password, asked);
}

/* Somebody holds the board and says how to join. */
static void set_wifi(const char *ssid, const char *password) {
  esp_err_t kept = synapse_esp_set_wifi(board, ssid, password);
  if (kept != ESP_OK) ESP_LOGE(TAG, "the Wi-Fi was not kept: %s", esp_err_to_name(kept));
  network_join(ssid, password, true);
}

static void on_link(bool up, const char *address) {
  synapse_esp_set_link(board, up);
  if (up) console_joined(address);
}

static void on_join_failed(const char *reason) {
  (void)reason;
  console_join_failed();
}

/* --- The board's own callbacks, on its event task, which must not wait -------------------------------------------- */

static void settings_task(void *argument) {
  (void)argument;
  for (;;) {
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    join_as_set(false);
  }
}

static TaskHandle_t settings;

static void on_settings(void *user) {
  (void)user;
  xTaskNotifyGive(settings);
}

/* --- Cable and button --------------------------------------------------------------------------------------------- */

static void claim(void) {
  ESP_LOGI(TAG, "for ten minutes the board can be claimed without its code");
  synapse_esp_open_claim(board);
}

static void reset(void) {
  esp_err_t result = synapse_esp_reset_settings(board);
  ESP_LOGE(TAG, "settings were not reset: %s", esp_err_to_name(result));
}

static esp_err_t ask(const char *method, const char *target, synapse_esp_answer_t *out_answer) {
  return synapse_esp_ask(board, method, target, out_answer);
}

/* --- Start -------------------------------------------------------------------------------------------------------- */

static void log_partitions(void) {
  const esp_partition_t *running = esp_ota_get_running_partition();
  esp_partition_iterator_t at = esp_partition_find(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, NULL);
  for (; at != NULL; at = esp_partition_next(at)) {
    const esp_partition_t *each = esp_partition_get(at);
    ESP_LOGI(TAG, "partition %-10s 0x%08x, %u KiB%s", each->label, (unsigned)each->address,
             (unsigned)(each->size / 1024), each == running ? ", runs" : "");
  }
}

static void start_nvs(void) {
  esp_err_t result = nvs_flash_init();
  if (result == ESP_ERR_NVS_NO_FREE_PAGES || result == ESP_ERR_NVS_NEW_VERSION_FOUND) {
    /* It holds calibration of the radio only: the board's settings have a partition of their own. */
    ESP_ERROR_CHECK(nvs_flash_erase());
    result = nvs_flash_init();
  }
  ESP_ERROR_CHECK(result);
}

void app_main(void) {
  start_nvs();
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  log_partitions();
  BaseType_t made = xTaskCreate(settings_task, "settings", SETTINGS_STACK_BYTES, NULL, SETTINGS_PRIORITY, &settings);
  ESP_ERROR_CHECK(made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM);
  network_callbacks_t heard = {.link = on_link, .join_failed = on_join_failed, .networks = console_networks};
  console_callbacks_t said = {
      .join = set_wifi, .scan = network_scan, .claim = claim, .reset_settings = reset, .ask = ask};
  button_callbacks_t pressed = {.claim = claim, .reset = reset};
  uint8_t mac[6];
  char name[32];
  esp_efuse_mac_get_default(mac);
  snprintf(name, sizeof name, "synapse-%02x%02x%02x", mac[3], mac[4], mac[5]);

  synapse_esp_config_t config = SYNAPSE_ESP_CONFIG_DEFAULT();
  config.callbacks.get_link = network_get_link;
  config.callbacks.settings_changed = on_settings;
  config.http.intercept = network_intercept;
  config.http.intercept_user = (void *)set_wifi;
  ESP_ERROR_CHECK(network_prepare(&heard));
  ESP_ERROR_CHECK(synapse_esp_start(&config, &board));
  ESP_ERROR_CHECK(console_start(&said, name));
  ESP_ERROR_CHECK(network_start());
  join_as_set(false);
  esp_err_t button = button_start(&pressed);
  if (button != ESP_OK) ESP_LOGI(TAG, "no button: %s", esp_err_to_name(button));
}
