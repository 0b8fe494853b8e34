/* The inside of test_host's esp-mqtt. All of it under the client's lock, which the client's task holds while it tells
 * of an event, while it connects and while a message comes, as esp-mqtt does. */
#ifndef TEST_HOST_MQTT_CONNECTION_H
#define TEST_HOST_MQTT_CONNECTION_H

#include <pthread.h>
#include <stdatomic.h>

#include "connection.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "mqtt_client.h"
#include "mqtt_packet.h"

typedef enum mqtt_state { MQTT_STATE_INIT, MQTT_STATE_CONNECTED, MQTT_STATE_WAITS, MQTT_STATE_ENDED } mqtt_state_t;

/* A packet that the broker has to acknowledge, or that waits to be sent. */
typedef struct outbox_item {
  struct outbox_item *next;
  uint8_t *bytes;
  size_t count;
  uint16_t id;
  int type, qos;
  bool transmitted;
  int64_t at_us; /* when it was sent last */
} outbox_item_t;

struct esp_mqtt_client {
  pthread_mutex_t lock;
  SemaphoreHandle_t reconnect, stopped;
  TaskHandle_t task;
  atomic_bool run, began, leaves;
  mqtt_state_t state;
  int fd; /* -1: none */
  /* What it was made with; copies. */
  test_host_url_t url;
  char *address, *client_id, *username, *password, *will_topic, *will_message;
  esp_mqtt_client_config_t config; /* its texts are not used */
  esp_mqtt5_connection_property_config_t connect_property;
  const esp_mqtt5_publish_property_config_t *publish_property;     /* of the next one */
  const esp_mqtt5_subscribe_property_config_t *subscribe_property; /* of the next one */
  esp_event_handler_t handler;
  void *argument;
  /* What has come of the packet that is coming. */
  uint8_t *in;
  size_t in_count;
  outbox_item_t *outbox;
  size_t outbox_bytes;
  uint16_t last_id;
  unsigned unacknowledged_max, unacknowledged; /* messages of QoS 1, as the broker says */
  int64_t heard_us;
  bool waits_for_ping;
};

bool mqtt_is_5(esp_mqtt_client_handle_t client);
void mqtt_tell(esp_mqtt_client_handle_t client, esp_mqtt_event_t event);
void mqtt_tell_transport_error(esp_mqtt_client_handle_t client, esp_err_t reason, int error_number);
/* Closes the connection and tells that it is gone, on whichever task this is. */
void mqtt_abort(esp_mqtt_client_handle_t client);
/* Sends; false: it did not go, and the error was told. */
bool mqtt_write(esp_mqtt_client_handle_t client, const uint8_t *bytes, size_t count);
/* Connects and tells of it, or of why not. */
void mqtt_connect(esp_mqtt_client_handle_t client);
/* Takes what has come; false: the connection is of no use any more. */
bool mqtt_receive(esp_mqtt_client_handle_t client);

/* mqtt_outbox.c */
outbox_item_t *mqtt_outbox_add(esp_mqtt_client_handle_t client, mqtt_writer_t packet, uint16_t id, int type, int qos);
outbox_item_t *mqtt_outbox_first(esp_mqtt_client_handle_t client, bool transmitted);
/* Whether there was one. */
bool mqtt_outbox_remove(esp_mqtt_client_handle_t client, uint16_t id, int type);
void mqtt_outbox_clear(esp_mqtt_client_handle_t client);
/* What was sent on the connection before goes out again on this one. */
void mqtt_outbox_requeue(esp_mqtt_client_handle_t client);
/* Sends it; false: the connection is of no use any more. */
bool mqtt_outbox_send(esp_mqtt_client_handle_t client, outbox_item_t *item);

#endif
