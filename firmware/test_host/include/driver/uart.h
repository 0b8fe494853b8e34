#ifndef DRIVER_UART_H
#define DRIVER_UART_H

#include "esp_err.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"

typedef int uart_port_t;

esp_err_t uart_driver_install(uart_port_t port, int rx_bytes, int tx_bytes, int events, QueueHandle_t *out_events,
                              int interrupt_flags);
/* The count, at most the one asked for; 0 when nothing came in time; -1. */
int uart_read_bytes(uart_port_t port, void *bytes, uint32_t count, TickType_t ticks);
int uart_write_bytes(uart_port_t port, const void *bytes, size_t count);

#endif
