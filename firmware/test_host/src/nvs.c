/* NVS, for numbers: entries one after the other in its partition, of which the last one of a key counts. The format is
 * not ESP-IDF's, and there is one name space. */
#include "nvs.h"

#include <string.h>

#include "esp_partition.h"
#include "test_host.h"

#define KEY_BYTES 16
#define HANDLE 1

typedef struct entry {
  char key[KEY_BYTES];
  uint32_t value;
  uint32_t used; /* all ones: nothing was written here */
  uint8_t rest[8];
} entry_t;

static const esp_partition_t *partition;

esp_err_t nvs_open(const char *name, nvs_open_mode_t mode, nvs_handle_t *out_handle) {
  (void)mode;
  if (strlen(name) >= KEY_BYTES) return ESP_ERR_INVALID_ARG;
  partition = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, NULL);
  if (partition == NULL) return ESP_ERR_NOT_FOUND;
  *out_handle = HANDLE;
  return ESP_OK;
}

/* Where the next entry goes; `out` is the last one of `key`, if there is one. */
static size_t find(const char *key, entry_t *out) {
  size_t at = 0;
  for (; at + sizeof(entry_t) <= partition->size; at += sizeof(entry_t)) {
    entry_t entry;
    esp_partition_read(partition, at, &entry, sizeof entry);
    if (entry.used == UINT32_MAX) return at;
    if (strncmp(entry.key, key, KEY_BYTES) == 0) *out = entry;
  }
  return at;
}

esp_err_t nvs_get_u32(nvs_handle_t handle, const char *key, uint32_t *out_value) {
  if (handle != HANDLE) return ESP_ERR_INVALID_ARG;
  entry_t entry = {0};
  find(key, &entry);
  if (entry.key[0] == 0) return ESP_ERR_NVS_NOT_FOUND;
  *out_value = entry.value;
  return ESP_OK;
}

esp_err_t nvs_set_u32(nvs_handle_t handle, const char *key, uint32_t value) {
  if (handle != HANDLE || strlen(key) >= KEY_BYTES) return ESP_ERR_INVALID_ARG;
  entry_t entry = {0};
  size_t at = find(key, &entry);
  if (at + sizeof entry > partition->size) return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
  entry = (entry_t){.value = value, .used = 1};
  strncpy(entry.key, key, sizeof entry.key - 1);
  return esp_partition_write(partition, at, &entry, sizeof entry);
}

esp_err_t nvs_commit(nvs_handle_t handle) { return handle == HANDLE ? ESP_OK : ESP_ERR_INVALID_ARG; }
void nvs_close(nvs_handle_t handle) { (void)handle; }
