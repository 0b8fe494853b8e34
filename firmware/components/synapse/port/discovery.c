/* What the board says of itself without being asked: in the local network by mDNS, to the application by events. And
 * the time, by SNTP. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_log.h"
#include "port.h"
#include "esp_netif_sntp.h"
#if CONFIG_SYNAPSE_MDNS
#include "mdns.h"
#endif

#define TYPE "_synapse"
#define PROTOCOL "_tcp"
/* Of a label in DNS. */
#define LABEL_BYTES_MAX 63

struct port_discovery {
  bool announced, mdns, sntp;
  char name[LABEL_BYTES_MAX + 1];
};

/* What was told last, to notice what has changed. */
static void tell_changes(synapse_esp_handle_t self, const synapse_device_identity *identity) {
  if (identity->claimed && !self->told_claimed) port_tell(SYNAPSE_ESP_EVENT_CLAIMED, NULL, 0);
  self->told_claimed = identity->claimed != 0;
  synapse_esp_model_event_t model = {0};
  size_t bytes = identity->model.bytes < sizeof model.name ? identity->model.bytes : sizeof model.name - 1;
  if (bytes > 0) memcpy(model.name, identity->model.data, bytes);
  if (strcmp(model.name, self->told_model) != 0) {
    memcpy(self->told_model, model.name, sizeof model.name);
    port_tell(SYNAPSE_ESP_EVENT_MODEL_LOADED, &model, sizeof model);
  }
  if (identity->surprises == self->told_surprises) return;
  synapse_esp_surprise_event_t surprise = {.count = identity->surprises};
  self->told_surprises = identity->surprises;
  port_tell(SYNAPSE_ESP_EVENT_SURPRISE, &surprise, sizeof surprise);
}

#if CONFIG_SYNAPSE_MDNS
static void cut_label(char *out, synapse_device_text text) {
  size_t bytes = text.bytes < LABEL_BYTES_MAX ? text.bytes : LABEL_BYTES_MAX;
  /* Not in the middle of a character. */
  while (bytes < text.bytes && bytes > 0 && ((uint8_t)text.data[bytes] & 0xc0) == 0x80) bytes--;
  if (bytes > 0) memcpy(out, text.data, bytes);
  out[bytes] = 0;
}

static void announce(synapse_esp_handle_t self, const synapse_device_identity *identity, bool model_changed) {
  port_discovery_t *discovery = self->discovery;
  char name[LABEL_BYTES_MAX + 1];
  cut_label(name, identity->name);
  bool name_changed = strcmp(name, discovery->name) != 0;
  if (discovery->announced && !model_changed && !name_changed) return;
  strcpy(discovery->name, name);
  char id[64];
  snprintf(id, sizeof id, "%.*s", (int)identity->id.bytes, identity->id.data);
  mdns_txt_item_t facts[] = {
      {"id", id},
      {"model", self->told_model},
      {"firmware", esp_app_get_description()->version},
      {"board", self->config.device.board_id != NULL ? self->config.device.board_id : CONFIG_SYNAPSE_BOARD_ID},
  };
  size_t count = sizeof facts / sizeof facts[0];
  if (!discovery->announced) {
    esp_err_t added = mdns_service_add(name, TYPE, PROTOCOL, self->config.http.port, facts, count);
    if (added != ESP_OK) ESP_LOGW(PORT_TAG, "mDNS does not announce the board: %s", esp_err_to_name(added));
    discovery->announced = added == ESP_OK;
    return;
  }
  if (name_changed) mdns_service_instance_name_set(TYPE, PROTOCOL, name);
  mdns_service_txt_set(TYPE, PROTOCOL, facts, (uint8_t)count);
}
#endif

void port_discovery_look(synapse_esp_handle_t self) {
  synapse_device_identity identity = {.size = sizeof identity};
  if (synapse_device_get_identity(self->device, &identity) != SYNAPSE_DEVICE_OK) return;
  char before[sizeof self->told_model];
  memcpy(before, self->told_model, sizeof before);
  tell_changes(self, &identity);
#if CONFIG_SYNAPSE_MDNS
  if (self->discovery != NULL && self->discovery->mdns)
    announce(self, &identity, strcmp(before, self->told_model) != 0);
#endif
}

#if CONFIG_SYNAPSE_MDNS
/* Letters, digits and dashes of a name, lower case. */
static void host_name(const char *name, char *out, size_t bytes) {
  size_t at = 0;
  for (; *name != 0 && at + 1 < bytes; name++) {
    if (isalnum((unsigned char)*name))
      out[at++] = (char)tolower((unsigned char)*name);
    else if (at > 0 && out[at - 1] != '-')
      out[at++] = '-';
  }
  while (at > 0 && out[at - 1] == '-') at--;
  out[at] = 0;
}

static bool start_mdns(synapse_esp_handle_t self) {
  char host[LABEL_BYTES_MAX + 1];
  const char *wanted = self->config.discovery.hostname;
  if (wanted == NULL) wanted = self->config.device.name != NULL ? self->config.device.name : self->name;
  host_name(wanted, host, sizeof host);
  esp_err_t result = mdns_init();
  if (result == ESP_OK) result = mdns_hostname_set(host[0] != 0 ? host : self->name);
  /* A board that is not announced is still a board. */
  if (result != ESP_OK) ESP_LOGW(PORT_TAG, "mDNS does not start: %s", esp_err_to_name(result));
  return result == ESP_OK;
}
#endif

esp_err_t port_discovery_start(synapse_esp_handle_t self) {
  port_discovery_t *discovery = calloc(1, sizeof *discovery);
  if (discovery == NULL) return ESP_ERR_NO_MEM;
#if CONFIG_SYNAPSE_MDNS
  if (self->config.discovery.mdns && self->config.http.enable) discovery->mdns = start_mdns(self);
#endif
  if (self->config.discovery.sntp_host != NULL) {
    esp_sntp_config_t config = ESP_NETIF_SNTP_DEFAULT_CONFIG(self->config.discovery.sntp_host);
    esp_err_t result = esp_netif_sntp_init(&config);
    if (result != ESP_OK) ESP_LOGW(PORT_TAG, "SNTP does not start: %s", esp_err_to_name(result));
    discovery->sntp = result == ESP_OK;
  }
  self->discovery = discovery;
  return ESP_OK;
}

void port_discovery_stop(synapse_esp_handle_t self) {
  port_discovery_t *discovery = self->discovery;
  if (discovery == NULL) return;
  if (discovery->sntp) esp_netif_sntp_deinit();
#if CONFIG_SYNAPSE_MDNS
  if (discovery->mdns) {
    mdns_service_remove(TYPE, PROTOCOL);
    mdns_free();
  }
#endif
  self->discovery = NULL;
  free(discovery);
}
