/* The component inside somebody else's application: one HTTP server, with a page of the application and everything that
 * a Synapse board serves, and the board's events on the application's event loop. */
#include <inttypes.h>
#include <stdio.h>

#include "esp_check.h"
#include "esp_err.h"
#include "esp_event.h"
#include "esp_http_server.h"
#include "esp_log.h"
#include "network.h"
#include "nvs_flash.h"
#include "synapse_esp.h"

#define TAG "custom_app"
#define DOOR_URI "/door"

static uint64_t surprises; /* written on the event loop's task alone */

/* --- What the application serves ---------------------------------------------------------------------------------- */

static esp_err_t get_door(httpd_req_t *request) {
  char body[64];
  snprintf(body, sizeof body, "{\"surprises\":%" PRIu64 "}\n", surprises);
  httpd_resp_set_type(request, "application/json");
  return httpd_resp_sendstr(request, body);
}

static esp_err_t start_server(httpd_handle_t *out_server) {
  httpd_config_t config = HTTPD_DEFAULT_CONFIG();
  /* What synapse_esp.h asks of a server that it is given. */
  config.uri_match_fn = httpd_uri_match_wildcard;
  config.lru_purge_enable = true;
  config.max_open_sockets = CONFIG_SYNAPSE_HTTP_SOCKETS_MAX;
  config.stack_size = 6144;
  ESP_RETURN_ON_ERROR(httpd_start(out_server, &config), TAG, "no server");
  /* Registered before the board starts, so that it comes first. */
  static const httpd_uri_t door = {.uri = DOOR_URI, .method = HTTP_GET, .handler = get_door};
  return httpd_register_uri_handler(*out_server, &door);
}

/* --- What the board tells ----------------------------------------------------------------------------------------- */

static void on_board(void *user, esp_event_base_t base, int32_t id, void *data) {
  (void)user;
  (void)base;
  if (id == SYNAPSE_ESP_EVENT_MODEL_LOADED) {
    const synapse_esp_model_event_t *model = data;
    ESP_LOGI(TAG, "%s", model->name[0] == 0 ? "no model runs" : model->name);
  } else if (id == SYNAPSE_ESP_EVENT_SURPRISE) {
    surprises = ((const synapse_esp_surprise_event_t *)data)->count;
    ESP_LOGI(TAG, "a surprise: here a door would open");
  }
}

void app_main(void) {
  ESP_ERROR_CHECK(nvs_flash_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  ESP_ERROR_CHECK(esp_event_handler_register(SYNAPSE_ESP_EVENT, ESP_EVENT_ANY_ID, on_board, NULL));
  ESP_ERROR_CHECK(network_connect());

  synapse_esp_config_t config = SYNAPSE_ESP_CONFIG_DEFAULT();
  synapse_esp_handle_t board;
  httpd_handle_t server;
  ESP_ERROR_CHECK(start_server(&server));
  config.http.server = server;
  config.device.name = "custom-app";
  ESP_ERROR_CHECK(synapse_esp_start(&config, &board));
  ESP_ERROR_CHECK(synapse_esp_set_link(board, true));
}
