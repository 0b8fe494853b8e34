/* HTTP, inside: what the server's side (http.c) and the side that moves bytes (http_io.c) share. */
#ifndef SYNAPSE_PORT_HTTP_H
#define SYNAPSE_PORT_HTTP_H

#include "esp_http_server.h"
#include "port.h"

#define HTTP_CONNECTIONS_MAX 15
#define HTTP_HEADERS_MAX 11
/* A piece of a body; one a connection. */
#define HTTP_IN_BYTES 8192
#define HTTP_BLOCK_BYTES 4096

/* Of an answer that has not been taken yet. */
typedef struct http_block {
  struct http_block *next;
  size_t bytes, sent;
  uint8_t data[HTTP_BLOCK_BYTES];
} http_block_t;

typedef enum http_state {
  HTTP_FREE,     /* nobody's */
  HTTP_TAKEN,    /* the server's task fills it in */
  HTTP_ACTIVE,   /* bytes move, both ways */
  HTTP_LINGER,   /* the answer is out; what the client still sends is thrown away for a while, so that it sees it */
  HTTP_LOST,     /* the core is being told that the client has left */
  HTTP_RETURNED, /* the server's task is given its socket back */
} http_state_t;

typedef struct http_connection {
  synapse_esp_handle_t self;
  httpd_req_t *request;
  int fd;
  _Atomic http_state_t state;
  atomic_bool telling; /* an event of this connection has not been handled yet */

  /* The head, as the core gets it; one block of memory that `head` owns. */
  char *head;
  synapse_device_text method, target;
  synapse_device_header headers[HTTP_HEADERS_MAX];
  size_t header_count;
  char client[46];
  bool is_head, wants_close, chunked_body;

  /* Of the event task: 0 when the core has not heard of the request, or has done with it. */
  uint32_t number;

  /* Of the task that moves bytes. */
  uint8_t *in;
  size_t in_bytes, body_left;
  bool end_told, next_waits; /* what can be read is the next request */
  int64_t moved_us;      /* when something last moved, of an answer that waits for its client */
  char frame[32];        /* of the chunk that is being sent */
  const char *framing;   /* `frame`, or the answer's head */
  size_t framing_bytes, framing_sent, block_left;
  bool head_out, last_out, chunk_open, close_after;

  /* Under the lock: what the core has answered. */
  char *answer_head;
  uint32_t status;
  http_block_t *first, *last;
  size_t queued_bytes;
  bool answer_begun, answer_ended, overflow;
} http_connection_t;

struct port_http {
  httpd_handle_t server;
  bool own_server;
  SemaphoreHandle_t lock, io_ended;
  TaskHandle_t io_task;
  int wake_fd;
  atomic_bool ending, dirty;
  size_t buffered_bytes; /* under the lock */
  uint16_t connection_count;
  http_connection_t connections[HTTP_CONNECTIONS_MAX];
};

void http_wake(port_http_t *http);
void http_io_task(void *argument);
void http_forget(http_connection_t *connection);

#endif
