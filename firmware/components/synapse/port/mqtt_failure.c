/* Why there is no connection to the broker, in words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_tls_errors.h"
#include "mqtt.h"

static const char *refusal_of(int code) {
  switch (code) {
    case MQTT_CONNECTION_REFUSE_ID_REJECTED:
    case 0x85:
      return "the broker refuses the board's client identifier";
    case MQTT_CONNECTION_REFUSE_SERVER_UNAVAILABLE:
    case 0x88:
      return "the broker is not available";
    case MQTT_CONNECTION_REFUSE_BAD_USERNAME:
    case 0x86:
      return "the broker refuses user name or password";
    case MQTT_CONNECTION_REFUSE_NOT_AUTHORIZED:
    case 0x87:
      return "the broker does not let this user connect";
    default:
      return NULL;
  }
}

void mqtt_explain(const esp_mqtt_error_codes_t *error, char *out, size_t bytes) {
  if (error == NULL) {
    snprintf(out, bytes, "the connection failed");
  } else if (error->error_type == MQTT_ERROR_TYPE_CONNECTION_REFUSED) {
    const char *known = refusal_of((int)error->connect_return_code);
    if (known != NULL)
      snprintf(out, bytes, "%s", known);
    else
      snprintf(out, bytes, "the broker refuses the connection with code %d", (int)error->connect_return_code);
  } else if (error->error_type == MQTT_ERROR_TYPE_SUBSCRIBE_FAILED) {
    snprintf(out, bytes, "the broker refuses a subscription");
  } else if (port_refuses_certificate(error->esp_tls_stack_err, error->esp_tls_cert_verify_flags)) {
    snprintf(out, bytes,
             "the broker's certificate is not trusted (flags 0x%x); expected an authority that is trusted here",
             (unsigned)error->esp_tls_cert_verify_flags);
  } else if (error->esp_tls_stack_err != 0) {
    /* mbedtls counts its errors downwards, and esp-tls tells them without the sign. */
    snprintf(out, bytes, "the TLS handshake failed (-0x%04x)", (unsigned)abs(error->esp_tls_stack_err));
  } else if (error->esp_transport_sock_errno != 0) {
    snprintf(out, bytes, "the broker is not reached: %s", strerror(error->esp_transport_sock_errno));
  } else if (error->esp_tls_last_esp_err == ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME) {
    snprintf(out, bytes, "the broker is not reached: its name is not known");
  } else if (error->esp_tls_last_esp_err == ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT) {
    snprintf(out, bytes, "the broker is not reached: it does not answer");
  } else if (error->esp_tls_last_esp_err != ESP_OK) {
    snprintf(out, bytes, "the broker is not reached: %s", esp_err_to_name(error->esp_tls_last_esp_err));
  } else {
    snprintf(out, bytes, "the broker has closed the connection");
  }
}
