#include "console.h"

#include <stdio.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "setup/cable.h"
#if CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG
#include "driver/usb_serial_jtag.h"
#else
#include "driver/uart.h"
#endif

#define TAG "console"
#define STACK_BYTES 4096
#define PRIORITY 3
#define BUFFER_BYTES 512
#define PATIENCE_MS 100
#define QUESTION_BYTES_MAX (IMPROV_LINE_BYTES_MAX + 1)
/* Of an answer, between which others may say something. */
#define ANSWER_BYTES 960
#define STATUS_NO_MEMORY 503

static struct {
  console_callbacks_t callbacks;
  SemaphoreHandle_t lock; /* recursive: around all that the cable does */
  cable_t cable;
  /* The console's task: a question that it has yet to ask; 0: none. */
  uint32_t question;
  char method[QUESTION_BYTES_MAX], target[QUESTION_BYTES_MAX];
} console;

/* --- The cable ---------------------------------------------------------------------------------------------------- */

#if CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG
static esp_err_t open_cable(void) {
  usb_serial_jtag_driver_config_t config = {.rx_buffer_size = BUFFER_BYTES, .tx_buffer_size = BUFFER_BYTES};
  return usb_serial_jtag_driver_install(&config);
}

static int read_cable(uint8_t *bytes, size_t count) {
  return usb_serial_jtag_read_bytes(bytes, (uint32_t)count, pdMS_TO_TICKS(PATIENCE_MS));
}

static void write_cable(const uint8_t *bytes, size_t count) {
  usb_serial_jtag_write_bytes(bytes, count, pdMS_TO_TICKS(PATIENCE_MS));
}
#else
#define PORT ((uart_port_t)CONFIG_ESP_CONSOLE_UART_NUM)

static esp_err_t open_cable(void) { return uart_driver_install(PORT, BUFFER_BYTES, BUFFER_BYTES, 0, NULL, 0); }

static int read_cable(uint8_t *bytes, size_t count) {
  /* What is there, or the first byte that comes. */
  int first = uart_read_bytes(PORT, bytes, 1, pdMS_TO_TICKS(PATIENCE_MS));
  if (first <= 0) return first;
  int rest = uart_read_bytes(PORT, bytes + 1, (uint32_t)count - 1, 0);
  return rest > 0 ? 1 + rest : 1;
}

static void write_cable(const uint8_t *bytes, size_t count) { uart_write_bytes(PORT, bytes, count); }
#endif

/* --- What is said ------------------------------------------------------------------------------------------------- */

static void send(void *user, const uint8_t *bytes, size_t count) {
  (void)user;
  write_cable(bytes, count);
}

static void join(void *user, const char *ssid, const char *password) {
  (void)user;
  console.callbacks.join(ssid, password);
}

static void scan(void *user) {
  (void)user;
  console.callbacks.scan();
}

static void claim(void *user) {
  (void)user;
  console.callbacks.claim();
}

static void reset_settings(void *user) {
  (void)user;
  console.callbacks.reset_settings();
}

static void help(void *user, const char *text) {
  (void)user;
  ESP_LOGI(TAG, "%s", text);
}

static void ask(void *user, uint32_t number, const char *method, const char *target) {
  (void)user;
  console.question = number;
  snprintf(console.method, sizeof console.method, "%s", method);
  snprintf(console.target, sizeof console.target, "%s", target);
}

static void take(void) { xSemaphoreTakeRecursive(console.lock, portMAX_DELAY); }

static void give(void) { xSemaphoreGiveRecursive(console.lock); }

/* Without the lock while the board works: a self-test takes seconds. */
static void answer_question(void) {
  uint32_t number = console.question;
  console.question = 0;
  synapse_esp_answer_t answer = {0};
  esp_err_t asked = console.callbacks.ask(console.method, console.target, &answer);
  take();
  cable_answer_begin(&console.cable, number, asked == ESP_OK ? answer.status : STATUS_NO_MEMORY);
  give();
  for (size_t at = 0; at < answer.body_bytes; at += ANSWER_BYTES) {
    size_t left = answer.body_bytes - at;
    take();
    cable_answer_add(&console.cable, number, answer.body + at, left < ANSWER_BYTES ? left : ANSWER_BYTES);
    give();
  }
  take();
  cable_answer_end(&console.cable, number);
  give();
  synapse_esp_answer_free(&answer);
}

static void console_task(void *argument) {
  (void)argument;
  for (;;) {
    uint8_t bytes[64];
    int count = read_cable(bytes, sizeof bytes);
    if (count <= 0) continue;
    take();
    cable_feed(&console.cable, bytes, (size_t)count);
    give();
    if (console.question != 0) answer_question();
  }
}

esp_err_t console_start(const console_callbacks_t *callbacks, const char *device_name) {
  console.callbacks = *callbacks;
  console.lock = xSemaphoreCreateRecursiveMutex();
  if (console.lock == NULL) return ESP_ERR_NO_MEM;
  const esp_app_desc_t *app = esp_app_get_description();
  cable_host_t host = {.send = send,
                       .join = join,
                       .scan = scan,
                       .claim = claim,
                       .reset_settings = reset_settings,
                       .help = help,
                       .ask = ask,
                       .firmware = app->project_name,
                       .version = app->version,
                       .chip = "ESP32-P4",
                       .device_name = device_name};
  cable_begin(&console.cable, &host, false);
  esp_err_t result = open_cable();
  if (result != ESP_OK) return result;
  return xTaskCreate(console_task, "console", STACK_BYTES, NULL, PRIORITY, NULL) == pdPASS ? ESP_OK : ESP_ERR_NO_MEM;
}

void console_joined(const char *address) {
  char url[64];
  snprintf(url, sizeof url, "http://%s/", address);
  take();
  improv_joined(&console.cable.improv, url);
  give();
}

void console_join_failed(void) {
  take();
  improv_failed(&console.cable.improv, IMPROV_ERROR_NO_CONNECTION);
  give();
}

void console_networks(const portal_network_t *networks, size_t count) {
  take();
  if (console.cable.improv.scanning) {
    for (size_t i = 0; i < count; i++)
      improv_network(&console.cable.improv, networks[i].ssid, networks[i].rssi_dbm, networks[i].locked);
    improv_networks_end(&console.cable.improv);
  }
  give();
}
