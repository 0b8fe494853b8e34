#include "console.h"

#include <stdio.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "setup/improv.h"
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

static struct {
  console_callbacks_t callbacks;
  SemaphoreHandle_t lock; /* recursive: around all that improv does */
  improv_t improv;
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

/* --- Improv ------------------------------------------------------------------------------------------------------- */

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

static void line(void *user, const char *text) {
  (void)user;
  console.callbacks.line(text);
}

static void take(void) { xSemaphoreTakeRecursive(console.lock, portMAX_DELAY); }

static void give(void) { xSemaphoreGiveRecursive(console.lock); }

static void console_task(void *argument) {
  (void)argument;
  for (;;) {
    uint8_t bytes[64];
    int count = read_cable(bytes, sizeof bytes);
    if (count <= 0) continue;
    take();
    improv_feed(&console.improv, bytes, (size_t)count);
    give();
  }
}

esp_err_t console_start(const console_callbacks_t *callbacks, const char *device_name) {
  console.callbacks = *callbacks;
  console.lock = xSemaphoreCreateRecursiveMutex();
  if (console.lock == NULL) return ESP_ERR_NO_MEM;
  const esp_app_desc_t *app = esp_app_get_description();
  improv_host_t host = {.send = send,
                        .join = join,
                        .scan = scan,
                        .line = line,
                        .firmware = app->project_name,
                        .version = app->version,
                        .chip = "ESP32-P4",
                        .device_name = device_name};
  improv_begin(&console.improv, &host, false);
  esp_err_t result = open_cable();
  if (result != ESP_OK) return result;
  return xTaskCreate(console_task, "console", STACK_BYTES, NULL, PRIORITY, NULL) == pdPASS ? ESP_OK : ESP_ERR_NO_MEM;
}

void console_joined(const char *address) {
  char url[64];
  snprintf(url, sizeof url, "http://%s/", address);
  take();
  improv_joined(&console.improv, url);
  give();
}

void console_join_failed(void) {
  take();
  improv_failed(&console.improv, IMPROV_ERROR_NO_CONNECTION);
  give();
}

void console_networks(const portal_network_t *networks, size_t count) {
  take();
  if (console.improv.scanning) {
    for (size_t i = 0; i < count; i++)
      improv_network(&console.improv, networks[i].ssid, networks[i].rssi_dbm, networks[i].locked);
    improv_networks_end(&console.improv);
  }
  give();
}
