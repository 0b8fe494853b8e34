/* The engine alone: a pack in a partition, or in memory, a session on it, and both cores. */
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_partition.h"
#include "esp_timer.h"
#include "port.h"

#define ALIGNMENT 64
#define HELPER_STACK_BYTES 8192
#define CORES_MAX 2
/* The start of a pack says how long it is: docs/format.md. */
#define FILE_BYTES_OFFSET 16

struct synapse_esp_model {
  esp_partition_mmap_handle_t mapping;
  bool mapped;
  void *memory, *session_memory, *fast, *slow, *state, *thread;
  port_helper_t *helper;
  size_t fast_left; /* of what the caller allows of internal RAM */
  syn_model *model;
  syn_session *session;
};

/* Of internal RAM, where there is some and the caller allows it; else of PSRAM. No bytes are no memory. */
static void *take(synapse_esp_model_handle_t self, size_t bytes, bool fast) {
  if (bytes == 0) bytes = ALIGNMENT;
  void *memory = NULL;
  if (fast && bytes <= self->fast_left) {
    memory = heap_caps_aligned_alloc(ALIGNMENT, bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    if (memory != NULL) self->fast_left -= bytes;
  }
  if (memory == NULL) memory = heap_caps_aligned_alloc(ALIGNMENT, bytes, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
  if (memory == NULL) memory = heap_caps_aligned_alloc(ALIGNMENT, bytes, MALLOC_CAP_8BIT);
  return memory;
}

static void run_parallel(void *user, uint32_t count, syn_task task, void *context) {
  synapse_esp_model_handle_t self = user;
  port_helper_run(self->helper, count, task, context);
}

static uint64_t ticks(void *user) {
  (void)user;
  return (uint64_t)esp_timer_get_time();
}

static esp_err_t open_session(synapse_esp_model_handle_t self, const synapse_esp_model_config_t *config) {
  syn_session_requirements needs = {.size = sizeof needs};
  if (syn_session_get_requirements(self->model, config->cores, &needs) != SYN_OK) return ESP_ERR_INVALID_ARG;
  /* What is used most first, as long as internal RAM lasts. */
  self->thread = take(self, needs.thread_bytes, true);
  self->fast = take(self, needs.fast_bytes, true);
  self->session_memory = take(self, needs.session_bytes, true);
  self->slow = take(self, needs.slow_bytes, false);
  self->state = take(self, needs.state_bytes, false);
  if (self->thread == NULL || self->fast == NULL || self->session_memory == NULL || self->slow == NULL ||
      self->state == NULL)
    return ESP_ERR_NO_MEM;
  memset(self->state, 0, needs.state_bytes);
  if (config->cores > 1) {
    esp_err_t started = port_helper_start(config->priority, HELPER_STACK_BYTES, &self->helper);
    if (started != ESP_OK) return started;
  }
  syn_session_config session = {
      .size = sizeof session,
      .threads = config->cores,
      .session = self->session_memory,
      .fast = self->fast,
      .slow = self->slow,
      .state = self->state,
      .thread = self->thread,
      .session_bytes = needs.session_bytes,
      .fast_bytes = needs.fast_bytes,
      .slow_bytes = needs.slow_bytes,
      .state_bytes = needs.state_bytes,
      .thread_bytes = needs.thread_bytes,
      .parallel_for = self->helper != NULL ? run_parallel : NULL,
      .ticks = ticks,
      .user = self,
  };
  return syn_session_open(self->model, &session, &self->session) == SYN_OK ? ESP_OK : ESP_FAIL;
}

static esp_err_t open_model(synapse_esp_model_handle_t self, const void *file, size_t bytes,
                            const synapse_esp_model_config_t *config, syn_error *error) {
  syn_error own = {.size = sizeof own};
  syn_error *problem = error != NULL ? error : &own;
  self->fast_left = config->fast_bytes_max != 0 ? config->fast_bytes_max : SIZE_MAX;
  size_t memory_bytes = 0;
  if (syn_model_requirements(file, bytes, &memory_bytes, problem) != SYN_OK) return ESP_ERR_INVALID_STATE;
  self->memory = take(self, memory_bytes, false);
  if (self->memory == NULL) return ESP_ERR_NO_MEM;
  uint32_t flags = config->skip_digest ? SYN_OPEN_SKIP_DIGEST : 0;
  if (syn_model_open(file, bytes, flags, self->memory, memory_bytes, &self->model, problem) != SYN_OK)
    return ESP_ERR_INVALID_STATE;
  return open_session(self, config);
}

static esp_err_t begin(const synapse_esp_model_config_t *config, synapse_esp_model_handle_t *out_model) {
  if (config == NULL || out_model == NULL || config->cores < 1 || config->cores > CORES_MAX) return ESP_ERR_INVALID_ARG;
  *out_model = heap_caps_calloc(1, sizeof **out_model, MALLOC_CAP_8BIT);
  return *out_model == NULL ? ESP_ERR_NO_MEM : ESP_OK;
}

static esp_err_t end(esp_err_t result, synapse_esp_model_handle_t self, synapse_esp_model_handle_t *out_model) {
  if (result != ESP_OK) synapse_esp_model_close(self);
  *out_model = result == ESP_OK ? self : NULL;
  return result;
}

esp_err_t synapse_esp_model_open_memory(const void *file, size_t bytes, const synapse_esp_model_config_t *config,
                                        synapse_esp_model_handle_t *out_model, syn_error *error) {
  synapse_esp_model_handle_t self;
  if (file == NULL || (uintptr_t)file % ALIGNMENT != 0) return ESP_ERR_INVALID_ARG;
  esp_err_t result = begin(config, out_model);
  if (result != ESP_OK) return result;
  self = *out_model;
  return end(open_model(self, file, bytes, config, error), self, out_model);
}

/* A partition is longer than the pack in it. What is no pack is the runtime's to say. */
static size_t pack_bytes(const uint8_t *file, size_t partition_bytes) {
  uint32_t bytes = 0;
  for (int i = 0; i < 4; i++) bytes |= (uint32_t)file[FILE_BYTES_OFFSET + i] << (8 * i);
  return bytes < partition_bytes ? bytes : partition_bytes;
}

esp_err_t synapse_esp_model_open_partition(const char *label, const synapse_esp_model_config_t *config,
                                           synapse_esp_model_handle_t *out_model, syn_error *error) {
  const esp_partition_t *partition =
      label == NULL ? NULL : esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, label);
  if (partition == NULL) return label == NULL ? ESP_ERR_INVALID_ARG : ESP_ERR_NOT_FOUND;
  esp_err_t result = begin(config, out_model);
  if (result != ESP_OK) return result;
  synapse_esp_model_handle_t self = *out_model;
  const void *file = NULL;
  result = esp_partition_mmap(partition, 0, partition->size, ESP_PARTITION_MMAP_DATA, &file, &self->mapping);
  self->mapped = result == ESP_OK;
  if (result == ESP_OK && (uintptr_t)file % ALIGNMENT != 0) result = ESP_ERR_INVALID_STATE;
  size_t bytes = partition->size;
  if (result == ESP_OK) bytes = pack_bytes(file, bytes);
  if (result == ESP_OK) result = open_model(self, file, bytes, config, error);
  return end(result, self, out_model);
}

syn_model *synapse_esp_model_get(synapse_esp_model_handle_t self) { return self->model; }

syn_session *synapse_esp_model_session(synapse_esp_model_handle_t self) { return self->session; }

esp_err_t synapse_esp_model_close(synapse_esp_model_handle_t self) {
  if (self == NULL) return ESP_ERR_INVALID_ARG;
  port_helper_stop(self->helper);
  void *blocks[] = {self->memory, self->session_memory, self->fast, self->slow, self->state, self->thread};
  for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) heap_caps_free(blocks[i]);
  if (self->mapped) esp_partition_munmap(self->mapping);
  heap_caps_free(self);
  return ESP_OK;
}
