/* What the broker has not acknowledged. */
#include <stdlib.h>

#include "esp_timer.h"
#include "mqtt_connection.h"
#include "test_host.h"

#define DUPLICATE 0x08

outbox_item_t *mqtt_outbox_add(esp_mqtt_client_handle_t client, mqtt_writer_t packet, uint16_t id, int type, int qos) {
  outbox_item_t *item = calloc(1, sizeof *item);
  if (item == NULL) test_host_die("no memory for the outbox");
  *item = (outbox_item_t){.bytes = packet.bytes, .count = packet.count, .id = id, .type = type, .qos = qos};
  outbox_item_t **at = &client->outbox;
  while (*at != NULL) at = &(*at)->next;
  *at = item;
  client->outbox_bytes += item->count;
  return item;
}

outbox_item_t *mqtt_outbox_first(esp_mqtt_client_handle_t client, bool transmitted) {
  outbox_item_t *item = client->outbox;
  while (item != NULL && item->transmitted != transmitted) item = item->next;
  return item;
}

static void remove_at(esp_mqtt_client_handle_t client, outbox_item_t **at) {
  outbox_item_t *item = *at;
  *at = item->next;
  client->outbox_bytes -= item->count;
  free(item->bytes);
  free(item);
}

bool mqtt_outbox_remove(esp_mqtt_client_handle_t client, uint16_t id, int type) {
  for (outbox_item_t **at = &client->outbox; *at != NULL; at = &(*at)->next) {
    if ((*at)->id != id || (*at)->type != type) continue;
    remove_at(client, at);
    return true;
  }
  return false;
}

void mqtt_outbox_clear(esp_mqtt_client_handle_t client) {
  while (client->outbox != NULL) remove_at(client, &client->outbox);
}

void mqtt_outbox_requeue(esp_mqtt_client_handle_t client) {
  client->unacknowledged = 0;
  for (outbox_item_t *item = client->outbox; item != NULL; item = item->next) {
    if (item->transmitted && item->type == MQTT_PUBLISH) item->bytes[0] |= DUPLICATE;
    item->transmitted = false;
  }
}

bool mqtt_outbox_send(esp_mqtt_client_handle_t client, outbox_item_t *item) {
  if (item->transmitted && item->type == MQTT_PUBLISH) item->bytes[0] |= DUPLICATE;
  if (!item->transmitted && item->type == MQTT_PUBLISH) client->unacknowledged++;
  item->transmitted = true;
  item->at_us = esp_timer_get_time();
  return mqtt_write(client, item->bytes, item->count);
}
