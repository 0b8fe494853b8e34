/* The board's log: the core's lines to the serial port, and what ESP-IDF's parts log to the core. Any task may log, but
 * the core is told on the event task only: lines wait in a queue, and what does not fit is counted. */
#include <stdio.h>
#include <string.h>

#include "esp_log.h"
#include "port.h"

/* The core keeps its own lines, and is not told of those with this tag. */
#define CORE_TAG "synapse_core"
#define LINES_MAX 24
/* As many as the core keeps of one. */
#define LINE_BYTES 160

typedef struct line {
  uint8_t level;
  char text[LINE_BYTES];
} line_t;

/* One for all, because the hook has no argument; and kept after a stop, because a task may be in it. */
static struct {
  QueueHandle_t lines;
  vprintf_like_t print;
  atomic_bool hears;
  atomic_uint lost;
  SemaphoreHandle_t lock; /* around what follows */
  TaskHandle_t writer;    /* of the line that has begun */
  size_t bytes;           /* of it */
  char begun[LINE_BYTES];
  line_t line; /* not on the stacks of those who log, which are small */
} heard;

/* --- From ESP-IDF ------------------------------------------------------------------------------------------------- */

/* "W (123) wifi: text" -> its level and "wifi: text"; without colours, and whatever else would move a cursor. */
static bool read_line(line_t *out) {
  static const char letters[] = {[SYNAPSE_DEVICE_LOG_ERROR] = 'E', [SYNAPSE_DEVICE_LOG_WARN] = 'W',
                                 [SYNAPSE_DEVICE_LOG_INFO] = 'I'};
  size_t count = 0;
  for (size_t i = 0; i < heard.bytes; i++) {
    char byte = heard.begun[i];
    if (byte == 0x1b) {
      while (i < heard.bytes && heard.begun[i] != 'm') i++;
      continue;
    }
    out->text[count++] = (unsigned char)byte < ' ' ? ' ' : byte;
  }
  out->text[count] = 0;
  const char *letter = memchr(letters, out->text[0], sizeof letters);
  const char *start = strstr(out->text, ") ");
  if (letter == NULL || strncmp(out->text + 1, " (", 2) != 0 || start == NULL || start[2] == 0) return false;
  out->level = (uint8_t)(letter - letters);
  memmove(out->text, start + 2, strlen(start + 2) + 1);
  return strncmp(out->text, CORE_TAG ":", sizeof CORE_TAG) != 0;
}

static void end_line(void) {
  if (read_line(&heard.line) && xQueueSend(heard.lines, &heard.line, 0) != pdTRUE) atomic_fetch_add(&heard.lost, 1);
  heard.bytes = 0;
}

/* A line comes in one piece or in several, of which the last ends with a line feed. */
static void add(const char *format, va_list arguments) {
  TaskHandle_t writer = xTaskGetCurrentTaskHandle();
  if (heard.bytes > 0 && heard.writer != writer) end_line();
  heard.writer = writer;
  size_t room = LINE_BYTES - heard.bytes;
  int wanted = vsnprintf(heard.begun + heard.bytes, room, format, arguments);
  if (wanted <= 0) return;
  bool cut = (size_t)wanted >= room;
  heard.bytes += cut ? room - 1 : (size_t)wanted;
  bool ended = heard.bytes > 0 && heard.begun[heard.bytes - 1] == '\n';
  if (ended) heard.bytes--;
  if (ended || cut) end_line();
}

static int hear(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int printed = heard.print(format, arguments);
  if (atomic_load(&heard.hears)) {
    /* Nobody waits to log, least of all for a task that this one has interrupted. */
    if (xSemaphoreTake(heard.lock, 0) == pdTRUE) {
      add(format, again);
      xSemaphoreGive(heard.lock);
    } else {
      atomic_fetch_add(&heard.lost, 1);
    }
  }
  va_end(again);
  return printed;
}

esp_err_t port_log_start(void) {
  if (heard.lines == NULL) heard.lines = xQueueCreate(LINES_MAX, sizeof(line_t));
  if (heard.lock == NULL) heard.lock = xSemaphoreCreateMutex();
  if (heard.lines == NULL || heard.lock == NULL) return ESP_ERR_NO_MEM;
  if (heard.print == NULL) heard.print = esp_log_set_vprintf(hear);
  atomic_store(&heard.hears, true);
  return ESP_OK;
}

void port_log_stop(void) { atomic_store(&heard.hears, false); }

void port_log_look(synapse_esp_handle_t self) {
  static line_t line; /* of the event task, whose stack it spares */
  unsigned lost = atomic_exchange(&heard.lost, 0);
  while (xQueueReceive(heard.lines, &line, 0) == pdTRUE)
    synapse_device_logged(self->device, line.level, port_text(line.text));
  if (lost == 0) return;
  snprintf(line.text, sizeof line.text, "%u lines of the log came too fast to be kept", lost);
  synapse_device_logged(self->device, SYNAPSE_DEVICE_LOG_WARN, port_text(line.text));
}

/* --- From the core ------------------------------------------------------------------------------------------------ */

void port_log(void *user, uint32_t level, const char *text, size_t bytes) {
  (void)user;
  if (level == SYNAPSE_DEVICE_LOG_ERROR)
    ESP_LOGE(CORE_TAG, "%.*s", (int)bytes, text);
  else if (level == SYNAPSE_DEVICE_LOG_WARN)
    ESP_LOGW(CORE_TAG, "%.*s", (int)bytes, text);
  else
    ESP_LOGI(CORE_TAG, "%.*s", (int)bytes, text);
}
