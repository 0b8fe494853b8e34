#ifndef ESP_RANDOM_H
#define ESP_RANDOM_H
#include <stddef.h>
#include <stdint.h>
uint32_t esp_random(void);
void esp_fill_random(void *out, size_t bytes);
#endif
