/* What the bootloader and esp_ota_* do: two places for applications, and the two sectors of otadata that say which one
 * starts (a sequence number, a state, a CRC). With rollback: what was not confirmed before the next start is not
 * started again. Images are not run; the description in the chosen one is what the application says of itself. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "esp_ota_ops.h"
#include "test_host.h"

#define SECTOR_BYTES 4096
#define HEADER_BYTES 24
#define SEGMENT_HEADER_BYTES 8
#define SEGMENTS_MAX 16
#define CHIP_ID 18
#define PLACES 2
#define HANDLE 1

typedef struct entry {
  uint32_t sequence; /* all ones: none */
  uint8_t label[20];
  uint32_t state;
  uint32_t crc;
} entry_t;

_Static_assert(sizeof(entry_t) == 32, "as it lies in otadata");

static const esp_partition_t *places[PLACES], *record, *running, *target;
static size_t written, erased;
static esp_app_desc_t description = {.magic_word = ESP_APP_DESC_MAGIC_WORD,
                                     .version = TEST_HOST_VERSION,
                                     .project_name = "synapse",
                                     .idf_ver = "test_host"};

const esp_app_desc_t *esp_app_get_description(void) { return &description; }

/* The CRC-32 of zip files, begun with all bits clear, as the ROM's function is called. */
static uint32_t crc_of(uint32_t sequence) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    value ^= (sequence >> (8 * i)) & 0xff;
    for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
  }
  return ~value;
}

static bool valid(const entry_t *entry) {
  return entry->sequence != 0 && entry->sequence != 0xffffffffu && entry->crc == crc_of(entry->sequence) &&
         entry->state != ESP_OTA_IMG_INVALID && entry->state != ESP_OTA_IMG_ABORTED;
}

static entry_t read_entry(uint32_t sector) {
  entry_t entry;
  esp_partition_read(record, sector * SECTOR_BYTES, &entry, sizeof entry);
  return entry;
}

static esp_err_t write_entry(uint32_t sequence, esp_ota_img_states_t state) {
  entry_t entry = {.sequence = sequence, .state = state, .crc = crc_of(sequence)};
  memset(entry.label, 0xff, sizeof entry.label);
  uint32_t sector = (sequence - 1) % PLACES;
  esp_err_t result = esp_partition_erase_range(record, sector * SECTOR_BYTES, SECTOR_BYTES);
  if (result != ESP_OK) return result;
  return esp_partition_write(record, sector * SECTOR_BYTES, &entry, sizeof entry);
}

/* The newest valid entry; its sequence is 0 when there is none. */
static entry_t latest_entry(void) {
  entry_t best = {0};
  for (uint32_t sector = 0; sector < PLACES; sector++) {
    entry_t entry = read_entry(sector);
    if (valid(&entry) && entry.sequence > best.sequence) best = entry;
  }
  return best;
}

/* Whether a place holds an undamaged image: segments, checksum and digest, as esp_image_verify looks at them. */
static bool whole(const esp_partition_t *place) {
  const void *mapped;
  esp_partition_mmap_handle_t handle;
  if (esp_partition_mmap(place, 0, place->size, ESP_PARTITION_MMAP_DATA, &mapped, &handle) != ESP_OK) return false;
  const uint8_t *image = mapped;
  if (image[0] != 0xe9 || image[1] == 0 || image[1] > SEGMENTS_MAX) return false;
  if ((image[12] | image[13] << 8) != CHIP_ID) return false;
  size_t at = HEADER_BYTES;
  uint8_t checksum = 0xef;
  for (int segment = 0; segment < image[1]; segment++) {
    if (at + SEGMENT_HEADER_BYTES > place->size) return false;
    uint32_t bytes;
    memcpy(&bytes, image + at + 4, sizeof bytes);
    at += SEGMENT_HEADER_BYTES;
    if (bytes > place->size - at) return false;
    for (uint32_t i = 0; i < bytes; i++) checksum ^= image[at + i];
    at += bytes;
  }
  size_t end = at + 16 - at % 16;
  if (end + SHA256_DIGEST_LENGTH > place->size || image[end - 1] != checksum) return false;
  if (image[23] != 1) return true;
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(image, end, digest);
  return memcmp(digest, image + end, sizeof digest) == 0;
}

static void give_up_unconfirmed(void) {
  for (uint32_t sector = 0; sector < PLACES; sector++) {
    entry_t entry = read_entry(sector);
    if (!valid(&entry) || entry.state != ESP_OTA_IMG_PENDING_VERIFY) continue;
    write_entry(entry.sequence, ESP_OTA_IMG_ABORTED);
  }
}

void test_host_boot(void) {
  record = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, NULL);
  places[0] = esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_OTA_0, NULL);
  places[1] = esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_OTA_1, NULL);
  running = places[0];
  if (record == NULL || places[0] == NULL || places[1] == NULL) {
    record = NULL;
    return;
  }
  give_up_unconfirmed();
  entry_t entry = latest_entry();
  if (entry.sequence != 0 && whole(places[(entry.sequence - 1) % PLACES])) {
    running = places[(entry.sequence - 1) % PLACES];
    if (entry.state == ESP_OTA_IMG_NEW) write_entry(entry.sequence, ESP_OTA_IMG_PENDING_VERIFY);
  }
  if (whole(running))
    esp_partition_read(running, HEADER_BYTES + SEGMENT_HEADER_BYTES, &description, sizeof description);
}

const esp_partition_t *esp_ota_get_running_partition(void) { return running; }

const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *start_from) {
  if (record == NULL) return NULL;
  return (start_from == NULL ? running : start_from) == places[0] ? places[1] : places[0];
}

const esp_partition_t *esp_ota_get_last_invalid_partition(void) {
  if (record == NULL) return NULL;
  for (uint32_t sector = 0; sector < PLACES; sector++) {
    entry_t entry = read_entry(sector);
    bool given_up = entry.state == ESP_OTA_IMG_INVALID || entry.state == ESP_OTA_IMG_ABORTED;
    if (entry.crc == crc_of(entry.sequence) && given_up) return places[(entry.sequence - 1) % PLACES];
  }
  return NULL;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition, esp_ota_img_states_t *out_state) {
  if (record == NULL) return ESP_ERR_NOT_FOUND;
  for (uint32_t sector = 0; sector < PLACES; sector++) {
    entry_t entry = read_entry(sector);
    bool known = entry.sequence != 0xffffffffu && entry.crc == crc_of(entry.sequence);
    if (!known || places[(entry.sequence - 1) % PLACES] != partition) continue;
    *out_state = entry.state;
    return ESP_OK;
  }
  return ESP_ERR_NOT_FOUND;
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void) {
  if (record == NULL) return ESP_FAIL;
  entry_t entry = latest_entry();
  if (entry.sequence == 0 || places[(entry.sequence - 1) % PLACES] != running) return ESP_OK;
  if (entry.state == ESP_OTA_IMG_VALID) return ESP_OK;
  return write_entry(entry.sequence, ESP_OTA_IMG_VALID);
}

esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t image_bytes, esp_ota_handle_t *out_handle) {
  if (partition == NULL || partition->type != ESP_PARTITION_TYPE_APP) return ESP_ERR_INVALID_ARG;
  if (partition == running) return ESP_ERR_OTA_PARTITION_CONFLICT;
  esp_ota_img_states_t state;
  bool unconfirmed = esp_ota_get_state_partition(running, &state) == ESP_OK && state == ESP_OTA_IMG_PENDING_VERIFY;
  if (unconfirmed) return ESP_ERR_OTA_ROLLBACK_INVALID_STATE;
  target = partition;
  written = erased = 0;
  *out_handle = HANDLE;
  if (image_bytes == OTA_WITH_SEQUENTIAL_WRITES) return ESP_OK;
  size_t bytes = image_bytes == 0 || image_bytes == OTA_SIZE_UNKNOWN ? partition->size : image_bytes;
  erased = (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
  return esp_partition_erase_range(partition, 0, erased);
}

esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t bytes) {
  if (handle != HANDLE || target == NULL || data == NULL) return ESP_ERR_INVALID_ARG;
  if (written == 0 && bytes > 0 && *(const uint8_t *)data != 0xe9) return ESP_ERR_OTA_VALIDATE_FAILED;
  while (erased < written + bytes) {
    esp_err_t result = esp_partition_erase_range(target, erased, SECTOR_BYTES);
    if (result != ESP_OK) return result;
    erased += SECTOR_BYTES;
  }
  esp_err_t result = esp_partition_write(target, written, data, bytes);
  if (result == ESP_OK) written += bytes;
  return result;
}

esp_err_t esp_ota_end(esp_ota_handle_t handle) {
  if (handle != HANDLE || target == NULL) return ESP_ERR_NOT_FOUND;
  const esp_partition_t *place = target;
  target = NULL;
  if (written == 0) return ESP_ERR_INVALID_ARG;
  return whole(place) ? ESP_OK : ESP_ERR_OTA_VALIDATE_FAILED;
}

esp_err_t esp_ota_abort(esp_ota_handle_t handle) {
  if (handle != HANDLE || target == NULL) return ESP_ERR_NOT_FOUND;
  target = NULL;
  return ESP_OK;
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition) {
  if (record == NULL) return ESP_ERR_NOT_FOUND;
  if (!whole(partition)) return ESP_ERR_OTA_VALIDATE_FAILED;
  uint32_t sequence = latest_entry().sequence + 1;
  if (places[(sequence - 1) % PLACES] != partition) sequence++;
  return write_entry(sequence, ESP_OTA_IMG_NEW);
}
