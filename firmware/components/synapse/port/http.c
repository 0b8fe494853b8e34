/* HTTP over esp_http_server. Its one task reads heads, and hands every request on at once: the event task gives it to
 * the core, and one task of ours moves the bytes of all bodies and answers (http_io.c), so that no client can keep
 * another, or the core, waiting. Answers are kept in PSRAM until their clients have taken them. */
#include "http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_vfs_eventfd.h"

#define SERVER_PRIORITY 5
#define SERVER_STACK_BYTES 6144
#define IO_PRIORITY 5
#define IO_STACK_BYTES 5120
#define HEAD_BYTES_MAX 8192
#define WAIT_S 3
/* esp_http_server keeps three sockets for itself. */
#define SOCKETS_MIN 2

static const char *const header_names[HTTP_HEADERS_MAX] = {
    "accept",       "accept-encoding", "access-control-request-method", "authorization", "content-encoding",
    "content-range", "content-type",    "content-length",                "host",          "if-none-match",
    "origin",
};

/* --- Answers ------------------------------------------------------------------------------------------------------ */

static const char *reason_of(uint32_t status) {
  static const struct {
    uint16_t status;
    const char *reason;
  } reasons[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Payload Too Large"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {422, "Unprocessable Entity"},
      {429, "Too Many Requests"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {507, "Insufficient Storage"},
  };
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    if (reasons[i].status == status) return reasons[i].reason;
  return "Unknown";
}

/* Status line and headers, without the line that ends them. */
static char *compose_head(uint32_t status, const synapse_device_header *headers, size_t count) {
  const char *reason = reason_of(status);
  size_t bytes = 32 + strlen(reason);
  for (size_t i = 0; i < count; i++) bytes += headers[i].name.bytes + 2 + headers[i].value.bytes + 2;
  char *head = port_malloc(bytes);
  if (head == NULL) return NULL;
  size_t at = (size_t)snprintf(head, bytes, "HTTP/1.1 %u %s\r\n", (unsigned)status, reason);
  for (size_t i = 0; i < count; i++)
    at += (size_t)snprintf(head + at, bytes - at, "%.*s: %.*s\r\n", (int)headers[i].name.bytes, headers[i].name.data,
                           (int)headers[i].value.bytes, headers[i].value.data);
  return head;
}

static void answer_head(synapse_esp_handle_t self, http_connection_t *connection, uint32_t status,
                        const synapse_device_header *headers, size_t header_count) {
  char *head = compose_head(status, headers, header_count);
  xSemaphoreTake(self->http->lock, portMAX_DELAY);
  connection->answer_head = head;
  connection->status = status;
  connection->answer_begun = true;
  connection->overflow |= head == NULL;
  xSemaphoreGive(self->http->lock);
}

/* Room at the end of the answer; NULL: there is none. Under the lock. */
static http_block_t *room_of(synapse_esp_handle_t self, http_connection_t *connection) {
  port_http_t *http = self->http;
  if (connection->last != NULL && connection->last->bytes < HTTP_BLOCK_BYTES) return connection->last;
  if (http->buffered_bytes + sizeof(http_block_t) > self->config.http.buffered_bytes_max) return NULL;
  http_block_t *block = port_malloc(sizeof *block);
  if (block == NULL) return NULL;
  block->next = NULL;
  block->bytes = block->sent = 0;
  http->buffered_bytes += sizeof *block;
  if (connection->last == NULL)
    connection->first = block;
  else
    connection->last->next = block;
  connection->last = block;
  return block;
}

static void answer_chunk(synapse_esp_handle_t self, http_connection_t *connection, const uint8_t *bytes,
                         size_t byte_count) {
  xSemaphoreTake(self->http->lock, portMAX_DELAY);
  bool silent = connection->is_head || connection->status == 204 || connection->status == 304;
  connection->queued_bytes += byte_count;
  while (byte_count > 0 && !silent && !connection->overflow) {
    http_block_t *block = room_of(self, connection);
    if (block == NULL) {
      connection->overflow = true;
      break;
    }
    size_t part = HTTP_BLOCK_BYTES - block->bytes;
    if (part > byte_count) part = byte_count;
    memcpy(block->data + block->bytes, bytes, part);
    block->bytes += part;
    bytes += part;
    byte_count -= part;
  }
  xSemaphoreGive(self->http->lock);
}

static void answer_end(synapse_esp_handle_t self, http_connection_t *connection) {
  xSemaphoreTake(self->http->lock, portMAX_DELAY);
  connection->answer_ended = true;
  xSemaphoreGive(self->http->lock);
}

/* On the event task. */
static http_connection_t *find(synapse_esp_handle_t self, uint32_t number) {
  if (self->http == NULL || number == 0) return NULL;
  for (size_t i = 0; i < self->http->connection_count; i++)
    if (self->http->connections[i].number == number) return &self->http->connections[i];
  return NULL;
}

void port_send_head(void *user, uint32_t request, uint32_t status, const synapse_device_header *headers,
                    size_t header_count) {
  synapse_esp_handle_t self = user;
  http_connection_t *connection = find(self, request);
  if (connection == NULL) {
    port_ask_head(self, request, status);
    return;
  }
  answer_head(self, connection, status, headers, header_count);
  atomic_store(&self->http->dirty, true);
}

void port_send_chunk(void *user, uint32_t request, const uint8_t *bytes, size_t byte_count) {
  synapse_esp_handle_t self = user;
  http_connection_t *connection = find(self, request);
  if (connection == NULL) {
    port_ask_chunk(self, request, bytes, byte_count);
    return;
  }
  answer_chunk(self, connection, bytes, byte_count);
  atomic_store(&self->http->dirty, true);
}

void port_end(void *user, uint32_t request) {
  synapse_esp_handle_t self = user;
  http_connection_t *connection = find(self, request);
  if (connection == NULL) {
    port_ask_end(self, request);
    return;
  }
  /* First: once the answer has ended, the connection may be another request's. */
  connection->number = 0;
  answer_end(self, connection);
  atomic_store(&self->http->dirty, true);
}

/* --- Requests, on the server's task ------------------------------------------------------------------------------- */

static http_connection_t *take_connection(port_http_t *http) {
  for (size_t i = 0; i < http->connection_count; i++) {
    http_state_t expected = HTTP_FREE;
    if (atomic_compare_exchange_strong(&http->connections[i].state, &expected, HTTP_TAKEN))
      return &http->connections[i];
  }
  return NULL;
}

/* In the core's form (RFC 9457), and then the connection is closed. */
static esp_err_t refuse(httpd_req_t *request, const char *status, const char *code, const char *detail,
                        const char *expected) {
  char body[320];
  snprintf(body, sizeof body,
           "{\"title\":\"%s\",\"status\":%.3s,\"code\":\"%s\",\"detail\":\"%s\",\"expected\":\"%s\"}", status + 4,
           status, code, detail, expected);
  httpd_resp_set_status(request, status);
  httpd_resp_set_type(request, "application/problem+json");
  httpd_resp_set_hdr(request, "connection", "close");
  if (strncmp(status, "503", 3) == 0) httpd_resp_set_hdr(request, "retry-after", "1");
  httpd_resp_send(request, body, HTTPD_RESP_USE_STRLEN);
  return ESP_FAIL;
}

static esp_err_t answer_bad_head(httpd_req_t *request, httpd_err_code_t error) {
  switch (error) {
    case HTTPD_408_REQ_TIMEOUT:
      return refuse(request, "408 Request Timeout", "HEAD_TIMEOUT", "the request's head did not arrive in time",
                    "all of it within a few seconds");
    case HTTPD_414_URI_TOO_LONG:
      return refuse(request, "414 URI Too Long", "HEAD_TOO_LARGE", "the request's target is too long",
                    "a shorter target");
    case HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE:
      return refuse(request, "431 Request Header Fields Too Large", "HEAD_TOO_LARGE",
                    "the request's head is too large", "at most 8192 bytes");
    case HTTPD_501_METHOD_NOT_IMPLEMENTED:
    case HTTPD_405_METHOD_NOT_ALLOWED:
      return refuse(request, "405 Method Not Allowed", "METHOD_NOT_ALLOWED", "the board does not know the method",
                    "a method that the board's OpenAPI document names");
    case HTTPD_500_INTERNAL_SERVER_ERROR:
      return refuse(request, "503 Service Unavailable", "BUSY", "the board has no memory for the request's head",
                    "another try later");
    default:
      return refuse(request, "400 Bad Request", "HEAD_MALFORMED", "the request is no HTTP/1.1",
                    "a request as RFC 9112 describes it");
  }
}

static void name_client(http_connection_t *connection) {
  struct sockaddr_storage peer;
  socklen_t bytes = sizeof peer;
  connection->client[0] = 0;
  if (getpeername(connection->fd, (struct sockaddr *)&peer, &bytes) != 0) return;
  if (peer.ss_family == AF_INET) {
    inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, connection->client, sizeof connection->client);
    return;
  }
  const struct sockaddr_in6 *peer6 = (const struct sockaddr_in6 *)&peer;
  const uint8_t *address = (const uint8_t *)&peer6->sin6_addr;
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  /* A server that listens for both sees IPv4 as a part of IPv6. */
  if (memcmp(address, mapped, sizeof mapped) == 0)
    inet_ntop(AF_INET, address + sizeof mapped, connection->client, sizeof connection->client);
  else
    inet_ntop(AF_INET6, address, connection->client, sizeof connection->client);
}

static bool header_has(httpd_req_t *request, const char *name, const char *word) {
  char value[64];
  if (httpd_req_get_hdr_value_str(request, name, value, sizeof value) != ESP_OK) return false;
  for (const char *at = value; *at != 0; at++)
    if (strncasecmp(at, word, strlen(word)) == 0) return true;
  return false;
}

/* Copies what the core reads of the head. */
static esp_err_t copy_head(http_connection_t *connection, httpd_req_t *request) {
  const char *method = http_method_str((enum http_method)request->method);
  size_t lengths[HTTP_HEADERS_MAX], total = strlen(method) + 1 + strlen(request->uri) + 1;
  for (size_t i = 0; i < HTTP_HEADERS_MAX; i++) {
    lengths[i] = httpd_req_get_hdr_value_len(request, header_names[i]);
    total += lengths[i] + 1;
  }
  char *at = connection->head = port_malloc(total);
  if (at == NULL) return ESP_ERR_NO_MEM;
  connection->method = (synapse_device_text){.data = strcpy(at, method), .bytes = strlen(method)};
  at += strlen(method) + 1;
  connection->target = (synapse_device_text){.data = strcpy(at, request->uri), .bytes = strlen(request->uri)};
  at += strlen(request->uri) + 1;
  connection->header_count = 0;
  for (size_t i = 0; i < HTTP_HEADERS_MAX; i++) {
    if (lengths[i] == 0 || httpd_req_get_hdr_value_str(request, header_names[i], at, lengths[i] + 1) != ESP_OK)
      continue;
    synapse_device_header *header = &connection->headers[connection->header_count++];
    header->name = port_text(header_names[i]);
    header->value = (synapse_device_text){.data = at, .bytes = lengths[i]};
    at += lengths[i] + 1;
  }
  return ESP_OK;
}

static void run_head(synapse_esp_handle_t self, const port_event_t *event) {
  http_connection_t *connection = event->object;
  connection->number = port_number(self);
  synapse_device_request_head(self->device, connection->number, connection->method, connection->target,
                              port_text(connection->client), connection->headers, connection->header_count);
  atomic_store(&connection->telling, false);
  http_wake(self->http);
}

/* esp_http_server takes no bodies in chunks. The answer goes the way of the others, so that the client sees it though
 * it still sends. */
static void require_length(synapse_esp_handle_t self, http_connection_t *connection) {
  static const char body[] =
      "{\"title\":\"Length Required\",\"status\":411,\"code\":\"LENGTH_REQUIRED\",\"detail\":\"the request's body "
      "comes in chunks\",\"field\":\"content-length\",\"expected\":\"a body whose length Content-Length says\"}";
  synapse_device_header type = {.name = port_text("content-type"), .value = port_text("application/problem+json")};
  answer_head(self, connection, 411, &type, 1);
  answer_chunk(self, connection, (const uint8_t *)body, sizeof body - 1);
  answer_end(self, connection);
}

static esp_err_t handle(httpd_req_t *request) {
  synapse_esp_handle_t self = request->user_ctx;
  port_http_t *http = self->http;
  if (atomic_load(&http->ending)) return ESP_FAIL;
  if (self->config.http.intercept != NULL && self->config.http.intercept(self->config.http.intercept_user, request))
    return ESP_OK;
  http_connection_t *connection = take_connection(http);
  if (connection == NULL)
    return refuse(request, "503 Service Unavailable", "BUSY", "the board has all the connections that it can serve",
                  "another try in a moment");
  connection->fd = httpd_req_to_sockfd(request);
  connection->is_head = request->method == HTTP_HEAD;
  connection->wants_close = header_has(request, "connection", "close");
  connection->body_left = request->content_len;
  connection->moved_us = 0;
  connection->chunked_body = httpd_req_get_hdr_value_len(request, "transfer-encoding") > 0;
  name_client(connection);
  if (copy_head(connection, request) != ESP_OK ||
      httpd_req_async_handler_begin(request, &connection->request) != ESP_OK) {
    heap_caps_free(connection->head);
    connection->head = NULL;
    atomic_store(&connection->state, HTTP_FREE);
    return answer_bad_head(request, HTTPD_500_INTERNAL_SERVER_ERROR);
  }
  /* From here on nobody waits on this socket. */
  fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL, 0) | O_NONBLOCK);
  if (connection->chunked_body) {
    connection->number = 0;
    require_length(self, connection);
    atomic_store(&connection->state, HTTP_ACTIVE);
    http_wake(http);
    return ESP_OK;
  }
  atomic_store(&connection->telling, true);
  atomic_store(&connection->state, HTTP_ACTIVE);
  port_post(self, (port_event_t){.run = run_head, .object = connection});
  return ESP_OK;
}

/* --- Start and stop ----------------------------------------------------------------------------------------------- */

void port_http_flush(synapse_esp_handle_t self) {
  if (self->http != NULL && atomic_exchange(&self->http->dirty, false)) http_wake(self->http);
}

bool port_http_idle(synapse_esp_handle_t self) {
  if (self->http == NULL) return true;
  bool idle = true;
  xSemaphoreTake(self->http->lock, portMAX_DELAY);
  for (size_t i = 0; i < self->http->connection_count; i++) {
    const http_connection_t *connection = &self->http->connections[i];
    if (atomic_load(&connection->state) == HTTP_ACTIVE && connection->answer_ended) idle = false;
  }
  xSemaphoreGive(self->http->lock);
  return idle;
}

void http_wake(port_http_t *http) {
  uint64_t one = 1;
  if (write(http->wake_fd, &one, sizeof one) != sizeof one) ESP_LOGW(PORT_TAG, "the wake-up was not written");
}

static esp_err_t serve(synapse_esp_handle_t self) {
  port_http_t *http = self->http;
  if (http->own_server) {
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = self->config.http.port;
    config.ctrl_port = self->config.http.ctrl_port;
    config.max_open_sockets = self->config.http.sockets_max;
    config.task_priority = SERVER_PRIORITY;
    config.stack_size = SERVER_STACK_BYTES;
    config.core_id = PORT_HELPER_CORE;
    config.max_req_hdr_len = HEAD_BYTES_MAX;
    config.max_uri_handlers = 1;
    config.lru_purge_enable = true;
    config.recv_wait_timeout = WAIT_S;
    config.send_wait_timeout = WAIT_S;
    config.uri_match_fn = httpd_uri_match_wildcard;
    esp_err_t started = httpd_start(&http->server, &config);
    if (started != ESP_OK) return started;
    for (int code = 0; code < HTTPD_ERR_CODE_MAX; code++)
      httpd_register_err_handler(http->server, (httpd_err_code_t)code, answer_bad_head);
  }
  /* It warns of every read that finds nothing yet, which is how bytes are moved here. */
  esp_log_level_set("httpd_txrx", ESP_LOG_ERROR);
  httpd_uri_t every = {.uri = "/*", .method = (httpd_method_t)HTTP_ANY, .handler = handle, .user_ctx = self};
  return httpd_register_uri_handler(http->server, &every);
}

esp_err_t port_http_start(synapse_esp_handle_t self) {
  if (!self->config.http.enable) return ESP_OK;
  uint16_t sockets = self->config.http.sockets_max;
  if (sockets < SOCKETS_MIN || sockets > HTTP_CONNECTIONS_MAX + 1) return ESP_ERR_INVALID_ARG;
  port_http_t *http = heap_caps_calloc(1, sizeof *http, MALLOC_CAP_8BIT);
  if (http == NULL) return ESP_ERR_NO_MEM;
  self->http = http;
  http->wake_fd = -1;
  http->server = self->config.http.server;
  http->own_server = http->server == NULL;
  /* One socket stays the server's own: with none left it would spin, waiting for one that it may close. */
  http->connection_count = sockets - 1;
  for (size_t i = 0; i < http->connection_count; i++) {
    http->connections[i].self = self;
    http->connections[i].in = port_malloc(HTTP_IN_BYTES);
    if (http->connections[i].in == NULL) return ESP_ERR_NO_MEM;
  }
  http->lock = xSemaphoreCreateMutex();
  http->io_ended = xSemaphoreCreateBinary();
  if (http->lock == NULL || http->io_ended == NULL) return ESP_ERR_NO_MEM;
  esp_vfs_eventfd_config_t eventfds = ESP_VFS_EVENTD_CONFIG_DEFAULT();
  esp_err_t result = esp_vfs_eventfd_register(&eventfds);
  if (result != ESP_OK && result != ESP_ERR_INVALID_STATE) return result;
  http->wake_fd = eventfd(0, 0);
  if (http->wake_fd < 0) return ESP_ERR_NO_MEM;
  result = port_task(http_io_task, "synapse_http", IO_STACK_BYTES, self, IO_PRIORITY, PORT_HELPER_CORE,
                     &http->io_task);
  return result == ESP_OK ? serve(self) : result;
}

void port_http_stop(synapse_esp_handle_t self) {
  port_http_t *http = self->http;
  if (http == NULL) return;
  if (http->server != NULL && !http->own_server)
    httpd_unregister_uri_handler(http->server, "/*", (httpd_method_t)HTTP_ANY);
  if (http->io_task != NULL) {
    atomic_store(&http->ending, true);
    http_wake(http);
    xSemaphoreTake(http->io_ended, portMAX_DELAY);
  }
  if (http->server != NULL && http->own_server) httpd_stop(http->server);
}

void port_http_free(synapse_esp_handle_t self) {
  port_http_t *http = self->http;
  if (http == NULL) return;
  for (size_t i = 0; i < http->connection_count; i++) {
    http_forget(&http->connections[i]);
    heap_caps_free(http->connections[i].in);
  }
  if (http->wake_fd >= 0) close(http->wake_fd);
  if (http->lock != NULL) vSemaphoreDelete(http->lock);
  if (http->io_ended != NULL) vSemaphoreDelete(http->io_ended);
  heap_caps_free(http);
  self->http = NULL;
}
