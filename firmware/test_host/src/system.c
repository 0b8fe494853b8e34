/* The chip around the application: its log, its clock, its memory, what it is, and its restart. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "esp_clk_tree.h"
#include "esp_cpu.h"
#include "esp_err.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "esp_vfs_eventfd.h"
#include "test_host.h"

/* Of boards/waveshare-esp32-p4-wifi6.json. */
#define PSRAM_BYTES (32u << 20)
/* What an ESP32-P4 has beside its cache. */
#define INTERNAL_BYTES (640u << 10)

test_host_options_t test_host_options;

void test_host_die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("test_host: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  abort();
}

void _esp_error_check_failed(esp_err_t code, const char *file, int line, const char *function,
                             const char *expression) {
  test_host_die("%s:%d: %s: %s is %s", file, line, function, expression, esp_err_to_name(code));
}

const char *esp_err_to_name(esp_err_t code) {
  switch (code) {
    case ESP_OK: return "ESP_OK";
    case ESP_FAIL: return "ESP_FAIL";
    case ESP_ERR_NO_MEM: return "ESP_ERR_NO_MEM";
    case ESP_ERR_INVALID_ARG: return "ESP_ERR_INVALID_ARG";
    case ESP_ERR_INVALID_STATE: return "ESP_ERR_INVALID_STATE";
    case ESP_ERR_INVALID_SIZE: return "ESP_ERR_INVALID_SIZE";
    case ESP_ERR_NOT_FOUND: return "ESP_ERR_NOT_FOUND";
    case ESP_ERR_NOT_SUPPORTED: return "ESP_ERR_NOT_SUPPORTED";
    case ESP_ERR_TIMEOUT: return "ESP_ERR_TIMEOUT";
    default: return "another error";
  }
}

static int to_stderr(const char *format, va_list arguments) { return vfprintf(stderr, format, arguments); }
static vprintf_like_t log_function = to_stderr;

vprintf_like_t esp_log_set_vprintf(vprintf_like_t function) {
  vprintf_like_t before = log_function;
  log_function = function;
  return before;
}

void esp_log_level_set(const char *tag, esp_log_level_t level) { (void)tag, (void)level; }

uint32_t esp_log_timestamp(void) { return (uint32_t)(esp_timer_get_time() / 1000); }

void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...) {
  (void)tag;
  if (level > ESP_LOG_INFO) return;
  va_list arguments;
  va_start(arguments, format);
  log_function(format, arguments);
  va_end(arguments);
}

static int64_t start_us;
static atomic_llong skipped_us;
static pthread_once_t started = PTHREAD_ONCE_INIT;

static int64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}
static void start_clock(void) { start_us = monotonic_us(); }

int64_t esp_timer_get_time(void) {
  pthread_once(&started, start_clock);
  return monotonic_us() - start_us + atomic_load(&skipped_us);
}

/* As many as the chip would have in this time. */
esp_cpu_cycle_count_t esp_cpu_get_cycle_count(void) {
  return (esp_cpu_cycle_count_t)((uint64_t)monotonic_us() * CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ);
}

void test_host_skip_time(long long seconds) { atomic_fetch_add(&skipped_us, seconds * 1000000); }

void esp_fill_random(void *out, size_t bytes) {
  uint8_t *at = out;
  while (bytes > 0) {
    ssize_t got = getrandom(at, bytes, 0);
    if (got < 0) test_host_die("there is no randomness");
    at += got;
    bytes -= (size_t)got;
  }
}

uint32_t esp_random(void) {
  uint32_t value;
  esp_fill_random(&value, sizeof value);
  return value;
}

esp_err_t esp_efuse_mac_get_default(uint8_t *out_mac) {
  memcpy(out_mac, test_host_options.mac, sizeof test_host_options.mac);
  return ESP_OK;
}

void esp_chip_info(esp_chip_info_t *out_info) {
  *out_info = (esp_chip_info_t){.model = CHIP_ESP32P4, .revision = 103, .cores = 2};
}

esp_err_t esp_task_wdt_add(TaskHandle_t task) {
  (void)task;
  return ESP_OK;
}
esp_err_t esp_task_wdt_reset(void) { return ESP_OK; }
esp_err_t esp_task_wdt_delete(TaskHandle_t task) {
  (void)task;
  return ESP_OK;
}

esp_err_t esp_vfs_eventfd_register(const esp_vfs_eventfd_config_t *config) {
  return config->max_fds > 0 ? ESP_OK : ESP_ERR_INVALID_ARG;
}

void esp_restart(void) {
  fflush(stderr);
  _exit(TEST_HOST_RESTART);
}

esp_reset_reason_t esp_reset_reason(void) { return test_host_options.reset; }

static size_t region_bytes(uint32_t caps) { return caps & MALLOC_CAP_SPIRAM ? PSRAM_BYTES : INTERNAL_BYTES; }

void *heap_caps_aligned_alloc(size_t alignment, size_t bytes, uint32_t caps) {
  if (bytes > region_bytes(caps)) return NULL;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void *heap_caps_malloc(size_t bytes, uint32_t caps) { return bytes > region_bytes(caps) ? NULL : malloc(bytes); }
void *heap_caps_calloc(size_t count, size_t bytes, uint32_t caps) {
  return count * bytes > region_bytes(caps) ? NULL : calloc(count, bytes);
}
void heap_caps_free(void *block) { free(block); }
/* Nobody counts here: what there is is always free. */
size_t heap_caps_get_free_size(uint32_t caps) { return region_bytes(caps); }
size_t heap_caps_get_largest_free_block(uint32_t caps) { return region_bytes(caps); }
esp_err_t esp_clk_tree_src_get_freq_hz(soc_module_clk_t source, esp_clk_tree_src_freq_precision_t precision,
                                       uint32_t *out_hz) {
  (void)precision;
  if (source != SOC_MOD_CLK_CPU) return ESP_ERR_INVALID_ARG;
  *out_hz = CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ * 1000000u;
  return ESP_OK;
}
