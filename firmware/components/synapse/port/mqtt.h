/* MQTT, inside: what the side of the broker (mqtt.c) and the messages that wait for it (mqtt_messages.c) share. */
#ifndef SYNAPSE_PORT_MQTT_H
#define SYNAPSE_PORT_MQTT_H

#include "mqtt_client.h"
#include "port.h"

#define PROPERTIES_MAX 8
#define SUBSCRIPTIONS_MAX 16

typedef enum kind { PUBLISH, SUBSCRIBE, UNSUBSCRIBE } kind_t;

/* One block of memory with all that it points to; texts end with 0. */
typedef struct message {
  struct message *next;
  kind_t kind;
  int qos, retain;
  const char *topic, *content_type;
  const uint8_t *payload, *correlation;
  size_t payload_bytes, correlation_bytes;
  size_t property_count;
  const char *properties[PROPERTIES_MAX * 2];
} message_t;

/* With what to connect; copies. */
typedef struct account {
  char *url, *username, *password, *client_id, *will_topic, *will_payload;
  uint32_t keepalive_s;
} account_t;

struct port_mqtt {
  TaskHandle_t task;
  SemaphoreHandle_t lock, ended;
  SemaphoreHandle_t told, own_told; /* esp-mqtt's task waits for the first, ours for the second */
  /* Of the task. */
  esp_mqtt_client_handle_t client;
  account_t account;
  bool version_3; /* the broker knows no 5 */
  bool linked;    /* to the network */
  unsigned failures;
  int64_t retry_at_us;
  message_t *held;
  /* Told by esp-mqtt's task. */
  atomic_bool connected, lost, old_broker, begun;
  atomic_bool left; /* the broker, for good */
  /* Under the lock. */
  message_t *first;
  size_t count;
  account_t wanted;
  bool account_changed, link, link_changed, ending, leaving;
  /* Numbers of this connection's subscriptions that were sent and not acknowledged yet; 0: none. A broker may be
   * quicker than the task that has sent one, and one of the connection before may be acknowledged on this. */
  int awaited[SUBSCRIPTIONS_MAX], early[SUBSCRIPTIONS_MAX];
  /* Of the event task. */
  char address[320]; /* what `wanted` was made of */
  bool has_broker, is_connected;
  uint32_t receiving; /* the request that a message's pieces belong to; 0: none */
#if CONFIG_MQTT_PROTOCOL_5
  esp_mqtt5_publish_property_config_t publish_property;
  esp_mqtt5_subscribe_property_config_t subscribe_property;
#endif
};

/* mqtt_failure.c; `error` may be NULL. */
void mqtt_explain(const esp_mqtt_error_codes_t *error, char *out, size_t bytes);
int32_t mqtt_publish(void *user, const synapse_device_mqtt_message *message);
void mqtt_subscribe(void *user, synapse_device_text filter, uint32_t on);
char *mqtt_put_text(char **at, synapse_device_text text); /* copies it, with a 0, and moves on */
message_t *mqtt_take(port_mqtt_t *mqtt);                  /* the first; NULL: there is none */
void mqtt_put_back(port_mqtt_t *mqtt, message_t *message); /* as the first */
bool mqtt_is_empty(port_mqtt_t *mqtt);
void mqtt_subscribed(port_mqtt_t *mqtt, int id); /* it was sent */
void mqtt_acknowledged(port_mqtt_t *mqtt, int id);
bool mqtt_awaits_subscriptions(port_mqtt_t *mqtt);
void mqtt_forget_subscriptions(port_mqtt_t *mqtt);
void mqtt_drop_subscriptions(port_mqtt_t *mqtt);
void mqtt_drop_all(port_mqtt_t *mqtt);

#endif
