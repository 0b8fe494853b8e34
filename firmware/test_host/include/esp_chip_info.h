#ifndef ESP_CHIP_INFO_H
#define ESP_CHIP_INFO_H

#include <stdint.h>

typedef enum { CHIP_ESP32P4 = 18, CHIP_POSIX_LINUX = 999 } esp_chip_model_t;

typedef struct {
  esp_chip_model_t model;
  uint32_t features;
  uint16_t revision; /* major * 100 + minor */
  uint8_t cores;
} esp_chip_info_t;

void esp_chip_info(esp_chip_info_t *out_info);

#endif
