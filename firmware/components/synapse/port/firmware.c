/* Updates of the firmware over esp_ota_ops, with the bootloader's rollback, and signatures of models. */
#include <stdlib.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "port.h"
#include "psa/crypto.h"

#define PUBLIC_KEY_BYTES 65
#define KEY_BITS 256

/* Of one board: the update under way. The partitions are the chip's. */
struct port_firmware {
  const esp_partition_t *target;
  esp_ota_handle_t update;
  bool writing, checked;
  uint32_t bytes;
};

static void drop(port_firmware_t *firmware) {
  if (firmware->writing) esp_ota_abort(firmware->update);
  firmware->writing = firmware->checked = false;
}

static int32_t firmware_begin(void *user, uint32_t image_bytes) {
  port_firmware_t *firmware = ((synapse_esp_handle_t)user)->firmware;
  drop(firmware);
  firmware->bytes = image_bytes;
  /* Sector by sector as it is written: erasing all of it at once would hold the event task for seconds. */
  esp_err_t result = esp_ota_begin(firmware->target, OTA_WITH_SEQUENTIAL_WRITES, &firmware->update);
  firmware->writing = result == ESP_OK;
  return result;
}

static int32_t firmware_write(void *user, const uint8_t *data, size_t bytes) {
  port_firmware_t *firmware = ((synapse_esp_handle_t)user)->firmware;
  return firmware->writing ? esp_ota_write(firmware->update, data, bytes) : ESP_ERR_INVALID_STATE;
}

static int32_t firmware_check(void *user) {
  port_firmware_t *firmware = ((synapse_esp_handle_t)user)->firmware;
  if (!firmware->writing) return ESP_ERR_INVALID_STATE;
  /* It ends the update whatever it finds. */
  firmware->writing = false;
  esp_err_t result = esp_ota_end(firmware->update);
  firmware->checked = result == ESP_OK;
  return result;
}

static int32_t firmware_activate(void *user) {
  port_firmware_t *firmware = ((synapse_esp_handle_t)user)->firmware;
  if (!firmware->checked) return ESP_ERR_INVALID_STATE;
  firmware->checked = false;
  esp_err_t result = esp_ota_set_boot_partition(firmware->target);
  if (result == ESP_OK) {
    synapse_esp_update_event_t event = {.image_bytes = firmware->bytes};
    port_tell(SYNAPSE_ESP_EVENT_UPDATE, &event, sizeof event);
  }
  return result;
}

static void firmware_abort(void *user) { drop(((synapse_esp_handle_t)user)->firmware); }

static int32_t firmware_confirm(void *user) {
  (void)user;
  return esp_ota_mark_app_valid_cancel_rollback();
}

/* An update that was not confirmed leaves its mark in the other place until that is written again. */
static uint32_t state_of(const esp_partition_t *running) {
  esp_ota_img_states_t state;
  if (esp_ota_get_state_partition(running, &state) == ESP_OK && state == ESP_OTA_IMG_PENDING_VERIFY)
    return SYNAPSE_DEVICE_FIRMWARE_ON_TRIAL;
  const esp_partition_t *invalid = esp_ota_get_last_invalid_partition();
  return invalid != NULL && invalid != running ? SYNAPSE_DEVICE_FIRMWARE_RETURNED : SYNAPSE_DEVICE_FIRMWARE_VALID;
}

esp_err_t port_firmware_start(synapse_esp_handle_t self, synapse_device_config *config) {
  const esp_app_desc_t *description = esp_app_get_description();
  config->firmware_version = port_text(description->version);
  config->firmware_project = port_text(description->project_name);
  if (!self->config.update.enable) return ESP_OK;
  const esp_partition_t *target = esp_ota_get_next_update_partition(NULL);
  if (target == NULL) {
    ESP_LOGW(PORT_TAG, "there is no second application partition: the firmware can be updated by cable only");
    return ESP_OK;
  }
  self->firmware = calloc(1, sizeof *self->firmware);
  if (self->firmware == NULL) return ESP_ERR_NO_MEM;
  self->firmware->target = target;
  config->firmware_bytes_max = target->size;
  config->firmware_state = state_of(esp_ota_get_running_partition());
  self->port.firmware_begin = firmware_begin;
  self->port.firmware_write = firmware_write;
  self->port.firmware_check = firmware_check;
  self->port.firmware_activate = firmware_activate;
  self->port.firmware_abort = firmware_abort;
  self->port.firmware_confirm = firmware_confirm;
  return ESP_OK;
}

void port_firmware_stop(synapse_esp_handle_t self) {
  if (self->firmware == NULL) return;
  drop(self->firmware);
  free(self->firmware);
  self->firmware = NULL;
}

int32_t port_verify(void *user, const uint8_t public_key[65], const uint8_t *message, size_t bytes,
                    const uint8_t signature[64]) {
  (void)user;
  if (psa_crypto_init() != PSA_SUCCESS) return -1;
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
  psa_set_key_bits(&attributes, KEY_BITS);
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_MESSAGE);
  psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
  psa_key_id_t key;
  if (psa_import_key(&attributes, public_key, PUBLIC_KEY_BYTES, &key) != PSA_SUCCESS) return -1;
  psa_status_t status = psa_verify_message(key, PSA_ALG_ECDSA(PSA_ALG_SHA_256), message, bytes, signature, 64);
  psa_destroy_key(key);
  return status == PSA_SUCCESS ? 0 : -1;
}
