#ifndef ESP_NETIF_H
#define ESP_NETIF_H

#include "esp_err.h"
#include "esp_event.h"

struct esp_netif_obj;
typedef struct esp_netif_obj esp_netif_t;

typedef struct {
  uint32_t addr;
} esp_ip4_addr_t;

typedef struct {
  esp_ip4_addr_t ip, netmask, gw;
} esp_netif_ip_info_t;

typedef struct {
  esp_netif_t *esp_netif;
  esp_netif_ip_info_t ip_info;
  bool ip_changed;
} ip_event_got_ip_t;

typedef enum {
  IP_EVENT_STA_GOT_IP,
  IP_EVENT_STA_LOST_IP,
  IP_EVENT_ETH_GOT_IP = 5,
  IP_EVENT_ETH_LOST_IP,
} ip_event_t;

typedef struct {
  const void *base, *driver, *stack;
} esp_netif_config_t;

#define ESP_NETIF_DEFAULT_ETH() {.base = NULL}

ESP_EVENT_DECLARE_BASE(IP_EVENT);

esp_err_t esp_netif_init(void);
esp_netif_t *esp_netif_new(const esp_netif_config_t *config);
esp_err_t esp_netif_attach(esp_netif_t *netif, void *driver);
esp_err_t esp_netif_get_ip_info(esp_netif_t *netif, esp_netif_ip_info_t *out);
char *esp_ip4addr_ntoa(const esp_ip4_addr_t *address, char *text, int bytes);
esp_netif_t *esp_netif_create_default_wifi_sta(void);
esp_netif_t *esp_netif_create_default_wifi_ap(void);

#endif
