/* Synapse on ESP-IDF: a board that serves packed models over HTTP and MQTT, or the engine alone.
 *
 *   synapse_esp_config_t config = SYNAPSE_ESP_CONFIG_DEFAULT();
 *   synapse_esp_handle_t board;
 *   ESP_ERROR_CHECK(synapse_esp_start(&config, &board));
 *
 * The application brings the network up and creates the default event loop; this component serves on whatever network
 * there is. Every function answers an esp_err_t, and may be called from any task but those of a synapse_esp itself
 * (its event handlers and callbacks say where they run). A board can be started again after it was stopped.
 */
#ifndef SYNAPSE_ESP_H
#define SYNAPSE_ESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "esp_event.h"
#include "sdkconfig.h"
#include "synapse.h"
#include "synapse_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Posted to the default event loop. */
ESP_EVENT_DECLARE_BASE(SYNAPSE_ESP_EVENT);

typedef enum synapse_esp_event_id {
  SYNAPSE_ESP_EVENT_MODEL_LOADED = 0, /* synapse_esp_model_event_t: another model runs, or none */
  SYNAPSE_ESP_EVENT_SURPRISE = 1,     /* synapse_esp_surprise_event_t: a frame was a surprise */
  SYNAPSE_ESP_EVENT_UPDATE = 2,       /* synapse_esp_update_event_t: a firmware was written and starts next */
  SYNAPSE_ESP_EVENT_LINK = 3,         /* synapse_esp_link_event_t: the broker was reached, or lost */
  SYNAPSE_ESP_EVENT_CLAIMED = 4,      /* no data: the board has got an owner */
} synapse_esp_event_id_t;

typedef struct synapse_esp_model_event {
  char name[64]; /* as the pack has it, cut; empty: no model runs */
} synapse_esp_model_event_t;

typedef struct synapse_esp_surprise_event {
  uint64_t count; /* since the start, this one included */
} synapse_esp_surprise_event_t;

typedef struct synapse_esp_update_event {
  uint32_t image_bytes;
} synapse_esp_update_event_t;

typedef struct synapse_esp_link_event {
  bool broker; /* connected to the broker */
} synapse_esp_link_event_t;

typedef struct synapse_esp *synapse_esp_handle_t;
struct httpd_req; /* httpd_req_t of esp_http_server.h */

/* How a board is connected, as the application knows it. Texts are NUL-terminated. */
typedef struct synapse_esp_link {
  const char *kind; /* "wifi", "ethernet"; NULL: not connected */
  char network[33]; /* the Wi-Fi's name */
  char address[46];
  int32_t rssi_dbm; /* 0: unknown */
} synapse_esp_link_t;

typedef struct synapse_esp_config {
  /* What the board is. Texts stay valid until synapse_esp_stop. NULL: what Kconfig and the chip say. */
  struct {
    const char *id;   /* stable, unique; NULL: the chip's MAC address */
    const char *name; /* for people; NULL: "synapse-" and the last three bytes of the MAC address */
    const char *board_id, *board_name, *radio; /* as GET /v1/device says them */
  } device;
  /* Given to the core and its models, once, at the start. */
  struct {
    size_t fast_bytes; /* internal RAM */
    size_t slow_bytes; /* PSRAM; where there is less, the largest free block is taken */
    uint32_t body_bytes_max; /* the largest body of a request; uploads of models and firmwares are not bound by it */
    uint32_t requests_max;   /* 1..16 that are worked on or wait */
    uint32_t model_gmac_max; /* of one call of a model, in billions of multiply-accumulates; 0: the core's own limit */
  } memory;
  /* Of the tasks that the board starts. */
  struct {
    int event_priority, worker_priority; /* of FreeRTOS; inference runs on the workers */
    size_t event_stack_bytes, worker_stack_bytes; /* less than the defaults is not tried */
  } tasks;
  /* The page and the API. */
  struct {
    bool enable;        /* false: the board is reached over MQTT alone */
    void *server;       /* an httpd_handle_t to be served on, beside other handlers of the application, which come
                           first when they were registered first; NULL: a server of its own. A server that is given
                           needs uri_match_fn = httpd_uri_match_wildcard and lru_purge_enable. */
    uint16_t port;      /* of its own server */
    uint16_t ctrl_port; /* as in httpd_config_t */
    uint16_t sockets_max; /* 2..16; one is kept free to say that the board is busy */
    /* Looks at every request first, on the server's task; true: it has answered, and the board does not see it. */
    bool (*intercept)(void *user, struct httpd_req *request);
    void *intercept_user; /* its first argument */
    size_t buffered_bytes_max; /* answers that clients have not taken yet, all together */
  } http;
  /* Commands, events and updates over the broker that the owner sets. */
  struct {
    bool enable;              /* false: no broker is ever asked */
    const char *fallback_url; /* while the owner has set no broker; NULL: none */
    size_t outbox_bytes_max; /* of messages that the broker has not acknowledged; longer ones are refused, and the
                                longest answer of the core has 256 KiB */
    const char *ca_pem;       /* whom to trust, as PEM; NULL: the certificate bundle */
    const char *certificate_pem, *key_pem; /* the board's own, as PEM; NULL: none */
  } mqtt;
  /* Models and firmwares that are announced to the board by their URL. */
  struct {
    bool enable;        /* false: files are only uploaded to the board */
    const char *ca_pem; /* NULL: the certificate bundle */
  } downloads;
  /* Its name in the network, and the time. */
  struct {
    bool mdns;             /* announces _synapse._tcp */
    const char *hostname;  /* NULL: the device's name as a host name */
    const char *sntp_host; /* NULL: no time */
  } discovery;
  /* Of models and of the firmware. */
  struct {
    bool enable; /* the firmware can be updated: two application partitions, rollback in the bootloader */
    const uint8_t (*keys)[65]; /* uncompressed points of P-256: with any, only what one of them signed is taken */
    uint32_t key_count;        /* 0..4 */
  } update;
  /* Called on the event task, briefly: they must not wait. NULL: not wanted. */
  struct {
    void *user; /* their first argument */
    void (*get_link)(void *user, synapse_esp_link_t *out_link); /* how the board is connected, for GET /v1/device */
    void (*settings_changed)(void *user); /* read them with synapse_esp_get_setting, from another task */
    void (*before_reboot)(void *user); /* an update, or the owner, wants a restart, which follows at once */
  } callbacks;
} synapse_esp_config_t;

#define SYNAPSE_ESP_CONFIG_DEFAULT()                                                                                  \
  {                                                                                                                   \
    .memory = {.fast_bytes = CONFIG_SYNAPSE_FAST_BYTES,                                                               \
               .slow_bytes = CONFIG_SYNAPSE_SLOW_BYTES,                                                               \
               .body_bytes_max = CONFIG_SYNAPSE_BODY_BYTES_MAX,                                                       \
               .requests_max = CONFIG_SYNAPSE_REQUESTS_MAX,                                                           \
               .model_gmac_max = CONFIG_SYNAPSE_MODEL_GMAC_MAX},                                                      \
    .tasks = {.event_priority = 6, .worker_priority = 4, .event_stack_bytes = 14336, .worker_stack_bytes = 16384},    \
    .http = {.enable = true,                                                                                          \
             .port = 80,                                                                                              \
             .ctrl_port = 32768,                                                                                      \
             .sockets_max = CONFIG_SYNAPSE_HTTP_SOCKETS_MAX,                                                          \
             .buffered_bytes_max = CONFIG_SYNAPSE_HTTP_BUFFERED_BYTES_MAX},                                           \
    .mqtt = {.enable = true, .outbox_bytes_max = 288 * 1024},                                                         \
    .downloads = {.enable = true},                                                                                    \
    .discovery = {.mdns = true, .sntp_host = "pool.ntp.org"},                                                         \
    .update = {.enable = true},                                                                                       \
  }

/* Starts a board: takes its memory, opens its flash, boots the model that the flash names, and serves.
 * ESP_ERR_INVALID_ARG: a value outside its range; ESP_ERR_NO_MEM: the core does not fit; ESP_ERR_NOT_FOUND: the
 * partition table lacks one that the core needs (the log says which). A board without a model starts: it takes uploads.
 * Whatever it answers, nothing is left running unless it is ESP_OK. */
esp_err_t synapse_esp_start(const synapse_esp_config_t *config, synapse_esp_handle_t *out_handle);

/* Ends all connections and tasks and gives all memory back. Requests under way are lost. A start that is ended within a
 * minute counts among those that did not hold: after five in a row the board begins without its model. */
esp_err_t synapse_esp_stop(synapse_esp_handle_t handle);

/* Somebody holds the board in their hands: it can be claimed without its code for ten minutes. */
esp_err_t synapse_esp_open_claim(synapse_esp_handle_t handle);

/* Copies a setting of the owner ("wifi_ssid", ..) as NUL-terminated text. ESP_ERR_NOT_FOUND: it is not set;
 * ESP_ERR_INVALID_SIZE: it is longer than `bytes`. */
esp_err_t synapse_esp_get_setting(synapse_esp_handle_t handle, const char *key, char *out, size_t bytes);

/* Keeps how to join the Wi-Fi, for somebody who holds the board: settings_changed is called. ESP_ERR_INVALID_ARG: a
 * name that does not have 1 to 32 bytes, or a password of more than 64; ESP_FAIL: the flash did not take it. */
esp_err_t synapse_esp_set_wifi(synapse_esp_handle_t handle, const char *ssid, const char *password);

/* What a route of the board's API has answered. */
typedef struct synapse_esp_answer {
  uint32_t status; /* as over HTTP */
  uint8_t *body;   /* NULL: there is none */
  size_t body_bytes;
} synapse_esp_answer_t;

/* Asks the board in place of somebody who holds it, as at its serial console: they may read and infer, whoever owns it
 * (GET /v1/device, POST /v1/selftest, ..). Waits for the answer, which is given back with synapse_esp_answer_free; may
 * not be under way when the board is stopped. ESP_ERR_NO_MEM: the answer is too large. */
esp_err_t synapse_esp_ask(synapse_esp_handle_t handle, const char *method, const char *target,
                          synapse_esp_answer_t *out_answer);
/* A body of a question. */
typedef struct synapse_esp_body {
  const char *type; /* as Content-Type has it */
  const void *bytes;
  size_t byte_count;
} synapse_esp_body_t;

/* The same with a body, which is read until the answer is there: a frame of a camera for POST /v1/observe. */
esp_err_t synapse_esp_ask_with_body(synapse_esp_handle_t handle, const char *method, const char *target,
                                    const synapse_esp_body_t *body, synapse_esp_answer_t *out_answer);

/* Gives an answer's memory back. */
void synapse_esp_answer_free(synapse_esp_answer_t *answer);

/* Forgets owner, network and all other settings, and starts anew. Models stay. Does not return when it succeeds. */
esp_err_t synapse_esp_reset_settings(synapse_esp_handle_t handle);

/* The application's link to the network has come or gone: connections to the outside are made anew, or rest. */
esp_err_t synapse_esp_set_link(synapse_esp_handle_t handle, bool up);

/* --- The engine alone: no network, no flash but the model's. ------------------------------------------------------ */

typedef struct synapse_esp_model *synapse_esp_model_handle_t;

typedef struct synapse_esp_model_config {
  uint32_t cores;       /* 1 or 2 that a run uses */
  int priority;         /* of the second core's task */
  bool skip_digest;     /* the pack is known to be whole: it opens faster */
  size_t fast_bytes_max; /* of internal RAM; what does not fit it comes from PSRAM, and is slower. 0: no bound */
} synapse_esp_model_config_t;

#define SYNAPSE_ESP_MODEL_CONFIG_DEFAULT() {.cores = 2, .priority = 5}

/* Maps a data partition by its label, opens the pack in it and a session on it. `error` may be NULL.
 * ESP_ERR_NOT_FOUND: no such partition; ESP_ERR_INVALID_STATE: no valid pack in it, and `error` says why;
 * ESP_ERR_NO_MEM. */
esp_err_t synapse_esp_model_open_partition(const char *label, const synapse_esp_model_config_t *config,
                                           synapse_esp_model_handle_t *out_model, syn_error *error);
/* The same of a pack in memory, 64-byte aligned, that stays as it is. */
esp_err_t synapse_esp_model_open_memory(const void *file, size_t bytes, const synapse_esp_model_config_t *config,
                                        synapse_esp_model_handle_t *out_model, syn_error *error);
/* For the functions of synapse.h; valid until close. */
syn_model *synapse_esp_model_get(synapse_esp_model_handle_t model);
/* Its one session; one task at a time may run on it. */
syn_session *synapse_esp_model_session(synapse_esp_model_handle_t model);
/* Gives the session's memory and the partition's mapping back; not while a run is under way. */
esp_err_t synapse_esp_model_close(synapse_esp_model_handle_t model);

#ifdef __cplusplus
}
#endif
#endif
