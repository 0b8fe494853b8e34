/* The task that moves the bytes of bodies and answers, for all connections, without ever waiting for one of them. A
 * connection has at most one event in the queue, so a body is read no faster than the core takes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_timer.h"
#include "http.h"

#define LOOK_MS 250
/* A client that takes nothing of its answer for so long loses its socket. */
#define ANSWER_US_MAX 15000000
/* How long what a client still sends, after its answer, is read and thrown away. */
#define LINGER_US_MAX 2000000
/* Chunks of an answer are as large as what has gathered, up to a block. */
#define SEND_MORE 1
#define SEND_DONE 0
#define SEND_LOST (-1)

static void set(http_connection_t *connection, http_state_t state) { atomic_store(&connection->state, state); }
static http_state_t get(http_connection_t *connection) { return atomic_load(&connection->state); }

/* --- What the core is told ---------------------------------------------------------------------------------------- */

static void told(http_connection_t *connection) {
  atomic_store(&connection->telling, false);
  http_wake(connection->self->http);
}

static void run_body(synapse_esp_handle_t self, const port_event_t *event) {
  http_connection_t *connection = event->object;
  if (connection->number != 0)
    synapse_device_body_chunk(self->device, connection->number, event->bytes, event->byte_count);
  told(connection);
}

static void run_end(synapse_esp_handle_t self, const port_event_t *event) {
  http_connection_t *connection = event->object;
  if (connection->number != 0) synapse_device_request_end(self->device, connection->number);
  told(connection);
}

static void run_lost(synapse_esp_handle_t self, const port_event_t *event) {
  http_connection_t *connection = event->object;
  uint32_t number = connection->number;
  connection->number = 0;
  if (number != 0) synapse_device_request_closed(self->device, number);
  told(connection);
}

static void tell(http_connection_t *connection, void (*run)(synapse_esp_handle_t, const port_event_t *)) {
  atomic_store(&connection->telling, true);
  port_post(connection->self, (port_event_t){.run = run,
                                             .object = connection,
                                             .bytes = connection->in,
                                             .byte_count = connection->in_bytes});
}

/* --- Bodies ------------------------------------------------------------------------------------------------------- */

static void lose(http_connection_t *connection) { set(connection, HTTP_LOST); }

static void read_body(http_connection_t *connection) {
  size_t wanted = connection->body_left < HTTP_IN_BYTES ? connection->body_left : HTTP_IN_BYTES;
  int count = httpd_req_recv(connection->request, (char *)connection->in, wanted);
  if (count == HTTPD_SOCK_ERR_TIMEOUT) return;
  if (count <= 0) return lose(connection);
  connection->body_left -= (size_t)count;
  connection->in_bytes = (size_t)count;
  tell(connection, run_body);
}

/* With the body read, all that a client can do is to leave, or to ask for more. */
static void watch(http_connection_t *connection) {
  char byte;
  ssize_t count = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count > 0)
    connection->next_waits = true;
  else if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
    lose(connection);
}

/* Reads what came with the head as well, which no select tells of. */
static void discard(http_connection_t *connection) {
  for (int i = 0; i < 8; i++) {
    int count = 0;
    if (connection->body_left > 0) {
      size_t wanted = connection->body_left < HTTP_IN_BYTES ? connection->body_left : HTTP_IN_BYTES;
      count = httpd_req_recv(connection->request, (char *)connection->in, wanted);
      if (count == HTTPD_SOCK_ERR_TIMEOUT) return;
      if (count > 0) connection->body_left -= (size_t)count;
    } else {
      count = (int)recv(connection->fd, connection->in, HTTP_IN_BYTES, MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    }
    if (count <= 0) {
      connection->close_after = true;
      return set(connection, HTTP_RETURNED);
    }
  }
}

/* --- Answers ------------------------------------------------------------------------------------------------------ */

/* The end of the head: it says how long the answer is when all of it is there. Under the lock. */
static bool frame_head(http_connection_t *connection) {
  char *head = connection->answer_head;
  bool bare = connection->status == 204 || connection->status == 304;
  char length[64] = "";
  connection->close_after = connection->wants_close || connection->chunked_body || connection->body_left > 0;
  connection->chunk_open = !bare && !connection->answer_ended && !connection->is_head;
  if (connection->chunk_open)
    snprintf(length, sizeof length, "transfer-encoding: chunked\r\n");
  else if (!bare && !connection->is_head)
    snprintf(length, sizeof length, "content-length: %zu\r\n", connection->queued_bytes);
  const char *close_text = connection->close_after ? "connection: close\r\n" : "";
  size_t bytes = strlen(head) + strlen(length) + strlen(close_text) + 3;
  char *whole = port_malloc(bytes);
  if (whole == NULL) return false;
  snprintf(whole, bytes, "%s%s%s\r\n", head, length, close_text);
  heap_caps_free(head);
  connection->answer_head = whole;
  connection->framing = whole;
  connection->framing_bytes = bytes - 1;
  connection->framing_sent = 0;
  connection->head_out = true;
  connection->moved_us = esp_timer_get_time();
  return true;
}

static void frame(http_connection_t *connection, const char *text) {
  size_t bytes = strlen(text);
  if (text != connection->frame) memcpy(connection->frame, text, bytes + 1);
  connection->framing = connection->frame;
  connection->framing_bytes = bytes;
  connection->framing_sent = 0;
}

static void drop_block(port_http_t *http, http_connection_t *connection) {
  http_block_t *block = connection->first;
  connection->first = block->next;
  if (connection->first == NULL) connection->last = NULL;
  http->buffered_bytes -= sizeof *block;
  heap_caps_free(block);
}

/* What is to be sent next: MORE, DONE when the answer is out, LOST. */
static int next_part(http_connection_t *connection) {
  port_http_t *http = connection->self->http;
  int result = SEND_MORE;
  xSemaphoreTake(http->lock, portMAX_DELAY);
  if (connection->overflow) {
    result = SEND_LOST;
  } else if (!connection->answer_begun) {
    result = SEND_DONE;
  } else if (!connection->head_out) {
    if (!frame_head(connection)) result = SEND_LOST;
  } else {
    http_block_t *block = connection->first;
    if (block != NULL && block->sent == block->bytes && (block->bytes == HTTP_BLOCK_BYTES || block->next != NULL)) {
      drop_block(http, connection);
      block = connection->first;
    }
    connection->block_left = block == NULL ? 0 : block->bytes - block->sent;
    if (connection->block_left > 0) {
      connection->moved_us = esp_timer_get_time();
      if (connection->chunk_open) {
        snprintf(connection->frame, sizeof connection->frame, "%zx\r\n", connection->block_left);
        frame(connection, connection->frame);
      }
    } else if (connection->answer_ended && connection->chunk_open && !connection->last_out) {
      connection->last_out = true;
      frame(connection, "0\r\n\r\n");
    } else {
      result = SEND_DONE;
    }
  }
  xSemaphoreGive(http->lock);
  return result;
}

static ssize_t push(http_connection_t *connection, const void *bytes, size_t count) {
  ssize_t sent = send(connection->fd, bytes, count, MSG_DONTWAIT);
  if (sent > 0) connection->moved_us = esp_timer_get_time();
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

/* Sends what the socket takes. MORE: the client has to take some first; DONE: all that there is has been sent. */
static int send_some(http_connection_t *connection) {
  port_http_t *http = connection->self->http;
  for (;;) {
    if (connection->framing_sent < connection->framing_bytes) {
      ssize_t sent = push(connection, connection->framing + connection->framing_sent,
                          connection->framing_bytes - connection->framing_sent);
      if (sent <= 0) return sent == 0 ? SEND_MORE : SEND_LOST;
      connection->framing_sent += (size_t)sent;
    } else if (connection->block_left > 0) {
      http_block_t *block = connection->first;
      ssize_t sent = push(connection, block->data + block->sent, connection->block_left);
      if (sent <= 0) return sent == 0 ? SEND_MORE : SEND_LOST;
      xSemaphoreTake(http->lock, portMAX_DELAY);
      block->sent += (size_t)sent;
      xSemaphoreGive(http->lock);
      connection->block_left -= (size_t)sent;
      if (connection->block_left == 0 && connection->chunk_open) frame(connection, "\r\n");
    } else {
      int next = next_part(connection);
      if (next != SEND_MORE) return next;
    }
  }
}

static bool answer_waits(http_connection_t *connection) {
  return connection->framing_sent < connection->framing_bytes || connection->block_left > 0;
}

/* The answer is out, and the connection can be given back or closed. */
static void finish(http_connection_t *connection) {
  if (!connection->chunked_body && connection->body_left == 0) return set(connection, HTTP_RETURNED);
  /* A connection that is closed while its client still sends is reset, and the client may never see the answer. */
  shutdown(connection->fd, SHUT_WR);
  connection->moved_us = esp_timer_get_time();
  set(connection, HTTP_LINGER);
}

/* --- Connections -------------------------------------------------------------------------------------------------- */

void http_forget(http_connection_t *connection) {
  port_http_t *http = connection->self->http;
  xSemaphoreTake(http->lock, portMAX_DELAY);
  while (connection->first != NULL) drop_block(http, connection);
  heap_caps_free(connection->answer_head);
  connection->answer_head = NULL;
  connection->answer_begun = connection->answer_ended = connection->overflow = false;
  connection->queued_bytes = 0;
  xSemaphoreGive(http->lock);
  heap_caps_free(connection->head);
  connection->head = NULL;
  connection->in_bytes = connection->body_left = connection->block_left = 0;
  connection->framing_bytes = connection->framing_sent = 0;
  connection->end_told = connection->next_waits = connection->chunked_body = false;
  connection->head_out = connection->last_out = connection->chunk_open = connection->close_after = false;
}

/* On the server's task, whose the socket is from here on. */
static void return_socket(void *argument) {
  http_connection_t *connection = argument;
  httpd_req_t *request = connection->request;
  int fd = connection->fd;
  int flags = fcntl(fd, F_GETFL, 0);
  /* The server finds it ended, and closes it. httpd_sess_trigger_close would come later, and close whatever connection
   * has the session by then. */
  if (connection->close_after) shutdown(fd, SHUT_RDWR);
  if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  http_forget(connection);
  connection->request = NULL;
  httpd_req_async_handler_complete(request);
  set(connection, HTTP_FREE);
  http_wake(connection->self->http);
}

static void serve_active(http_connection_t *connection, bool readable) {
  bool telling = atomic_load(&connection->telling);
  bool ended;
  int sent = send_some(connection);
  if (sent == SEND_LOST) return lose(connection);
  xSemaphoreTake(connection->self->http->lock, portMAX_DELAY);
  ended = connection->answer_ended;
  xSemaphoreGive(connection->self->http->lock);
  if (sent == SEND_DONE && ended && !telling) {
    /* What was answered between the two looks goes out first. */
    if (send_some(connection) == SEND_DONE) return finish(connection);
    return;
  }
  if (sent == SEND_MORE && esp_timer_get_time() - connection->moved_us > ANSWER_US_MAX) return lose(connection);
  if (telling || ended) return;
  if (connection->body_left > 0) return read_body(connection);
  if (!connection->end_told) {
    connection->end_told = true;
    connection->in_bytes = 0;
    return tell(connection, run_end);
  }
  if (readable && !connection->next_waits) watch(connection);
}

static void serve(http_connection_t *connection, bool readable) {
  switch (get(connection)) {
    case HTTP_ACTIVE:
      serve_active(connection, readable);
      break;
    case HTTP_LINGER:
      discard(connection);
      if (esp_timer_get_time() - connection->moved_us > LINGER_US_MAX) {
        connection->close_after = true;
        set(connection, HTTP_RETURNED);
      }
      break;
    default:
      break;
  }
  if (get(connection) == HTTP_LOST && !atomic_load(&connection->telling)) {
    connection->close_after = true;
    if (connection->number != 0) tell(connection, run_lost);
    else set(connection, HTTP_RETURNED);
  }
  if (get(connection) == HTTP_RETURNED) {
    set(connection, HTTP_TAKEN);
    /* Without memory for the message, another try comes with the next look. */
    if (httpd_queue_work(connection->self->http->server, return_socket, connection) != ESP_OK)
      set(connection, HTTP_RETURNED);
  }
}

/* Which sockets to wait for. */
static int gather(port_http_t *http, fd_set *reads, fd_set *writes) {
  int highest = http->wake_fd;
  FD_ZERO(reads);
  FD_ZERO(writes);
  FD_SET(http->wake_fd, reads);
  for (size_t i = 0; i < http->connection_count; i++) {
    http_connection_t *connection = &http->connections[i];
    http_state_t state = get(connection);
    if (state != HTTP_ACTIVE && state != HTTP_LINGER) continue;
    bool reading = state == HTTP_LINGER || (!atomic_load(&connection->telling) && !connection->next_waits);
    if (reading) FD_SET(connection->fd, reads);
    if (answer_waits(connection)) FD_SET(connection->fd, writes);
    if (connection->fd > highest) highest = connection->fd;
  }
  return highest;
}

static bool all_free(port_http_t *http) {
  for (size_t i = 0; i < http->connection_count; i++)
    if (get(&http->connections[i]) != HTTP_FREE) return false;
  return true;
}

void http_io_task(void *argument) {
  synapse_esp_handle_t self = argument;
  port_http_t *http = self->http;
  while (!atomic_load(&http->ending) || !all_free(http)) {
    fd_set reads, writes;
    int highest = gather(http, &reads, &writes);
    struct timeval patience = {.tv_sec = 0, .tv_usec = LOOK_MS * 1000};
    int found = select(highest + 1, &reads, &writes, NULL, &patience);
    if (found < 0) {
      FD_ZERO(&reads);
      vTaskDelay(1);
    } else if (FD_ISSET(http->wake_fd, &reads)) {
      uint64_t count;
      if (read(http->wake_fd, &count, sizeof count) < 0) ESP_LOGW(PORT_TAG, "the wake-up was not read");
    }
    for (size_t i = 0; i < http->connection_count; i++) {
      http_connection_t *connection = &http->connections[i];
      http_state_t state = get(connection);
      if (state == HTTP_FREE || state == HTTP_TAKEN) continue;
      if (atomic_load(&http->ending) && state != HTTP_RETURNED) set(connection, HTTP_LOST);
      serve(connection, found > 0 && FD_ISSET(connection->fd, &reads));
    }
  }
  xSemaphoreGive(http->io_ended);
  vTaskDelete(NULL);
}
