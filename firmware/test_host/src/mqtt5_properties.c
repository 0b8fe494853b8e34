/* Lists of user properties, as esp-mqtt keeps them: copies of what it is given, and copies to whoever asks. */
#include <stdlib.h>
#include <string.h>

#include "mqtt5_client.h"
#include "test_host.h"

typedef struct pair {
  struct pair *next;
  char *key, *value;
} pair_t;

struct mqtt5_user_property_list_t {
  pair_t *first;
};

static char *copy(const char *text) {
  char *made = strdup(text);
  if (made == NULL) test_host_die("no memory for a user property");
  return made;
}

esp_err_t esp_mqtt5_client_set_user_property(mqtt5_user_property_handle_t *list, esp_mqtt5_user_property_item_t items[],
                                             uint8_t count) {
  if (items == NULL || list == NULL) return ESP_ERR_INVALID_ARG;
  if (*list == NULL) *list = calloc(1, sizeof **list);
  if (*list == NULL) return ESP_ERR_NO_MEM;
  pair_t **at = &(*list)->first;
  while (*at != NULL) at = &(*at)->next;
  for (uint8_t i = 0; i < count; i++) {
    if (items[i].key == NULL || items[i].value == NULL) continue;
    *at = calloc(1, sizeof **at);
    if (*at == NULL) return ESP_ERR_NO_MEM;
    **at = (pair_t){.key = copy(items[i].key), .value = copy(items[i].value)};
    at = &(*at)->next;
  }
  return ESP_OK;
}

esp_err_t esp_mqtt5_client_get_user_property(mqtt5_user_property_handle_t list,
                                             esp_mqtt5_user_property_item_t *out_items, uint8_t *count) {
  if (list == NULL || out_items == NULL || *count == 0) return ESP_FAIL;
  uint8_t copied = 0;
  for (const pair_t *at = list->first; at != NULL && copied < *count; at = at->next)
    out_items[copied++] = (esp_mqtt5_user_property_item_t){.key = copy(at->key), .value = copy(at->value)};
  *count = copied;
  return ESP_OK;
}

uint8_t esp_mqtt5_client_get_user_property_count(mqtt5_user_property_handle_t list) {
  uint8_t count = 0;
  for (const pair_t *at = list == NULL ? NULL : list->first; at != NULL; at = at->next) count++;
  return count;
}

void esp_mqtt5_client_delete_user_property(mqtt5_user_property_handle_t list) {
  for (pair_t *at = list == NULL ? NULL : list->first, *next; at != NULL; at = next) {
    next = at->next;
    free(at->key);
    free(at->value);
    free(at);
  }
  free(list);
}
