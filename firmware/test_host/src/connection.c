#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "esp_tls_errors.h"

#define CONNECTIONS_MAX 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool link_is_down;
static int open_fds[CONNECTIONS_MAX];
static size_t open_count;

/* False: there is no link. */
static bool keep(int fd) {
  pthread_mutex_lock(&lock);
  bool kept = !link_is_down && open_count < CONNECTIONS_MAX;
  if (kept) open_fds[open_count++] = fd;
  pthread_mutex_unlock(&lock);
  return kept;
}

void test_host_disconnect(int fd) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < open_count; i++)
    if (open_fds[i] == fd) open_fds[i--] = open_fds[--open_count];
  close(fd);
  pthread_mutex_unlock(&lock);
}

void test_host_set_link(bool up) {
  pthread_mutex_lock(&lock);
  link_is_down = !up;
  /* Whoever is at the other end hears that nobody is there any more. */
  for (size_t i = 0; i < open_count && !up; i++) shutdown(open_fds[i], SHUT_RDWR);
  pthread_mutex_unlock(&lock);
}

int test_host_connect(const char *host, const char *port, int timeout_ms, esp_err_t *out_reason, int *out_errno) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  *out_errno = 0;
  *out_reason = ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME;
  if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
  int connected = -1;
  *out_reason = ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST;
  for (const struct addrinfo *at = found; at != NULL && connected < 0; at = at->ai_next) {
    int fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (fd < 0) continue;
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0) {
      if (keep(fd)) {
        connected = fd;
        continue;
      }
      errno = ENETUNREACH;
    }
    *out_errno = errno;
    if (errno == EINPROGRESS || errno == EAGAIN) *out_reason = ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT;
    close(fd);
  }
  freeaddrinfo(found);
  if (connected >= 0) *out_reason = ESP_OK;
  return connected;
}

static const char *port_of(const char *scheme) {
  static const char *const ports[][2] = {{"http", "80"}, {"https", "443"}, {"mqtt", "1883"}, {"mqtts", "8883"}};
  for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
    if (strcmp(ports[i][0], scheme) == 0) return ports[i][1];
  return NULL;
}

/* Copies a part of a text; false when there is no room for it. */
static bool copy(char *out, size_t bytes, const char *from, size_t length) {
  if (length >= bytes) return false;
  memcpy(out, from, length);
  out[length] = 0;
  return true;
}

bool test_host_parse_url(const char *text, test_host_url_t *out_url) {
  *out_url = (test_host_url_t){0};
  const char *colon = strstr(text, "://");
  if (colon == NULL || !copy(out_url->scheme, sizeof out_url->scheme, text, (size_t)(colon - text))) return false;
  const char *at = colon + 3;
  size_t authority = strcspn(at, "/?#");
  out_url->path = at + authority;
  const char *user_end = memchr(at, '@', authority);
  if (user_end != NULL) {
    if (!copy(out_url->user, sizeof out_url->user, at, (size_t)(user_end - at))) return false;
    authority -= (size_t)(user_end + 1 - at);
    at = user_end + 1;
  }
  const char *port = memchr(at, ':', authority);
  size_t host = port == NULL ? authority : (size_t)(port - at);
  if (host == 0 || !copy(out_url->host, sizeof out_url->host, at, host)) return false;
  if (port == NULL) {
    const char *usual = port_of(out_url->scheme);
    return usual != NULL && copy(out_url->port, sizeof out_url->port, usual, strlen(usual));
  }
  if (!copy(out_url->port, sizeof out_url->port, port + 1, authority - host - 1)) return false;
  char *end;
  unsigned long number = strtoul(out_url->port, &end, 10);
  return *end == 0 && number > 0 && number < 65536;
}
