/* One connection to a broker: made, written to, read from. */
#include "mqtt_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "esp_timer.h"
#include "esp_tls_errors.h"
#include "test_host.h"

bool mqtt_is_5(esp_mqtt_client_handle_t client) {
  return client->config.session.protocol_ver == MQTT_PROTOCOL_V_5;
}

void mqtt_tell(esp_mqtt_client_handle_t client, esp_mqtt_event_t event) {
  event.client = client;
  event.protocol_ver = client->config.session.protocol_ver;
  if (client->handler != NULL) client->handler(client->argument, "MQTT_EVENTS", event.event_id, &event);
}

void mqtt_tell_transport_error(esp_mqtt_client_handle_t client, esp_err_t reason, int error_number) {
  esp_mqtt_error_codes_t error = {.error_type = MQTT_ERROR_TYPE_TCP_TRANSPORT,
                                  .esp_tls_last_esp_err = reason,
                                  .esp_transport_sock_errno = error_number};
  mqtt_tell(client, (esp_mqtt_event_t){.event_id = MQTT_EVENT_ERROR, .error_handle = &error});
}

void mqtt_abort(esp_mqtt_client_handle_t client) {
  if (client->fd >= 0) test_host_disconnect(client->fd);
  client->fd = -1;
  client->in_count = 0;
  client->waits_for_ping = false;
  client->state = MQTT_STATE_WAITS;
  mqtt_tell(client, (esp_mqtt_event_t){.event_id = MQTT_EVENT_DISCONNECTED});
}

bool mqtt_write(esp_mqtt_client_handle_t client, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = send(client->fd, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) {
      mqtt_tell_transport_error(client, ESP_OK, errno);
      return false;
    }
    bytes += sent;
    count -= (size_t)sent;
  }
  return true;
}

/* --- Connecting --------------------------------------------------------------------------------------------------- */

static mqtt_writer_t connect_packet(esp_mqtt_client_handle_t client) {
  const esp_mqtt5_connection_property_config_t *given = &client->connect_property;
  const struct session_t *session = &client->config.session;
  bool will = client->will_topic != NULL;
  mqtt_writer_t body = {0}, properties = {0};
  mqtt_put_string(&body, "MQTT");
  mqtt_put_byte(&body, mqtt_is_5(client) ? 5 : 4);
  unsigned flags = session->disable_clean_session ? 0 : 0x02;
  if (will) flags |= 0x04u | (unsigned)session->last_will.qos << 3 | (session->last_will.retain ? 0x20 : 0);
  if (client->password != NULL) flags |= 0x40;
  if (client->username != NULL) flags |= 0x80;
  mqtt_put_byte(&body, (uint8_t)flags);
  mqtt_put_u16(&body, (uint16_t)session->keepalive);
  if (mqtt_is_5(client)) {
    if (given->session_expiry_interval != 0) {
      mqtt_put_byte(&properties, MQTT_PROPERTY_SESSION_EXPIRY);
      mqtt_put_u32(&properties, given->session_expiry_interval);
    }
    if (given->receive_maximum != 0) {
      mqtt_put_byte(&properties, MQTT_PROPERTY_RECEIVE_MAXIMUM);
      mqtt_put_u16(&properties, given->receive_maximum);
    }
    /* Where nothing is said of it, esp-mqtt asks for no more than its buffer has room for. */
    uint32_t packet_max = given->maximum_packet_size;
    mqtt_put_byte(&properties, MQTT_PROPERTY_MAXIMUM_PACKET_SIZE);
    mqtt_put_u32(&properties, packet_max != 0 ? packet_max : (uint32_t)client->config.buffer.size);
    mqtt_put_properties(&body, &properties);
  }
  mqtt_put_string(&body, client->client_id);
  if (will) {
    if (mqtt_is_5(client)) mqtt_put_length(&body, 0);
    mqtt_put_string(&body, client->will_topic);
    mqtt_put_string(&body, client->will_message);
  }
  if (client->username != NULL) mqtt_put_string(&body, client->username);
  if (client->password != NULL) mqtt_put_string(&body, client->password);
  free(properties.bytes);
  return mqtt_packet(MQTT_CONNECT << 4, &body);
}

/* Reads all of it, or as much as the timeout allows. */
static size_t read_whole(int fd, uint8_t *out, size_t bytes) {
  size_t count = 0;
  while (count < bytes) {
    ssize_t got = recv(fd, out + count, bytes - count, 0);
    if (got <= 0) return count;
    count += (size_t)got;
  }
  return count;
}

/* What the broker's CONNACK says; false: none came, and the error was told. */
static bool read_answer(esp_mqtt_client_handle_t client, int *out_code, bool *out_session) {
  uint8_t head[2];
  if (read_whole(client->fd, head, sizeof head) < sizeof head) {
    mqtt_tell_transport_error(client, ESP_OK, errno);
    return false;
  }
  /* Its length has one byte: a broker has not that much to say. */
  size_t bytes = head[1];
  if (head[0] >> 4 != MQTT_CONNACK || bytes < 2 || bytes >= 0x80 ||
      read_whole(client->fd, client->in, bytes) < bytes)
    return false;
  *out_session = client->in[0] & 1;
  *out_code = client->in[1];
  mqtt_reader_t rest = {.at = client->in + 2, .end = client->in + bytes};
  client->unacknowledged_max = UINT16_MAX;
  if (!mqtt_is_5(client) || *out_code != 0) return true;
  mqtt_reader_t properties = mqtt_get_part(&rest, mqtt_get_length(&rest));
  while (properties.at < properties.end && !properties.failed) {
    uint8_t property = mqtt_get_byte(&properties);
    if (property == MQTT_PROPERTY_RECEIVE_MAXIMUM) client->unacknowledged_max = mqtt_get_u16(&properties);
    else mqtt_skip_property(&properties, property);
  }
  return true;
}

/* mqtts:// and ws://: of esp-mqtt's transports test_host has only the plain one. */
static void refuse_transport(esp_mqtt_client_handle_t client) {
  esp_mqtt_error_codes_t error = {.error_type = MQTT_ERROR_TYPE_TCP_TRANSPORT, .esp_tls_stack_err = -1};
  mqtt_tell(client, (esp_mqtt_event_t){.event_id = MQTT_EVENT_ERROR, .error_handle = &error});
  mqtt_abort(client);
}

void mqtt_connect(esp_mqtt_client_handle_t client) {
  mqtt_tell(client, (esp_mqtt_event_t){.event_id = MQTT_EVENT_BEFORE_CONNECT});
  if (strcmp(client->url.scheme, "mqtt") != 0) return refuse_transport(client);
  esp_err_t reason;
  int error_number;
  client->fd = test_host_connect(client->url.host, client->url.port, client->config.network.timeout_ms, &reason,
                                 &error_number);
  if (client->fd < 0) {
    mqtt_tell_transport_error(client, reason, error_number);
    return mqtt_abort(client);
  }
  mqtt_writer_t packet = connect_packet(client);
  bool sent = mqtt_write(client, packet.bytes, packet.count), session = false;
  free(packet.bytes);
  int code = 0;
  if (!sent || !read_answer(client, &code, &session)) return mqtt_abort(client);
  if (code != 0) {
    esp_mqtt_error_codes_t error = {.error_type = MQTT_ERROR_TYPE_CONNECTION_REFUSED,
                                    .connect_return_code = (esp_mqtt_connect_return_code_t)code};
    mqtt_tell(client, (esp_mqtt_event_t){.event_id = MQTT_EVENT_ERROR, .error_handle = &error});
    return mqtt_abort(client);
  }
  client->state = MQTT_STATE_CONNECTED;
  client->heard_us = esp_timer_get_time();
  /* With 3.1.1 esp-mqtt leaves them until they are due again. */
  if (mqtt_is_5(client)) mqtt_outbox_requeue(client);
  mqtt_tell(client, (esp_mqtt_event_t){.event_id = MQTT_EVENT_CONNECTED, .session_present = session});
}

/* --- Receiving ---------------------------------------------------------------------------------------------------- */

static void read_property(mqtt_reader_t *reader, esp_mqtt5_event_property_t *out) {
  uint8_t property = mqtt_get_byte(reader);
  if (property == MQTT_PROPERTY_CONTENT_TYPE) {
    mqtt_text_t text = mqtt_get_block(reader);
    out->content_type = text.data;
    out->content_type_len = (int)text.bytes;
  } else if (property == MQTT_PROPERTY_RESPONSE_TOPIC) {
    mqtt_text_t text = mqtt_get_block(reader);
    out->response_topic = text.data;
    out->response_topic_len = (int)text.bytes;
  } else if (property == MQTT_PROPERTY_CORRELATION) {
    mqtt_text_t text = mqtt_get_block(reader);
    out->correlation_data = text.data;
    out->correlation_data_len = (uint16_t)text.bytes;
  } else if (property == MQTT_PROPERTY_USER) {
    mqtt_text_t key = mqtt_get_block(reader), value = mqtt_get_block(reader);
    char *key_copy = strndup(key.data, key.bytes), *value_copy = strndup(value.data, value.bytes);
    esp_mqtt5_user_property_item_t pair = {.key = key_copy, .value = value_copy};
    esp_mqtt5_client_set_user_property(&out->user_property, &pair, 1);
    free(key_copy);
    free(value_copy);
  } else {
    mqtt_skip_property(reader, property);
  }
}

/* Tells of a message: what of it fills the buffer, then what comes, piece by piece. */
static bool deliver(esp_mqtt_client_handle_t client, mqtt_reader_t reader, size_t packet_bytes) {
  esp_mqtt5_event_property_t property = {0};
  esp_mqtt_event_t event = {.event_id = MQTT_EVENT_DATA,
                            .qos = client->in[0] >> 1 & 3,
                            .retain = client->in[0] & 1,
                            .dup = client->in[0] >> 3 & 1,
                            .property = mqtt_is_5(client) ? &property : NULL};
  mqtt_text_t topic = mqtt_get_block(&reader);
  if (event.qos > 0) event.msg_id = mqtt_get_u16(&reader);
  if (mqtt_is_5(client)) {
    mqtt_reader_t properties = mqtt_get_part(&reader, mqtt_get_length(&reader));
    while (properties.at < properties.end && !properties.failed) read_property(&properties, &property);
    reader.failed |= properties.failed;
  }
  size_t remaining = packet_bytes - client->in_count;
  event.topic = topic.data;
  event.topic_len = (int)topic.bytes;
  event.data_len = (int)(reader.end - reader.at);
  event.data = event.data_len > 0 ? (char *)reader.at : NULL;
  event.total_data_len = event.data_len + (int)remaining;
  if (!reader.failed) mqtt_tell(client, event);
  esp_mqtt5_client_delete_user_property(property.user_property);
  property = (esp_mqtt5_event_property_t){0};
  event.topic = NULL;
  event.topic_len = 0;
  while (remaining > 0 && !reader.failed) {
    size_t room = (size_t)client->config.buffer.size;
    ssize_t got = recv(client->fd, client->in, remaining < room ? remaining : room, 0);
    if (got <= 0) {
      mqtt_tell_transport_error(client, ESP_OK, errno);
      return false;
    }
    event.current_data_offset += event.data_len;
    event.data = (char *)client->in;
    event.data_len = (int)got;
    remaining -= (size_t)got;
    mqtt_tell(client, event);
  }
  if (reader.failed || event.qos == 0) return !reader.failed;
  uint8_t answer[] = {MQTT_PUBACK << 4, 2, (uint8_t)(event.msg_id >> 8), (uint8_t)event.msg_id};
  return mqtt_write(client, answer, sizeof answer);
}

static void hear_acknowledged(esp_mqtt_client_handle_t client, int type, mqtt_reader_t reader) {
  static const struct {
    int answer, asked;
    esp_mqtt_event_id_t event;
  } pairs[] = {{MQTT_PUBACK, MQTT_PUBLISH, MQTT_EVENT_PUBLISHED},
               {MQTT_SUBACK, MQTT_SUBSCRIBE, MQTT_EVENT_SUBSCRIBED},
               {MQTT_UNSUBACK, MQTT_UNSUBSCRIBE, MQTT_EVENT_UNSUBSCRIBED}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    if (pairs[i].answer != type) continue;
    uint16_t id = mqtt_get_u16(&reader);
    if (!mqtt_outbox_remove(client, id, pairs[i].asked)) return;
    if (type == MQTT_PUBACK && client->unacknowledged > 0) client->unacknowledged--;
    esp_mqtt_error_codes_t error = {0};
    if (type == MQTT_SUBACK && reader.at < reader.end && reader.end[-1] >= 0x80)
      error.error_type = MQTT_ERROR_TYPE_SUBSCRIBE_FAILED;
    mqtt_tell(client, (esp_mqtt_event_t){.event_id = pairs[i].event, .msg_id = id, .error_handle = &error});
  }
}

static bool hear_packet(esp_mqtt_client_handle_t client, mqtt_reader_t reader, size_t packet_bytes) {
  int type = client->in[0] >> 4;
  if (type == MQTT_PUBLISH) return deliver(client, reader, packet_bytes);
  if (type == MQTT_PINGRESP) {
    client->waits_for_ping = false;
    client->heard_us = esp_timer_get_time();
  } else if (type == MQTT_DISCONNECT && mqtt_is_5(client)) {
    /* esp-mqtt tells of it, and once more when the connection closes. */
    mqtt_tell(client, (esp_mqtt_event_t){.event_id = MQTT_EVENT_DISCONNECTED});
  } else {
    hear_acknowledged(client, type, reader);
  }
  return true;
}

/* How many bytes the packet has whose first ones are there; 0: that is not known yet. */
static size_t packet_bytes_of(const uint8_t *in, size_t count, size_t *out_head) {
  mqtt_reader_t reader = {.at = in + 1, .end = in + count};
  if (count < 2) return 0;
  size_t rest = mqtt_get_length(&reader);
  if (reader.failed) return 0;
  *out_head = (size_t)(reader.at - in);
  return *out_head + rest;
}

bool mqtt_receive(esp_mqtt_client_handle_t client) {
  for (;;) {
    size_t head = 0, room = (size_t)client->config.buffer.size;
    size_t bytes = packet_bytes_of(client->in, client->in_count, &head);
    if (bytes == 0 && client->in_count >= 5) return false;
    size_t wanted = bytes == 0 ? client->in_count + 1 : bytes < room ? bytes : room;
    if (client->in_count == wanted) {
      if (bytes > room && client->in[0] >> 4 != MQTT_PUBLISH) return false;
      mqtt_reader_t reader = {.at = client->in + head, .end = client->in + wanted};
      bool useful = hear_packet(client, reader, bytes);
      client->in_count = 0;
      return useful;
    }
    ssize_t got = recv(client->fd, client->in + client->in_count, wanted - client->in_count, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (got <= 0) {
      mqtt_tell_transport_error(client, ESP_OK, got == 0 ? 0 : errno);
      return false;
    }
    client->in_count += (size_t)got;
  }
}
