#include "own_network.h"

#include "network.h"
#include "sdkconfig.h"

#if CONFIG_SYNAPSE_WIFI
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_http_server.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_netif.h"
#include "esp_wifi.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "setup/captive_dns.h"

#define TAG "setup"
#define DNS_PORT 53
#define DNS_STACK_BYTES 4096
#define DNS_PRIORITY 4
#define CHANNEL 1
#define CLIENTS_MAX 4

static struct {
  SemaphoreHandle_t lock;
  esp_netif_t *netif;
  portal_t portal; /* under the lock */
  volatile bool open;
  TaskHandle_t dns;
} own;

bool own_network_is_open(void) { return own.open; }

/* --- Names -------------------------------------------------------------------------------------------------------- */

static void dns_task(void *argument) {
  uint8_t address[4];
  (void)argument;
  inet_pton(AF_INET, own.portal.address, address);
  int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
  inet_pton(AF_INET, own.portal.address, &here.sin_addr);
  struct timeval patience = {.tv_sec = 1};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0)
    ESP_LOGE(TAG, "no name server: %s; phones may not find the setup page by themselves", strerror(errno));
  while (own.open) {
    uint8_t query[CAPTIVE_DNS_BYTES_MAX], answer[CAPTIVE_DNS_BYTES_MAX];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof from;
    ssize_t bytes = recvfrom(fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_bytes);
    size_t answer_bytes = bytes > 0 ? captive_dns_answer(query, (size_t)bytes, address, answer) : 0;
    if (answer_bytes > 0) sendto(fd, answer, answer_bytes, 0, (struct sockaddr *)&from, from_bytes);
    if (bytes < 0 && errno != EAGAIN && errno != EWOULDBLOCK) vTaskDelay(pdMS_TO_TICKS(1000));
  }
  if (fd >= 0) close(fd);
  own.dns = NULL;
  vTaskDelete(NULL);
}

/* --- Pages, on the server's task ---------------------------------------------------------------------------------- */

/* Whether whoever asks is in the board's own network. */
static bool is_guest(httpd_req_t *request) {
  struct sockaddr_storage here;
  socklen_t bytes = sizeof here;
  char address[INET_ADDRSTRLEN] = "";
  if (getsockname(httpd_req_to_sockfd(request), (struct sockaddr *)&here, &bytes) != 0) return false;
  if (here.ss_family == AF_INET) {
    inet_ntop(AF_INET, &((struct sockaddr_in *)&here)->sin_addr, address, sizeof address);
  } else {
    /* IPv4 in IPv6 stands at its end. */
    const struct sockaddr_in6 *here6 = (const struct sockaddr_in6 *)&here;
    inet_ntop(AF_INET, (const uint8_t *)&here6->sin6_addr + 12, address, sizeof address);
  }
  return strcmp(address, own.portal.address) == 0;
}

static size_t read_body(httpd_req_t *request, char *body) {
  size_t bytes = 0;
  while (bytes < request->content_len) {
    int count = httpd_req_recv(request, body + bytes, request->content_len - bytes);
    if (count <= 0) return 0;
    bytes += (size_t)count;
  }
  return bytes;
}

static void give_answer(httpd_req_t *request, const portal_answer_t *answer, const char *page) {
  const char *status = answer->status == 302   ? "302 Found"
                       : answer->status == 200 ? "200 OK"
                                               : "422 Unprocessable Entity";
  httpd_resp_set_status(request, status);
  httpd_resp_set_hdr(request, "cache-control", "no-store");
  if (answer->location[0] != 0) httpd_resp_set_hdr(request, "location", answer->location);
  if (answer->content_type != NULL) httpd_resp_set_type(request, answer->content_type);
  httpd_resp_send(request, page, HTTPD_RESP_USE_STRLEN);
}

bool network_intercept(void *user, struct httpd_req *request) {
  network_on_join_t on_join = (network_on_join_t)user;
  if (!own.open || !is_guest(request)) return false;
  char host[64] = "", body[PORTAL_BODY_BYTES_MAX];
  if (request->content_len > sizeof body) {
    httpd_resp_send_err(request, HTTPD_400_BAD_REQUEST, NULL);
    return true;
  }
  httpd_req_get_hdr_value_str(request, "host", host, sizeof host);
  portal_request_t asked = {.method = request->method == HTTP_POST ? "POST" : "GET",
                            .target = request->uri,
                            .host = host,
                            .body = body,
                            .body_bytes = read_body(request, body)};
  portal_answer_t answer;
  xSemaphoreTake(own.lock, portMAX_DELAY);
  size_t bytes = portal_page_bytes(&own.portal);
  char *page = malloc(bytes);
  if (page != NULL) portal_answer(&own.portal, &asked, &answer, page, bytes);
  xSemaphoreGive(own.lock);
  if (page == NULL) {
    httpd_resp_send_500(request);
    return true;
  }
  give_answer(request, &answer, page);
  free(page);
  if (answer.ssid[0] != 0) on_join(answer.ssid, answer.password);
  return true;
}

/* --- Open and close, on the network's task ------------------------------------------------------------------------ */

void own_network_open(void) {
  if (own.lock == NULL) own.lock = xSemaphoreCreateMutex();
  if (own.netif == NULL) own.netif = esp_netif_create_default_wifi_ap();
  if (own.lock == NULL || own.netif == NULL || own.dns != NULL) return;
  uint8_t mac[6];
  esp_efuse_mac_get_default(mac);
  wifi_config_t config = {.ap = {.channel = CHANNEL, .max_connection = CLIENTS_MAX, .authmode = WIFI_AUTH_OPEN}};
  snprintf(own.portal.device_name, sizeof own.portal.device_name, "synapse-%02x%02x%02x", mac[3], mac[4], mac[5]);
  memcpy(config.ap.ssid, own.portal.device_name, strlen(own.portal.device_name));
  config.ap.ssid_len = (uint8_t)strlen(own.portal.device_name);
  esp_err_t result = esp_wifi_set_mode(WIFI_MODE_APSTA);
  if (result == ESP_OK) result = esp_wifi_set_config(WIFI_IF_AP, &config);
  esp_netif_ip_info_t ip;
  if (result == ESP_OK) result = esp_netif_get_ip_info(own.netif, &ip);
  if (result != ESP_OK) {
    ESP_LOGE(TAG, "no network of the board's own: %s", esp_err_to_name(result));
    return;
  }
  esp_ip4addr_ntoa(&ip.ip, own.portal.address, sizeof own.portal.address);
  own.open = true;
  if (xTaskCreate(dns_task, "names", DNS_STACK_BYTES, NULL, DNS_PRIORITY, &own.dns) != pdPASS) own.dns = NULL;
  ESP_LOGI(TAG, "join the Wi-Fi \"%s\" to set the board up; the page is http://%s/", own.portal.device_name,
           own.portal.address);
}

void own_network_close(void) {
  own.open = false;
  esp_err_t result = esp_wifi_set_mode(WIFI_MODE_STA);
  if (result != ESP_OK) ESP_LOGW(TAG, "the board's own network stays: %s", esp_err_to_name(result));
}

void own_network_list(const portal_t *list) {
  if (own.lock == NULL) own.lock = xSemaphoreCreateMutex();
  if (own.lock == NULL) return;
  xSemaphoreTake(own.lock, portMAX_DELAY);
  memcpy(own.portal.networks, list->networks, sizeof own.portal.networks);
  own.portal.network_count = list->network_count;
  xSemaphoreGive(own.lock);
}

void own_network_say(const char *problem) {
  if (own.lock == NULL) return;
  xSemaphoreTake(own.lock, portMAX_DELAY);
  snprintf(own.portal.problem, sizeof own.portal.problem, "%s", problem);
  xSemaphoreGive(own.lock);
}
#else
void own_network_open(void) {}
void own_network_close(void) {}
bool own_network_is_open(void) { return false; }
void own_network_list(const portal_t *list) { (void)list; }
void own_network_say(const char *problem) { (void)problem; }
bool network_intercept(void *user, struct httpd_req *request) {
  (void)user;
  (void)request;
  return false;
}
#endif
