/* Synapse device core: what a board is, without sockets, files or clocks.
 *
 * The core is fed events (a request's head, a piece of its body, a decoded image, a tick) and answers through the
 * functions of a port. It never allocates, never blocks and never touches hardware. Events and port calls all happen on
 * one thread, the event side; only synapse_device_work() runs elsewhere, on a worker that the port owns.
 *
 * Memory: the caller gives two blocks, `fast` (SRAM) and `slow` (PSRAM). The core takes its own share of both first
 * (synapse_device_get_requirements says how much); what is left is what a model may use. A model that needs more is
 * refused, and the error says which region lacks how many bytes.
 */
#ifndef SYNAPSE_DEVICE_H
#define SYNAPSE_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SYNAPSE_DEVICE_API_VERSION 1u

typedef enum synapse_device_result {
  SYNAPSE_DEVICE_OK = 0,
  SYNAPSE_DEVICE_ERROR_ARGUMENT = -1,      /* a null pointer, a wrong struct size, a value outside its stated range */
  SYNAPSE_DEVICE_ERROR_OUT_OF_MEMORY = -2, /* the core does not fit the given blocks; see region and bytes_missing */
  SYNAPSE_DEVICE_ERROR_MODEL = -3,         /* the runtime refused the model file; the message is the runtime's */
  SYNAPSE_DEVICE_ERROR_MODEL_MEMORY = -4,  /* the model does not fit a block's rest; see region and bytes_missing */
  SYNAPSE_DEVICE_ERROR_BUSY = -5,          /* requests are in progress; a model is loaded when there are none */
  SYNAPSE_DEVICE_ERROR_FLASH = -6,         /* the flash has no room for a setting, or did not take it */
} synapse_device_result;

typedef enum synapse_device_region {
  SYNAPSE_DEVICE_REGION_NONE = 0,
  SYNAPSE_DEVICE_REGION_FAST = 1,
  SYNAPSE_DEVICE_REGION_SLOW = 2
} synapse_device_region;

/* The caller sets `size`; the rest is written on failure. */
typedef struct synapse_device_error {
  uint32_t size;
  int32_t code;           /* the synapse_device_result */
  uint32_t region;        /* synapse_device_region that is too small, or NONE */
  int32_t model_code;     /* the runtime's syn_result when code is ERROR_MODEL, or 0 */
  uint64_t bytes_needed;  /* of that region, by the core and the model together */
  uint64_t bytes_missing;
  char message[240];      /* a sentence, NUL-terminated */
} synapse_device_error;

typedef struct synapse_device synapse_device;

/* A view of text; not NUL-terminated. */
typedef struct synapse_device_text {
  const char *data;
  size_t bytes;
} synapse_device_text;

typedef struct synapse_device_header {
  synapse_device_text name; /* any case in, lower case out */
  synapse_device_text value;
} synapse_device_header;

enum { SYNAPSE_DEVICE_LOG_ERROR = 0, SYNAPSE_DEVICE_LOG_WARN = 1, SYNAPSE_DEVICE_LOG_INFO = 2 };

/* Areas of flash: partitions of the board. */
typedef enum synapse_device_area {
  SYNAPSE_DEVICE_AREA_RECORDS = 0,  /* which model is active: two sectors or more */
  SYNAPSE_DEVICE_AREA_MODEL_A = 1,
  SYNAPSE_DEVICE_AREA_MODEL_B = 2,
  SYNAPSE_DEVICE_AREA_SETTINGS = 3, /* two sectors or more */
} synapse_device_area;

typedef enum synapse_device_flash_result {
  SYNAPSE_DEVICE_FLASH_OK = 0,
  SYNAPSE_DEVICE_FLASH_RANGE = -1,  /* outside the area, or not aligned */
  SYNAPSE_DEVICE_FLASH_FAILED = -2, /* the flash did not do it */
} synapse_device_flash_result;

/* A message of MQTT 5 or 3.1.1, in either direction. Texts that a message does not have are empty, as those that 3.1.1
 * lacks always are. */
typedef struct synapse_device_mqtt_message {
  uint32_t size;      /* sizeof(synapse_device_mqtt_message) */
  uint32_t qos;       /* 0 or 1 */
  uint32_t retain;    /* 0 or 1 */
  uint32_t duplicate; /* received: the DUP flag */
  uint32_t packet_id; /* received with QoS 1 */
  synapse_device_text topic;
  const uint8_t *payload; /* received: its first piece */
  size_t payload_bytes;
  uint64_t total_bytes;   /* of the whole payload */
  synapse_device_text content_type, response_topic;
  synapse_device_text correlation; /* Correlation Data: any bytes */
  const synapse_device_header *properties; /* User Properties */
  size_t property_count;
} synapse_device_mqtt_message;

/* With what to connect to the broker. Texts are valid until the next event. */
typedef struct synapse_device_mqtt_session {
  uint32_t size; /* sizeof(synapse_device_mqtt_session) */
  uint32_t keepalive_s;
  synapse_device_text broker_url; /* mqtt://, mqtts://, ws:// or wss://; empty: no broker */
  synapse_device_text username, password, client_id;
  synapse_device_text will_topic, will_payload; /* QoS 1, retained */
} synapse_device_mqtt_session;

/* What the board calls itself, for those who announce it. Texts are valid until the next event. */
typedef struct synapse_device_identity {
  uint32_t size;      /* sizeof(synapse_device_identity) */
  uint32_t claimed;   /* 1: the board has an owner */
  uint64_t surprises; /* frames that the model did not expect, since the start */
  synapse_device_text id, name; /* name is for people */
  synapse_device_text model;    /* the one that runs; empty: none does */
} synapse_device_identity;

/* How the board is connected. Texts are valid until the call that asked returns. */
typedef struct synapse_device_link {
  uint32_t size;    /* sizeof(synapse_device_link) */
  int32_t rssi_dbm; /* of the radio; 0: unknown, or no radio */
  synapse_device_text kind;    /* "wifi", "ethernet", "simulated"; empty: not connected */
  synapse_device_text network; /* the Wi-Fi's name; may be empty */
  synapse_device_text address; /* the board's own, as text; may be empty */
} synapse_device_link;

/* How a download ended. Those of CERTIFICATE and after will not work at another try either. */
typedef enum synapse_device_fetch_result {
  SYNAPSE_DEVICE_FETCH_BROKEN = 0,      /* the connection broke, or nobody knows why there was none */
  SYNAPSE_DEVICE_FETCH_WHOLE = 1,       /* the server said that this was all */
  SYNAPSE_DEVICE_FETCH_NAME = 2,        /* the host's name was not resolved */
  SYNAPSE_DEVICE_FETCH_REFUSED = 3,     /* the host refused the connection */
  SYNAPSE_DEVICE_FETCH_UNREACHABLE = 4, /* no route to the host, or no link */
  SYNAPSE_DEVICE_FETCH_TIMEOUT = 5,     /* connecting, or waiting for the answer, took too long */
  SYNAPSE_DEVICE_FETCH_TLS = 6,         /* the TLS handshake failed */
  SYNAPSE_DEVICE_FETCH_CERTIFICATE = 7, /* the certificate was not accepted */
  SYNAPSE_DEVICE_FETCH_REDIRECTS = 8,   /* too many redirects, or a circle of them */
  SYNAPSE_DEVICE_FETCH_SCHEME = 9,      /* a redirect to what is neither http:// nor https:// */
  SYNAPSE_DEVICE_FETCH_ADDRESS = 10,    /* the address is malformed, or has a port that does not exist */
} synapse_device_fetch_result;

/* What the core may ask of its surroundings. All functions are called on the event side, but parallel_for and ticks_us,
 * which the worker calls too, as it does flash_read, flash_map, firmware_check and verify. Bytes given to a port
 * function are valid only until it returns, except where said. */
typedef struct synapse_device_port {
  uint32_t size; /* sizeof(synapse_device_port) */
  void *user;    /* first argument of every function */
  void (*log)(void *user, uint32_t level, const char *text, size_t bytes);
  uint64_t (*ticks_us)(void *user); /* monotonic */
  void (*random)(void *user, uint8_t *out, size_t bytes);

  /* The answer of a request: one head, any number of chunks, one end. Nothing follows end; a port that gets end while
   * the body is still arriving discards the rest of the body, or closes the connection. */
  void (*send_head)(void *user, uint32_t request, uint32_t status, const synapse_device_header *headers,
                    size_t header_count);
  void (*send_chunk)(void *user, uint32_t request, const uint8_t *bytes, size_t byte_count);
  void (*end)(void *user, uint32_t request);

  /* Decode a JPEG or PNG and resize it to width x height (both axes independently, by a triangle filter that is as wide
   * as the picture shrinks), RGB, rows from the top. The core gives none with more than 16,384 pixels a side or
   * 50,000,000 in all; what takes a port too long it gives up. The port answers with synapse_device_image_decoded, from
   * inside this call or later; `bytes` stay valid until then. `job` is the request's number. */
  void (*decode_image)(void *user, uint32_t job, const uint8_t *bytes, size_t byte_count,
                       synapse_device_text content_type, uint32_t width, uint32_t height);

  /* Call synapse_device_work once on a worker, then synapse_device_work_done on the event side.
   * Neither from inside this call. */
  void (*start_work)(void *user);

  /* As syn_parallel_for of synapse.h, or NULL. */
  void (*parallel_for)(void *user, uint32_t count, void (*task)(void *context, uint32_t index, uint32_t thread),
                       void *context);

  /* The board's flash; all four functions, or NULL for a board without model slots and settings. `area` is a
   * synapse_device_area, offsets count from its start. Every call returns when the flash has finished; erase clears one
   * sector of 4096 bytes, write programs a multiple of 32 bytes at a multiple of 32 that was erased before. Reads also
   * come from the worker. The result is a synapse_device_flash_result. */
  int32_t (*flash_read)(void *user, uint32_t area, uint32_t offset, uint8_t *out, size_t bytes);
  int32_t (*flash_erase)(void *user, uint32_t area, uint32_t offset);
  int32_t (*flash_write)(void *user, uint32_t area, uint32_t offset, const uint8_t *data, size_t bytes);
  /* Where a model's area can be read as memory, 64-byte aligned; the same place until the next start. NULL:
   * it cannot be mapped. */
  const void *(*flash_map)(void *user, uint32_t area);

  /* Start the board anew, not before answers that have ended are on their way. NULL: the board cannot. */
  void (*reboot)(void *user);

  /* Both, or NULL for a board without MQTT. publish takes a message over, to be sent when there is a connection (QoS 0:
   * only if there is one now), and returns 0; anything else says that it has no room. subscribe with `on` 1 subscribes
   * with QoS 1 (and Retain As Published, in MQTT 5), with 0 it unsubscribes. What is published after a subscribe must
   * not reach the broker before the broker has acknowledged it: a board that says that it is there must hear commands.
   * A retained message need not be sent while the same one to its topic still waits for its acknowledgement: on a link
   * that breaks again and again, the status of each connection would else take all the room. */
  int32_t (*mqtt_publish)(void *user, const synapse_device_mqtt_message *message);
  void (*mqtt_subscribe)(void *user, synapse_device_text filter, uint32_t on);
  /* Settings have changed, maybe those of Wi-Fi or the broker: read them again, after this call. May be NULL. */
  void (*settings_changed)(void *user);

  /* Updating the firmware: esp_ota_begin and its like. All six, or NULL for a board that cannot. An image is begun,
   * written in pieces of any size, checked (everything is read back: on the worker), and then activated: the next start
   * runs it, on trial. abort ends an update at any point before activation. confirm says that the running firmware,
   * which is on trial, is good. 0 is success. */
  int32_t (*firmware_begin)(void *user, uint32_t image_bytes);
  int32_t (*firmware_write)(void *user, const uint8_t *data, size_t bytes);
  int32_t (*firmware_check)(void *user);
  int32_t (*firmware_activate)(void *user);
  void (*firmware_abort)(void *user);
  int32_t (*firmware_confirm)(void *user);

  /* Both, or NULL for a board that fetches nothing. start begins a GET of an http:// or https:// address, from
   * `from_byte` on when that is not 0 (Range); redirects are followed. The port answers with synapse_device_fetch_head,
   * _chunk and _end, not from inside this call, all with the same number; nothing follows end,
   * and nothing follows cancel. */
  void (*fetch_start)(void *user, uint32_t fetch, synapse_device_text url, uint64_t from_byte);
  void (*fetch_cancel)(void *user, uint32_t fetch);

  /* Whether `signature` (r and s, 32 bytes each, big-endian) is one of the message by the holder of `public_key` (as in
   * synapse_device_config): ECDSA on P-256 with SHA-256 (psa_verify_message takes key and signature in these forms). 0
   * says yes. On the worker. NULL for a board without update keys. */
  int32_t (*verify)(void *user, const uint8_t public_key[65], const uint8_t *message, size_t bytes,
                    const uint8_t signature[64]);

  /* Fills in what is known of the connection. NULL: nothing is. */
  void (*get_link)(void *user, synapse_device_link *out);

  /* Counts the processor's cycles, to tell what a model's ops cost; only differences matter. On the worker. NULL: ops
   * are timed by ticks_us. */
  uint64_t (*cycles)(void *user);
} synapse_device_port;

/* How the firmware that runs came to run. */
typedef enum synapse_device_firmware_state {
  SYNAPSE_DEVICE_FIRMWARE_VALID = 0,
  SYNAPSE_DEVICE_FIRMWARE_ON_TRIAL = 1, /* not confirmed yet: the next start returns to the one before */
  SYNAPSE_DEVICE_FIRMWARE_RETURNED = 2, /* an update was not confirmed before the last start */
} synapse_device_firmware_state;

/* Texts must stay valid as long as the device. A frequency of 0 means unknown. */
typedef struct synapse_device_config {
  uint32_t size; /* sizeof(synapse_device_config) */
  uint32_t threads;          /* 1..64: how many tasks parallel_for runs at once */
  uint32_t body_bytes_max;   /* 65,536..16,777,216: longest request body */
  uint32_t exchange_count;   /* 1..16: inference requests in progress at once, the running one included */
  uint32_t chip_revision;    /* major * 100 + minor */
  uint32_t simulated;        /* 1 on a simulated board */
  uint64_t cpu_hz, psram_hz, flash_hz;
  uint64_t flash_bytes;
  synapse_device_text device_id;   /* stable, unique: the MAC address on a board */
  synapse_device_text device_name; /* for people */
  synapse_device_text board_id, board_name, chip, radio;
  synapse_device_text engine;      /* which build of the runtime: "native", "wasm", "esp32p4" */
  void *fast, *slow;               /* 64-byte aligned */
  size_t fast_bytes, slow_bytes;
  /* Scratch of the model's threads, 64-byte aligned. NULL: taken from `fast`, as on a board. A simulated board gives it
   * apart, because the scratch of a host's build (wider vectors, more of it) is not what the chip's build needs. */
  void *scratch;
  size_t scratch_bytes;
  const synapse_device_port *port; /* copied */
  /* Sizes of the flash areas, multiples of 4096. All 0: no flash. */
  uint32_t records_bytes, settings_bytes;
  uint32_t slot_bytes[2];
  synapse_device_text slot_names[2]; /* of areas MODEL_A and MODEL_B, to clients: 1 to 32 letters, digits, _ or - */
  uint32_t reset_count;              /* since the board was first powered */
  synapse_device_text reset_reason;  /* of the last start: "power-on", ...; letters, digits, dashes. Empty: unknown */
  uint32_t firmware_bytes_max; /* largest application image; 0: the firmware cannot be updated */
  uint32_t firmware_state;     /* synapse_device_firmware_state */
  synapse_device_text firmware_version, firmware_project; /* of the application that runs; empty: the core's own */
  /* Public keys whose holders may give the board models: points on P-256, uncompressed (4, x, y). With none, a model
   * needs no signature. The keys must stay valid as long as the device. */
  const uint8_t (*update_keys)[65];
  uint32_t update_key_count; /* 0..4 */
  /* How much a model that is activated or loaded may have to do, in thousand millions of multiply-accumulates: at most
   * so many in its longest run, and in its self-test vectors together, and a sixteenth in one op. 0: 64. The owner's
   * setting comes first. */
  uint32_t model_gmac_max;
} synapse_device_config;

/* What the core itself needs, without any model. Only threads, body_bytes_max and exchange_count matter. */
synapse_device_result synapse_device_get_requirements(const synapse_device_config *config, size_t *out_fast_bytes,
                                                      size_t *out_slow_bytes);
synapse_device_result synapse_device_init(const synapse_device_config *config, synapse_device **out_device,
                                          synapse_device_error *error);

/* Boots a board that has flash: reads which model is active, opens it in place, and counts the boot. A model that
 * cannot be run is given up and the other slot's is tried. The result tells of the last one tried: ERROR_MODEL also
 * when no slot holds a model. Whatever it is, the device answers and takes uploads. */
synapse_device_result synapse_device_boot(synapse_device *device, synapse_device_error *error);

/* For a board without flash: opens the model and makes it the one that requests run. `file` is 64-byte aligned and
 * stays as it is as long as the device uses it. When it fails the device has no model, keeps answering,
 * and tells why in /v1/device. */
synapse_device_result synapse_device_load_model(synapse_device *device, synapse_device_text slot, const void *file,
                                                size_t file_bytes, synapse_device_error *error);

/* Events. A request's number is 1 to 0x7fffffff and not used again until its end or, after a request_closed, until its
 * image has been answered. The port need only pass the headers that the core reads: accept, accept-encoding,
 * access-control-request-method, authorization, content-encoding, content-length, content-range, content-type, host,
 * if-none-match, origin. `client` is the address of whoever asks, IPv4 or IPv6 as text without a port; empty when it is
 * not known: all such requests count as those of one client. "cable" is whoever holds the board, at its serial console:
 * they may read and infer, whoever owns it. Events for unknown requests are ignored. */
void synapse_device_request_head(synapse_device *device, uint32_t request, synapse_device_text method,
                                 synapse_device_text target, synapse_device_text client,
                                 const synapse_device_header *headers, size_t header_count);
void synapse_device_body_chunk(synapse_device *device, uint32_t request, const uint8_t *bytes, size_t byte_count);
void synapse_device_request_end(synapse_device *device, uint32_t request);
void synapse_device_request_closed(synapse_device *device, uint32_t request); /* the client left; no answer is wanted */
/* rgb is NULL when decoding failed; message then says why, in words for the client. */
void synapse_device_image_decoded(synapse_device *device, uint32_t job, const uint8_t *rgb, size_t byte_count,
                                  synapse_device_text message);
void synapse_device_work(synapse_device *device); /* on the worker */
void synapse_device_work_done(synapse_device *device);
/* Somebody holds the board in their hands (a button, a command on the serial console): it can be claimed without its
 * code for ten minutes. */
void synapse_device_open_claim(synapse_device *device);
/* The value of a setting (see routes/settings.zig for the keys), or no bytes: for Wi-Fi and the broker.
 * Valid until the next event. */
synapse_device_text synapse_device_get_setting(const synapse_device *device, synapse_device_text key);
/* Keeps how to join the Wi-Fi, said by somebody who holds the board in their hands: over the serial port, or in the
 * network that the board itself opens. `ssid` has 1 to 32 bytes, `password` at most 64; ERROR_ARGUMENT otherwise. The
 * port is told by settings_changed. */
synapse_device_result synapse_device_set_wifi(synapse_device *device, synapse_device_text ssid,
                                              synapse_device_text password);
/* The board on a broker. The port connects with a session that the broker keeps (Clean Start 0, no more than 16
 * unacknowledged messages), and says so each time. An incoming message is a request: its number is the port's choice,
 * from the same numbers as those of HTTP requests. Its first bytes come with mqtt_received, further ones with
 * body_chunk, and then request_end, always; or request_closed when the connection broke in between. Acknowledge it
 * after mqtt_received: what it asks for may be a reboot. */
synapse_device_result synapse_device_get_mqtt_session(const synapse_device *device,
                                                      synapse_device_mqtt_session *out_session);
synapse_device_result synapse_device_get_identity(const synapse_device *device, synapse_device_identity *out_identity);
void synapse_device_mqtt_connected(synapse_device *device, uint32_t protocol_version); /* 4 is 3.1.1 */
void synapse_device_mqtt_disconnected(synapse_device *device);
/* A connection could not be made, was refused, or broke: why, in words for the owner, without a password or the address
 * in front of it. Each time it happens: the core counts, and logs what is new. */
void synapse_device_mqtt_failed(synapse_device *device, synapse_device_text detail);
void synapse_device_mqtt_received(synapse_device *device, uint32_t request,
                                  const synapse_device_mqtt_message *message);
/* The server of a download has answered with this status, after redirects; `length` is that of what it sends, 0 when
 * unknown; `content_type` may be empty. */
void synapse_device_fetch_head(synapse_device *device, uint32_t fetch, uint32_t status, uint64_t length,
                               synapse_device_text content_type);
void synapse_device_fetch_chunk(synapse_device *device, uint32_t fetch, const uint8_t *bytes, size_t byte_count);
/* The download has ended, or never began: a synapse_device_fetch_result. A port that cannot tell why says BROKEN. */
void synapse_device_fetch_end(synapse_device *device, uint32_t fetch, uint32_t result);
/* A line that another part of the firmware has logged; GET /v1/log shows it among the core's own. */
void synapse_device_logged(synapse_device *device, uint32_t level, synapse_device_text text);
/* At least once a second: slow and silent clients lose their request. */
void synapse_device_tick(synapse_device *device, uint64_t now_us);

uint32_t synapse_device_api_version(void);

#ifdef __cplusplus
}
#endif
#endif
