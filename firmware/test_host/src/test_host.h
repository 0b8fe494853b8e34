/* What the parts of test_host share, and how the process is started (main.c). */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_chip_info.h"
#include "esp_system.h"

/* Exit statuses that say what the board did. */
enum {
  TEST_HOST_RESTART = 64,   /* it started itself anew: start it again, with --reset software */
  TEST_HOST_POWER_CUT = 65, /* the flash operation came at which power was to go */
};

typedef struct test_host_options {
  const char *flash_path;
  uint16_t http_port;
  uint8_t mac[6];
  esp_reset_reason_t reset;
} test_host_options_t;

extern test_host_options_t test_host_options;

/* partitions.c: opens the flash file and reads the partition table in it. Exits when there is none. */
void test_host_open_flash(const char *path);
/* Power goes in the middle of the flash operation that `after` others come before; `leaves` is what happens of it. */
void test_host_cut_power(unsigned long long after, const char *leaves);
unsigned long long test_host_flash_operations(void);
/* system.c: puts the clock forward. */
void test_host_skip_time(long long seconds);
/* engine_alone.c: runs every entry of the pack in a partition, and says what comes out, or why it does not open. */
void test_host_run_engine(const char *label, uint32_t cores, size_t fast_bytes_max);
/* ota.c: what the bootloader does before an application runs. */
void test_host_boot(void);

/* A deadline `ticks` from now as pthreads take it; portMAX_DELAY is far away. */
struct timespec test_host_deadline(uint32_t ticks);

/* Says what is wrong and ends the process, as an assertion does. */
void test_host_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
