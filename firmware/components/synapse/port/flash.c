/* The core's areas of flash: data partitions, found by their subtypes (boards/, and docs/board-file.md). */
#include <stdlib.h>

#include "esp_log.h"
#include "esp_partition.h"
#include "port.h"

#define AREA_COUNT 4
#define SECTOR_BYTES 4096
#define WRITE_BYTES 32
#define MAP_ALIGNMENT 64

/* By synapse_device_area; of the subtypes that ESP-IDF leaves to applications. */
static const uint8_t subtypes[AREA_COUNT] = {
    [SYNAPSE_DEVICE_AREA_RECORDS] = 0x42,
    [SYNAPSE_DEVICE_AREA_MODEL_A] = 0x40,
    [SYNAPSE_DEVICE_AREA_MODEL_B] = 0x41,
    [SYNAPSE_DEVICE_AREA_SETTINGS] = 0x43,
};

typedef struct area {
  const esp_partition_t *partition;
  esp_partition_mmap_handle_t mapping;
  const void *mapped; /* NULL: not yet, or it cannot be */
} area_t;

struct port_flash {
  area_t areas[AREA_COUNT];
};

static area_t *area_of(void *user, uint32_t area, uint64_t offset, uint64_t bytes, uint32_t unit) {
  synapse_esp_handle_t self = user;
  if (area >= AREA_COUNT || offset % unit != 0 || bytes % unit != 0) return NULL;
  area_t *found = &self->flash->areas[area];
  return offset + bytes <= found->partition->size ? found : NULL;
}

static int32_t flash_read(void *user, uint32_t area, uint32_t offset, uint8_t *out, size_t bytes) {
  area_t *from = area_of(user, area, offset, bytes, 1);
  if (from == NULL) return SYNAPSE_DEVICE_FLASH_RANGE;
  esp_err_t result = esp_partition_read(from->partition, offset, out, bytes);
  return result == ESP_OK ? SYNAPSE_DEVICE_FLASH_OK : SYNAPSE_DEVICE_FLASH_FAILED;
}

static int32_t flash_erase(void *user, uint32_t area, uint32_t offset) {
  area_t *from = area_of(user, area, offset, SECTOR_BYTES, SECTOR_BYTES);
  if (from == NULL) return SYNAPSE_DEVICE_FLASH_RANGE;
  esp_err_t result = esp_partition_erase_range(from->partition, offset, SECTOR_BYTES);
  return result == ESP_OK ? SYNAPSE_DEVICE_FLASH_OK : SYNAPSE_DEVICE_FLASH_FAILED;
}

static int32_t flash_write(void *user, uint32_t area, uint32_t offset, const uint8_t *data, size_t bytes) {
  area_t *to = area_of(user, area, offset, bytes, WRITE_BYTES);
  if (to == NULL) return SYNAPSE_DEVICE_FLASH_RANGE;
  esp_err_t result = esp_partition_write(to->partition, offset, data, bytes);
  return result == ESP_OK ? SYNAPSE_DEVICE_FLASH_OK : SYNAPSE_DEVICE_FLASH_FAILED;
}

static const void *flash_map(void *user, uint32_t area) {
  area_t *of = area_of(user, area, 0, 0, 1);
  if (of == NULL) return NULL;
  if (of->mapped != NULL) return of->mapped;
  const void *start = NULL;
  esp_err_t result = esp_partition_mmap(of->partition, 0, of->partition->size, ESP_PARTITION_MMAP_DATA, &start,
                                        &of->mapping);
  if (result != ESP_OK) {
    ESP_LOGE(PORT_TAG, "partition \"%s\" cannot be mapped: %s", of->partition->label, esp_err_to_name(result));
    return NULL;
  }
  if ((uintptr_t)start % MAP_ALIGNMENT != 0) {
    ESP_LOGE(PORT_TAG, "partition \"%s\" is mapped at %p; its offset has to be a multiple of 64 KiB",
             of->partition->label, start);
    esp_partition_munmap(of->mapping);
    return NULL;
  }
  of->mapped = start;
  return start;
}

esp_err_t port_flash_start(synapse_esp_handle_t self, synapse_device_config *config) {
  port_flash_t *flash = calloc(1, sizeof *flash);
  if (flash == NULL) return ESP_ERR_NO_MEM;
  self->flash = flash;
  for (uint32_t i = 0; i < AREA_COUNT; i++) {
    const esp_partition_t *found =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, (esp_partition_subtype_t)subtypes[i], NULL);
    if (found == NULL) {
      ESP_LOGE(PORT_TAG, "the partition table lacks a data partition of subtype 0x%02x", subtypes[i]);
      return ESP_ERR_NOT_FOUND;
    }
    flash->areas[i].partition = found;
  }
  const area_t *areas = flash->areas;
  config->records_bytes = areas[SYNAPSE_DEVICE_AREA_RECORDS].partition->size;
  config->settings_bytes = areas[SYNAPSE_DEVICE_AREA_SETTINGS].partition->size;
  for (uint32_t slot = 0; slot < 2; slot++) {
    const esp_partition_t *partition = areas[SYNAPSE_DEVICE_AREA_MODEL_A + slot].partition;
    config->slot_bytes[slot] = partition->size;
    config->slot_names[slot] = port_text(partition->label);
  }
  self->port.flash_read = flash_read;
  self->port.flash_erase = flash_erase;
  self->port.flash_write = flash_write;
  self->port.flash_map = flash_map;
  return ESP_OK;
}

esp_err_t port_flash_reset_settings(synapse_esp_handle_t self) {
  const esp_partition_t *settings = self->flash->areas[SYNAPSE_DEVICE_AREA_SETTINGS].partition;
  return esp_partition_erase_range(settings, 0, settings->size);
}

void port_flash_stop(synapse_esp_handle_t self) {
  if (self->flash == NULL) return;
  for (uint32_t i = 0; i < AREA_COUNT; i++)
    if (self->flash->areas[i].mapped != NULL) esp_partition_munmap(self->flash->areas[i].mapping);
  free(self->flash);
  self->flash = NULL;
}
