/* What the files of the port share. Everything the core hears is told on one task, the event task; the others hand
 * events to its queue. Buffers inside an event stay valid until it has been handled: whoever posts waits for that. */
#ifndef SYNAPSE_PORT_H
#define SYNAPSE_PORT_H

#include <stdatomic.h>
#include <stdlib.h>

#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "synapse_esp.h"

#define PORT_TAG "synapse"
/* Two cores; a worker on each. The network's tasks have the other. FreeRTOS may be told to use one alone, and ends a
 * program then that asks for the second. */
#ifdef CONFIG_FREERTOS_UNICORE
#define PORT_WORKER_CORE 0
#else
#define PORT_WORKER_CORE 1
#endif
#define PORT_HELPER_CORE 0
#define PORT_MAC_BYTES 6

typedef struct port_event port_event_t;
struct port_event {
  void (*run)(synapse_esp_handle_t self, const port_event_t *event);
  void *object;
  const void *bytes;
  size_t byte_count;
  uint32_t number, value;
  SemaphoreHandle_t done; /* given when the event was handled; NULL: nobody waits */
};

typedef struct port_ask port_ask_t;
typedef struct port_http port_http_t;
typedef struct port_mqtt port_mqtt_t;
typedef struct port_fetch port_fetch_t;
typedef struct port_image port_image_t;
typedef struct port_work port_work_t;
typedef struct port_flash port_flash_t;
typedef struct port_discovery port_discovery_t;
typedef struct port_firmware port_firmware_t;

struct synapse_esp {
  synapse_esp_config_t config;
  synapse_device *device;
  synapse_device_port port;
  QueueHandle_t events;
  SemaphoreHandle_t event_task_ended, caller_done, caller_lock, ask_lock;
  TaskHandle_t event_task;
  bool ending;          /* event task only */
  bool settings_changed; /* event task only: to be told after the core's call */
  int64_t reboot_at_us; /* event task only; 0: none is wanted */
  uint32_t next_request;
  /* Worker only: cycles so far, and the chip's counter of 32 bits when it was last read. */
  uint64_t cycles;
  uint32_t cycles_read;
  port_ask_t *ask; /* event task only: not answered yet; NULL: none is under way */
  uint32_t lost_fetch; /* event task only: a download that could not begin; 0: none */
  void *fast, *slow;
  size_t fast_bytes, slow_bytes;
  uint8_t mac[PORT_MAC_BYTES];
  char id[18], name[32];
  synapse_esp_link_t link;
  /* Event task only: what was told last. */
  char told_model[64];
  bool told_claimed;
  uint64_t told_surprises;
  port_flash_t *flash;
  port_firmware_t *firmware;
  port_work_t *work;
  port_http_t *http;
  port_mqtt_t *mqtt;
  port_fetch_t *fetch;
  port_image_t *image;
  port_discovery_t *discovery;
};

void *port_malloc(size_t bytes);              /* of PSRAM, where there is some; heap_caps_free gives it back */
synapse_device_text port_text(const char *text); /* NULL is empty */
synapse_device_text port_setting(synapse_esp_handle_t self, const char *key);

/* events.c */
esp_err_t port_events_start(synapse_esp_handle_t self);
void port_events_stop(synapse_esp_handle_t self);
/* From any task but the event task; waits while the queue is full. */
void port_post(synapse_esp_handle_t self, port_event_t event);
/* Posts, and waits until it was handled. `done` is a binary semaphore of the caller's. */
void port_ask(synapse_esp_handle_t self, port_event_t event, SemaphoreHandle_t done);
/* A number for a request; on the event task. */
uint32_t port_number(synapse_esp_handle_t self);
esp_err_t port_task(TaskFunction_t run, const char *name, size_t stack_bytes, void *argument, int priority, int core,
                    TaskHandle_t *out_task);
void port_tell(int32_t id, const void *data, size_t bytes); /* an event of SYNAPSE_ESP_EVENT */

/* log.c */
esp_err_t port_log_start(void);
void port_log_stop(void);
void port_log_look(synapse_esp_handle_t self); /* on the event task: the core hears what was logged since */
void port_log(void *user, uint32_t level, const char *text, size_t bytes);

/* What follows has, of each part: start; stop, after which it tells no event any more, but may still be asked by the
 * core; and free, when the event task has ended. */

/* work.c */
esp_err_t port_work_start(synapse_esp_handle_t self);
void port_work_stop(synapse_esp_handle_t self);
void port_start_work(void *user);
void port_parallel_for(void *user, uint32_t count, void (*task)(void *context, uint32_t index, uint32_t thread),
                       void *context);

typedef struct port_helper port_helper_t; /* the second core, for parallel_for */
esp_err_t port_helper_start(int priority, size_t stack_bytes, port_helper_t **out_helper);
void port_helper_stop(port_helper_t *helper);
void port_helper_run(port_helper_t *helper, uint32_t count, syn_task task, void *context);

/* flash.c; the four functions of the core's port are set where the partitions exist */
esp_err_t port_flash_start(synapse_esp_handle_t self, synapse_device_config *config);
esp_err_t port_flash_reset_settings(synapse_esp_handle_t self);
void port_flash_stop(synapse_esp_handle_t self);

/* firmware.c */
esp_err_t port_firmware_start(synapse_esp_handle_t self, synapse_device_config *config);
void port_firmware_stop(synapse_esp_handle_t self);
int32_t port_verify(void *user, const uint8_t public_key[65], const uint8_t *message, size_t bytes,
                    const uint8_t signature[64]);

/* ask.c; of requests that are no questions of whoever holds the board, nothing happens */
void port_ask_head(synapse_esp_handle_t self, uint32_t request, uint32_t status);
void port_ask_chunk(synapse_esp_handle_t self, uint32_t request, const uint8_t *bytes, size_t byte_count);
void port_ask_end(synapse_esp_handle_t self, uint32_t request);

/* http.c */
esp_err_t port_http_start(synapse_esp_handle_t self);
void port_http_stop(synapse_esp_handle_t self);
void port_http_free(synapse_esp_handle_t self);
void port_http_flush(synapse_esp_handle_t self); /* what the event just handled has answered goes out */
void port_send_head(void *user, uint32_t request, uint32_t status, const synapse_device_header *headers,
                    size_t header_count);
void port_send_chunk(void *user, uint32_t request, const uint8_t *bytes, size_t byte_count);
void port_end(void *user, uint32_t request);
bool port_http_idle(synapse_esp_handle_t self); /* all answers that have ended are on their way */

/* mqtt.c */
esp_err_t port_mqtt_start(synapse_esp_handle_t self);
void port_mqtt_stop(synapse_esp_handle_t self);
void port_mqtt_free(synapse_esp_handle_t self);
void port_mqtt_settings(synapse_esp_handle_t self); /* on the event task: the broker may be another */
void port_mqtt_link(synapse_esp_handle_t self, bool up);
/* On the event task: says goodbye to the broker, before a restart, when all is sent that was to be said. */
void port_mqtt_leave(synapse_esp_handle_t self);
bool port_mqtt_has_left(synapse_esp_handle_t self);

/* fetch.c */
esp_err_t port_fetch_start(synapse_esp_handle_t self);
void port_fetch_stop(synapse_esp_handle_t self);
void port_fetch_free(synapse_esp_handle_t self);
void port_fetch_look(synapse_esp_handle_t self); /* on the event task, after an event */

/* image.c */
esp_err_t port_image_start(synapse_esp_handle_t self);
void port_image_stop(synapse_esp_handle_t self);
void port_image_free(synapse_esp_handle_t self);
void port_decode_image(void *user, uint32_t job, const uint8_t *bytes, size_t byte_count,
                       synapse_device_text content_type, uint32_t width, uint32_t height);

/* discovery.c */
esp_err_t port_discovery_start(synapse_esp_handle_t self);
void port_discovery_stop(synapse_esp_handle_t self);
void port_discovery_look(synapse_esp_handle_t self); /* on the event task, now and then */

/* Whether a TLS handshake failed over the other side's certificate. mbedtls' reason, which esp-tls tells without its
 * sign: the certificate bundle gives up with a fatal error, and then there are no flags. */
static inline bool port_refuses_certificate(int tls_code, int tls_flags) {
  const int verification_failed = 0x2700, fatal = 0x3000;
  return tls_flags != 0 || abs(tls_code) == verification_failed || abs(tls_code) == fatal;
}

#endif
