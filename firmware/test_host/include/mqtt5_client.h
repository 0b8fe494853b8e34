/* The part of esp-mqtt's interface for MQTT 5 that the port uses. */
#ifndef MQTT5_CLIENT_H
#define MQTT5_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

typedef struct esp_mqtt_client *esp_mqtt5_client_handle_t;
typedef struct mqtt5_user_property_list_t *mqtt5_user_property_handle_t;

typedef struct {
  const char *key, *value;
} esp_mqtt5_user_property_item_t;

typedef struct {
  uint32_t session_expiry_interval; /* seconds */
  uint32_t maximum_packet_size;
  uint16_t receive_maximum;
  uint16_t topic_alias_maximum;
} esp_mqtt5_connection_property_config_t;

typedef struct {
  bool payload_format_indicator;
  uint32_t message_expiry_interval;
  uint16_t topic_alias;
  const char *response_topic;
  const char *correlation_data;
  uint16_t correlation_data_len;
  const char *content_type;
  mqtt5_user_property_handle_t user_property;
} esp_mqtt5_publish_property_config_t;

typedef struct {
  uint16_t subscribe_id;
  bool no_local_flag;
  bool retain_as_published_flag;
  uint8_t retain_handle;
} esp_mqtt5_subscribe_property_config_t;

typedef struct {
  bool payload_format_indicator;
  char *response_topic;
  int response_topic_len;
  char *correlation_data;
  uint16_t correlation_data_len;
  char *content_type;
  int content_type_len;
  uint16_t subscribe_id;
  mqtt5_user_property_handle_t user_property;
} esp_mqtt5_event_property_t;

esp_err_t esp_mqtt5_client_set_connect_property(esp_mqtt5_client_handle_t client,
                                                const esp_mqtt5_connection_property_config_t *property);
/* Both keep pointers: of the next publish, of the next subscribe. */
esp_err_t esp_mqtt5_client_set_publish_property(esp_mqtt5_client_handle_t client,
                                                const esp_mqtt5_publish_property_config_t *property);
esp_err_t esp_mqtt5_client_set_subscribe_property(esp_mqtt5_client_handle_t client,
                                                  const esp_mqtt5_subscribe_property_config_t *property);
esp_err_t esp_mqtt5_client_set_user_property(mqtt5_user_property_handle_t *list, esp_mqtt5_user_property_item_t items[],
                                             uint8_t count);
/* Keys and values are copies of the caller's. */
esp_err_t esp_mqtt5_client_get_user_property(mqtt5_user_property_handle_t list,
                                             esp_mqtt5_user_property_item_t *out_items, uint8_t *count);
uint8_t esp_mqtt5_client_get_user_property_count(mqtt5_user_property_handle_t list);
void esp_mqtt5_client_delete_user_property(mqtt5_user_property_handle_t list);

#endif
