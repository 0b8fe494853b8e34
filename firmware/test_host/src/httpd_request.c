/* One request of a session: its head is read in small blocks, its handler found, and what the handler has left of its
 * body thrown away. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "httpd.h"

const char *http_method_str(enum http_method method) {
  switch (method) {
#define NAME(number, name) \
  case HTTP_##name: return #name;
    HTTP_METHOD_MAP(NAME)
#undef NAME
  }
  return "<unknown>";
}

static int method_of(const char *text, size_t bytes) {
#define IS(number, name) \
  if (bytes == sizeof #name - 1 && memcmp(text, #name, bytes) == 0) return number;
  HTTP_METHOD_MAP(IS)
#undef IS
  return -1;
}

/* What was read ahead, then the socket; `once` stops after either. */
int httpd_session_recv(session_t *session, char *out, size_t bytes, bool once) {
  size_t from_ahead = bytes < session->ahead_bytes ? bytes : session->ahead_bytes;
  memcpy(out, session->ahead, from_ahead);
  session->ahead_bytes -= from_ahead;
  memmove(session->ahead, session->ahead + from_ahead, session->ahead_bytes);
  if (from_ahead == bytes || (once && from_ahead > 0)) return (int)from_ahead;
  ssize_t got = recv(session->fd, out + from_ahead, bytes - from_ahead, 0);
  if (got >= 0) return (int)(from_ahead + (size_t)got);
  if (from_ahead > 0) return (int)from_ahead;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? HTTPD_SOCK_ERR_TIMEOUT : HTTPD_SOCK_ERR_FAIL;
}

static esp_err_t fail(httpd_req_t *request, httpd_err_code_t error) {
  server_t *server = request->handle;
  if (server->error_handlers[error] == NULL) {
    httpd_resp_send_err(request, error, NULL);
    return ESP_FAIL;
  }
  esp_err_t result = server->error_handlers[error](request, error);
  return error == HTTPD_500_INTERNAL_SERVER_ERROR ? ESP_FAIL : result;
}

/* Reads a line without its end into `out`; answers its length, or an error code of the server as -1 - code, or INT_MIN
 * when the connection is of no use any more. */
static int read_line(httpd_req_t *request, char *out, size_t bytes_max, httpd_err_code_t too_long) {
  request_state_t *state = request->aux;
  session_t *session = state->session;
  size_t length = 0;
  for (;;) {
    if (session->ahead_bytes == 0) {
      int got = httpd_session_recv(session, session->ahead, HTTPD_BLOCK_BYTES, true);
      if (got == HTTPD_SOCK_ERR_TIMEOUT) return -1 - (int)HTTPD_408_REQ_TIMEOUT;
      if (got <= 0) return INT_MIN;
      session->ahead_bytes = (size_t)got;
    }
    char byte = session->ahead[0];
    memmove(session->ahead, session->ahead + 1, --session->ahead_bytes);
    if (byte == '\n') {
      if (length > 0 && out[length - 1] == '\r') length--;
      out[length] = 0;
      return (int)length;
    }
    if (byte == 0) return -1 - (int)HTTPD_400_BAD_REQUEST;
    if (length + 1 >= bytes_max) return -1 - (int)too_long;
    out[length++] = byte;
  }
}

static bool parse_request_line(httpd_req_t *request, char *line, httpd_err_code_t *out_error) {
  char *target = strchr(line, ' ');
  char *version = target == NULL ? NULL : strchr(target + 1, ' ');
  *out_error = HTTPD_400_BAD_REQUEST;
  if (version == NULL || target[1] != '/') return false;
  *target++ = 0;
  *version++ = 0;
  request->method = method_of(line, strlen(line));
  if (request->method < 0) return false;
  if (strlen(target) > CONFIG_HTTPD_MAX_URI_LEN) {
    *out_error = HTTPD_414_URI_TOO_LONG;
    return false;
  }
  strcpy((char *)request->uri, target);
  if (strncmp(version, "HTTP/", 5) != 0 || !isdigit((unsigned char)version[5])) return false;
  *out_error = HTTPD_505_VERSION_NOT_SUPPORTED;
  return strcmp(version, "HTTP/1.1") == 0 || strcmp(version, "HTTP/1.0") == 0;
}

static bool is_token(const char *text, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (!isalnum((unsigned char)text[i]) && strchr("!#$%&'*+-.^_`|~", text[i]) == NULL) return false;
  return bytes > 0;
}

/* Adds a header to the head: its name and its value, each with a NUL. */
static bool parse_header(httpd_req_t *request, char *line) {
  request_state_t *state = request->aux;
  char *colon = strchr(line, ':');
  if (colon == NULL || !is_token(line, (size_t)(colon - line))) return false;
  *colon++ = 0;
  colon += strspn(colon, " \t");
  size_t length = strlen(colon);
  while (length > 0 && isspace((unsigned char)colon[length - 1])) colon[--length] = 0;
  size_t name_bytes = strlen(line) + 1;
  memcpy(state->head + state->head_bytes, line, name_bytes);
  memcpy(state->head + state->head_bytes + name_bytes, colon, length + 1);
  state->head_bytes += name_bytes + length + 1;
  state->header_count++;
  return true;
}

static const char *header_of(httpd_req_t *request, const char *field) {
  request_state_t *state = request->aux;
  const char *at = state->head;
  for (size_t i = 0; i < state->header_count; i++) {
    const char *value = at + strlen(at) + 1;
    if (strcasecmp(at, field) == 0) return value;
    at = value + strlen(value) + 1;
  }
  return NULL;
}

size_t httpd_req_get_hdr_value_len(httpd_req_t *request, const char *field) {
  const char *value = header_of(request, field);
  return value == NULL ? 0 : strlen(value);
}

esp_err_t httpd_req_get_hdr_value_str(httpd_req_t *request, const char *field, char *out, size_t bytes) {
  const char *value = header_of(request, field);
  if (value == NULL) return ESP_ERR_NOT_FOUND;
  strncpy(out, value, bytes - 1);
  out[bytes - 1] = 0;
  return strlen(value) < bytes ? ESP_OK : ESP_ERR_HTTPD_RESULT_TRUNC;
}

static bool parse_length(httpd_req_t *request) {
  request_state_t *state = request->aux;
  const char *text = header_of(request, "Content-Length");
  if (text == NULL) return true;
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (!isdigit((unsigned char)text[0]) || *end != 0 || errno != 0 || value > UINT32_MAX) return false;
  request->content_len = state->body_left = (size_t)value;
  return true;
}

static esp_err_t read_head(httpd_req_t *request) {
  request_state_t *state = request->aux;
  server_t *server = request->handle;
  size_t max = server->config.max_req_hdr_len;
  char *line = malloc(max + CONFIG_HTTPD_MAX_URI_LEN + 32);
  esp_err_t result = ESP_FAIL;
  bool first = true;
  for (;;) {
    size_t room = first ? server->config.max_uri_len + 32 : max - state->head_bytes;
    httpd_err_code_t error = first ? HTTPD_414_URI_TOO_LONG : HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE;
    int length = read_line(request, line, room, error);
    if (length == INT_MIN) break;
    if (length < 0) {
      result = fail(request, (httpd_err_code_t)(-1 - length));
      break;
    }
    if (first) {
      if (length == 0) continue; /* http_parser takes empty lines in front of a request */
      if (!parse_request_line(request, line, &error)) {
        result = fail(request, error);
        break;
      }
      first = false;
      continue;
    }
    if (length == 0) {
      result = parse_length(request) ? ESP_OK : fail(request, HTTPD_400_BAD_REQUEST);
      if (result == ESP_OK && request->aux != NULL) break;
      result = ESP_FAIL;
      break;
    }
    if (!parse_header(request, line)) {
      result = fail(request, HTTPD_400_BAD_REQUEST);
      break;
    }
  }
  free(line);
  return result;
}

static esp_err_t call_handler(httpd_req_t *request) {
  server_t *server = request->handle;
  size_t path_bytes = strcspn(request->uri, "?#");
  bool known = false;
  for (size_t i = 0; i < server->handler_count; i++) {
    const httpd_uri_t *at = &server->handlers[i];
    bool matches = server->config.uri_match_fn != NULL
                       ? server->config.uri_match_fn(at->uri, request->uri, path_bytes)
                       : strlen(at->uri) == path_bytes && strncmp(at->uri, request->uri, path_bytes) == 0;
    if (!matches) continue;
    known = true;
    if ((int)at->method != HTTP_ANY && (int)at->method != request->method) continue;
    request->user_ctx = at->user_ctx;
    return at->handler(request);
  }
  return fail(request, known ? HTTPD_405_METHOD_NOT_ALLOWED : HTTPD_404_NOT_FOUND);
}

static esp_err_t discard_body(httpd_req_t *request) {
  request_state_t *state = request->aux;
  char thrown_away[HTTPD_BLOCK_BYTES];
  while (state->body_left > 0)
    if (httpd_req_recv(request, thrown_away, sizeof thrown_away) <= 0) return ESP_FAIL;
  return ESP_OK;
}

esp_err_t httpd_serve_request(session_t *session) {
  server_t *server = session->server;
  request_state_t state = {.session = session, .status = "200 OK", .type = "text/html"};
  httpd_req_t request = {.handle = server, .aux = &state};
  state.head = malloc(server->config.max_req_hdr_len + 2);
  state.fields = calloc(server->config.max_resp_headers, sizeof *state.fields);
  esp_err_t result = read_head(&request);
  if (result == ESP_OK) result = call_handler(&request);
  if (result == ESP_OK) result = discard_body(&request);
  free(state.head);
  free(state.fields);
  return result;
}

int httpd_req_recv(httpd_req_t *request, char *out, size_t bytes) {
  request_state_t *state = request->aux;
  if (bytes > state->body_left) bytes = state->body_left;
  if (bytes == 0) return 0;
  int got = httpd_session_recv(state->session, out, bytes, false);
  if (got > 0) state->body_left -= (size_t)got;
  return got;
}
