/* Questions of whoever holds the board: one at a time, whose answer is kept whole for the one who waits for it. */
#include <stdio.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "port.h"

/* A self-test's answer with hundreds of ops has some tens of KiB. */
#define BODY_BYTES_MAX (512 << 10)
#define BODY_BYTES_FIRST 4096

struct port_ask {
  const char *method, *target;
  const synapse_esp_body_t *body; /* NULL: none */
  SemaphoreHandle_t ended;
  uint32_t number;
  synapse_esp_answer_t answer;
  size_t room;
  bool overflow;
};

/* On the event task. */
static port_ask_t *find(synapse_esp_handle_t self, uint32_t request) {
  return self->ask != NULL && self->ask->number == request ? self->ask : NULL;
}

void port_ask_head(synapse_esp_handle_t self, uint32_t request, uint32_t status) {
  port_ask_t *ask = find(self, request);
  if (ask != NULL) ask->answer.status = status;
}

void port_ask_chunk(synapse_esp_handle_t self, uint32_t request, const uint8_t *bytes, size_t byte_count) {
  port_ask_t *ask = find(self, request);
  if (ask == NULL || ask->overflow) return;
  size_t needed = ask->answer.body_bytes + byte_count, room = ask->room == 0 ? BODY_BYTES_FIRST : ask->room;
  while (room < needed) room *= 2;
  if (room > ask->room) {
    uint8_t *larger = room > BODY_BYTES_MAX ? NULL : port_malloc(room);
    ask->overflow = larger == NULL;
    if (ask->overflow) return;
    if (ask->answer.body_bytes > 0) memcpy(larger, ask->answer.body, ask->answer.body_bytes);
    heap_caps_free(ask->answer.body);
    ask->answer.body = larger;
    ask->room = room;
  }
  memcpy(ask->answer.body + ask->answer.body_bytes, bytes, byte_count);
  ask->answer.body_bytes = needed;
}

void port_ask_end(synapse_esp_handle_t self, uint32_t request) {
  port_ask_t *ask = find(self, request);
  if (ask == NULL) return;
  self->ask = NULL;
  xSemaphoreGive(ask->ended);
}

static void run_ask(synapse_esp_handle_t self, const port_event_t *event) {
  port_ask_t *ask = event->object;
  ask->number = port_number(self);
  uint32_t number = ask->number;
  self->ask = ask;
  const synapse_esp_body_t *body = ask->body;
  char length[24];
  snprintf(length, sizeof length, "%zu", body == NULL ? 0 : body->byte_count);
  synapse_device_header headers[] = {{port_text("content-type"), port_text(body == NULL ? NULL : body->type)},
                                     {port_text("content-length"), port_text(length)}};
  synapse_device_request_head(self->device, number, port_text(ask->method), port_text(ask->target),
                              port_text("cable"), headers, body == NULL ? 0 : sizeof headers / sizeof headers[0]);
  /* Once it has been answered, the question may be gone, and its body with it. */
  if (body != NULL && find(self, number) != NULL)
    synapse_device_body_chunk(self->device, number, body->bytes, body->byte_count);
  if (find(self, number) != NULL) synapse_device_request_end(self->device, number);
}

esp_err_t synapse_esp_ask(synapse_esp_handle_t self, const char *method, const char *target,
                          synapse_esp_answer_t *out_answer) {
  return synapse_esp_ask_with_body(self, method, target, NULL, out_answer);
}

esp_err_t synapse_esp_ask_with_body(synapse_esp_handle_t self, const char *method, const char *target,
                                    const synapse_esp_body_t *body, synapse_esp_answer_t *out_answer) {
  if (self == NULL || method == NULL || target == NULL || out_answer == NULL) return ESP_ERR_INVALID_ARG;
  memset(out_answer, 0, sizeof *out_answer);
  port_ask_t ask = {.method = method, .target = target, .body = body, .ended = xSemaphoreCreateBinary()};
  if (ask.ended == NULL) return ESP_ERR_NO_MEM;
  xSemaphoreTake(self->ask_lock, portMAX_DELAY);
  port_post(self, (port_event_t){.run = run_ask, .object = &ask});
  xSemaphoreTake(ask.ended, portMAX_DELAY);
  xSemaphoreGive(self->ask_lock);
  vSemaphoreDelete(ask.ended);
  if (ask.overflow) {
    heap_caps_free(ask.answer.body);
    return ESP_ERR_NO_MEM;
  }
  *out_answer = ask.answer;
  return ESP_OK;
}

void synapse_esp_answer_free(synapse_esp_answer_t *answer) {
  heap_caps_free(answer->body);
  memset(answer, 0, sizeof *answer);
}
