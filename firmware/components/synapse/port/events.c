/* The event task: the one on which the core hears of the world. */
#include <string.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "port.h"

#define TICK_US 500000
/* After a reboot was asked for: answers that have ended are on their way by then, or their clients too slow. The broker
 * is told before, unless it does not listen. */
#define REBOOT_US_MIN 200000
#define REBOOT_US_MAX 2000000

ESP_EVENT_DEFINE_BASE(SYNAPSE_ESP_EVENT);

void port_tell(int32_t id, const void *data, size_t bytes) {
  /* Without a wait: an application that does not keep up must not hold the board. */
  esp_err_t posted = esp_event_post(SYNAPSE_ESP_EVENT, id, data, bytes, 0);
  if (posted != ESP_OK) ESP_LOGW(PORT_TAG, "event %d was not posted: %s", (int)id, esp_err_to_name(posted));
}

void port_post(synapse_esp_handle_t self, port_event_t event) { xQueueSend(self->events, &event, portMAX_DELAY); }

void port_ask(synapse_esp_handle_t self, port_event_t event, SemaphoreHandle_t done) {
  event.done = done;
  port_post(self, event);
  xSemaphoreTake(done, portMAX_DELAY);
}

uint32_t port_number(synapse_esp_handle_t self) {
  uint32_t number = self->next_request;
  self->next_request = number == 0x7fffffff ? 1 : number + 1;
  return number;
}

esp_err_t port_task(TaskFunction_t run, const char *name, size_t stack_bytes, void *argument, int priority, int core,
                    TaskHandle_t *out_task) {
  BaseType_t made =
      xTaskCreatePinnedToCore(run, name, (uint32_t)stack_bytes, argument, (UBaseType_t)priority, out_task, core);
  return made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM;
}

static void consider_reboot(synapse_esp_handle_t self, int64_t now) {
  if (self->reboot_at_us == 0) return;
  int64_t waited = now - self->reboot_at_us;
  if (waited < REBOOT_US_MIN || (!port_http_idle(self) && waited < REBOOT_US_MAX)) return;
#if CONFIG_SYNAPSE_MQTT
  port_mqtt_leave(self);
  if (!port_mqtt_has_left(self) && waited < REBOOT_US_MAX) return;
#endif
  if (self->config.callbacks.before_reboot != NULL) self->config.callbacks.before_reboot(self->config.callbacks.user);
  esp_restart();
}

/* After the core's call, in which it must not be asked. */
static void after_event(synapse_esp_handle_t self) {
  port_http_flush(self);
#if CONFIG_SYNAPSE_DOWNLOADS
  port_fetch_look(self);
#endif
  if (!self->settings_changed) return;
  self->settings_changed = false;
#if CONFIG_SYNAPSE_MQTT
  port_mqtt_settings(self);
#endif
  if (self->config.callbacks.settings_changed != NULL)
    self->config.callbacks.settings_changed(self->config.callbacks.user);
}

static void event_task(void *argument) {
  synapse_esp_handle_t self = argument;
  bool watched = esp_task_wdt_add(NULL) == ESP_OK;
  int64_t next_tick = esp_timer_get_time();
#if CONFIG_SYNAPSE_MQTT
  port_mqtt_settings(self);
#endif
  while (!self->ending) {
    int64_t now = esp_timer_get_time();
    int64_t wait = self->reboot_at_us != 0 ? 20000 : next_tick - now;
    port_event_t event;
    if (xQueueReceive(self->events, &event, wait <= 0 ? 0 : pdMS_TO_TICKS(wait / 1000) + 1) == pdTRUE) {
      event.run(self, &event);
      after_event(self);
      if (event.done != NULL) xSemaphoreGive(event.done);
    }
    port_log_look(self);
    now = esp_timer_get_time();
    if (now >= next_tick) {
      synapse_device_tick(self->device, (uint64_t)now);
      after_event(self);
      port_discovery_look(self);
      next_tick = now + TICK_US;
    }
    consider_reboot(self, now);
    if (watched) esp_task_wdt_reset();
  }
  if (watched) esp_task_wdt_delete(NULL);
  xSemaphoreGive(self->event_task_ended);
  vTaskDelete(NULL);
}

esp_err_t port_events_start(synapse_esp_handle_t self) {
  return port_task(event_task, "synapse", self->config.tasks.event_stack_bytes, self,
                   self->config.tasks.event_priority, PORT_HELPER_CORE, &self->event_task);
}

static void run_end(synapse_esp_handle_t self, const port_event_t *event) {
  (void)event;
  self->ending = true;
}

void port_events_stop(synapse_esp_handle_t self) {
  if (self->event_task == NULL) return;
  port_post(self, (port_event_t){.run = run_end});
  xSemaphoreTake(self->event_task_ended, portMAX_DELAY);
  self->event_task = NULL;
}
