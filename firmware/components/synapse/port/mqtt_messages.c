/* What the core publishes, until the broker's side takes it. */
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "mqtt.h"

/* Messages that wait for the broker; more are refused. */
#define MESSAGES_MAX 64

char *mqtt_put_text(char **at, synapse_device_text text) {
  char *start = *at;
  if (text.bytes > 0) memcpy(start, text.data, text.bytes);
  start[text.bytes] = 0;
  *at += text.bytes + 1;
  return start;
}

static message_t *copy_message(kind_t kind, const synapse_device_mqtt_message *from) {
  size_t count = from->property_count < PROPERTIES_MAX ? from->property_count : PROPERTIES_MAX;
  size_t bytes = sizeof(message_t) + from->topic.bytes + from->content_type.bytes + from->correlation.bytes +
                 from->payload_bytes + 4;
  for (size_t i = 0; i < count; i++) bytes += from->properties[i].name.bytes + from->properties[i].value.bytes + 2;
  message_t *message = port_malloc(bytes);
  if (message == NULL) return NULL;
  char *at = (char *)(message + 1);
  synapse_device_text payload = {.data = (const char *)from->payload, .bytes = from->payload_bytes};
  *message = (message_t){.kind = kind,
                         .qos = (int)from->qos,
                         .retain = (int)from->retain,
                         .payload_bytes = from->payload_bytes,
                         .correlation_bytes = from->correlation.bytes,
                         .property_count = count};
  message->topic = mqtt_put_text(&at, from->topic);
  message->content_type = mqtt_put_text(&at, from->content_type);
  message->correlation = (uint8_t *)mqtt_put_text(&at, from->correlation);
  message->payload = (uint8_t *)mqtt_put_text(&at, payload);
  for (size_t i = 0; i < count; i++) {
    message->properties[2 * i] = mqtt_put_text(&at, from->properties[i].name);
    message->properties[2 * i + 1] = mqtt_put_text(&at, from->properties[i].value);
  }
  return message;
}

/* Removes those that `useless` names, under the lock. */
static void sweep(port_mqtt_t *mqtt, bool (*useless)(const message_t *each, const message_t *than),
                  const message_t *than) {
  message_t **at = &mqtt->first;
  while (*at != NULL) {
    message_t *each = *at;
    if (useless(each, than)) {
      *at = each->next;
      mqtt->count--;
      heap_caps_free(each);
    } else {
      at = &each->next;
    }
  }
}

/* A retained message takes the place of one like it that still waits: on a link that breaks again and again, the status
 * of each connection would else take all the room. */
static bool is_older(const message_t *each, const message_t *than) {
  return each->kind == PUBLISH && each->retain && each->qos == than->qos && strcmp(each->topic, than->topic) == 0;
}

static bool is_subscription(const message_t *each, const message_t *than) {
  (void)than;
  return each->kind != PUBLISH;
}

static bool is_any(const message_t *each, const message_t *than) {
  (void)each;
  (void)than;
  return true;
}

/* At the end; subscriptions before what is published, for what waited for this connection must not come before them. */
static void insert(port_mqtt_t *mqtt, message_t *message) {
  message_t **at = &mqtt->first;
  while (*at != NULL && (message->kind == PUBLISH || (*at)->kind != PUBLISH)) at = &(*at)->next;
  message->next = *at;
  *at = message;
  mqtt->count++;
}

static int32_t append(port_mqtt_t *mqtt, message_t *message) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  if (message->kind == PUBLISH && message->retain) sweep(mqtt, is_older, message);
  /* Subscriptions are few, and the board would not be heard without. */
  bool room = mqtt->count < MESSAGES_MAX || message->kind != PUBLISH;
  if (room) {
    insert(mqtt, message);
  }
  if (room && mqtt->task != NULL) xTaskNotifyGive(mqtt->task);
  xSemaphoreGive(mqtt->lock);
  return room ? 0 : -1;
}

int32_t mqtt_publish(void *user, const synapse_device_mqtt_message *message) {
  synapse_esp_handle_t self = user;
  port_mqtt_t *mqtt = self->mqtt;
  if (!mqtt->has_broker) return -1;
  /* It would wait for room for ever, and all others behind it. */
  if (message->payload_bytes > self->config.mqtt.outbox_bytes_max) {
    ESP_LOGE(PORT_TAG, "a message of %zu bytes does not fit the outbox, which has %zu", message->payload_bytes,
             self->config.mqtt.outbox_bytes_max);
    return -1;
  }
  if (message->qos == 0 && !mqtt->is_connected) return 0;
  message_t *copy = copy_message(PUBLISH, message);
  if (copy == NULL) return -1;
  int32_t result = append(mqtt, copy);
  if (result != 0) heap_caps_free(copy);
  return result;
}

void mqtt_subscribe(void *user, synapse_device_text filter, uint32_t on) {
  port_mqtt_t *mqtt = ((synapse_esp_handle_t)user)->mqtt;
  synapse_device_mqtt_message message = {.topic = filter};
  message_t *copy = copy_message(on ? SUBSCRIBE : UNSUBSCRIBE, &message);
  if (copy == NULL)
    ESP_LOGE(PORT_TAG, "no memory to subscribe to %.*s", (int)filter.bytes, filter.data);
  else
    append(mqtt, copy);
}

message_t *mqtt_take(port_mqtt_t *mqtt) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  message_t *message = mqtt->first;
  if (message != NULL) {
    mqtt->first = message->next;
    mqtt->count--;
  }
  xSemaphoreGive(mqtt->lock);
  return message;
}

void mqtt_put_back(port_mqtt_t *mqtt, message_t *message) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  message->next = mqtt->first;
  mqtt->first = message;
  mqtt->count++;
  xSemaphoreGive(mqtt->lock);
}

bool mqtt_is_empty(port_mqtt_t *mqtt) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  bool empty = mqtt->first == NULL;
  xSemaphoreGive(mqtt->lock);
  return empty;
}

/* Puts `to` in the place of the first `from`; false: there is none. */
static bool replace(int *ids, int from, int to) {
  for (size_t i = 0; i < SUBSCRIPTIONS_MAX; i++) {
    if (ids[i] != from) continue;
    ids[i] = to;
    return true;
  }
  return false;
}

void mqtt_subscribed(port_mqtt_t *mqtt, int id) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  /* Where there is no room for its number, nothing waits for it. */
  if (!replace(mqtt->early, id, 0)) replace(mqtt->awaited, 0, id);
  xSemaphoreGive(mqtt->lock);
}

void mqtt_acknowledged(port_mqtt_t *mqtt, int id) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  if (!replace(mqtt->awaited, id, 0)) replace(mqtt->early, 0, id);
  xSemaphoreGive(mqtt->lock);
}

bool mqtt_awaits_subscriptions(port_mqtt_t *mqtt) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  bool awaits = false;
  for (size_t i = 0; i < SUBSCRIPTIONS_MAX; i++) awaits |= mqtt->awaited[i] != 0;
  xSemaphoreGive(mqtt->lock);
  return awaits;
}

void mqtt_forget_subscriptions(port_mqtt_t *mqtt) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  memset(mqtt->awaited, 0, sizeof mqtt->awaited);
  memset(mqtt->early, 0, sizeof mqtt->early);
  xSemaphoreGive(mqtt->lock);
}

void mqtt_drop_subscriptions(port_mqtt_t *mqtt) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  sweep(mqtt, is_subscription, NULL);
  xSemaphoreGive(mqtt->lock);
}

void mqtt_drop_all(port_mqtt_t *mqtt) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  sweep(mqtt, is_any, NULL);
  xSemaphoreGive(mqtt->lock);
}
