#ifndef ESP_WIFI_H
#define ESP_WIFI_H

#include "esp_err.h"
#include "esp_event.h"
#include "esp_netif.h"

typedef enum { WIFI_MODE_NULL, WIFI_MODE_STA, WIFI_MODE_AP, WIFI_MODE_APSTA } wifi_mode_t;
typedef enum { WIFI_IF_STA, WIFI_IF_AP } wifi_interface_t;
typedef enum { WIFI_AUTH_OPEN } wifi_auth_mode_t;
typedef enum { WIFI_STORAGE_FLASH, WIFI_STORAGE_RAM } wifi_storage_t;
typedef enum { WIFI_FAST_SCAN, WIFI_ALL_CHANNEL_SCAN } wifi_scan_method_t;
typedef enum { WIFI_CONNECT_AP_BY_SIGNAL, WIFI_CONNECT_AP_BY_SECURITY } wifi_sort_method_t;
typedef enum { WIFI_EVENT_STA_DISCONNECTED = 5 } wifi_event_t;

enum {
  WIFI_REASON_4WAY_HANDSHAKE_TIMEOUT = 15,
  WIFI_REASON_NO_AP_FOUND = 201,
  WIFI_REASON_AUTH_FAIL = 202,
  WIFI_REASON_HANDSHAKE_TIMEOUT = 204,
};

typedef struct {
  uint8_t ssid[32], password[64];
  wifi_scan_method_t scan_method;
  wifi_sort_method_t sort_method;
} wifi_sta_config_t;

typedef struct {
  uint8_t ssid[32], password[64], ssid_len, channel;
  wifi_auth_mode_t authmode;
  uint8_t max_connection;
} wifi_ap_config_t;

typedef union {
  wifi_ap_config_t ap;
  wifi_sta_config_t sta;
} wifi_config_t;

typedef struct {
  uint8_t ssid[33];
  int8_t rssi;
  wifi_auth_mode_t authmode;
} wifi_ap_record_t;

typedef struct {
  uint8_t ssid[32], ssid_len, bssid[6], reason;
} wifi_event_sta_disconnected_t;

typedef struct {
  int magic;
} wifi_init_config_t;

typedef struct {
  const uint8_t *ssid;
} wifi_scan_config_t;

#define WIFI_INIT_CONFIG_DEFAULT() {.magic = 0x1f2f3f4f}

ESP_EVENT_DECLARE_BASE(WIFI_EVENT);

esp_err_t esp_wifi_init(const wifi_init_config_t *config);
esp_err_t esp_wifi_set_storage(wifi_storage_t storage);
esp_err_t esp_wifi_set_mode(wifi_mode_t mode);
esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *config);
esp_err_t esp_wifi_start(void);
esp_err_t esp_wifi_connect(void);
esp_err_t esp_wifi_disconnect(void);
esp_err_t esp_wifi_scan_start(const wifi_scan_config_t *config, bool wait);
esp_err_t esp_wifi_scan_get_ap_records(uint16_t *count, wifi_ap_record_t *out);
esp_err_t esp_wifi_sta_get_rssi(int *out_rssi);

#endif
