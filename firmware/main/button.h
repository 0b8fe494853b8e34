/* The board's boot button, which is any other once the board has started. */
#ifndef SYNAPSE_BUTTON_H
#define SYNAPSE_BUTTON_H

#include "esp_err.h"

typedef struct button_callbacks {
  /* On the button's task, when the button is let go after so long. */
  void (*claim)(void); /* 3 s */
  void (*reset)(void); /* 10 s */
} button_callbacks_t;

/* ESP_ERR_NOT_SUPPORTED: the board has none. */
esp_err_t button_start(const button_callbacks_t *callbacks);

#endif
