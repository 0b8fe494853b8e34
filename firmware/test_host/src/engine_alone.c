/* The engine without a board around it, as an application embeds it: synapse_esp_model_open_partition, both cores. */
#include <stdio.h>
#include <string.h>

#include "synapse_esp.h"
#include "test_host.h"

/* Of every byte of the inputs. As floats they are 0.747, as pixels 63. */
#define INPUT 0x3f

/* FNV-1a of what the entry puts out. */
static uint64_t run_entry(syn_session *session, uint32_t entry, const syn_entry_info *info) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (uint32_t i = 0; i < info->input_count; i++) {
    void *data = NULL;
    size_t bytes = 0;
    if (syn_session_input(session, entry, i, &data, &bytes) != SYN_OK) test_host_die("there is no input %u", i);
    memset(data, INPUT, bytes);
  }
  syn_result ran = syn_session_run(session, entry, info->rows_max);
  if (ran != SYN_OK) test_host_die("the engine says %s", syn_result_name(ran));
  for (uint32_t i = 0; i < info->output_count; i++) {
    const void *data = NULL;
    size_t bytes = 0;
    if (syn_session_output(session, entry, i, &data, &bytes) != SYN_OK) test_host_die("there is no output %u", i);
    for (size_t at = 0; at < bytes; at++) hash = (hash ^ ((const uint8_t *)data)[at]) * 0x100000001b3ull;
  }
  return hash;
}

void test_host_run_engine(const char *label, uint32_t cores, size_t fast_bytes_max) {
  synapse_esp_model_config_t config = SYNAPSE_ESP_MODEL_CONFIG_DEFAULT();
  config.cores = cores;
  config.fast_bytes_max = fast_bytes_max;
  syn_error error = {.size = sizeof error};
  synapse_esp_model_handle_t model = NULL;
  esp_err_t opened = synapse_esp_model_open_partition(label, &config, &model, &error);
  if (opened != ESP_OK) {
    fprintf(stderr, "engine: %s: %s\n", esp_err_to_name(opened), opened == ESP_ERR_INVALID_STATE ? error.message : "");
    return;
  }
  syn_model_info info = {.size = sizeof info};
  syn_model_get_info(synapse_esp_model_get(model), &info);
  syn_session *session = synapse_esp_model_session(model);
  for (uint32_t golden = 0; golden < info.golden_count; golden++) {
    syn_result tested = syn_session_self_test(session, golden);
    if (tested != SYN_OK) test_host_die("golden vector %u: %s", golden, syn_result_name(tested));
  }
  for (uint32_t entry = 0; entry < info.entry_count; entry++) {
    syn_entry_info about = {.size = sizeof about};
    syn_model_get_entry(synapse_esp_model_get(model), entry, &about);
    fprintf(stderr, "engine: entry %u: %016llx\n", entry, (unsigned long long)run_entry(session, entry, &about));
  }
  ESP_ERROR_CHECK(synapse_esp_model_close(model));
}
