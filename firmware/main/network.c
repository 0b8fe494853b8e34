#include "network.h"

#include <stdio.h>
#include <string.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_netif.h"
#include "esp_random.h"
#include "esp_timer.h"
#include "ethernet.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "own_network.h"
#if CONFIG_SYNAPSE_WIFI
#include "esp_wifi.h"
#endif

#define TAG "network"
#define STACK_BYTES 6144
#define PRIORITY 5
#define LOOK_MS 1000
/* Waits between tries: the first, doubled each time, and a random half of it. */
#define RETRY_US 1000000
#define RETRY_DOUBLINGS_MAX 6
/* After so long in no network the board opens one of its own, and closes it when it has been in one for a while. */
#define LONELY_US 180000000
#define SETTLED_US 30000000
/* Of a try that somebody waits for. */
#define TRIES_MAX 3
#define SCAN_MAX 32
#define RSSI_US 5000000

typedef enum what { WHAT_JOIN, WHAT_SCAN, WHAT_LEFT, WHAT_GOT_ADDRESS, WHAT_LOST_ADDRESS } what_t;

typedef struct message {
  what_t what;
  bool asked, ethernet;
  int reason;
  char ssid[33], password[65], address[16];
} message_t;

static struct {
  network_callbacks_t callbacks;
  QueueHandle_t messages;
  SemaphoreHandle_t lock;
  /* Of the task. */
  char ssid[33], password[65];
  bool asked, has_radio;
  unsigned failures;
  int64_t retry_at_us, alone_since_us, linked_since_us, rssi_at_us;
  /* Under the lock: what is told of the link. */
  char wifi_address[16], ethernet_address[16], network[33];
  int rssi_dbm;
} network;

static void tell(message_t message) {
  if (xQueueSend(network.messages, &message, 0) != pdTRUE) ESP_LOGW(TAG, "the network's task does not keep up");
}

/* --- Events of ESP-IDF, on its event task ------------------------------------------------------------------------- */

static void on_address(void *argument, esp_event_base_t base, int32_t id, void *data) {
  (void)argument;
  (void)base;
  const ip_event_got_ip_t *got = data;
  message_t message = {.what = WHAT_GOT_ADDRESS, .ethernet = id == IP_EVENT_ETH_GOT_IP};
  if (id != IP_EVENT_STA_GOT_IP && id != IP_EVENT_ETH_GOT_IP) {
    message.what = WHAT_LOST_ADDRESS;
    message.ethernet = id == IP_EVENT_ETH_LOST_IP;
  } else {
    esp_ip4addr_ntoa(&got->ip_info.ip, message.address, sizeof message.address);
  }
  tell(message);
}

#if CONFIG_SYNAPSE_WIFI
static void on_wifi(void *argument, esp_event_base_t base, int32_t id, void *data) {
  (void)argument;
  (void)base;
  if (id != WIFI_EVENT_STA_DISCONNECTED) return;
  const wifi_event_sta_disconnected_t *left = data;
  tell((message_t){.what = WHAT_LEFT, .reason = left->reason});
}

static const char *reason_of(int reason) {
  switch (reason) {
    case WIFI_REASON_NO_AP_FOUND:
      return "no Wi-Fi of this name is in reach";
    case WIFI_REASON_AUTH_FAIL:
    case WIFI_REASON_4WAY_HANDSHAKE_TIMEOUT:
    case WIFI_REASON_HANDSHAKE_TIMEOUT:
      return "the Wi-Fi refuses the password";
    default:
      return "the Wi-Fi does not let the board in";
  }
}

/* --- The radio, on the network's task ----------------------------------------------------------------------------- */

static void join(void) {
  wifi_config_t config = {.sta = {.scan_method = WIFI_ALL_CHANNEL_SCAN, .sort_method = WIFI_CONNECT_AP_BY_SIGNAL}};
  memcpy(config.sta.ssid, network.ssid, strlen(network.ssid));
  memcpy(config.sta.password, network.password, strlen(network.password));
  network.retry_at_us = 0;
  esp_wifi_disconnect();
  if (network.ssid[0] == 0) return;
  ESP_LOGI(TAG, "joining \"%s\"", network.ssid);
  esp_err_t result = esp_wifi_set_config(WIFI_IF_STA, &config);
  if (result == ESP_OK) result = esp_wifi_connect();
  if (result != ESP_OK) tell((message_t){.what = WHAT_LEFT});
}

static void take_left(const message_t *message) {
  if (network.ssid[0] == 0) return;
  const char *reason = reason_of(message->reason);
  ESP_LOGW(TAG, "\"%s\": %s (%d)", network.ssid, reason, message->reason);
  int64_t wait = (int64_t)RETRY_US << network.failures;
  if (network.failures < RETRY_DOUBLINGS_MAX) network.failures++;
  network.retry_at_us = esp_timer_get_time() + wait / 2 + (int64_t)(esp_random() % (uint32_t)(wait / 2));
  if (!network.asked || network.failures < TRIES_MAX) return;
  network.asked = false;
  own_network_say(reason);
  network.callbacks.join_failed(reason);
}

static void scan(void) {
  static wifi_ap_record_t found[SCAN_MAX];
  portal_t list = {0};
  uint16_t count = SCAN_MAX;
  if (esp_wifi_scan_start(NULL, true) == ESP_OK && esp_wifi_scan_get_ap_records(&count, found) == ESP_OK)
    for (uint16_t i = 0; i < count; i++)
      portal_add_network(&list, (const char *)found[i].ssid, found[i].rssi, found[i].authmode != WIFI_AUTH_OPEN);
  own_network_list(&list);
  network.callbacks.networks(list.networks, list.network_count);
}

/* Here, because the companion chip may take its time, and whoever asks for the link must not wait. */
static void measure(int64_t now) {
  if (network.wifi_address[0] == 0 || now < network.rssi_at_us) return;
  network.rssi_at_us = now + RSSI_US;
  int rssi = 0;
  if (esp_wifi_sta_get_rssi(&rssi) != ESP_OK) rssi = 0;
  xSemaphoreTake(network.lock, portMAX_DELAY);
  network.rssi_dbm = rssi;
  xSemaphoreGive(network.lock);
}

static esp_err_t start_radio(void) {
  wifi_init_config_t config = WIFI_INIT_CONFIG_DEFAULT();
  esp_netif_create_default_wifi_sta();
  esp_err_t result = esp_wifi_init(&config);
  if (result == ESP_OK) result = esp_wifi_set_storage(WIFI_STORAGE_RAM);
  if (result == ESP_OK) result = esp_wifi_set_mode(WIFI_MODE_STA);
  if (result == ESP_OK)
    result = esp_event_handler_register(WIFI_EVENT, WIFI_EVENT_STA_DISCONNECTED, on_wifi, NULL);
  if (result == ESP_OK) result = esp_wifi_start();
  return result;
}
#else
static void join(void) {}
static void take_left(const message_t *message) { (void)message; }
static void scan(void) { network.callbacks.networks(NULL, 0); }
static void measure(int64_t now) { (void)now; }
static esp_err_t start_radio(void) { return ESP_ERR_NOT_SUPPORTED; }
#endif

/* --- The task ----------------------------------------------------------------------------------------------------- */

static bool is_linked(void) { return network.wifi_address[0] != 0 || network.ethernet_address[0] != 0; }

static void take_address(const message_t *message) {
  bool was = is_linked();
  xSemaphoreTake(network.lock, portMAX_DELAY);
  char *address = message->ethernet ? network.ethernet_address : network.wifi_address;
  memcpy(address, message->address, sizeof message->address);
  memcpy(network.network, network.ssid, sizeof network.network);
  xSemaphoreGive(network.lock);
  if (!message->ethernet && message->what == WHAT_GOT_ADDRESS) {
    network.failures = 0;
    network.asked = false;
    own_network_say("");
  }
  bool is = is_linked();
  int64_t now = esp_timer_get_time();
  if (is && !was) network.linked_since_us = now;
  if (!is && was) network.alone_since_us = now;
  if (is) ESP_LOGI(TAG, "the board is at http://%s/", message->address[0] != 0 ? message->address : "..");
  if (is != was || is)
    network.callbacks.link(is, network.ethernet_address[0] != 0 ? network.ethernet_address : network.wifi_address);
}

static void take(const message_t *message) {
  switch (message->what) {
    case WHAT_JOIN:
      if (strcmp(message->ssid, network.ssid) == 0 && strcmp(message->password, network.password) == 0 &&
          !message->asked)
        return;
      memcpy(network.ssid, message->ssid, sizeof network.ssid);
      memcpy(network.password, message->password, sizeof network.password);
      network.asked = message->asked;
      network.failures = 0;
      if (network.has_radio) join();
      break;
    case WHAT_SCAN:
      if (network.has_radio)
        scan();
      else
        network.callbacks.networks(NULL, 0);
      break;
    case WHAT_LEFT:
      take_left(message);
      break;
    case WHAT_GOT_ADDRESS:
    case WHAT_LOST_ADDRESS:
      take_address(message);
      break;
  }
}

static void look(void) {
  int64_t now = esp_timer_get_time();
  if (!network.has_radio) return;
  if (network.retry_at_us != 0 && now >= network.retry_at_us) join();
  measure(now);
  bool linked = is_linked();
  bool lonely = !linked && (network.ssid[0] == 0 || now - network.alone_since_us > LONELY_US);
  if (lonely && !own_network_is_open()) {
    scan();
    own_network_open();
  }
  if (linked && own_network_is_open() && now - network.linked_since_us > SETTLED_US) own_network_close();
}

static void network_task(void *argument) {
  (void)argument;
  message_t message;
  for (;;) {
    if (xQueueReceive(network.messages, &message, pdMS_TO_TICKS(LOOK_MS)) == pdTRUE) take(&message);
    look();
  }
}

esp_err_t network_prepare(const network_callbacks_t *callbacks) {
  network.callbacks = *callbacks;
  network.messages = xQueueCreate(16, sizeof(message_t));
  network.lock = xSemaphoreCreateMutex();
  if (network.messages == NULL || network.lock == NULL) return ESP_ERR_NO_MEM;
  /* The board listens before there is a network. */
  return esp_netif_init();
}

esp_err_t network_start(void) {
  esp_err_t result = esp_event_handler_register(IP_EVENT, ESP_EVENT_ANY_ID, on_address, NULL);
  if (result != ESP_OK) return result;
  esp_err_t wired = ethernet_start();
  esp_err_t radio = start_radio();
  if (wired != ESP_OK && wired != ESP_ERR_NOT_SUPPORTED) ESP_LOGE(TAG, "no Ethernet: %s", esp_err_to_name(wired));
  if (radio != ESP_OK && radio != ESP_ERR_NOT_SUPPORTED) ESP_LOGE(TAG, "no radio: %s", esp_err_to_name(radio));
  network.has_radio = radio == ESP_OK;
  BaseType_t made = xTaskCreatePinnedToCore(network_task, "network", STACK_BYTES, NULL, PRIORITY, NULL, 0);
  return made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM;
}

void network_join(const char *ssid, const char *password, bool asked) {
  message_t message = {.what = WHAT_JOIN, .asked = asked};
  snprintf(message.ssid, sizeof message.ssid, "%s", ssid);
  snprintf(message.password, sizeof message.password, "%s", password);
  tell(message);
}

void network_scan(void) { tell((message_t){.what = WHAT_SCAN}); }

void network_get_link(void *user, synapse_esp_link_t *out) {
  (void)user;
  xSemaphoreTake(network.lock, portMAX_DELAY);
  bool wired = network.ethernet_address[0] != 0, radio = network.wifi_address[0] != 0;
  out->kind = wired ? "ethernet" : radio ? "wifi" : NULL;
  snprintf(out->address, sizeof out->address, "%s", wired ? network.ethernet_address : network.wifi_address);
  snprintf(out->network, sizeof out->network, "%s", radio && !wired ? network.network : "");
  out->rssi_dbm = radio && !wired ? network.rssi_dbm : 0;
  xSemaphoreGive(network.lock);
}
