/* The engine on the chip against what it gives everywhere else: the golden vectors of a pack, which the host made with
 * another build of it, and one core against two. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_partition.h"
#include "synapse_esp.h"
#include "unity.h"
#include "unity_test_runner.h"

#define PARTITION "model"
#define ENTRY "encode"
#define ALIGNMENT 64

static synapse_esp_model_handle_t open_with(uint32_t cores) {
  synapse_esp_model_config_t config = SYNAPSE_ESP_MODEL_CONFIG_DEFAULT();
  synapse_esp_model_handle_t handle;
  syn_error error = {.size = sizeof error};
  config.cores = cores;
  esp_err_t opened = synapse_esp_model_open_partition(PARTITION, &config, &handle, &error);
  TEST_ASSERT_EQUAL_MESSAGE(ESP_OK, opened, error.message);
  return handle;
}

static void check_golden_vectors(uint32_t cores) {
  synapse_esp_model_handle_t handle = open_with(cores);
  syn_model_info info = {.size = sizeof info};
  TEST_ASSERT_EQUAL(SYN_OK, syn_model_get_info(synapse_esp_model_get(handle), &info));
  TEST_ASSERT_GREATER_THAN_MESSAGE(0, info.golden_count, "the pack has no golden vectors: pack it without --no-golden");
  for (uint32_t i = 0; i < info.golden_count; i++)
    TEST_ASSERT_EQUAL(SYN_OK, syn_session_self_test(synapse_esp_model_session(handle), i));
  TEST_ASSERT_EQUAL(ESP_OK, synapse_esp_model_close(handle));
}

TEST_CASE("golden vectors on one core", "[engine]") { check_golden_vectors(1); }

TEST_CASE("golden vectors on both cores", "[engine]") { check_golden_vectors(2); }

TEST_CASE("every kernel computes what the generic kernels do", "[engine]") {
  void *memory = heap_caps_aligned_alloc(ALIGNMENT, syn_kernel_check_bytes(), MALLOC_CAP_8BIT);
  TEST_ASSERT_NOT_NULL(memory);
  TEST_ASSERT_GREATER_THAN(0, syn_kernel_check_count());
  char wrong[512] = "";
  for (uint32_t i = 0; i < syn_kernel_check_count(); i++) {
    syn_kernel_check check = {.size = sizeof check};
    TEST_ASSERT_EQUAL(SYN_OK, syn_kernel_check_run(i, memory, syn_kernel_check_bytes(), NULL, NULL, &check));
    if (check.passed) continue;
    /* All of them run, so that the message names every one that is wrong. */
    strlcat(wrong, wrong[0] == 0 ? "wrong: " : ", ", sizeof wrong);
    strlcat(wrong, check.name, sizeof wrong);
  }
  heap_caps_free(memory);
  TEST_ASSERT_MESSAGE(wrong[0] == 0, wrong);
}

/* The first output of `ENTRY` on a pattern of bytes; the caller frees it. */
static void *output_of(uint32_t cores, size_t *out_bytes) {
  synapse_esp_model_handle_t handle = open_with(cores);
  syn_session *session = synapse_esp_model_session(handle);
  uint32_t entry;
  void *input;
  const void *output;
  size_t bytes;
  TEST_ASSERT_EQUAL(SYN_OK, syn_model_find_entry(synapse_esp_model_get(handle), ENTRY, strlen(ENTRY), &entry));
  TEST_ASSERT_EQUAL(SYN_OK, syn_session_input(session, entry, 0, &input, &bytes));
  for (size_t i = 0; i < bytes; i++) ((uint8_t *)input)[i] = (uint8_t)(i * 37 % 251);
  TEST_ASSERT_EQUAL(SYN_OK, syn_session_run(session, entry, 1));
  TEST_ASSERT_EQUAL(SYN_OK, syn_session_output(session, entry, 0, &output, out_bytes));
  void *copy = malloc(*out_bytes);
  TEST_ASSERT_NOT_NULL(copy);
  memcpy(copy, output, *out_bytes);
  TEST_ASSERT_EQUAL(ESP_OK, synapse_esp_model_close(handle));
  return copy;
}

TEST_CASE("one core and two give the same bytes", "[engine]") {
  size_t one_bytes, two_bytes;
  void *one = output_of(1, &one_bytes), *two = output_of(2, &two_bytes);
  TEST_ASSERT_EQUAL(one_bytes, two_bytes);
  TEST_ASSERT_EQUAL_MEMORY(one, two, one_bytes);
  free(one);
  free(two);
}

TEST_CASE("a model that is closed leaves no memory behind", "[engine]") {
  synapse_esp_model_close(open_with(2));
  size_t before = heap_caps_get_free_size(MALLOC_CAP_8BIT);
  for (int i = 0; i < 10; i++) synapse_esp_model_close(open_with(2));
  /* Tasks that have ended are freed by the idle task. */
  TEST_ASSERT_INT_WITHIN(1024, before, heap_caps_get_free_size(MALLOC_CAP_8BIT));
}

TEST_CASE("a damaged pack is refused with a sentence", "[engine]") {
  const esp_partition_t *partition =
      esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, PARTITION);
  TEST_ASSERT_NOT_NULL(partition);
  uint32_t bytes;
  TEST_ASSERT_EQUAL(ESP_OK, esp_partition_read(partition, 16, &bytes, sizeof bytes));
  uint8_t *file = heap_caps_aligned_alloc(ALIGNMENT, bytes, MALLOC_CAP_SPIRAM);
  TEST_ASSERT_NOT_NULL(file);
  TEST_ASSERT_EQUAL(ESP_OK, esp_partition_read(partition, 0, file, bytes));
  file[bytes - 1] ^= 1;
  synapse_esp_model_config_t config = SYNAPSE_ESP_MODEL_CONFIG_DEFAULT();
  synapse_esp_model_handle_t handle;
  syn_error error = {.size = sizeof error};
  TEST_ASSERT_EQUAL(ESP_ERR_INVALID_STATE, synapse_esp_model_open_memory(file, bytes, &config, &handle, &error));
  TEST_ASSERT_EQUAL(SYN_ERROR_DIGEST, error.code);
  printf("%s\n", error.message);
  heap_caps_free(file);
}

TEST_CASE("what each op costs", "[engine][profile]") {
  synapse_esp_model_handle_t handle = open_with(2);
  syn_session *session = synapse_esp_model_session(handle);
  uint32_t entry;
  syn_entry_info info = {.size = sizeof info};
  TEST_ASSERT_EQUAL(SYN_OK, syn_model_find_entry(synapse_esp_model_get(handle), ENTRY, strlen(ENTRY), &entry));
  TEST_ASSERT_EQUAL(SYN_OK, syn_model_get_entry(synapse_esp_model_get(handle), entry, &info));
  TEST_ASSERT_EQUAL(SYN_OK, syn_session_run(session, entry, 1));
  for (uint32_t op = 0; op < info.op_count; op++) {
    syn_op_profile cost = {.size = sizeof cost};
    TEST_ASSERT_EQUAL(SYN_OK, syn_session_get_profile(session, entry, op, &cost));
    TEST_ASSERT_EQUAL(1, cost.runs);
    printf("%3" PRIu32 " %-10s %-32.*s %8" PRIu64 " us %10" PRIu64 " MAC\n", op, cost.op, (int)cost.name_bytes,
           cost.name, cost.ticks, cost.macs);
  }
  TEST_ASSERT_EQUAL(ESP_OK, synapse_esp_model_close(handle));
}
