/* What the files of the HTTP server share. */
#ifndef TEST_HOST_HTTPD_H
#define TEST_HOST_HTTPD_H

#include <stdatomic.h>

#include "esp_http_server.h"
#include "freertos/semphr.h"

#define HTTPD_HANDLERS_MAX 8
/* As much as the real one reads ahead of what it has parsed. */
#define HTTPD_BLOCK_BYTES 128

typedef struct server server_t;

typedef struct session {
  int fd; /* -1: free */
  server_t *server;
  atomic_bool lent; /* an asynchronous handler has it: neither read nor purged */
  uint64_t used;    /* the larger, the later */
  char ahead[HTTPD_BLOCK_BYTES]; /* read, and not yet taken */
  size_t ahead_bytes;
} session_t;

typedef struct field {
  const char *name, *value;
} field_t;

/* What a request's `aux` is. */
typedef struct request_state {
  session_t *session;
  char *head; /* names and values of headers, each with a NUL */
  size_t head_bytes, header_count;
  size_t body_left;
  const char *status, *type;
  field_t *fields; /* of the answer */
  size_t field_count;
  bool chunked;
} request_state_t;

struct server {
  httpd_config_t config;
  int listener, control[2]; /* a socket pair: datagrams of work */
  TaskHandle_t task;
  session_t *sessions;
  uint64_t uses;
  httpd_uri_t handlers[HTTPD_HANDLERS_MAX];
  size_t handler_count;
  httpd_err_handler_func_t error_handlers[HTTPD_ERR_CODE_MAX];
  bool stopping;
  SemaphoreHandle_t ended;
};

/* httpd_request.c: reads a head from the session and calls its handler. What is not ESP_OK closes the session. */
esp_err_t httpd_serve_request(session_t *session);
int httpd_session_recv(session_t *session, char *out, size_t bytes, bool once);

#endif
