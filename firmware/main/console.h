/* What somebody with a cable may say: Improv, a few words, and questions to the board's API (setup/cable.h). */
#ifndef SYNAPSE_CONSOLE_H
#define SYNAPSE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "esp_err.h"
#include "setup/portal.h"
#include "synapse_esp.h"

typedef struct console_callbacks {
  /* On the console's task. */
  void (*join)(const char *ssid, const char *password);
  void (*scan)(void);
  void (*claim)(void);
  void (*reset_settings)(void);
  /* Waits for the answer, which is given back with synapse_esp_answer_free. */
  esp_err_t (*ask)(const char *method, const char *target, synapse_esp_answer_t *out_answer);
} console_callbacks_t;

esp_err_t console_start(const console_callbacks_t *callbacks, const char *device_name);
/* From any task. */
void console_joined(const char *address);
void console_join_failed(void);
void console_networks(const portal_network_t *networks, size_t count);

#endif
