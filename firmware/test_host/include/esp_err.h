#ifndef ESP_ERR_H
#define ESP_ERR_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int esp_err_t;

#define ESP_OK 0
#define ESP_FAIL (-1)
#define ESP_ERR_NO_MEM 0x101
#define ESP_ERR_INVALID_ARG 0x102
#define ESP_ERR_INVALID_STATE 0x103
#define ESP_ERR_INVALID_SIZE 0x104
#define ESP_ERR_NOT_FOUND 0x105
#define ESP_ERR_NOT_SUPPORTED 0x106
#define ESP_ERR_TIMEOUT 0x107
#define ESP_ERR_INVALID_RESPONSE 0x108
#define ESP_ERR_INVALID_CRC 0x109
#define ESP_ERR_INVALID_VERSION 0x10a
#define ESP_ERR_NOT_FINISHED 0x10c
#define ESP_ERR_NOT_ALLOWED 0x10d

const char *esp_err_to_name(esp_err_t code);
void _esp_error_check_failed(esp_err_t code, const char *file, int line, const char *function,
                             const char *expression) __attribute__((noreturn));

#define ESP_ERROR_CHECK(expression)                                                             \
  do {                                                                                          \
    esp_err_t checked_result = (expression);                                                    \
    if (checked_result != ESP_OK)                                                               \
      _esp_error_check_failed(checked_result, __FILE__, __LINE__, __func__, #expression);       \
  } while (0)
#define ESP_ERROR_CHECK_WITHOUT_ABORT(expression) (expression)

#endif
