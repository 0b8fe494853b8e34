/* Packets of MQTT 3.1.1 and 5: written into a block that grows, read from a block with an end. */
#ifndef TEST_HOST_MQTT_PACKET_H
#define TEST_HOST_MQTT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MQTT_CONNECT = 1,
  MQTT_CONNACK = 2,
  MQTT_PUBLISH = 3,
  MQTT_PUBACK = 4,
  MQTT_SUBSCRIBE = 8,
  MQTT_SUBACK = 9,
  MQTT_UNSUBSCRIBE = 10,
  MQTT_UNSUBACK = 11,
  MQTT_PINGREQ = 12,
  MQTT_PINGRESP = 13,
  MQTT_DISCONNECT = 14,
};

enum {
  MQTT_PROPERTY_CONTENT_TYPE = 0x03,
  MQTT_PROPERTY_RESPONSE_TOPIC = 0x08,
  MQTT_PROPERTY_CORRELATION = 0x09,
  MQTT_PROPERTY_SESSION_EXPIRY = 0x11,
  MQTT_PROPERTY_RECEIVE_MAXIMUM = 0x21,
  MQTT_PROPERTY_MAXIMUM_PACKET_SIZE = 0x27,
  MQTT_PROPERTY_USER = 0x26,
};

/* Grows as it is written; the caller frees `bytes`. */
typedef struct mqtt_writer {
  uint8_t *bytes;
  size_t count, room;
} mqtt_writer_t;

void mqtt_put_byte(mqtt_writer_t *writer, uint8_t value);
void mqtt_put_u16(mqtt_writer_t *writer, uint16_t value);
void mqtt_put_u32(mqtt_writer_t *writer, uint32_t value);
void mqtt_put_bytes(mqtt_writer_t *writer, const void *bytes, size_t count);
void mqtt_put_length(mqtt_writer_t *writer, size_t value);                       /* a variable byte integer */
void mqtt_put_block(mqtt_writer_t *writer, const void *bytes, size_t count);     /* with its length before it */
void mqtt_put_string(mqtt_writer_t *writer, const char *text);                   /* NULL is empty */
void mqtt_put_properties(mqtt_writer_t *writer, const mqtt_writer_t *properties); /* with their length before them */
/* A whole packet of `body`, which is freed. */
mqtt_writer_t mqtt_packet(uint8_t first_byte, mqtt_writer_t *body);

/* `failed`: something would have been read behind the end. */
typedef struct mqtt_reader {
  const uint8_t *at, *end;
  bool failed;
} mqtt_reader_t;

typedef struct mqtt_text {
  char *data;
  size_t bytes;
} mqtt_text_t;

uint8_t mqtt_get_byte(mqtt_reader_t *reader);
uint16_t mqtt_get_u16(mqtt_reader_t *reader);
size_t mqtt_get_length(mqtt_reader_t *reader);
mqtt_text_t mqtt_get_block(mqtt_reader_t *reader);
/* What comes next, as a reader of its own. */
mqtt_reader_t mqtt_get_part(mqtt_reader_t *reader, size_t bytes);
/* Goes past a property's value whose contents do not matter. */
void mqtt_skip_property(mqtt_reader_t *reader, uint8_t property);

#endif
