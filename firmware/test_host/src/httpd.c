/* The HTTP server's one task: it waits for its listener, its control socket and the sessions that are its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "httpd.h"
#include "test_host.h"

typedef struct work {
  httpd_work_fn_t run; /* NULL: only wake up, or stop when `argument` is the server */
  void *argument;
} work_t;

static void close_session(session_t *session) {
  if (session->fd < 0) return;
  if (session->server->config.close_fn != NULL)
    session->server->config.close_fn(session->server, session->fd);
  else
    close(session->fd);
  session->fd = -1;
}

static session_t *free_session(server_t *server) {
  for (size_t i = 0; i < server->config.max_open_sockets; i++)
    if (server->sessions[i].fd < 0) return &server->sessions[i];
  return NULL;
}

static session_t *oldest_session(server_t *server) {
  session_t *oldest = NULL;
  for (size_t i = 0; i < server->config.max_open_sockets; i++) {
    session_t *session = &server->sessions[i];
    if (session->fd < 0 || atomic_load(&session->lent)) continue;
    if (oldest == NULL || session->used < oldest->used) oldest = session;
  }
  return oldest;
}

static void accept_session(server_t *server) {
  session_t *session = free_session(server);
  if (session == NULL) {
    session = oldest_session(server);
    /* All are lent: the real one spins here, too, until one comes back. */
    if (session == NULL) return;
    close_session(session);
  }
  int fd = accept(server->listener, NULL, NULL);
  if (fd < 0) return;
  if (fd >= FD_SETSIZE) test_host_die("socket %d does not fit select", fd);
  struct timeval receive = {.tv_sec = server->config.recv_wait_timeout};
  struct timeval transmit = {.tv_sec = server->config.send_wait_timeout};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof receive);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &transmit, sizeof transmit);
  session->fd = fd;
  session->server = server;
  session->used = ++server->uses;
  session->ahead_bytes = 0;
  atomic_store(&session->lent, false);
  if (server->config.open_fn != NULL && server->config.open_fn(server, fd) != ESP_OK) close_session(session);
}

static void hear_control(server_t *server) {
  work_t work;
  if (recv(server->control[0], &work, sizeof work, 0) != sizeof work) return;
  if (work.run != NULL) work.run(work.argument);
  else if (work.argument == server) server->stopping = true;
}

static void serve_once(server_t *server) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(server->control[0], &readable);
  FD_SET(server->listener, &readable);
  int last = server->control[0] > server->listener ? server->control[0] : server->listener;
  bool ahead = false;
  for (size_t i = 0; i < server->config.max_open_sockets; i++) {
    session_t *session = &server->sessions[i];
    if (session->fd < 0 || atomic_load(&session->lent)) continue;
    FD_SET(session->fd, &readable);
    if (session->fd > last) last = session->fd;
    ahead |= session->ahead_bytes > 0;
  }
  struct timeval now = {0};
  if (select(last + 1, &readable, NULL, NULL, ahead ? &now : NULL) < 0) return;
  if (FD_ISSET(server->control[0], &readable)) hear_control(server);
  for (size_t i = 0; i < server->config.max_open_sockets && !server->stopping; i++) {
    session_t *session = &server->sessions[i];
    if (session->fd < 0 || atomic_load(&session->lent)) continue;
    if (!FD_ISSET(session->fd, &readable) && session->ahead_bytes == 0) continue;
    if (httpd_serve_request(session) != ESP_OK) close_session(session);
    else session->used = ++server->uses;
  }
  if (FD_ISSET(server->listener, &readable) && !server->stopping) accept_session(server);
}

static void server_task(void *argument) {
  server_t *server = argument;
  while (!server->stopping) serve_once(server);
  for (size_t i = 0; i < server->config.max_open_sockets; i++) close_session(&server->sessions[i]);
  xSemaphoreGive(server->ended);
  vTaskDelete(NULL);
}

/* Listens on loopback only: a board of test_host is nobody's but this machine's. */
static int listen_on(uint16_t port, int backlog) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, backlog) == 0) return fd;
  close(fd);
  return -1;
}

static void free_server(server_t *server) {
  close(server->listener);
  close(server->control[0]);
  close(server->control[1]);
  vSemaphoreDelete(server->ended);
  free(server->sessions);
  free(server);
}

esp_err_t httpd_start(httpd_handle_t *out_server, const httpd_config_t *config) {
  if (out_server == NULL || config == NULL) return ESP_ERR_INVALID_ARG;
  /* Three of the sockets are the server's own. */
  if (config->max_open_sockets > CONFIG_LWIP_MAX_SOCKETS - 3) return ESP_ERR_INVALID_ARG;
  server_t *server = calloc(1, sizeof *server);
  if (server == NULL) return ESP_ERR_HTTPD_ALLOC_MEM;
  server->config = *config;
  server->listener = listen_on(config->server_port, config->backlog_conn);
  if (server->listener < 0) {
    free(server);
    return ESP_FAIL;
  }
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, server->control) != 0) test_host_die("no socket pair: %s", strerror(errno));
  server->ended = xSemaphoreCreateBinary();
  server->sessions = calloc(config->max_open_sockets, sizeof *server->sessions);
  for (size_t i = 0; i < config->max_open_sockets; i++) server->sessions[i].fd = -1;
  if (xTaskCreatePinnedToCore(server_task, "httpd", (uint32_t)config->stack_size, server, config->task_priority,
                              &server->task, config->core_id) != pdPASS) {
    free_server(server);
    return ESP_ERR_HTTPD_TASK;
  }
  *out_server = server;
  return ESP_OK;
}

static esp_err_t tell(server_t *server, work_t work) {
  return send(server->control[1], &work, sizeof work, 0) == sizeof work ? ESP_OK : ESP_FAIL;
}

esp_err_t httpd_stop(httpd_handle_t handle) {
  server_t *server = handle;
  if (server == NULL) return ESP_ERR_INVALID_ARG;
  tell(server, (work_t){.argument = server});
  xSemaphoreTake(server->ended, portMAX_DELAY);
  free_server(server);
  return ESP_OK;
}

esp_err_t httpd_queue_work(httpd_handle_t handle, httpd_work_fn_t work, void *argument) {
  if (handle == NULL || work == NULL) return ESP_ERR_INVALID_ARG;
  return tell(handle, (work_t){.run = work, .argument = argument});
}

static bool same_handler(const httpd_uri_t *a, const char *uri, int method) {
  return strcmp(a->uri, uri) == 0 && (int)a->method == method;
}

esp_err_t httpd_register_uri_handler(httpd_handle_t handle, const httpd_uri_t *handler) {
  server_t *server = handle;
  if (server == NULL || handler == NULL) return ESP_ERR_INVALID_ARG;
  for (size_t i = 0; i < server->handler_count; i++)
    if (same_handler(&server->handlers[i], handler->uri, (int)handler->method)) return ESP_ERR_HTTPD_HANDLER_EXISTS;
  size_t max = server->config.max_uri_handlers;
  if (server->handler_count == (max < HTTPD_HANDLERS_MAX ? max : HTTPD_HANDLERS_MAX))
    return ESP_ERR_HTTPD_HANDLERS_FULL;
  server->handlers[server->handler_count++] = *handler;
  return ESP_OK;
}

esp_err_t httpd_unregister_uri_handler(httpd_handle_t handle, const char *uri, httpd_method_t method) {
  server_t *server = handle;
  for (size_t i = 0; i < server->handler_count; i++) {
    httpd_uri_t *at = &server->handlers[i];
    if (!same_handler(at, uri, (int)method)) continue;
    memmove(at, at + 1, (server->handler_count - i - 1) * sizeof *at);
    server->handler_count--;
    return ESP_OK;
  }
  return ESP_ERR_NOT_FOUND;
}

esp_err_t httpd_register_err_handler(httpd_handle_t handle, httpd_err_code_t error, httpd_err_handler_func_t handler) {
  server_t *server = handle;
  if (server == NULL || error >= HTTPD_ERR_CODE_MAX) return ESP_ERR_INVALID_ARG;
  server->error_handlers[error] = handler;
  return ESP_OK;
}

/* A reference ends with '*' (anything), or with a character and '?' (that character, or not), or is exact. */
bool httpd_uri_match_wildcard(const char *reference, const char *uri, size_t match_upto) {
  size_t bytes = strlen(reference);
  bool star = bytes > 0 && reference[bytes - 1] == '*';
  if (star) bytes--;
  bool maybe = bytes > 0 && reference[bytes - 1] == '?';
  if (maybe) {
    bytes--;
    if (match_upto == bytes - 1) return strncmp(reference, uri, match_upto) == 0;
  }
  if (star ? match_upto < bytes : match_upto != bytes) return false;
  return strncmp(reference, uri, bytes) == 0;
}

esp_err_t httpd_req_async_handler_begin(httpd_req_t *request, httpd_req_t **out_request) {
  if (request == NULL || out_request == NULL) return ESP_ERR_INVALID_ARG;
  request_state_t *state = request->aux;
  server_t *server = request->handle;
  httpd_req_t *copy = malloc(sizeof *copy);
  request_state_t *copied = malloc(sizeof *copied);
  field_t *fields = calloc(server->config.max_resp_headers, sizeof *fields);
  char *head = malloc(state->head_bytes + 1);
  if (copy == NULL || copied == NULL || fields == NULL || head == NULL) {
    free(copy), free(copied), free(fields), free(head);
    return ESP_ERR_NO_MEM;
  }
  memcpy(copy, request, sizeof *copy);
  *copied = *state;
  copied->fields = memcpy(fields, state->fields, state->field_count * sizeof *fields);
  copied->head = memcpy(head, state->head, state->head_bytes);
  copy->aux = copied;
  state->body_left = 0;
  atomic_store(&state->session->lent, true);
  *out_request = copy;
  return ESP_OK;
}

esp_err_t httpd_req_async_handler_complete(httpd_req_t *request) {
  if (request == NULL) return ESP_ERR_INVALID_ARG;
  request_state_t *state = request->aux;
  server_t *server = request->handle;
  atomic_store(&state->session->lent, false);
  free(state->head);
  free(state->fields);
  free(state);
  free(request);
  /* It looks at the session again. */
  return tell(server, (work_t){0});
}

int httpd_req_to_sockfd(httpd_req_t *request) { return ((request_state_t *)request->aux)->session->fd; }
