/* The default event loop: one thread that calls handlers in the order in which they were registered. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "esp_event.h"
#include "freertos/queue.h"
#include "freertos/task.h"
#include "test_host.h"

#define QUEUE_LENGTH 32
#define HANDLERS_MAX 64
#define STACK_BYTES 4096

typedef struct event {
  esp_event_base_t base;
  int32_t id;
  void *data; /* a copy; NULL: none */
} event_t;

typedef struct handler {
  bool used;
  esp_event_base_t base;
  int32_t id;
  esp_event_handler_t run;
  void *argument;
} handler_t;

static QueueHandle_t queue;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static handler_t handlers[HANDLERS_MAX];

static bool hears(const handler_t *handler, const event_t *event) {
  return handler->used && (handler->base == ESP_EVENT_ANY_BASE || handler->base == event->base) &&
         (handler->id == ESP_EVENT_ANY_ID || handler->id == event->id);
}

static void loop_task(void *argument) {
  (void)argument;
  for (;;) {
    event_t event;
    if (xQueueReceive(queue, &event, portMAX_DELAY) != pdTRUE) continue;
    for (size_t i = 0; i < HANDLERS_MAX; i++) {
      pthread_mutex_lock(&lock);
      handler_t handler = handlers[i];
      pthread_mutex_unlock(&lock);
      if (hears(&handler, &event)) handler.run(handler.argument, event.base, event.id, event.data);
    }
    free(event.data);
  }
}

esp_err_t esp_event_loop_create_default(void) {
  if (queue != NULL) return ESP_ERR_INVALID_STATE;
  queue = xQueueCreate(QUEUE_LENGTH, sizeof(event_t));
  BaseType_t made = xTaskCreatePinnedToCore(loop_task, "sys_evt", STACK_BYTES, NULL, 20, NULL, 0);
  return made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM;
}

esp_err_t esp_event_handler_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *argument) {
  pthread_mutex_lock(&lock);
  esp_err_t result = ESP_ERR_NO_MEM;
  for (size_t i = 0; i < HANDLERS_MAX && result != ESP_OK; i++) {
    if (handlers[i].used) continue;
    handlers[i] = (handler_t){.used = true, .base = base, .id = id, .run = handler, .argument = argument};
    result = ESP_OK;
  }
  pthread_mutex_unlock(&lock);
  return result;
}

esp_err_t esp_event_post(esp_event_base_t base, int32_t id, const void *data, size_t bytes, TickType_t ticks) {
  if (queue == NULL) return ESP_ERR_INVALID_STATE;
  event_t event = {.base = base, .id = id};
  if (bytes > 0) {
    event.data = malloc(bytes);
    if (event.data == NULL) return ESP_ERR_NO_MEM;
    memcpy(event.data, data, bytes);
  }
  if (xQueueSend(queue, &event, ticks) == pdTRUE) return ESP_OK;
  free(event.data);
  return ESP_ERR_TIMEOUT;
}
