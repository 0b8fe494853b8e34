/* The part of ESP-IDF's server that the port uses. One task serves; a request that an asynchronous handler has begun is
 * its owner's until it is completed. */
#ifndef ESP_HTTP_SERVER_H
#define ESP_HTTP_SERVER_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "esp_err.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "http_parser.h"
#include "sdkconfig.h"

#define ESP_HTTPD_DEF_CTRL_PORT 32768

#define ESP_ERR_HTTPD_BASE 0xb000
#define ESP_ERR_HTTPD_HANDLERS_FULL (ESP_ERR_HTTPD_BASE + 1)
#define ESP_ERR_HTTPD_HANDLER_EXISTS (ESP_ERR_HTTPD_BASE + 2)
#define ESP_ERR_HTTPD_INVALID_REQ (ESP_ERR_HTTPD_BASE + 3)
#define ESP_ERR_HTTPD_RESULT_TRUNC (ESP_ERR_HTTPD_BASE + 4)
#define ESP_ERR_HTTPD_RESP_HDR (ESP_ERR_HTTPD_BASE + 5)
#define ESP_ERR_HTTPD_RESP_SEND (ESP_ERR_HTTPD_BASE + 6)
#define ESP_ERR_HTTPD_ALLOC_MEM (ESP_ERR_HTTPD_BASE + 7)
#define ESP_ERR_HTTPD_TASK (ESP_ERR_HTTPD_BASE + 8)

#define HTTPD_RESP_USE_STRLEN (-1)
#define HTTPD_SOCK_ERR_FAIL (-1)
#define HTTPD_SOCK_ERR_INVALID (-2)
#define HTTPD_SOCK_ERR_TIMEOUT (-3)
#define HTTP_ANY INT_MAX

typedef void *httpd_handle_t;
typedef enum http_method httpd_method_t;
typedef void (*httpd_free_ctx_fn_t)(void *context);
typedef esp_err_t (*httpd_open_func_t)(httpd_handle_t server, int socket);
typedef void (*httpd_close_func_t)(httpd_handle_t server, int socket);
typedef bool (*httpd_uri_match_func_t)(const char *reference, const char *uri, size_t match_upto);
typedef void (*httpd_work_fn_t)(void *argument);

typedef struct httpd_config {
  unsigned task_priority;
  size_t stack_size;
  BaseType_t core_id;
  uint32_t task_caps;
  size_t max_req_hdr_len;
  size_t max_uri_len;
  uint16_t server_port;
  uint16_t ctrl_port;
  uint16_t max_open_sockets;
  uint16_t max_uri_handlers;
  uint16_t max_resp_headers;
  uint16_t backlog_conn;
  bool lru_purge_enable;
  uint16_t recv_wait_timeout; /* seconds */
  uint16_t send_wait_timeout; /* seconds */
  void *global_user_ctx;
  httpd_free_ctx_fn_t global_user_ctx_free_fn;
  void *global_transport_ctx;
  httpd_free_ctx_fn_t global_transport_ctx_free_fn;
  bool enable_so_linger;
  int linger_timeout;
  bool keep_alive_enable;
  int keep_alive_idle;
  int keep_alive_interval;
  int keep_alive_count;
  httpd_open_func_t open_fn;
  httpd_close_func_t close_fn;
  httpd_uri_match_func_t uri_match_fn;
} httpd_config_t;

#define HTTPD_DEFAULT_CONFIG()                                                                                      \
  {                                                                                                                 \
    .task_priority = tskIDLE_PRIORITY + 5, .stack_size = 4096, .core_id = tskNO_AFFINITY,                           \
    .task_caps = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT, .max_req_hdr_len = CONFIG_HTTPD_MAX_REQ_HDR_LEN,            \
    .max_uri_len = CONFIG_HTTPD_MAX_URI_LEN, .server_port = 80, .ctrl_port = ESP_HTTPD_DEF_CTRL_PORT,               \
    .max_open_sockets = 7, .max_uri_handlers = 8, .max_resp_headers = 8, .backlog_conn = 5, .recv_wait_timeout = 5, \
    .send_wait_timeout = 5,                                                                                         \
  }

typedef struct httpd_req {
  httpd_handle_t handle;
  int method;
  const char uri[CONFIG_HTTPD_MAX_URI_LEN + 1];
  size_t content_len;
  void *aux;
  void *user_ctx;
  void *sess_ctx;
  httpd_free_ctx_fn_t free_ctx;
  bool ignore_sess_ctx_changes;
} httpd_req_t;

typedef struct httpd_uri {
  const char *uri;
  httpd_method_t method;
  esp_err_t (*handler)(httpd_req_t *request);
  void *user_ctx;
} httpd_uri_t;

typedef enum {
  HTTPD_500_INTERNAL_SERVER_ERROR = 0,
  HTTPD_501_METHOD_NOT_IMPLEMENTED,
  HTTPD_505_VERSION_NOT_SUPPORTED,
  HTTPD_400_BAD_REQUEST,
  HTTPD_401_UNAUTHORIZED,
  HTTPD_403_FORBIDDEN,
  HTTPD_404_NOT_FOUND,
  HTTPD_405_METHOD_NOT_ALLOWED,
  HTTPD_408_REQ_TIMEOUT,
  HTTPD_411_LENGTH_REQUIRED,
  HTTPD_413_CONTENT_TOO_LARGE,
  HTTPD_414_URI_TOO_LONG,
  HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE,
  HTTPD_ERR_CODE_MAX
} httpd_err_code_t;

typedef esp_err_t (*httpd_err_handler_func_t)(httpd_req_t *request, httpd_err_code_t error);

esp_err_t httpd_start(httpd_handle_t *out_server, const httpd_config_t *config);
esp_err_t httpd_stop(httpd_handle_t server);
esp_err_t httpd_register_uri_handler(httpd_handle_t server, const httpd_uri_t *handler);
esp_err_t httpd_unregister_uri_handler(httpd_handle_t server, const char *uri, httpd_method_t method);
esp_err_t httpd_register_err_handler(httpd_handle_t server, httpd_err_code_t error, httpd_err_handler_func_t handler);
bool httpd_uri_match_wildcard(const char *reference, const char *uri, size_t match_upto);
esp_err_t httpd_queue_work(httpd_handle_t server, httpd_work_fn_t work, void *argument);

esp_err_t httpd_req_async_handler_begin(httpd_req_t *request, httpd_req_t **out_request);
esp_err_t httpd_req_async_handler_complete(httpd_req_t *request);
int httpd_req_to_sockfd(httpd_req_t *request);
int httpd_req_recv(httpd_req_t *request, char *out, size_t bytes);
size_t httpd_req_get_hdr_value_len(httpd_req_t *request, const char *field);
esp_err_t httpd_req_get_hdr_value_str(httpd_req_t *request, const char *field, char *out, size_t bytes);

esp_err_t httpd_resp_set_status(httpd_req_t *request, const char *status);
esp_err_t httpd_resp_set_type(httpd_req_t *request, const char *type);
esp_err_t httpd_resp_set_hdr(httpd_req_t *request, const char *field, const char *value);
esp_err_t httpd_resp_send(httpd_req_t *request, const char *body, ssize_t bytes);
esp_err_t httpd_resp_send_500(httpd_req_t *request);
esp_err_t httpd_resp_send_err(httpd_req_t *request, httpd_err_code_t error, const char *message);

#endif
