/* Flash is a file. Erased bytes are 0xff, a write clears bits, an erase sets those of whole sectors. The partition
 * table lies at 0x8000 in the file in its own format, as the bootloader reads it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "esp_flash.h"
#include "esp_partition.h"
#include "esp_random.h"
#include "test_host.h"

#define TABLE_OFFSET 0x8000
#define TABLE_BYTES 0xc00
#define ENTRY_BYTES 32
#define SECTOR_BYTES 4096
#define PARTITIONS_MAX 32

static uint8_t *flash; /* the whole file, shared: what is written is in it at once */
static size_t flash_bytes;
static esp_partition_t partitions[PARTITIONS_MAX];
static size_t partition_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t operations, cut_at;

/* What of a flash operation is left when power goes in its middle, as in sim/device/sim_flash.zig: nothing of it;
 * nothing of a write, and all of an erase; half of it; any part of it; the same, and bits on their way are either; as
 * rotten, for a file reads the same each time; all of it. */
static const char *const cut_names[] = {"dropped", "unwritten", "half", "torn", "rotten", "unstable", "completed"};
static enum { CUT_DROPPED, CUT_UNWRITTEN, CUT_HALF, CUT_TORN, CUT_ROTTEN, CUT_UNSTABLE, CUT_COMPLETED } cut_leaves;

static uint32_t little_endian(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void read_table(void) {
  for (size_t i = 0; i < PARTITIONS_MAX; i++) {
    const uint8_t *entry = flash + TABLE_OFFSET + i * ENTRY_BYTES;
    if (entry[0] != 0xaa || entry[1] != 0x50) return;
    esp_partition_t *partition = &partitions[partition_count++];
    *partition = (esp_partition_t){
        .type = entry[2],
        .subtype = entry[3],
        .address = little_endian(entry + 4),
        .size = little_endian(entry + 8),
        .erase_size = SECTOR_BYTES,
    };
    memcpy(partition->label, entry + 12, 16);
    if ((uint64_t)partition->address + partition->size > flash_bytes)
      test_host_die("partition %s ends behind the flash", partition->label);
  }
}

void test_host_cut_power(unsigned long long after, const char *leaves) {
  size_t kind = 0, kinds = sizeof cut_names / sizeof cut_names[0];
  while (kind < kinds && strcmp(cut_names[kind], leaves) != 0) kind++;
  if (kind == kinds) test_host_die("\"%s\" is no kind of cut", leaves);
  pthread_mutex_lock(&lock);
  cut_at = operations + after + 1;
  cut_leaves = kind;
  pthread_mutex_unlock(&lock);
}

unsigned long long test_host_flash_operations(void) {
  pthread_mutex_lock(&lock);
  unsigned long long count = operations;
  pthread_mutex_unlock(&lock);
  return count;
}

void test_host_open_flash(const char *path) {
  int file = open(path, O_RDWR);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) test_host_die("%s cannot be opened", path);
  flash_bytes = (size_t)status.st_size;
  if (flash_bytes < TABLE_OFFSET + TABLE_BYTES) test_host_die("%s is too short for a flash", path);
  flash = mmap(NULL, flash_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (flash == MAP_FAILED) test_host_die("%s cannot be mapped", path);
  close(file);
  read_table();
  if (partition_count == 0) test_host_die("%s has no partition table at 0x%x", path, TABLE_OFFSET);
}

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                                const char *label) {
  for (size_t i = 0; i < partition_count; i++) {
    const esp_partition_t *at = &partitions[i];
    if (type != ESP_PARTITION_TYPE_ANY && type != at->type) continue;
    if (subtype != ESP_PARTITION_SUBTYPE_ANY && subtype != at->subtype) continue;
    if (label == NULL || strcmp(label, at->label) == 0) return at;
  }
  return NULL;
}

static bool inside(const esp_partition_t *partition, size_t offset, size_t bytes) {
  return offset <= partition->size && bytes <= partition->size - offset;
}

esp_err_t esp_partition_read(const esp_partition_t *partition, size_t offset, void *out, size_t bytes) {
  if (!inside(partition, offset, bytes)) return ESP_ERR_INVALID_SIZE;
  pthread_mutex_lock(&lock);
  memcpy(out, flash + partition->address + offset, bytes);
  pthread_mutex_unlock(&lock);
  return ESP_OK;
}

/* Under the lock; answers how many bytes of the operation still happen. */
static size_t begin_operation(size_t bytes) {
  if (++operations != cut_at || cut_leaves == CUT_COMPLETED) return bytes;
  if (cut_leaves == CUT_DROPPED || cut_leaves == CUT_UNWRITTEN) return 0;
  return cut_leaves == CUT_HALF ? bytes / 2 : esp_random() % bytes;
}

/* A bit of `mask` on its way from `byte` is either. */
static uint8_t undecided(uint8_t byte, uint8_t mask) {
  bool either = cut_leaves == CUT_ROTTEN || cut_leaves == CUT_UNSTABLE;
  return either ? byte ^ ((uint8_t)esp_random() & mask) : byte;
}

static void end_operation(void) {
  if (operations != cut_at) return;
  fprintf(stderr, "power: %llu\n", (unsigned long long)operations);
  _exit(TEST_HOST_POWER_CUT);
}

esp_err_t esp_partition_write(const esp_partition_t *partition, size_t offset, const void *data, size_t bytes) {
  if (!inside(partition, offset, bytes)) return ESP_ERR_INVALID_SIZE;
  const uint8_t *from = data;
  uint8_t *to = flash + partition->address + offset;
  pthread_mutex_lock(&lock);
  size_t happen = begin_operation(bytes);
  for (size_t i = 0; i < happen; i++) to[i] &= from[i];
  for (size_t i = happen; i < bytes; i++) to[i] = undecided(to[i], to[i] & ~from[i]);
  end_operation();
  pthread_mutex_unlock(&lock);
  return ESP_OK;
}

esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t bytes) {
  if (!inside(partition, offset, bytes)) return ESP_ERR_INVALID_SIZE;
  if (offset % SECTOR_BYTES != 0) return ESP_ERR_INVALID_ARG;
  if (bytes % SECTOR_BYTES != 0) return ESP_ERR_INVALID_SIZE;
  pthread_mutex_lock(&lock);
  for (size_t at = offset; at < offset + bytes; at += SECTOR_BYTES) {
    uint8_t *sector = flash + partition->address + at;
    size_t happen = begin_operation(SECTOR_BYTES);
    if (happen == 0 && cut_leaves == CUT_UNWRITTEN) happen = SECTOR_BYTES;
    memset(sector, 0xff, happen);
    for (size_t i = happen; i < SECTOR_BYTES; i++) sector[i] = undecided(sector[i], (uint8_t)~sector[i]);
    end_operation();
  }
  pthread_mutex_unlock(&lock);
  return ESP_OK;
}

esp_err_t esp_partition_mmap(const esp_partition_t *partition, size_t offset, size_t bytes,
                             esp_partition_mmap_memory_t memory, const void **out_start,
                             esp_partition_mmap_handle_t *out_handle) {
  (void)memory;
  if (!inside(partition, offset, bytes)) return ESP_ERR_INVALID_SIZE;
  *out_start = flash + partition->address + offset;
  *out_handle = 1;
  return ESP_OK;
}

void esp_partition_munmap(esp_partition_mmap_handle_t handle) { (void)handle; }

esp_err_t esp_flash_get_size(esp_flash_t *chip, uint32_t *out_bytes) {
  if (chip != NULL) return ESP_ERR_INVALID_ARG;
  *out_bytes = (uint32_t)flash_bytes;
  return ESP_OK;
}
