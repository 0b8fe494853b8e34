/* The part of espressif/mdns that the port uses. Here nothing is sent: what is announced goes to the log. */
#ifndef MDNS_H
#define MDNS_H

#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

typedef struct {
  const char *key;
  const char *value;
} mdns_txt_item_t;

esp_err_t mdns_init(void);
void mdns_free(void);
esp_err_t mdns_hostname_set(const char *name);
esp_err_t mdns_service_add(const char *instance, const char *type, const char *protocol, uint16_t port,
                           mdns_txt_item_t items[], size_t count);
esp_err_t mdns_service_instance_name_set(const char *type, const char *protocol, const char *instance);
esp_err_t mdns_service_txt_set(const char *type, const char *protocol, mdns_txt_item_t items[], uint8_t count);
esp_err_t mdns_service_remove(const char *type, const char *protocol);

#endif
