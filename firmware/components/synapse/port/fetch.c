/* Downloads over esp_http_client, on a task of their own, one at a time: the core begins no second one before the first
 * has ended or was cancelled. A piece is read only when the core has taken the one before. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "esp_heap_caps.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_tls_errors.h"
#include "port.h"
#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
#include "esp_crt_bundle.h"
#endif

#define STACK_BYTES 6144
#define PRIORITY 4
#define PIECE_BYTES 8192
#define BUFFER_BYTES 4096
#define TIMEOUT_MS 15000
#define REDIRECTS_MAX 10
#define URL_BYTES_MAX 2048
#define TYPE_BYTES_MAX 128

typedef struct order {
  char *url; /* NULL: the task ends */
  uint64_t from_byte;
  uint32_t number;
} order_t;

struct port_fetch {
  TaskHandle_t task;
  QueueHandle_t orders;
  SemaphoreHandle_t told, ended;
  /* The download that the core wants; others are given up. 0: none. Set on the event task. */
  atomic_uint current;
  /* Of the task. */
  char *url, *location;
  char type[TYPE_BYTES_MAX];
  uint8_t *piece;
};

typedef struct head {
  uint32_t status;
  uint64_t length;
  const char *type;
} head_t;

/* --- What the core is told ---------------------------------------------------------------------------------------- */

static bool is_wanted(synapse_esp_handle_t self, uint32_t number) {
  return atomic_load(&self->fetch->current) == number;
}

static void run_head(synapse_esp_handle_t self, const port_event_t *event) {
  const head_t *head = event->object;
  if (is_wanted(self, event->number))
    synapse_device_fetch_head(self->device, event->number, head->status, head->length, port_text(head->type));
}

static void run_chunk(synapse_esp_handle_t self, const port_event_t *event) {
  if (is_wanted(self, event->number))
    synapse_device_fetch_chunk(self->device, event->number, event->bytes, event->byte_count);
}

static void run_end(synapse_esp_handle_t self, const port_event_t *event) {
  if (!is_wanted(self, event->number)) return;
  atomic_store(&self->fetch->current, 0);
  synapse_device_fetch_end(self->device, event->number, event->value);
}

/* --- One request -------------------------------------------------------------------------------------------------- */

static esp_err_t keep_headers(esp_http_client_event_t *event) {
  port_fetch_t *fetch = event->user_data;
  if (event->event_id != HTTP_EVENT_ON_HEADER) return ESP_OK;
  if (strcasecmp(event->header_key, "location") == 0)
    snprintf(fetch->location, URL_BYTES_MAX, "%s", event->header_value);
  else if (strcasecmp(event->header_key, "content-type") == 0)
    snprintf(fetch->type, sizeof fetch->type, "%s", event->header_value);
  return ESP_OK;
}

/* Why there is no connection, as far as the client knows. */
static uint32_t failure_of(esp_http_client_handle_t client, bool secure) {
  int tls_code = 0, tls_flags = 0;
  esp_err_t tls = esp_http_client_get_and_clear_last_tls_error(client, &tls_code, &tls_flags);
  int code = esp_http_client_get_errno(client);
  if (port_refuses_certificate(tls_code, tls_flags)) return SYNAPSE_DEVICE_FETCH_CERTIFICATE;
  if (tls == ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME) return SYNAPSE_DEVICE_FETCH_NAME;
  if (tls == ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT) return SYNAPSE_DEVICE_FETCH_TIMEOUT;
  switch (code) {
    case ECONNREFUSED:
      return SYNAPSE_DEVICE_FETCH_REFUSED;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      return SYNAPSE_DEVICE_FETCH_UNREACHABLE;
    case ETIMEDOUT:
      return SYNAPSE_DEVICE_FETCH_TIMEOUT;
    case ECONNRESET:
      return SYNAPSE_DEVICE_FETCH_BROKEN;
    default:
      /* The socket is fine, so what was said on it is not. */
      return secure && tls_code != 0 ? SYNAPSE_DEVICE_FETCH_TLS : SYNAPSE_DEVICE_FETCH_BROKEN;
  }
}

static bool has_scheme(const char *url, const char *scheme) { return strncasecmp(url, scheme, strlen(scheme)) == 0; }

/* The length of "scheme://host:port". */
static size_t origin_bytes(const char *url) {
  const char *host = strstr(url, "://");
  return host == NULL ? 0 : (size_t)(host + 3 - url) + strcspn(host + 3, "/?#");
}

/* Where a redirect leads, in place of the address; a synapse_device_fetch_result that is not WHOLE refuses it. */
static uint32_t resolve(port_fetch_t *fetch) {
  const char *to = fetch->location;
  char *next = port_malloc(URL_BYTES_MAX);
  if (next == NULL) return SYNAPSE_DEVICE_FETCH_BROKEN;
  size_t origin = origin_bytes(fetch->url);
  int bytes;
  const char *colon = strchr(to, ':');
  if (colon != NULL && (size_t)(colon - to) < strcspn(to, "/?#")) {
    bytes = snprintf(next, URL_BYTES_MAX, "%s", to);
  } else if (strncmp(to, "//", 2) == 0) {
    bytes = snprintf(next, URL_BYTES_MAX, "%.*s:%s", (int)strcspn(fetch->url, ":"), fetch->url, to);
  } else if (to[0] == '/') {
    bytes = snprintf(next, URL_BYTES_MAX, "%.*s%s", (int)origin, fetch->url, to);
  } else {
    /* Beside the file that was asked for. */
    size_t path = origin + strcspn(fetch->url + origin, "?#");
    while (path > origin && fetch->url[path - 1] != '/') path--;
    bytes = snprintf(next, URL_BYTES_MAX, "%.*s%s%s", (int)path, fetch->url, path == origin ? "/" : "", to);
  }
  bool same = strcmp(fetch->url, next) == 0;
  heap_caps_free(fetch->url);
  fetch->url = next;
  if (same) return SYNAPSE_DEVICE_FETCH_REDIRECTS;
  if (bytes <= 0 || bytes >= URL_BYTES_MAX) return SYNAPSE_DEVICE_FETCH_ADDRESS;
  bool known = has_scheme(next, "http://") || has_scheme(next, "https://");
  return known ? SYNAPSE_DEVICE_FETCH_WHOLE : SYNAPSE_DEVICE_FETCH_SCHEME;
}

static bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static esp_http_client_handle_t make_client(synapse_esp_handle_t self, uint64_t from_byte) {
  port_fetch_t *fetch = self->fetch;
  fetch->location[0] = fetch->type[0] = 0;
  bool has_user = memchr(fetch->url, '@', origin_bytes(fetch->url)) != NULL;
  esp_http_client_config_t config = {
      .url = fetch->url,
      /* Without a user in the address the client would send one that does not exist. */
      .auth_type = has_user ? HTTP_AUTH_TYPE_BASIC : HTTP_AUTH_TYPE_NONE,
      .cert_pem = self->config.downloads.ca_pem,
      .timeout_ms = TIMEOUT_MS,
      .disable_auto_redirect = true,
      .event_handler = keep_headers,
      .user_data = fetch,
      .buffer_size = BUFFER_BYTES,
      .buffer_size_tx = BUFFER_BYTES,
#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
      .crt_bundle_attach = self->config.downloads.ca_pem == NULL ? esp_crt_bundle_attach : NULL,
#endif
  };
  esp_http_client_handle_t client = esp_http_client_init(&config);
  if (client == NULL) return NULL;
  /* Compressed, the length would be another and a range one of other bytes. */
  esp_http_client_set_header(client, "Accept-Encoding", "identity");
  if (from_byte > 0) {
    char range[40];
    snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)from_byte);
    esp_http_client_set_header(client, "Range", range);
  }
  return client;
}

/* The body; a synapse_device_fetch_result. */
static uint32_t carry(synapse_esp_handle_t self, uint32_t number, esp_http_client_handle_t client) {
  port_fetch_t *fetch = self->fetch;
  while (is_wanted(self, number)) {
    int count = esp_http_client_read(client, (char *)fetch->piece, PIECE_BYTES);
    if (count < 0) return count == -ESP_ERR_HTTP_EAGAIN ? SYNAPSE_DEVICE_FETCH_TIMEOUT : SYNAPSE_DEVICE_FETCH_BROKEN;
    if (count == 0) {
      bool whole = esp_http_client_is_complete_data_received(client);
      return whole ? SYNAPSE_DEVICE_FETCH_WHOLE : SYNAPSE_DEVICE_FETCH_BROKEN;
    }
    port_ask(self,
             (port_event_t){.run = run_chunk, .number = number, .bytes = fetch->piece, .byte_count = (size_t)count},
             fetch->told);
  }
  return SYNAPSE_DEVICE_FETCH_BROKEN;
}

/* One hop; WHOLE with an address in `location` says that there is another. */
static uint32_t ask(synapse_esp_handle_t self, const order_t *order) {
  port_fetch_t *fetch = self->fetch;
  bool secure = has_scheme(fetch->url, "https://");
  if (!secure && !has_scheme(fetch->url, "http://")) return SYNAPSE_DEVICE_FETCH_ADDRESS;
  esp_http_client_handle_t client = make_client(self, order->from_byte);
  if (client == NULL) return SYNAPSE_DEVICE_FETCH_ADDRESS;
  uint32_t result;
  if (esp_http_client_open(client, 0) != ESP_OK) {
    result = failure_of(client, secure);
  } else {
    int64_t length = esp_http_client_fetch_headers(client);
    int status = esp_http_client_get_status_code(client);
    bool redirected = is_redirect(status) && fetch->location[0] != 0;
    if (!redirected) fetch->location[0] = 0;
    if (status <= 0) {
      result = length == -ESP_ERR_HTTP_EAGAIN ? SYNAPSE_DEVICE_FETCH_TIMEOUT : SYNAPSE_DEVICE_FETCH_BROKEN;
    } else if (redirected) {
      result = SYNAPSE_DEVICE_FETCH_WHOLE;
    } else {
      head_t head = {.status = (uint32_t)status, .length = length > 0 ? (uint64_t)length : 0, .type = fetch->type};
      port_ask(self, (port_event_t){.run = run_head, .object = &head, .number = order->number}, fetch->told);
      result = carry(self, order->number, client);
    }
  }
  esp_http_client_close(client);
  esp_http_client_cleanup(client);
  return result;
}

static void fetch_file(synapse_esp_handle_t self, const order_t *order) {
  port_fetch_t *fetch = self->fetch;
  uint32_t result = SYNAPSE_DEVICE_FETCH_REDIRECTS;
  for (int hop = 0; hop <= REDIRECTS_MAX && is_wanted(self, order->number); hop++) {
    result = ask(self, order);
    if (result != SYNAPSE_DEVICE_FETCH_WHOLE || fetch->location[0] == 0) break;
    result = resolve(fetch);
    if (result != SYNAPSE_DEVICE_FETCH_WHOLE) break;
    result = SYNAPSE_DEVICE_FETCH_REDIRECTS;
  }
  port_ask(self, (port_event_t){.run = run_end, .number = order->number, .value = result}, fetch->told);
}

static void fetch_task(void *argument) {
  synapse_esp_handle_t self = argument;
  port_fetch_t *fetch = self->fetch;
  order_t order;
  while (xQueueReceive(fetch->orders, &order, portMAX_DELAY) == pdTRUE && order.url != NULL) {
    fetch->url = order.url;
    fetch_file(self, &order);
    heap_caps_free(fetch->url);
    fetch->url = NULL;
  }
  xSemaphoreGive(fetch->ended);
  vTaskDelete(NULL);
}

/* --- On the event task -------------------------------------------------------------------------------------------- */

static void fetch_start(void *user, uint32_t number, synapse_device_text url, uint64_t from_byte) {
  synapse_esp_handle_t self = user;
  port_fetch_t *fetch = self->fetch;
  order_t order = {.url = port_malloc(url.bytes + 1), .from_byte = from_byte, .number = number};
  atomic_store(&fetch->current, number);
  if (order.url == NULL) {
    ESP_LOGE(PORT_TAG, "no memory for a download");
    self->lost_fetch = number;
    return;
  }
  memcpy(order.url, url.data, url.bytes);
  order.url[url.bytes] = 0;
  if (xQueueSend(fetch->orders, &order, 0) == pdTRUE) return;
  heap_caps_free(order.url);
  self->lost_fetch = number;
}

static void fetch_cancel(void *user, uint32_t number) {
  synapse_esp_handle_t self = user;
  if (is_wanted(self, number)) atomic_store(&self->fetch->current, 0);
}

void port_fetch_look(synapse_esp_handle_t self) {
  uint32_t number = self->lost_fetch;
  self->lost_fetch = 0;
  if (number != 0) run_end(self, &(port_event_t){.number = number, .value = SYNAPSE_DEVICE_FETCH_BROKEN});
}

esp_err_t port_fetch_start(synapse_esp_handle_t self) {
  if (!self->config.downloads.enable) return ESP_OK;
  port_fetch_t *fetch = heap_caps_calloc(1, sizeof *fetch, MALLOC_CAP_8BIT);
  if (fetch == NULL) return ESP_ERR_NO_MEM;
  self->fetch = fetch;
  fetch->orders = xQueueCreate(4, sizeof(order_t));
  fetch->told = xSemaphoreCreateBinary();
  fetch->ended = xSemaphoreCreateBinary();
  fetch->location = port_malloc(URL_BYTES_MAX);
  fetch->piece = port_malloc(PIECE_BYTES);
  if (fetch->orders == NULL || fetch->told == NULL || fetch->ended == NULL || fetch->location == NULL ||
      fetch->piece == NULL)
    return ESP_ERR_NO_MEM;
  self->port.fetch_start = fetch_start;
  self->port.fetch_cancel = fetch_cancel;
  return port_task(fetch_task, "synapse_fetch", STACK_BYTES, self, PRIORITY, PORT_HELPER_CORE, &fetch->task);
}

void port_fetch_stop(synapse_esp_handle_t self) {
  port_fetch_t *fetch = self->fetch;
  if (fetch == NULL) return;
  if (fetch->task != NULL) {
    order_t last = {.url = NULL};
    atomic_store(&fetch->current, 0);
    xQueueSend(fetch->orders, &last, portMAX_DELAY);
    xSemaphoreTake(fetch->ended, portMAX_DELAY);
  }
}

void port_fetch_free(synapse_esp_handle_t self) {
  port_fetch_t *fetch = self->fetch;
  if (fetch == NULL) return;
  heap_caps_free(fetch->location);
  heap_caps_free(fetch->piece);
  if (fetch->orders != NULL) vQueueDelete(fetch->orders);
  if (fetch->told != NULL) vSemaphoreDelete(fetch->told);
  if (fetch->ended != NULL) vSemaphoreDelete(fetch->ended);
  heap_caps_free(fetch);
  self->fetch = NULL;
}
