/* A TCP connection to a host by its name, for the clients of test_host. */
#ifndef TEST_HOST_CONNECTION_H
#define TEST_HOST_CONNECTION_H

#include <stdbool.h>

#include "esp_err.h"

/* Answers a socket, or -1 with the reason of esp_tls_errors.h and errno. Sends and receives on it end after
 * `timeout_ms`. */
int test_host_connect(const char *host, const char *port, int timeout_ms, esp_err_t *out_reason, int *out_errno);
void test_host_disconnect(int fd);
/* Without a link all connections break, and none can be made. */
void test_host_set_link(bool up);

typedef struct test_host_url {
  char scheme[8], user[128], host[128], port[8];
  const char *path; /* within the text that was parsed; may be empty */
} test_host_url_t;

/* False: it is no address. The port is the scheme's own where none is given. */
bool test_host_parse_url(const char *text, test_host_url_t *out_url);

#endif
