/* Answers of the HTTP server: everything is sent with blocking sends, as the real one does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "httpd.h"

static const char *const error_status[HTTPD_ERR_CODE_MAX] = {
    [HTTPD_500_INTERNAL_SERVER_ERROR] = "500 Internal Server Error",
    [HTTPD_501_METHOD_NOT_IMPLEMENTED] = "501 Method Not Implemented",
    [HTTPD_505_VERSION_NOT_SUPPORTED] = "505 Version Not Supported",
    [HTTPD_400_BAD_REQUEST] = "400 Bad Request",
    [HTTPD_401_UNAUTHORIZED] = "401 Unauthorized",
    [HTTPD_403_FORBIDDEN] = "403 Forbidden",
    [HTTPD_404_NOT_FOUND] = "404 Not Found",
    [HTTPD_405_METHOD_NOT_ALLOWED] = "405 Method Not Allowed",
    [HTTPD_408_REQ_TIMEOUT] = "408 Request Timeout",
    [HTTPD_411_LENGTH_REQUIRED] = "411 Length Required",
    [HTTPD_413_CONTENT_TOO_LARGE] = "413 Content Too Large",
    [HTTPD_414_URI_TOO_LONG] = "414 URI Too Long",
    [HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE] = "431 Request Header Fields Too Large",
};

esp_err_t httpd_resp_set_status(httpd_req_t *request, const char *status) {
  ((request_state_t *)request->aux)->status = status;
  return ESP_OK;
}

esp_err_t httpd_resp_set_type(httpd_req_t *request, const char *type) {
  ((request_state_t *)request->aux)->type = type;
  return ESP_OK;
}

/* Neither is copied: they have to stay until the answer is sent. */
esp_err_t httpd_resp_set_hdr(httpd_req_t *request, const char *field, const char *value) {
  request_state_t *state = request->aux;
  server_t *server = request->handle;
  if (state->field_count == server->config.max_resp_headers) return ESP_ERR_HTTPD_RESP_HDR;
  state->fields[state->field_count++] = (field_t){.name = field, .value = value};
  return ESP_OK;
}

static int send_some(httpd_req_t *request, const char *bytes, size_t byte_count) {
  request_state_t *state = request->aux;
  ssize_t sent = send(state->session->fd, bytes, byte_count, MSG_NOSIGNAL);
  if (sent >= 0) return (int)sent;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? HTTPD_SOCK_ERR_TIMEOUT : HTTPD_SOCK_ERR_FAIL;
}

static esp_err_t send_all(httpd_req_t *request, const char *bytes, size_t byte_count) {
  while (byte_count > 0) {
    int sent = send_some(request, bytes, byte_count);
    if (sent < 0) return ESP_ERR_HTTPD_RESP_SEND;
    bytes += sent;
    byte_count -= (size_t)sent;
  }
  return ESP_OK;
}

static esp_err_t send_head(httpd_req_t *request, const char *framing) {
  request_state_t *state = request->aux;
  char line[512];
  int bytes =
      snprintf(line, sizeof line, "HTTP/1.1 %s\r\nContent-Type: %s\r\n%s", state->status, state->type, framing);
  if (bytes >= (int)sizeof line) return ESP_ERR_HTTPD_RESP_HDR;
  esp_err_t result = send_all(request, line, (size_t)bytes);
  for (size_t i = 0; i < state->field_count && result == ESP_OK; i++) {
    const field_t *field = &state->fields[i];
    const char *parts[] = {field->name, ": ", field->value, "\r\n"};
    for (size_t part = 0; part < 4 && result == ESP_OK; part++)
      result = send_all(request, parts[part], strlen(parts[part]));
  }
  return result == ESP_OK ? send_all(request, "\r\n", 2) : result;
}

esp_err_t httpd_resp_send(httpd_req_t *request, const char *body, ssize_t bytes) {
  size_t length = bytes == HTTPD_RESP_USE_STRLEN ? strlen(body) : (size_t)bytes;
  char framing[48];
  snprintf(framing, sizeof framing, "Content-Length: %zu\r\n", length);
  esp_err_t result = send_head(request, framing);
  return result == ESP_OK && body != NULL ? send_all(request, body, length) : result;
}

esp_err_t httpd_resp_send_err(httpd_req_t *request, httpd_err_code_t error, const char *message) {
  httpd_resp_set_status(request, error_status[error]);
  httpd_resp_set_type(request, "text/html");
  return httpd_resp_send(request, message == NULL ? error_status[error] + 4 : message, HTTPD_RESP_USE_STRLEN);
}
