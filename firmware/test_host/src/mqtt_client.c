/* esp-mqtt's client: a task of its own, and functions that any other task calls. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "esp_timer.h"
#include "mqtt_connection.h"
#include "test_host.h"

#define STACK_BYTES 6144
#define PRIORITY 5
#define READ_POLL_MS 1000
#define RETRANSMIT_US 1000000
#define RECONNECT_MS 10000
#define BUFFER_BYTES 1024
#define US_PER_S 1000000ll

static const uint8_t goodbye[] = {MQTT_DISCONNECT << 4, 0};

static void lock(esp_mqtt_client_handle_t client) { pthread_mutex_lock(&client->lock); }
static void unlock(esp_mqtt_client_handle_t client) { pthread_mutex_unlock(&client->lock); }

static char *copy(const char *text) {
  if (text == NULL) return NULL;
  char *made = strdup(text);
  if (made == NULL) test_host_die("no memory for a client");
  return made;
}

/* --- The task ----------------------------------------------------------------------------------------------------- */

/* False: the connection is of no use any more. */
static bool send_again(esp_mqtt_client_handle_t client, int64_t *last_us) {
  outbox_item_t *item = mqtt_outbox_first(client, false);
  bool waits = item != NULL && item->type == MQTT_PUBLISH && client->unacknowledged >= client->unacknowledged_max;
  if (item != NULL && !waits) return mqtt_outbox_send(client, item);
  int64_t now = esp_timer_get_time();
  if (now - *last_us < RETRANSMIT_US) return true;
  *last_us = now;
  item = mqtt_outbox_first(client, true);
  if (item == NULL || now - item->at_us <= RETRANSMIT_US) return true;
  return mqtt_outbox_send(client, item);
}

static bool keep_alive(esp_mqtt_client_handle_t client) {
  int64_t silent = esp_timer_get_time() - client->heard_us;
  int64_t keepalive_us = client->config.session.keepalive * US_PER_S;
  if (keepalive_us == 0) return true;
  if (client->waits_for_ping) return silent < keepalive_us;
  if (silent < keepalive_us / 2) return true;
  static const uint8_t ping[] = {MQTT_PINGREQ << 4, 0};
  client->waits_for_ping = true;
  return mqtt_write(client, ping, sizeof ping);
}

static void client_task(void *argument) {
  esp_mqtt_client_handle_t client = argument;
  int64_t last_us = esp_timer_get_time();
  atomic_store(&client->began, true);
  while (atomic_load(&client->run)) {
    lock(client);
    if (client->state == MQTT_STATE_INIT) {
      atomic_store(&client->leaves, false);
      mqtt_connect(client);
    } else if (client->state == MQTT_STATE_CONNECTED && atomic_exchange(&client->leaves, false)) {
      mqtt_write(client, goodbye, sizeof goodbye);
      mqtt_abort(client);
    } else if (client->state == MQTT_STATE_CONNECTED) {
      if (!mqtt_receive(client) || !send_again(client, &last_us) || !keep_alive(client)) mqtt_abort(client);
    }
    mqtt_state_t state = client->state;
    int fd = client->fd;
    unlock(client);
    if (state == MQTT_STATE_CONNECTED) {
      struct pollfd readable = {.fd = fd, .events = POLLIN};
      poll(&readable, 1, READ_POLL_MS);
    } else if (state == MQTT_STATE_WAITS) {
      /* Nothing else wakes it, not even who wants to stop it. */
      bool wanted = xSemaphoreTake(client->reconnect, pdMS_TO_TICKS(client->config.network.reconnect_timeout_ms / 2));
      lock(client);
      if (wanted && client->state == MQTT_STATE_WAITS) client->state = MQTT_STATE_INIT;
      unlock(client);
    }
  }
  if (client->fd >= 0) test_host_disconnect(client->fd);
  client->fd = -1;
  mqtt_outbox_clear(client);
  xSemaphoreGive(client->stopped);
  vTaskDelete(NULL);
}

/* --- Made, started, stopped --------------------------------------------------------------------------------------- */

esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *config) {
  esp_mqtt_client_handle_t client = calloc(1, sizeof *client);
  if (client == NULL) return NULL;
  client->address = copy(config->broker.address.uri);
  if (!test_host_parse_url(client->address, &client->url)) {
    free(client->address);
    free(client);
    return NULL;
  }
  client->config = *config;
  if (client->config.buffer.size == 0) client->config.buffer.size = BUFFER_BYTES;
  if (client->config.network.reconnect_timeout_ms == 0) client->config.network.reconnect_timeout_ms = RECONNECT_MS;
  client->client_id = copy(config->credentials.client_id);
  char *colon = strchr(client->url.user, ':');
  if (colon != NULL) *colon = 0;
  const char *username = config->credentials.username, *password = config->credentials.authentication.password;
  client->username = copy(username != NULL ? username : client->url.user[0] != 0 ? client->url.user : NULL);
  client->password = copy(password != NULL ? password : colon != NULL ? colon + 1 : NULL);
  client->will_topic = copy(config->session.last_will.topic);
  client->will_message = copy(config->session.last_will.msg);
  client->in = malloc((size_t)client->config.buffer.size);
  client->reconnect = xSemaphoreCreateBinary();
  client->stopped = xSemaphoreCreateBinary();
  client->fd = -1;
  pthread_mutexattr_t recursive;
  pthread_mutexattr_init(&recursive);
  pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&client->lock, &recursive);
  pthread_mutexattr_destroy(&recursive);
  return client;
}

esp_err_t esp_mqtt_client_register_event(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t event,
                                         esp_event_handler_t handler, void *argument) {
  if (event != MQTT_EVENT_ANY) test_host_die("test_host tells of all events, or of none");
  client->handler = handler;
  client->argument = argument;
  return ESP_OK;
}

esp_err_t esp_mqtt_client_start(esp_mqtt_client_handle_t client) {
  atomic_store(&client->run, true);
  BaseType_t made = xTaskCreatePinnedToCore(client_task, "mqtt_task", STACK_BYTES, client, PRIORITY, &client->task,
                                            tskNO_AFFINITY);
  return made == pdPASS ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_mqtt_client_disconnect(esp_mqtt_client_handle_t client) {
  atomic_store(&client->leaves, true);
  return ESP_OK;
}

esp_err_t esp_mqtt_client_reconnect(esp_mqtt_client_handle_t client) {
  if (client->state != MQTT_STATE_WAITS) return ESP_FAIL;
  xSemaphoreGive(client->reconnect);
  return ESP_OK;
}

esp_err_t esp_mqtt_client_stop(esp_mqtt_client_handle_t client) {
  lock(client);
  /* esp-mqtt would not stop it. */
  if (!atomic_load(&client->began)) test_host_die("a client was stopped before its task ran");
  if (!atomic_load(&client->run)) {
    unlock(client);
    return ESP_FAIL;
  }
  if (xTaskGetCurrentTaskHandle() == client->task) test_host_die("a client was stopped by its own task");
  if (client->state == MQTT_STATE_CONNECTED) mqtt_write(client, goodbye, sizeof goodbye);
  atomic_store(&client->run, false);
  client->state = MQTT_STATE_ENDED;
  unlock(client);
  xSemaphoreTake(client->stopped, portMAX_DELAY);
  return ESP_OK;
}

esp_err_t esp_mqtt_client_destroy(esp_mqtt_client_handle_t client) {
  if (atomic_load(&client->run)) esp_mqtt_client_stop(client);
  char *texts[] = {client->address,  client->client_id,  client->username,
                   client->password, client->will_topic, client->will_message};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(texts[i]);
  mqtt_outbox_clear(client);
  free(client->in);
  vSemaphoreDelete(client->reconnect);
  vSemaphoreDelete(client->stopped);
  pthread_mutex_destroy(&client->lock);
  free(client);
  return ESP_OK;
}

/* --- What the client is told -------------------------------------------------------------------------------------- */

esp_err_t esp_mqtt5_client_set_connect_property(esp_mqtt5_client_handle_t client,
                                                const esp_mqtt5_connection_property_config_t *property) {
  client->connect_property = *property;
  return ESP_OK;
}

esp_err_t esp_mqtt5_client_set_publish_property(esp_mqtt5_client_handle_t client,
                                                const esp_mqtt5_publish_property_config_t *property) {
  client->publish_property = property;
  return ESP_OK;
}

esp_err_t esp_mqtt5_client_set_subscribe_property(esp_mqtt5_client_handle_t client,
                                                  const esp_mqtt5_subscribe_property_config_t *property) {
  client->subscribe_property = property;
  return ESP_OK;
}

static uint16_t next_id(esp_mqtt_client_handle_t client) {
  if (++client->last_id == 0) client->last_id = 1;
  return client->last_id;
}

/* Puts it into the outbox and sends it; its id, or -1. */
static int ask(esp_mqtt_client_handle_t client, uint16_t id, mqtt_writer_t *body, int type) {
  outbox_item_t *item = mqtt_outbox_add(client, mqtt_packet((uint8_t)(type << 4 | 2), body), id, type, 1);
  return mqtt_outbox_send(client, item) ? id : -1;
}

int esp_mqtt_client_subscribe_single(esp_mqtt_client_handle_t client, const char *filter, int qos) {
  if (client->state != MQTT_STATE_CONNECTED) return -1;
  lock(client);
  uint16_t id = next_id(client);
  mqtt_writer_t body = {0};
  unsigned options = (unsigned)qos;
  mqtt_put_u16(&body, id);
  if (mqtt_is_5(client)) {
    mqtt_put_length(&body, 0);
    const esp_mqtt5_subscribe_property_config_t *given = client->subscribe_property;
    if (given != NULL) options |= (given->no_local_flag ? 0x04 : 0) | (given->retain_as_published_flag ? 0x08 : 0);
    client->subscribe_property = NULL;
  }
  mqtt_put_string(&body, filter);
  mqtt_put_byte(&body, (uint8_t)options);
  int result = client->state == MQTT_STATE_CONNECTED ? ask(client, id, &body, MQTT_SUBSCRIBE) : -1;
  free(body.bytes);
  unlock(client);
  return result;
}

int esp_mqtt_client_unsubscribe(esp_mqtt_client_handle_t client, const char *filter) {
  if (client->state != MQTT_STATE_CONNECTED) return -1;
  lock(client);
  uint16_t id = next_id(client);
  mqtt_writer_t body = {0};
  mqtt_put_u16(&body, id);
  if (mqtt_is_5(client)) mqtt_put_length(&body, 0);
  mqtt_put_string(&body, filter);
  int result = client->state == MQTT_STATE_CONNECTED ? ask(client, id, &body, MQTT_UNSUBSCRIBE) : -1;
  free(body.bytes);
  unlock(client);
  return result;
}

static void put_publish_properties(mqtt_writer_t *body, const esp_mqtt5_publish_property_config_t *given) {
  mqtt_writer_t properties = {0};
  if (given != NULL && given->content_type != NULL) {
    mqtt_put_byte(&properties, MQTT_PROPERTY_CONTENT_TYPE);
    mqtt_put_string(&properties, given->content_type);
  }
  if (given != NULL && given->correlation_data != NULL) {
    mqtt_put_byte(&properties, MQTT_PROPERTY_CORRELATION);
    mqtt_put_block(&properties, given->correlation_data, given->correlation_data_len);
  }
  uint8_t count = given == NULL ? 0 : esp_mqtt5_client_get_user_property_count(given->user_property);
  esp_mqtt5_user_property_item_t *pairs = calloc(count + 1u, sizeof *pairs);
  if (count > 0) esp_mqtt5_client_get_user_property(given->user_property, pairs, &count);
  for (uint8_t i = 0; i < count; i++) {
    mqtt_put_byte(&properties, MQTT_PROPERTY_USER);
    mqtt_put_string(&properties, pairs[i].key);
    mqtt_put_string(&properties, pairs[i].value);
    free((char *)pairs[i].key);
    free((char *)pairs[i].value);
  }
  free(pairs);
  mqtt_put_properties(body, &properties);
  free(properties.bytes);
}

static int publish(esp_mqtt_client_handle_t client, mqtt_writer_t packet, uint16_t id, int qos) {
  bool connected = client->state == MQTT_STATE_CONNECTED;
  if (qos == 0) {
    bool sent = connected && mqtt_write(client, packet.bytes, packet.count);
    free(packet.bytes);
    if (connected && !sent) mqtt_abort(client);
    return sent ? 0 : -1;
  }
  outbox_item_t *item = mqtt_outbox_add(client, packet, id, MQTT_PUBLISH, qos);
  if (!connected || client->unacknowledged >= client->unacknowledged_max) return id;
  if (mqtt_outbox_send(client, item)) return id;
  /* On the caller's task, as esp-mqtt does. */
  mqtt_abort(client);
  return -1;
}

int esp_mqtt_client_publish(esp_mqtt_client_handle_t client, const char *topic, const char *data, int bytes, int qos,
                            int retain) {
  lock(client);
  /* No length means a text. */
  size_t count = bytes > 0 ? (size_t)bytes : data == NULL ? 0 : strlen(data);
  uint64_t limit = client->config.outbox.limit;
  if (limit > 0 && qos > 0 && count + client->outbox_bytes > limit) {
    unlock(client);
    return -2;
  }
  uint16_t id = qos > 0 ? next_id(client) : 0;
  mqtt_writer_t body = {0};
  mqtt_put_string(&body, topic);
  if (qos > 0) mqtt_put_u16(&body, id);
  if (mqtt_is_5(client)) put_publish_properties(&body, client->publish_property);
  client->publish_property = NULL;
  mqtt_put_bytes(&body, data, count);
  uint8_t first = (uint8_t)(MQTT_PUBLISH << 4 | qos << 1 | (retain ? 1 : 0));
  int result = publish(client, mqtt_packet(first, &body), id, qos);
  unlock(client);
  return result;
}
