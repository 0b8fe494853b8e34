#include "button.h"

#include "driver/gpio.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"

#define TAG "button"
#define STACK_BYTES 3072
#define PRIORITY 2
#define LOOK_MS 50
#define CLAIM_MS 3000
#define RESET_MS 10000

#if CONFIG_SYNAPSE_BUTTON_GPIO >= 0
#define PIN ((gpio_num_t)CONFIG_SYNAPSE_BUTTON_GPIO)

static button_callbacks_t told;

static void button_task(void *argument) {
  (void)argument;
  int held_ms = 0;
  for (;;) {
    vTaskDelay(pdMS_TO_TICKS(LOOK_MS));
    if (gpio_get_level(PIN) == 0) {
      held_ms += LOOK_MS;
      if (held_ms == CLAIM_MS) ESP_LOGI(TAG, "let go: the board can be claimed; hold on for 10 s: settings are reset");
      if (held_ms == RESET_MS) ESP_LOGW(TAG, "let go: owner, network and all other settings are forgotten");
      continue;
    }
    /* When it is let go, so that who holds on for longer does not do both. */
    if (held_ms >= RESET_MS)
      told.reset();
    else if (held_ms >= CLAIM_MS)
      told.claim();
    held_ms = 0;
  }
}

esp_err_t button_start(const button_callbacks_t *callbacks) {
  told = *callbacks;
  gpio_config_t config = {.pin_bit_mask = 1ull << CONFIG_SYNAPSE_BUTTON_GPIO,
                          .mode = GPIO_MODE_INPUT,
                          .pull_up_en = GPIO_PULLUP_ENABLE};
  esp_err_t result = gpio_config(&config);
  if (result != ESP_OK) return result;
  return xTaskCreate(button_task, "button", STACK_BYTES, NULL, PRIORITY, NULL) == pdPASS ? ESP_OK : ESP_ERR_NO_MEM;
}
#else
esp_err_t button_start(const button_callbacks_t *callbacks) {
  (void)callbacks;
  return ESP_ERR_NOT_SUPPORTED;
}
#endif
