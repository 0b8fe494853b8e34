/* The HTTP client, over plain TCP. An https:// address fails as a handshake does: TLS is what ESP-IDF brings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "connection.h"
#include "esp_crt_bundle.h"
#include "esp_http_client.h"
#include "esp_tls_errors.h"

#define HEADERS_BYTES_MAX 1024
#define LINE_BYTES_MAX 4096

struct esp_http_client {
  esp_http_client_config_t config;
  char *text; /* the address */
  test_host_url_t url;
  char headers[HEADERS_BYTES_MAX];
  int fd, error;
  esp_err_t tls_error;
  int tls_code;
  int status;
  bool chunked, ended;
  int64_t length;   /* -1: not said */
  int64_t received; /* of the body */
  int64_t chunk_left;
  char buffer[LINE_BYTES_MAX];
  size_t at, filled;
  char line[LINE_BYTES_MAX]; /* not on the stack, whose size is the port's business */
};

esp_err_t esp_crt_bundle_attach(void *conf) {
  (void)conf;
  return ESP_OK;
}

esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config) {
  struct esp_http_client *client = calloc(1, sizeof *client);
  if (client == NULL) return NULL;
  client->config = *config;
  client->fd = -1;
  client->text = strdup(config->url);
  if (test_host_parse_url(client->text, &client->url)) return client;
  esp_http_client_cleanup(client);
  return NULL;
}

esp_err_t esp_http_client_set_header(esp_http_client_handle_t client, const char *name, const char *value) {
  size_t used = strlen(client->headers);
  int wanted = snprintf(client->headers + used, sizeof client->headers - used, "%s: %s\r\n", name, value);
  return (size_t)wanted < sizeof client->headers - used ? ESP_OK : ESP_ERR_NO_MEM;
}

esp_err_t esp_http_client_open(esp_http_client_handle_t client, int write_bytes) {
  if (write_bytes != 0) return ESP_ERR_NOT_SUPPORTED;
  const test_host_url_t *url = &client->url;
  client->fd = test_host_connect(url->host, url->port, client->config.timeout_ms, &client->tls_error, &client->error);
  if (client->fd < 0) return ESP_ERR_HTTP_CONNECT;
  if (strcmp(url->scheme, "http") != 0) {
    client->tls_code = -1;
    return ESP_ERR_HTTP_CONNECT;
  }
  char *request = client->line;
  size_t path_bytes = strcspn(url->path, "#");
  int bytes = snprintf(request, LINE_BYTES_MAX, "GET %s%.*s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: test_host\r\n%s\r\n",
                       url->path[0] == '/' ? "" : "/", (int)path_bytes, url->path, url->host, url->port,
                       client->headers);
  ssize_t sent = send(client->fd, request, (size_t)bytes, MSG_NOSIGNAL);
  return sent == bytes ? ESP_OK : ESP_ERR_HTTP_WRITE_DATA;
}

/* 1: there is something in the buffer. 0: the connection ended. -1: nothing came in time, or it broke. */
static int fill(struct esp_http_client *client) {
  if (client->at < client->filled) return 1;
  ssize_t got = recv(client->fd, client->buffer, sizeof client->buffer, 0);
  client->at = 0;
  client->filled = got > 0 ? (size_t)got : 0;
  if (got >= 0) return got > 0;
  client->error = errno;
  return -1;
}

static bool read_line(struct esp_http_client *client, char *out) {
  size_t length = 0;
  while (length + 1 < LINE_BYTES_MAX && fill(client) == 1) {
    char byte = client->buffer[client->at++];
    if (byte != '\n') {
      out[length++] = byte;
      continue;
    }
    if (length > 0 && out[length - 1] == '\r') length--;
    out[length] = 0;
    return true;
  }
  return false;
}

static void hear_header(struct esp_http_client *client, char *line) {
  char *value = strchr(line, ':');
  if (value == NULL) return;
  *value++ = 0;
  value += strspn(value, " ");
  if (strcasecmp(line, "content-length") == 0) client->length = strtoll(value, NULL, 10);
  if (strcasecmp(line, "transfer-encoding") == 0) client->chunked = strcasecmp(value, "chunked") == 0;
  esp_http_client_event_t event = {.event_id = HTTP_EVENT_ON_HEADER,
                                   .client = client,
                                   .user_data = client->config.user_data,
                                   .header_key = line,
                                   .header_value = value};
  if (client->config.event_handler != NULL) client->config.event_handler(&event);
}

int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client) {
  char *line = client->line;
  client->length = -1;
  if (!read_line(client, line)) return client->error == EAGAIN ? -ESP_ERR_HTTP_EAGAIN : ESP_FAIL;
  int status = 0;
  if (sscanf(line, "HTTP/1.%*c %d", &status) != 1) return ESP_FAIL;
  while (read_line(client, line)) {
    if (line[0] != 0) {
      hear_header(client, line);
      continue;
    }
    client->status = status;
    if (client->chunked) client->length = -1;
    return client->length < 0 ? 0 : client->length;
  }
  return client->error == EAGAIN ? -ESP_ERR_HTTP_EAGAIN : ESP_FAIL;
}

int esp_http_client_get_status_code(esp_http_client_handle_t client) { return client->status; }
int esp_http_client_get_errno(esp_http_client_handle_t client) { return client->error; }

bool esp_http_client_is_complete_data_received(esp_http_client_handle_t client) {
  return client->chunked ? client->ended : client->length >= 0 && client->received >= client->length;
}

/* How many bytes of the body may be read now; 0: none come any more. */
static int64_t body_left(struct esp_http_client *client) {
  if (client->ended) return 0;
  if (!client->chunked) return client->length < 0 ? INT32_MAX : client->length - client->received;
  if (client->chunk_left > 0) return client->chunk_left;
  char *line = client->line;
  if (client->received > 0 && !read_line(client, line)) return -1;
  if (!read_line(client, line)) return -1;
  client->chunk_left = strtoll(line, NULL, 16);
  client->ended = client->chunk_left == 0;
  return client->chunk_left;
}

/* As much as was asked for, unless the body ends or breaks before. */
int esp_http_client_read(esp_http_client_handle_t client, char *out, int bytes) {
  int total = 0;
  while (total < bytes) {
    int64_t left = body_left(client);
    if (left == 0) break;
    int filled = left < 0 ? -1 : fill(client);
    if (filled < 0 && total == 0) return client->error == EAGAIN ? -ESP_ERR_HTTP_EAGAIN : ESP_FAIL;
    if (filled <= 0) break;
    int64_t part = (int64_t)(client->filled - client->at);
    if (part > left) part = left;
    if (part > bytes - total) part = bytes - total;
    memcpy(out + total, client->buffer + client->at, (size_t)part);
    client->at += (size_t)part;
    client->received += part;
    client->chunk_left -= client->chunked ? part : 0;
    total += (int)part;
  }
  return total;
}

esp_err_t esp_http_client_get_and_clear_last_tls_error(esp_http_client_handle_t client, int *out_code, int *out_flags) {
  esp_err_t error = client->tls_error;
  *out_code = client->tls_code;
  *out_flags = 0;
  client->tls_error = ESP_OK;
  client->tls_code = 0;
  return error;
}

esp_err_t esp_http_client_close(esp_http_client_handle_t client) {
  if (client->fd >= 0) test_host_disconnect(client->fd);
  client->fd = -1;
  return ESP_OK;
}

esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client) {
  esp_http_client_close(client);
  free(client->text);
  free(client);
  return ESP_OK;
}
