#ifndef ESP_FLASH_H
#define ESP_FLASH_H

#include "esp_err.h"

typedef struct esp_flash_t esp_flash_t;

/* NULL: the flash that the chip starts from. */
esp_err_t esp_flash_get_size(esp_flash_t *chip, uint32_t *out_bytes);

#endif
