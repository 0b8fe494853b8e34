/* Starts and stops a board. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_chip_info.h"
#include "esp_clk_tree.h"
#include "esp_cpu.h"
#include "esp_flash.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "nvs.h"
#include "port.h"

#define MHZ 1000000
/* Regions of the core and its models. */
#define ALIGNMENT 64
/* The largest free block of PSRAM is given to the core but for this much, for connections and answers. */
#define SLOW_RESERVE_BYTES (256 * 1024)
/* Whoever posts waits until its event was handled, so no more than one of each stand here. */
#define QUEUE_LENGTH 48

void *port_malloc(size_t bytes) {
  void *memory = heap_caps_malloc(bytes, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
  return memory != NULL ? memory : heap_caps_malloc(bytes, MALLOC_CAP_8BIT);
}

synapse_device_text port_text(const char *text) {
  return (synapse_device_text){.data = text, .bytes = text == NULL ? 0 : strlen(text)};
}

synapse_device_text port_setting(synapse_esp_handle_t self, const char *key) {
  return synapse_device_get_setting(self->device, port_text(key));
}

/* --- What the core asks ------------------------------------------------------------------------------------------- */

static uint64_t port_ticks(void *user) {
  (void)user;
  return (uint64_t)esp_timer_get_time();
}

/* The counter begins again at 0 after some seconds, in which it is read often: an op takes less. */
static uint64_t port_cycles(void *user) {
  synapse_esp_handle_t self = user;
  uint32_t now = esp_cpu_get_cycle_count();
  self->cycles += now - self->cycles_read;
  self->cycles_read = now;
  return self->cycles;
}

static void port_random(void *user, uint8_t *out, size_t bytes) {
  (void)user;
  esp_fill_random(out, bytes);
}

static void port_reboot(void *user) {
  synapse_esp_handle_t self = user;
  if (self->reboot_at_us == 0) self->reboot_at_us = esp_timer_get_time();
}

static void port_settings_changed(void *user) {
  synapse_esp_handle_t self = user;
  self->settings_changed = true;
}

static void port_get_link(void *user, synapse_device_link *out) {
  synapse_esp_handle_t self = user;
  memset(&self->link, 0, sizeof self->link);
  self->config.callbacks.get_link(self->config.callbacks.user, &self->link);
  out->kind = port_text(self->link.kind);
  out->network = port_text(self->link.network);
  out->address = port_text(self->link.address);
  out->rssi_dbm = self->link.rssi_dbm;
}

static void fill_port(synapse_esp_handle_t self) {
  self->port = (synapse_device_port){
      .size = sizeof self->port,
      .user = self,
      .log = port_log,
      .ticks_us = port_ticks,
      .random = port_random,
      .send_head = port_send_head,
      .send_chunk = port_send_chunk,
      .end = port_end,
      .decode_image = port_decode_image,
      .start_work = port_start_work,
      .parallel_for = port_parallel_for,
      .reboot = port_reboot,
      .settings_changed = port_settings_changed,
      .verify = port_verify,
      .get_link = self->config.callbacks.get_link == NULL ? NULL : port_get_link,
      .cycles = port_cycles,
  };
}

/* --- What the board is -------------------------------------------------------------------------------------------- */

static const char *reset_reason(void) {
  switch (esp_reset_reason()) {
    case ESP_RST_POWERON:
      return "power-on";
    case ESP_RST_EXT:
      return "reset-pin";
    case ESP_RST_SW:
      return "software";
    case ESP_RST_PANIC:
      return "panic";
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
      return "watchdog";
    case ESP_RST_DEEPSLEEP:
      return "deep-sleep";
    case ESP_RST_BROWNOUT:
      return "brownout";
    default:
      return "unknown";
  }
}

/* Starts before this one, as NVS has them: the application prepares it, as Wi-Fi needs it too. 0 where it has not. A
 * component that is stopped and started again is no reset of the chip. */
static uint32_t count_reset(void) {
  static bool counted;
  static uint32_t before;
  nvs_handle_t nvs;
  if (counted || nvs_open("synapse", NVS_READWRITE, &nvs) != ESP_OK) return before;
  counted = true;
  if (nvs_get_u32(nvs, "starts", &before) != ESP_OK) before = 0;
  if (nvs_set_u32(nvs, "starts", before + 1) != ESP_OK || nvs_commit(nvs) != ESP_OK)
    ESP_LOGW(PORT_TAG, "the flash did not take the count of starts");
  nvs_close(nvs);
  return before;
}

static uint64_t cpu_hz(void) {
  uint32_t hz = 0;
  esp_err_t known = esp_clk_tree_src_get_freq_hz(SOC_MOD_CLK_CPU, ESP_CLK_TREE_SRC_FREQ_PRECISION_CACHED, &hz);
  return known == ESP_OK ? hz : 0;
}

static void describe_chip(synapse_device_config *config) {
  esp_chip_info_t chip;
  esp_chip_info(&chip);
  config->chip_revision = chip.revision;
  config->cpu_hz = cpu_hz();
#ifdef CONFIG_SPIRAM_SPEED
  config->psram_hz = (uint64_t)CONFIG_SPIRAM_SPEED * MHZ;
#endif
#ifdef CONFIG_ESPTOOLPY_FLASHFREQ
  config->flash_hz = (uint64_t)strtoul(CONFIG_ESPTOOLPY_FLASHFREQ, NULL, 10) * MHZ;
#endif
  uint32_t flash_bytes = 0;
  if (esp_flash_get_size(NULL, &flash_bytes) == ESP_OK) config->flash_bytes = flash_bytes;
}

static const char *or_else(const char *given, const char *otherwise) { return given != NULL ? given : otherwise; }

static void describe_device(synapse_esp_handle_t self, synapse_device_config *config) {
  const uint8_t *mac = self->mac;
  esp_efuse_mac_get_default(self->mac);
  snprintf(self->id, sizeof self->id, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  snprintf(self->name, sizeof self->name, "synapse-%02x%02x%02x", mac[3], mac[4], mac[5]);
  config->device_id = port_text(or_else(self->config.device.id, self->id));
  config->device_name = port_text(or_else(self->config.device.name, self->name));
  config->board_id = port_text(or_else(self->config.device.board_id, CONFIG_SYNAPSE_BOARD_ID));
  config->board_name = port_text(or_else(self->config.device.board_name, CONFIG_SYNAPSE_BOARD_NAME));
  config->radio = port_text(or_else(self->config.device.radio, CONFIG_SYNAPSE_RADIO));
  config->chip = port_text("ESP32-P4");
  config->engine = port_text("esp32p4");
  config->reset_reason = port_text(reset_reason());
  config->reset_count = count_reset();
}

static esp_err_t take_memory(synapse_esp_handle_t self, synapse_device_config *config) {
  size_t fast_needed = 0, slow_needed = 0;
  if (synapse_device_get_requirements(config, &fast_needed, &slow_needed) != SYNAPSE_DEVICE_OK)
    return ESP_ERR_INVALID_ARG;
  size_t slow_free = heap_caps_get_largest_free_block(MALLOC_CAP_SPIRAM);
  size_t slow_bytes = self->config.memory.slow_bytes;
  if (slow_bytes + SLOW_RESERVE_BYTES > slow_free)
    slow_bytes = slow_free > SLOW_RESERVE_BYTES ? slow_free - SLOW_RESERVE_BYTES : 0;
  size_t fast_bytes = self->config.memory.fast_bytes;
  size_t fast_free = heap_caps_get_largest_free_block(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
  if (fast_bytes > fast_free) fast_bytes = fast_free;
  fast_bytes -= fast_bytes % ALIGNMENT;
  slow_bytes -= slow_bytes % ALIGNMENT;
  self->fast = heap_caps_aligned_alloc(ALIGNMENT, fast_bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
  self->slow = heap_caps_aligned_alloc(ALIGNMENT, slow_bytes, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
  if (fast_bytes < self->config.memory.fast_bytes || slow_bytes < self->config.memory.slow_bytes)
    ESP_LOGW(PORT_TAG, "there is less memory than the board file says: %zu of %zu bytes of SRAM, %zu of %zu of PSRAM",
             fast_bytes, self->config.memory.fast_bytes, slow_bytes, self->config.memory.slow_bytes);
  if (self->fast == NULL || self->slow == NULL) {
    ESP_LOGE(PORT_TAG, "no memory for the core, which alone needs %zu bytes of SRAM and %zu of PSRAM", fast_needed,
             slow_needed);
    return ESP_ERR_NO_MEM;
  }
  self->fast_bytes = config->fast_bytes = fast_bytes;
  self->slow_bytes = config->slow_bytes = slow_bytes;
  config->fast = self->fast;
  config->slow = self->slow;
  return ESP_OK;
}

static void log_board(const synapse_device_config *config) {
  ESP_LOGI(PORT_TAG, "%.*s, chip revision v%u.%u, CPU %u MHz, PSRAM %u MHz, flash %u MHz",
           (int)config->board_name.bytes, config->board_name.data, (unsigned)config->chip_revision / 100,
           (unsigned)config->chip_revision % 100, (unsigned)(config->cpu_hz / MHZ), (unsigned)(config->psram_hz / MHZ),
           (unsigned)(config->flash_hz / MHZ));
  if (config->psram_hz != 0 && config->psram_hz < 200ull * MHZ)
    ESP_LOGW(PORT_TAG, "PSRAM runs at %u MHz; the board can do 200: set CONFIG_SPIRAM_SPEED_200M",
             (unsigned)(config->psram_hz / MHZ));
  ESP_LOGI(PORT_TAG, "memory for core and models: %zu bytes of SRAM (%zu left), %zu of PSRAM (%zu left)",
           config->fast_bytes, heap_caps_get_free_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT), config->slow_bytes,
           heap_caps_get_free_size(MALLOC_CAP_SPIRAM));
  for (int slot = 0; slot < 2; slot++)
    ESP_LOGI(PORT_TAG, "slot %.*s: %u bytes", (int)config->slot_names[slot].bytes, config->slot_names[slot].data,
             (unsigned)config->slot_bytes[slot]);
}

/* --- Start and stop ----------------------------------------------------------------------------------------------- */

static esp_err_t init_core(synapse_esp_handle_t self) {
  synapse_device_config config = {
      .size = sizeof config,
      .threads = 2,
      .body_bytes_max = self->config.memory.body_bytes_max,
      .exchange_count = self->config.memory.requests_max,
      .model_gmac_max = self->config.memory.model_gmac_max,
      .update_keys = self->config.update.keys,
      .update_key_count = self->config.update.key_count,
      .port = &self->port,
  };
  describe_chip(&config);
  describe_device(self, &config);
  esp_err_t result = port_flash_start(self, &config);
  if (result == ESP_OK) result = port_firmware_start(self, &config);
  if (result == ESP_OK) result = take_memory(self, &config);
  if (result != ESP_OK) return result;
  synapse_device_error error = {.size = sizeof error};
  synapse_device_result started = synapse_device_init(&config, &self->device, &error);
  if (started != SYNAPSE_DEVICE_OK) {
    ESP_LOGE(PORT_TAG, "%s", error.message);
    return started == SYNAPSE_DEVICE_ERROR_OUT_OF_MEMORY ? ESP_ERR_NO_MEM : ESP_ERR_INVALID_ARG;
  }
  log_board(&config);
  if (synapse_device_boot(self->device, &error) != SYNAPSE_DEVICE_OK)
    ESP_LOGW(PORT_TAG, "no model runs: %s", error.message);
  return ESP_OK;
}

static esp_err_t start_parts(synapse_esp_handle_t self) {
  self->events = xQueueCreate(QUEUE_LENGTH, sizeof(port_event_t));
  self->event_task_ended = xSemaphoreCreateBinary();
  self->caller_done = xSemaphoreCreateBinary();
  self->caller_lock = xSemaphoreCreateMutex();
  self->ask_lock = xSemaphoreCreateMutex();
  if (self->events == NULL || self->event_task_ended == NULL || self->caller_done == NULL ||
      self->caller_lock == NULL || self->ask_lock == NULL)
    return ESP_ERR_NO_MEM;
  fill_port(self);
  esp_err_t result = port_log_start();
  if (result == ESP_OK) result = port_work_start(self);
  if (result == ESP_OK) result = port_image_start(self);
#if CONFIG_SYNAPSE_MQTT
  if (result == ESP_OK) result = port_mqtt_start(self);
#endif
#if CONFIG_SYNAPSE_DOWNLOADS
  if (result == ESP_OK) result = port_fetch_start(self);
#endif
  if (result == ESP_OK) result = init_core(self);
  if (result == ESP_OK) result = port_events_start(self);
  if (result == ESP_OK) result = port_http_start(self);
  if (result == ESP_OK) result = port_discovery_start(self);
  return result;
}

esp_err_t synapse_esp_start(const synapse_esp_config_t *config, synapse_esp_handle_t *out_handle) {
  if (config == NULL || out_handle == NULL) return ESP_ERR_INVALID_ARG;
  synapse_esp_handle_t self = heap_caps_calloc(1, sizeof *self, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
  if (self == NULL) return ESP_ERR_NO_MEM;
  self->config = *config;
  self->next_request = 1;
  esp_err_t result = start_parts(self);
  if (result != ESP_OK) {
    ESP_LOGE(PORT_TAG, "the board does not start: %s", esp_err_to_name(result));
    synapse_esp_stop(self);
    return result;
  }
  *out_handle = self;
  return ESP_OK;
}

esp_err_t synapse_esp_stop(synapse_esp_handle_t self) {
  if (self == NULL) return ESP_ERR_INVALID_ARG;
  /* Those that wait for events to be handled first, then who handles them, then what the core might have asked. */
  port_http_stop(self);
#if CONFIG_SYNAPSE_MQTT
  port_mqtt_stop(self);
#endif
#if CONFIG_SYNAPSE_DOWNLOADS
  port_fetch_stop(self);
#endif
  port_image_stop(self);
  port_events_stop(self);
  port_work_stop(self);
  port_log_stop();
  port_http_free(self);
#if CONFIG_SYNAPSE_MQTT
  port_mqtt_free(self);
#endif
#if CONFIG_SYNAPSE_DOWNLOADS
  port_fetch_free(self);
#endif
  port_image_free(self);
  port_discovery_stop(self);
  port_firmware_stop(self);
  port_flash_stop(self);
  heap_caps_free(self->fast);
  heap_caps_free(self->slow);
  if (self->events != NULL) vQueueDelete(self->events);
  if (self->event_task_ended != NULL) vSemaphoreDelete(self->event_task_ended);
  if (self->caller_done != NULL) vSemaphoreDelete(self->caller_done);
  if (self->caller_lock != NULL) vSemaphoreDelete(self->caller_lock);
  if (self->ask_lock != NULL) vSemaphoreDelete(self->ask_lock);
  heap_caps_free(self);
  return ESP_OK;
}

/* --- What the application may say --------------------------------------------------------------------------------- */

static void ask_from_outside(synapse_esp_handle_t self, port_event_t event) {
  xSemaphoreTake(self->caller_lock, portMAX_DELAY);
  port_ask(self, event, self->caller_done);
  xSemaphoreGive(self->caller_lock);
}

static void run_open_claim(synapse_esp_handle_t self, const port_event_t *event) {
  (void)event;
  synapse_device_open_claim(self->device);
}

esp_err_t synapse_esp_open_claim(synapse_esp_handle_t self) {
  if (self == NULL) return ESP_ERR_INVALID_ARG;
  ask_from_outside(self, (port_event_t){.run = run_open_claim});
  return ESP_OK;
}

typedef struct setting_copy {
  char *out;
  size_t bytes;
  esp_err_t result;
} setting_copy_t;

static void run_get_setting(synapse_esp_handle_t self, const port_event_t *event) {
  setting_copy_t *copy = event->object;
  synapse_device_text value = port_setting(self, event->bytes);
  copy->result = value.bytes == 0 ? ESP_ERR_NOT_FOUND : value.bytes >= copy->bytes ? ESP_ERR_INVALID_SIZE : ESP_OK;
  if (copy->result != ESP_OK) return;
  memcpy(copy->out, value.data, value.bytes);
  copy->out[value.bytes] = 0;
}

esp_err_t synapse_esp_get_setting(synapse_esp_handle_t self, const char *key, char *out, size_t bytes) {
  if (self == NULL || key == NULL || out == NULL || bytes == 0) return ESP_ERR_INVALID_ARG;
  setting_copy_t copy = {.out = out, .bytes = bytes};
  ask_from_outside(self, (port_event_t){.run = run_get_setting, .object = &copy, .bytes = key});
  return copy.result;
}

typedef struct wifi {
  const char *ssid, *password;
  synapse_device_result result;
} wifi_t;

static void run_set_wifi(synapse_esp_handle_t self, const port_event_t *event) {
  wifi_t *wifi = event->object;
  wifi->result = synapse_device_set_wifi(self->device, port_text(wifi->ssid), port_text(wifi->password));
}

esp_err_t synapse_esp_set_wifi(synapse_esp_handle_t self, const char *ssid, const char *password) {
  if (self == NULL || ssid == NULL) return ESP_ERR_INVALID_ARG;
  wifi_t wifi = {.ssid = ssid, .password = password};
  ask_from_outside(self, (port_event_t){.run = run_set_wifi, .object = &wifi});
  if (wifi.result == SYNAPSE_DEVICE_ERROR_ARGUMENT) return ESP_ERR_INVALID_ARG;
  return wifi.result == SYNAPSE_DEVICE_OK ? ESP_OK : ESP_FAIL;
}

static void run_reset_settings(synapse_esp_handle_t self, const port_event_t *event) {
  esp_err_t *result = event->object;
  *result = port_flash_reset_settings(self);
  /* On this task, so that nothing can be written between. */
  if (*result == ESP_OK) esp_restart();
}

esp_err_t synapse_esp_reset_settings(synapse_esp_handle_t self) {
  if (self == NULL) return ESP_ERR_INVALID_ARG;
  esp_err_t result = ESP_FAIL;
  ask_from_outside(self, (port_event_t){.run = run_reset_settings, .object = &result});
  return result;
}

static void run_link(synapse_esp_handle_t self, const port_event_t *event) {
#if CONFIG_SYNAPSE_MQTT
  port_mqtt_link(self, event->value != 0);
#endif
  (void)self;
  (void)event;
}

esp_err_t synapse_esp_set_link(synapse_esp_handle_t self, bool up) {
  if (self == NULL) return ESP_ERR_INVALID_ARG;
  ask_from_outside(self, (port_event_t){.run = run_link, .value = up});
  return ESP_OK;
}
