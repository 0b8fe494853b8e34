#include "mqtt_packet.h"

#include <stdlib.h>
#include <string.h>

#include "test_host.h"

void mqtt_put_bytes(mqtt_writer_t *writer, const void *bytes, size_t count) {
  if (writer->count + count > writer->room) {
    writer->room = 2 * (writer->count + count) + 64;
    writer->bytes = realloc(writer->bytes, writer->room);
    if (writer->bytes == NULL) test_host_die("no memory for a packet");
  }
  if (count > 0) memcpy(writer->bytes + writer->count, bytes, count);
  writer->count += count;
}

void mqtt_put_byte(mqtt_writer_t *writer, uint8_t value) { mqtt_put_bytes(writer, &value, 1); }

void mqtt_put_u16(mqtt_writer_t *writer, uint16_t value) {
  mqtt_put_byte(writer, (uint8_t)(value >> 8));
  mqtt_put_byte(writer, (uint8_t)value);
}

void mqtt_put_u32(mqtt_writer_t *writer, uint32_t value) {
  mqtt_put_u16(writer, (uint16_t)(value >> 16));
  mqtt_put_u16(writer, (uint16_t)value);
}

void mqtt_put_length(mqtt_writer_t *writer, size_t value) {
  do {
    mqtt_put_byte(writer, (uint8_t)(value % 128 | (value >= 128 ? 0x80 : 0)));
    value /= 128;
  } while (value > 0);
}

void mqtt_put_block(mqtt_writer_t *writer, const void *bytes, size_t count) {
  mqtt_put_u16(writer, (uint16_t)count);
  mqtt_put_bytes(writer, bytes, count);
}

void mqtt_put_string(mqtt_writer_t *writer, const char *text) {
  mqtt_put_block(writer, text, text == NULL ? 0 : strlen(text));
}

void mqtt_put_properties(mqtt_writer_t *writer, const mqtt_writer_t *properties) {
  mqtt_put_length(writer, properties->count);
  mqtt_put_bytes(writer, properties->bytes, properties->count);
}

mqtt_writer_t mqtt_packet(uint8_t first_byte, mqtt_writer_t *body) {
  mqtt_writer_t packet = {0};
  mqtt_put_byte(&packet, first_byte);
  mqtt_put_length(&packet, body->count);
  mqtt_put_bytes(&packet, body->bytes, body->count);
  free(body->bytes);
  *body = (mqtt_writer_t){0};
  return packet;
}

mqtt_reader_t mqtt_get_part(mqtt_reader_t *reader, size_t bytes) {
  mqtt_reader_t part = {.at = reader->at, .end = reader->at};
  if (bytes > (size_t)(reader->end - reader->at)) {
    reader->failed = true;
    return part;
  }
  part.end += bytes;
  reader->at += bytes;
  return part;
}

uint8_t mqtt_get_byte(mqtt_reader_t *reader) {
  mqtt_reader_t part = mqtt_get_part(reader, 1);
  return part.at < part.end ? *part.at : 0;
}

uint16_t mqtt_get_u16(mqtt_reader_t *reader) {
  uint16_t high = mqtt_get_byte(reader);
  return (uint16_t)(high << 8 | mqtt_get_byte(reader));
}

size_t mqtt_get_length(mqtt_reader_t *reader) {
  size_t value = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    uint8_t byte = mqtt_get_byte(reader);
    value |= (size_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  reader->failed = true;
  return 0;
}

mqtt_text_t mqtt_get_block(mqtt_reader_t *reader) {
  mqtt_reader_t part = mqtt_get_part(reader, mqtt_get_u16(reader));
  return (mqtt_text_t){.data = (char *)part.at, .bytes = (size_t)(part.end - part.at)};
}

void mqtt_skip_property(mqtt_reader_t *reader, uint8_t property) {
  switch (property) {
    case 0x01: case 0x17: case 0x19: case 0x24: case 0x25: case 0x28: case 0x29: case 0x2a:
      mqtt_get_part(reader, 1);
      break;
    case 0x13: case 0x21: case 0x22: case 0x23:
      mqtt_get_part(reader, 2);
      break;
    case 0x02: case 0x11: case 0x18: case 0x27:
      mqtt_get_part(reader, 4);
      break;
    case 0x0b:
      mqtt_get_length(reader);
      break;
    case MQTT_PROPERTY_USER:
      mqtt_get_block(reader);
      mqtt_get_block(reader);
      break;
    default:
      mqtt_get_block(reader);
  }
}
