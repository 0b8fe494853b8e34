/* What somebody with a cable may say: Improv, and a few words. */
#ifndef SYNAPSE_CONSOLE_H
#define SYNAPSE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "esp_err.h"
#include "setup/portal.h"

typedef struct console_callbacks {
  /* On the console's task. */
  void (*join)(const char *ssid, const char *password);
  void (*scan)(void);
  void (*line)(const char *text);
} console_callbacks_t;

esp_err_t console_start(const console_callbacks_t *callbacks, const char *device_name);
/* From any task. */
void console_joined(const char *address);
void console_join_failed(void);
void console_networks(const portal_network_t *networks, size_t count);

#endif
