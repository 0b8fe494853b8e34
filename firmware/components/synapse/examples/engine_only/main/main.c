/* A packed model on both cores, without any network: its input is a pattern, and what comes out is printed with the
 * time that it took. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "esp_err.h"
#include "esp_timer.h"
#include "synapse_esp.h"

#define PARTITION "model"
#define ENTRY "encode"
#define RUNS 5
#define VALUES_PRINTED 8

/* The entry that makes a latent of a picture; of other models the first. */
static uint32_t find_entry(const syn_model *model) {
  uint32_t entry = 0;
  syn_model_find_entry(model, ENTRY, strlen(ENTRY), &entry);
  return entry;
}

static uint32_t elements_of(const syn_port_info *port) {
  uint32_t count = 1;
  for (uint32_t i = 0; i < port->rank; i++) count *= port->shape[i];
  return count;
}

/* Inputs are consumed by a run: they are written before each. */
static void write_inputs(syn_model *model, syn_session *session, uint32_t entry, uint32_t count) {
  for (uint32_t index = 0; index < count; index++) {
    syn_port_info port = {.size = sizeof port};
    void *data;
    size_t bytes_max;
    ESP_ERROR_CHECK(syn_model_get_input(model, entry, index, &port) == SYN_OK ? ESP_OK : ESP_FAIL);
    ESP_ERROR_CHECK(syn_session_input(session, entry, index, &data, &bytes_max) == SYN_OK ? ESP_OK : ESP_FAIL);
    for (uint32_t i = 0; i < elements_of(&port); i++) {
      if (port.type == SYN_TYPE_U8) ((uint8_t *)data)[i] = (uint8_t)(i * 37 % 251);
      else if (port.type == SYN_TYPE_F32) ((float *)data)[i] = (float)(i % 17) / 16 - 0.5f;
      else ((int32_t *)data)[i] = 0;
    }
  }
}

static void print_output(syn_model *model, syn_session *session, uint32_t entry) {
  syn_port_info port = {.size = sizeof port};
  const void *data;
  size_t bytes_max;
  if (syn_model_get_output(model, entry, 0, &port) != SYN_OK || port.type != SYN_TYPE_F32) return;
  if (syn_session_output(session, entry, 0, &data, &bytes_max) != SYN_OK) return;
  uint32_t count = elements_of(&port);
  printf("%.*s, the first of %" PRIu32 " values:", (int)port.name_bytes, port.name, count);
  for (uint32_t i = 0; i < count && i < VALUES_PRINTED; i++) printf(" %.6f", (double)((const float *)data)[i]);
  printf("\n");
}

static void run(syn_model *model, syn_session *session) {
  uint32_t entry = find_entry(model);
  syn_entry_info info = {.size = sizeof info};
  if (syn_model_get_entry(model, entry, &info) != SYN_OK) return;
  printf("%.*s, %" PRIu32 " ops\n", (int)info.name_bytes, info.name, info.op_count);
  for (int i = 0; i < RUNS; i++) {
    write_inputs(model, session, entry, info.input_count);
    int64_t start_us = esp_timer_get_time();
    syn_result result = syn_session_run(session, entry, 1);
    int64_t run_us = esp_timer_get_time() - start_us;
    printf("run %d: %s, %" PRId64 ".%03d ms\n", i + 1, syn_result_name(result), run_us / 1000, (int)(run_us % 1000));
  }
  print_output(model, session, entry);
}

void app_main(void) {
  synapse_esp_model_config_t config = SYNAPSE_ESP_MODEL_CONFIG_DEFAULT();
  synapse_esp_model_handle_t handle;
  syn_error error = {.size = sizeof error};
  esp_err_t opened = synapse_esp_model_open_partition(PARTITION, &config, &handle, &error);
  if (opened != ESP_OK) {
    printf("no model: %s %s\n", esp_err_to_name(opened), error.message);
    return;
  }
  syn_model *model = synapse_esp_model_get(handle);
  syn_model_info info = {.size = sizeof info};
  syn_model_get_info(model, &info);
  printf("%.*s, %" PRIu32 " bytes, kernels: %s\n", (int)info.name_bytes, info.name, info.file_bytes, syn_isa_name());
  run(model, synapse_esp_model_session(handle));
  ESP_ERROR_CHECK(synapse_esp_model_close(handle));
}
