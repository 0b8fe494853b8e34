/* MQTT over esp-mqtt, whose own task holds the client's lock while it tells of an event. So nothing here asks the
 * client for anything on the event task: what the core publishes waits in a list, and one task of ours sends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_random.h"
#include "esp_timer.h"
#include "mqtt.h"
#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
#include "esp_crt_bundle.h"
#endif

#define STACK_BYTES 5120
#define PRIORITY 5
#define BUFFER_BYTES 4096
/* As include/synapse_device.h asks: the core remembers more commands than this, so none that comes again runs again. */
#define UNACKNOWLEDGED_MAX 16
#define SESSION_EXPIRY_S 86400
/* As large as a packet can be: a message comes in pieces, and the core says which ones are too long. */
#define PACKET_BYTES_MAX 268435460
#define RECONNECT_US 1000000
#define RECONNECT_DOUBLINGS_MAX 5
#define LOOK_MS 20
#define IDLE_MS 500
#define BEGIN_TRIES 50
#define NETWORK_MS 10000
/* While esp-mqtt waits to be told to connect again, it looks after half of this whether it was stopped meanwhile. */
#define STOP_MS 200

/* The task may have been told to end meanwhile. */
static void wake(port_mqtt_t *mqtt) {
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  if (mqtt->task != NULL) xTaskNotifyGive(mqtt->task);
  xSemaphoreGive(mqtt->lock);
}

/* --- What the broker says: esp-mqtt's task asks the event task, and waits ----------------------------------------- */

static void run_connected(synapse_esp_handle_t self, const port_event_t *event) {
  self->mqtt->is_connected = true;
  synapse_device_mqtt_connected(self->device, event->value);
  synapse_esp_link_event_t link = {.broker = true};
  port_tell(SYNAPSE_ESP_EVENT_LINK, &link, sizeof link);
}

static void run_disconnected(synapse_esp_handle_t self, const port_event_t *event) {
  port_mqtt_t *mqtt = self->mqtt;
  (void)event;
  bool was = mqtt->is_connected;
  mqtt->is_connected = false;
  if (mqtt->receiving != 0) synapse_device_request_closed(self->device, mqtt->receiving);
  mqtt->receiving = 0;
  /* They were this connection's; the next one begins with its own. */
  mqtt_drop_subscriptions(mqtt);
  synapse_device_mqtt_disconnected(self->device);
  synapse_esp_link_event_t link = {.broker = false};
  if (was) port_tell(SYNAPSE_ESP_EVENT_LINK, &link, sizeof link);
}

static void run_failed(synapse_esp_handle_t self, const port_event_t *event) {
  synapse_device_mqtt_failed(self->device, port_text(event->bytes));
}

static synapse_device_text part(const char *data, int bytes) {
  return (synapse_device_text){.data = data, .bytes = data == NULL || bytes < 0 ? 0 : (size_t)bytes};
}

#if CONFIG_MQTT_PROTOCOL_5
static size_t read_properties(const esp_mqtt5_event_property_t *from, synapse_device_mqtt_message *message,
                              esp_mqtt5_user_property_item_t *items, synapse_device_header *headers) {
  if (from == NULL) return 0;
  message->content_type = part(from->content_type, from->content_type_len);
  message->response_topic = part(from->response_topic, from->response_topic_len);
  message->correlation = part(from->correlation_data, from->correlation_data_len);
  uint8_t count = PROPERTIES_MAX;
  if (from->user_property == NULL || esp_mqtt5_client_get_user_property_count(from->user_property) == 0 ||
      esp_mqtt5_client_get_user_property(from->user_property, items, &count) != ESP_OK)
    return 0;
  for (uint8_t i = 0; i < count; i++)
    headers[i] = (synapse_device_header){.name = port_text(items[i].key), .value = port_text(items[i].value)};
  message->properties = headers;
  message->property_count = count;
  return count;
}
#endif

/* A message, or a piece of one. */
static void run_data(synapse_esp_handle_t self, const port_event_t *event) {
  port_mqtt_t *mqtt = self->mqtt;
  const esp_mqtt_event_t *from = event->object;
  if (from->current_data_offset == 0) {
    /* esp-mqtt leaves a message whose rest does not come in time, without a word. */
    if (mqtt->receiving != 0) synapse_device_request_closed(self->device, mqtt->receiving);
    mqtt->receiving = port_number(self);
    synapse_device_mqtt_message message = {.size = sizeof message,
                                           .qos = from->qos > 0 ? 1 : 0,
                                           .retain = from->retain,
                                           .duplicate = from->dup,
                                           .packet_id = from->qos > 0 ? (uint32_t)from->msg_id : 0,
                                           .topic = part(from->topic, from->topic_len),
                                           .payload = (const uint8_t *)from->data,
                                           .payload_bytes = (size_t)from->data_len,
                                           .total_bytes = (uint64_t)from->total_data_len};
#if CONFIG_MQTT_PROTOCOL_5
    esp_mqtt5_user_property_item_t items[PROPERTIES_MAX] = {0};
    synapse_device_header headers[PROPERTIES_MAX];
    bool has_properties = from->protocol_ver == MQTT_PROTOCOL_V_5;
    size_t count = has_properties ? read_properties(from->property, &message, items, headers) : 0;
#endif
    synapse_device_mqtt_received(self->device, mqtt->receiving, &message);
#if CONFIG_MQTT_PROTOCOL_5
    for (size_t i = 0; i < count; i++) {
      free((char *)items[i].key);
      free((char *)items[i].value);
    }
#endif
  } else if (mqtt->receiving != 0) {
    synapse_device_body_chunk(self->device, mqtt->receiving, (const uint8_t *)from->data, (size_t)from->data_len);
  }
  if (mqtt->receiving == 0 || from->current_data_offset + from->data_len < from->total_data_len) return;
  synapse_device_request_end(self->device, mqtt->receiving);
  mqtt->receiving = 0;
}

static void tell_failure(synapse_esp_handle_t self, const esp_mqtt_error_codes_t *error) {
  bool refused = error != NULL && error->error_type == MQTT_ERROR_TYPE_CONNECTION_REFUSED;
  int code = refused ? (int)error->connect_return_code : 0;
  if (refused && !self->mqtt->version_3 && (code == MQTT_CONNECTION_REFUSE_PROTOCOL || code == 0x84)) {
    atomic_store(&self->mqtt->old_broker, true);
    wake(self->mqtt);
    return;
  }
  char detail[160];
  mqtt_explain(error, detail, sizeof detail);
  port_ask(self, (port_event_t){.run = run_failed, .bytes = detail}, self->mqtt->told);
}

static void handle_event(void *argument, esp_event_base_t base, int32_t id, void *data) {
  synapse_esp_handle_t self = argument;
  port_mqtt_t *mqtt = self->mqtt;
  esp_mqtt_event_t *event = data;
  (void)base;
  switch ((esp_mqtt_event_id_t)id) {
    case MQTT_EVENT_CONNECTED:
      mqtt_forget_subscriptions(mqtt);
      port_ask(self, (port_event_t){.run = run_connected, .value = mqtt->version_3 ? 4 : 5}, mqtt->told);
      /* Only now: the core's subscriptions stand before what waited. */
      atomic_store(&mqtt->connected, true);
      break;
    case MQTT_EVENT_DISCONNECTED:
      atomic_store(&mqtt->connected, false);
      port_ask(self, (port_event_t){.run = run_disconnected}, mqtt->told);
      atomic_store(&mqtt->lost, true);
      break;
    case MQTT_EVENT_SUBSCRIBED:
      /* A broker that refuses a subscription does not keep the board from talking. */
      mqtt_acknowledged(mqtt, event->msg_id);
      break;
    case MQTT_EVENT_BEFORE_CONNECT:
      atomic_store(&mqtt->begun, true);
      return;
    case MQTT_EVENT_DATA:
      port_ask(self, (port_event_t){.run = run_data, .object = event}, mqtt->told);
      break;
    case MQTT_EVENT_ERROR:
      tell_failure(self, event->error_handle);
      break;
    default:
      return;
  }
  wake(mqtt);
}

/* --- The task that talks to the client ---------------------------------------------------------------------------- */

static void free_account(account_t *account) {
  char *texts[] = {account->url,       account->username,   account->password,
                   account->client_id, account->will_topic, account->will_payload};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(texts[i]);
  *account = (account_t){0};
}

static const char *or_null(const char *text) { return text == NULL || text[0] == 0 ? NULL : text; }

static void forget_client(port_mqtt_t *mqtt) {
  if (mqtt->client == NULL) return;
  /* A client whose task has not run yet is not stopped, and its task would run without it. It ends by itself, without
   * this event, where the address has a scheme that esp-mqtt does not know. */
  for (int i = 0; i < BEGIN_TRIES && !atomic_load(&mqtt->begun); i++) vTaskDelay(pdMS_TO_TICKS(LOOK_MS));
  esp_mqtt_client_stop(mqtt->client);
  esp_mqtt_client_destroy(mqtt->client);
  mqtt->client = NULL;
  atomic_store(&mqtt->connected, false);
  atomic_store(&mqtt->lost, false);
}

static void make_client(synapse_esp_handle_t self) {
  port_mqtt_t *mqtt = self->mqtt;
  const account_t *account = &mqtt->account;
  if (account->url == NULL || !mqtt->linked) return;
  esp_mqtt_client_config_t config = {
      .broker.address.uri = account->url,
      .broker.verification.certificate = self->config.mqtt.ca_pem,
#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
      .broker.verification.crt_bundle_attach = self->config.mqtt.ca_pem == NULL ? esp_crt_bundle_attach : NULL,
#endif
      .credentials = {.username = or_null(account->username),
                      .client_id = account->client_id,
                      .authentication = {.password = or_null(account->password),
                                         .certificate = self->config.mqtt.certificate_pem,
                                         .key = self->config.mqtt.key_pem}},
      .session = {.last_will = {.topic = account->will_topic, .msg = account->will_payload, .qos = 1, .retain = 1},
                  .disable_clean_session = true,
                  .keepalive = (int)account->keepalive_s,
                  .protocol_ver = mqtt->version_3 ? MQTT_PROTOCOL_V_3_1_1 : MQTT_PROTOCOL_V_5},
      .network = {.timeout_ms = NETWORK_MS, .reconnect_timeout_ms = STOP_MS, .disable_auto_reconnect = true},
      .buffer = {.size = BUFFER_BYTES, .out_size = BUFFER_BYTES},
      .outbox.limit = self->config.mqtt.outbox_bytes_max,
  };
  mqtt->client = esp_mqtt_client_init(&config);
  if (mqtt->client == NULL) {
    char detail[] = "the broker's address is malformed, or there is no memory for its client";
    port_ask(self, (port_event_t){.run = run_failed, .bytes = detail}, mqtt->own_told);
    return;
  }
#if CONFIG_MQTT_PROTOCOL_5
  esp_mqtt5_connection_property_config_t property = {.session_expiry_interval = SESSION_EXPIRY_S,
                                                     .receive_maximum = UNACKNOWLEDGED_MAX,
                                                     .maximum_packet_size = PACKET_BYTES_MAX};
  if (!mqtt->version_3 && esp_mqtt5_client_set_connect_property(mqtt->client, &property) != ESP_OK) {
    /* The client of ESP-IDF 5.5 takes no more than its buffer has room for. */
    property.maximum_packet_size = 0;
    esp_mqtt5_client_set_connect_property(mqtt->client, &property);
  }
#endif
  esp_mqtt_client_register_event(mqtt->client, MQTT_EVENT_ANY, handle_event, self);
  mqtt->failures = 0;
  mqtt->retry_at_us = 0;
  atomic_store(&mqtt->begun, false);
  if (esp_mqtt_client_start(mqtt->client) != ESP_OK) forget_client(mqtt);
}

/* Says goodbye when all is sent that was to be said; the broker then does not tell the will. */
static bool leave(port_mqtt_t *mqtt) {
  if (atomic_load(&mqtt->connected) && (mqtt->held != NULL || !mqtt_is_empty(mqtt))) return true;
  forget_client(mqtt);
  atomic_store(&mqtt->left, true);
  return true;
}

/* Another address may follow, to which the broker's answers do not come. The client stays, because it has messages that
 * were not acknowledged. */
static void follow_link(port_mqtt_t *mqtt) {
  if (atomic_load(&mqtt->connected)) esp_mqtt_client_disconnect(mqtt->client);
  mqtt->failures = 0;
  if (mqtt->retry_at_us != 0) mqtt->retry_at_us = esp_timer_get_time();
}

/* What the event task has asked for; false when this is the end. */
static bool follow(synapse_esp_handle_t self) {
  port_mqtt_t *mqtt = self->mqtt;
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  bool ending = mqtt->ending, leaving = mqtt->leaving;
  bool changed = mqtt->account_changed, link_changed = mqtt->link_changed;
  mqtt->account_changed = mqtt->link_changed = false;
  mqtt->linked = mqtt->link;
  account_t wanted = mqtt->wanted;
  if (changed) mqtt->wanted = (account_t){0};
  xSemaphoreGive(mqtt->lock);
  if (ending) {
    if (changed) free_account(&wanted);
    return false;
  }
  if (leaving) return leave(mqtt);
  bool old_broker = atomic_exchange(&mqtt->old_broker, false);
  if (!changed && !link_changed && !old_broker) return true;
  if (!changed && !old_broker && mqtt->client != NULL) {
    follow_link(mqtt);
    return true;
  }
  forget_client(mqtt);
  if (changed) {
    free_account(&mqtt->account);
    mqtt->account = wanted;
    mqtt->version_3 = false;
#if !CONFIG_MQTT_PROTOCOL_5
    mqtt->version_3 = true;
#endif
    heap_caps_free(mqtt->held);
    mqtt->held = NULL;
    mqtt_drop_all(mqtt);
  }
  mqtt->version_3 |= old_broker;
  port_ask(self, (port_event_t){.run = run_disconnected}, mqtt->own_told);
  make_client(self);
  return true;
}

/* Each wait twice as long as the one before, and a random part of it, so that a fleet does not come at once. */
static void reconnect(port_mqtt_t *mqtt) {
  int64_t now = esp_timer_get_time();
  if (atomic_exchange(&mqtt->lost, false)) {
    int64_t wait = (int64_t)RECONNECT_US << mqtt->failures;
    if (mqtt->failures < RECONNECT_DOUBLINGS_MAX) mqtt->failures++;
    mqtt->retry_at_us = now + wait / 2 + (int64_t)(esp_random() % (uint32_t)(wait / 2));
  }
  if (atomic_load(&mqtt->connected)) mqtt->failures = 0;
  if (mqtt->client == NULL || !mqtt->linked || mqtt->retry_at_us == 0 || now < mqtt->retry_at_us) return;
  if (esp_mqtt_client_reconnect(mqtt->client) == ESP_OK) mqtt->retry_at_us = 0;
}

/* True when the client has it. */
static bool send_message(port_mqtt_t *mqtt, const message_t *message) {
  if (message->kind == UNSUBSCRIBE) {
    esp_mqtt_client_unsubscribe(mqtt->client, message->topic);
    return true;
  }
  if (message->kind == SUBSCRIBE) {
#if CONFIG_MQTT_PROTOCOL_5
    /* Otherwise a retained command looks like any other to boards that are there when it is sent. */
    mqtt->subscribe_property = (esp_mqtt5_subscribe_property_config_t){.retain_as_published_flag = true};
    if (!mqtt->version_3) esp_mqtt5_client_set_subscribe_property(mqtt->client, &mqtt->subscribe_property);
#endif
    int id = esp_mqtt_client_subscribe_single(mqtt->client, message->topic, 1);
    if (id > 0) mqtt_subscribed(mqtt, id);
    return true;
  }
#if CONFIG_MQTT_PROTOCOL_5
  mqtt5_user_property_handle_t pairs = NULL;
  if (!mqtt->version_3) {
    esp_mqtt5_user_property_item_t items[PROPERTIES_MAX];
    for (size_t i = 0; i < message->property_count; i++)
      items[i] = (esp_mqtt5_user_property_item_t){message->properties[2 * i], message->properties[2 * i + 1]};
    if (message->property_count > 0)
      esp_mqtt5_client_set_user_property(&pairs, items, (uint8_t)message->property_count);
    mqtt->publish_property = (esp_mqtt5_publish_property_config_t){
        .content_type = or_null(message->content_type),
        .correlation_data = message->correlation_bytes > 0 ? (const char *)message->correlation : NULL,
        .correlation_data_len = (uint16_t)message->correlation_bytes,
        .user_property = pairs,
    };
    esp_mqtt5_client_set_publish_property(mqtt->client, &mqtt->publish_property);
  }
#endif
  /* Not esp_mqtt_client_enqueue: what is in the outbox only goes out when the client looks there, once a second. */
  int id = esp_mqtt_client_publish(mqtt->client, message->topic, (const char *)message->payload,
                                   (int)message->payload_bytes, message->qos, message->retain);
#if CONFIG_MQTT_PROTOCOL_5
  if (pairs != NULL) esp_mqtt5_client_delete_user_property(pairs);
  mqtt->publish_property = (esp_mqtt5_publish_property_config_t){0};
#endif
  /* -2: the client's outbox is full; what is in it goes out first. */
  return id != -2;
}

static void send_messages(port_mqtt_t *mqtt) {
  while (mqtt->client != NULL && atomic_load(&mqtt->connected)) {
    if (mqtt->held == NULL) mqtt->held = mqtt_take(mqtt);
    if (mqtt->held == NULL) return;
    /* A board that says that it is there must hear commands: nothing overtakes a subscription. */
    if (mqtt->held->kind == PUBLISH && mqtt_awaits_subscriptions(mqtt)) return;
    if (!send_message(mqtt, mqtt->held)) return;
    heap_caps_free(mqtt->held);
    mqtt->held = NULL;
  }
  if (mqtt->held == NULL) return;
  /* There is no connection: it waits for the next one, with its own subscriptions. */
  if (mqtt->held->kind == PUBLISH)
    mqtt_put_back(mqtt, mqtt->held);
  else
    heap_caps_free(mqtt->held);
  mqtt->held = NULL;
}

static void mqtt_task(void *argument) {
  synapse_esp_handle_t self = argument;
  port_mqtt_t *mqtt = self->mqtt;
  while (follow(self)) {
    reconnect(mqtt);
    send_messages(mqtt);
    ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(mqtt->held != NULL || mqtt->retry_at_us != 0 ? LOOK_MS : IDLE_MS));
  }
  forget_client(mqtt);
  xSemaphoreGive(mqtt->ended);
  vTaskDelete(NULL);
}

/* --- Settings, link, start and stop, on the event task ------------------------------------------------------------ */

static char *copy_text(synapse_device_text text) {
  char *copy = malloc(text.bytes + 1), *at = copy;
  return copy == NULL ? NULL : mqtt_put_text(&at, text);
}

void port_mqtt_settings(synapse_esp_handle_t self) {
  port_mqtt_t *mqtt = self->mqtt;
  if (mqtt == NULL) return;
  synapse_device_mqtt_session session = {.size = sizeof session};
  if (synapse_device_get_mqtt_session(self->device, &session) != SYNAPSE_DEVICE_OK) return;
  synapse_device_text url = session.broker_url;
  if (url.bytes == 0) url = port_text(self->config.mqtt.fallback_url);
  char address[sizeof mqtt->address];
  snprintf(address, sizeof address, "%.*s\n%.*s\n%.*s", (int)url.bytes, url.bytes > 0 ? url.data : "",
           (int)session.username.bytes, session.username.bytes > 0 ? session.username.data : "",
           (int)session.password.bytes, session.password.bytes > 0 ? session.password.data : "");
  if (strcmp(address, mqtt->address) == 0) return;
  memcpy(mqtt->address, address, sizeof address);
  mqtt->has_broker = url.bytes > 0;
  account_t account = {0};
  if (url.bytes > 0)
    account = (account_t){.url = copy_text(url),
                          .username = copy_text(session.username),
                          .password = copy_text(session.password),
                          .client_id = copy_text(session.client_id),
                          .will_topic = copy_text(session.will_topic),
                          .will_payload = copy_text(session.will_payload),
                          .keepalive_s = session.keepalive_s};
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  free_account(&mqtt->wanted);
  mqtt->wanted = account;
  mqtt->account_changed = true;
  xSemaphoreGive(mqtt->lock);
  wake(mqtt);
}

void port_mqtt_link(synapse_esp_handle_t self, bool up) {
  port_mqtt_t *mqtt = self->mqtt;
  if (mqtt == NULL) return;
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  mqtt->link_changed |= mqtt->link != up;
  mqtt->link = up;
  xSemaphoreGive(mqtt->lock);
  wake(mqtt);
}

void port_mqtt_leave(synapse_esp_handle_t self) {
  port_mqtt_t *mqtt = self->mqtt;
  if (mqtt == NULL) return;
  xSemaphoreTake(mqtt->lock, portMAX_DELAY);
  mqtt->leaving = true;
  xSemaphoreGive(mqtt->lock);
  wake(mqtt);
}

bool port_mqtt_has_left(synapse_esp_handle_t self) { return self->mqtt == NULL || atomic_load(&self->mqtt->left); }

esp_err_t port_mqtt_start(synapse_esp_handle_t self) {
  if (!self->config.mqtt.enable) return ESP_OK;
  port_mqtt_t *mqtt = heap_caps_calloc(1, sizeof *mqtt, MALLOC_CAP_8BIT);
  if (mqtt == NULL) return ESP_ERR_NO_MEM;
  self->mqtt = mqtt;
  mqtt->link = true;
  mqtt->lock = xSemaphoreCreateMutex();
  mqtt->told = xSemaphoreCreateBinary();
  mqtt->own_told = xSemaphoreCreateBinary();
  mqtt->ended = xSemaphoreCreateBinary();
  if (mqtt->lock == NULL || mqtt->told == NULL || mqtt->own_told == NULL || mqtt->ended == NULL) return ESP_ERR_NO_MEM;
  self->port.mqtt_publish = mqtt_publish;
  self->port.mqtt_subscribe = mqtt_subscribe;
  return port_task(mqtt_task, "synapse_mqtt", STACK_BYTES, self, PRIORITY, PORT_HELPER_CORE, &mqtt->task);
}

void port_mqtt_stop(synapse_esp_handle_t self) {
  port_mqtt_t *mqtt = self->mqtt;
  if (mqtt == NULL) return;
  if (mqtt->task != NULL) {
    xSemaphoreTake(mqtt->lock, portMAX_DELAY);
    mqtt->ending = true;
    xTaskNotifyGive(mqtt->task);
    mqtt->task = NULL;
    xSemaphoreGive(mqtt->lock);
    xSemaphoreTake(mqtt->ended, portMAX_DELAY);
  }
}

void port_mqtt_free(synapse_esp_handle_t self) {
  port_mqtt_t *mqtt = self->mqtt;
  if (mqtt == NULL) return;
  if (mqtt->lock != NULL) mqtt_drop_all(mqtt);
  heap_caps_free(mqtt->held);
  free_account(&mqtt->account);
  free_account(&mqtt->wanted);
  SemaphoreHandle_t semaphores[] = {mqtt->lock, mqtt->told, mqtt->own_told, mqtt->ended};
  for (size_t i = 0; i < sizeof semaphores / sizeof semaphores[0]; i++)
    if (semaphores[i] != NULL) vSemaphoreDelete(semaphores[i]);
  heap_caps_free(mqtt);
  self->mqtt = NULL;
}
