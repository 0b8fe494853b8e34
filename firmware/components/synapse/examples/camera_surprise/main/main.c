/* Frames, one after another, into the board's own POST /v1/observe: how little does the model expect what it sees? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_err.h"
#include "esp_event.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "observe_body.h"
#include "synapse_esp.h"

#define STREAM "room"
#define TARGET "/v1/observe"
#define ACTION_ELEMENTS 10 /* of the model's action: LeWM's has ten */
#define PERIOD_MS 500
/* The answer's first members are of interest here; those behind, the latent among them, are not. */
#define PRINTED_BYTES 256
#define CUT_BEFORE ",\"evicted\""

static void on_board(void *user, esp_event_base_t base, int32_t id, void *data) {
  SemaphoreHandle_t model_loaded = user;
  (void)base;
  if (id == SYNAPSE_ESP_EVENT_MODEL_LOADED) {
    const synapse_esp_model_event_t *model = data;
    if (model->name[0] != 0) xSemaphoreGive(model_loaded);
  } else if (id == SYNAPSE_ESP_EVENT_SURPRISE) {
    printf("surprise %" PRIu64 "\n", ((const synapse_esp_surprise_event_t *)data)->count);
  }
}

static void print(const synapse_esp_answer_t *answer) {
  char text[PRINTED_BYTES];
  snprintf(text, sizeof text, "%.*s", (int)answer->body_bytes, (const char *)answer->body);
  char *cut = strstr(text, CUT_BEFORE);
  if (cut != NULL) strcpy(cut, "}");
  printf("%" PRIu32 " %s\n", answer->status, text);
}

static void observe(synapse_esp_handle_t board) {
  frame_t frame = frame_source_next();
  synapse_esp_body_t body = {.type = "application/cbor"};
  uint8_t *bytes = observe_body(STREAM, &frame, ACTION_ELEMENTS, &body.byte_count);
  synapse_esp_answer_t answer;
  if (bytes == NULL) return;
  body.bytes = bytes;
  esp_err_t asked = synapse_esp_ask_with_body(board, "POST", TARGET, &body, &answer);
  free(bytes);
  if (asked != ESP_OK) {
    printf("%s\n", esp_err_to_name(asked));
    return;
  }
  print(&answer);
  synapse_esp_answer_free(&answer);
}

void app_main(void) {
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  SemaphoreHandle_t model_loaded = xSemaphoreCreateBinary();
  ESP_ERROR_CHECK(model_loaded != NULL ? ESP_OK : ESP_ERR_NO_MEM);
  ESP_ERROR_CHECK(esp_event_handler_register(SYNAPSE_ESP_EVENT, ESP_EVENT_ANY_ID, on_board, model_loaded));
  synapse_esp_config_t config = SYNAPSE_ESP_CONFIG_DEFAULT();
  config.http.enable = config.mqtt.enable = config.downloads.enable = config.update.enable = false;
  config.discovery.mdns = false;
  config.discovery.sntp_host = NULL;
  synapse_esp_handle_t board;
  ESP_ERROR_CHECK(synapse_esp_start(&config, &board));
  /* The worker opens it; before that every answer is 503, as it stays where there is none. */
  xSemaphoreTake(model_loaded, portMAX_DELAY);
  for (;;) {
    observe(board);
    vTaskDelay(pdMS_TO_TICKS(PERIOD_MS));
  }
}
