/* Signatures by OpenSSL: ECDSA on P-256 with SHA-256, the one kind that the port asks for. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "psa/crypto.h"

#define KEYS_MAX 4
#define PART_BYTES 32

static EVP_PKEY *keys[KEYS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

psa_status_t psa_crypto_init(void) { return PSA_SUCCESS; }

static EVP_PKEY *import_point(const uint8_t *data, size_t bytes) {
  char group[] = "prime256v1";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)data, bytes),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  bool made = context != NULL && EVP_PKEY_fromdata_init(context) > 0 &&
              EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) > 0;
  EVP_PKEY_CTX_free(context);
  return made ? key : NULL;
}

psa_status_t psa_import_key(const psa_key_attributes_t *attributes, const uint8_t *data, size_t bytes,
                            psa_key_id_t *out_key) {
  if (attributes->type != PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1)) return PSA_ERROR_NOT_SUPPORTED;
  EVP_PKEY *key = import_point(data, bytes);
  if (key == NULL) return PSA_ERROR_INVALID_ARGUMENT;
  pthread_mutex_lock(&lock);
  psa_status_t status = PSA_ERROR_INSUFFICIENT_MEMORY;
  for (psa_key_id_t i = 0; i < KEYS_MAX && status != PSA_SUCCESS; i++) {
    if (keys[i] != NULL) continue;
    keys[i] = key;
    *out_key = i + 1;
    status = PSA_SUCCESS;
  }
  pthread_mutex_unlock(&lock);
  if (status != PSA_SUCCESS) EVP_PKEY_free(key);
  return status;
}

psa_status_t psa_destroy_key(psa_key_id_t key) {
  if (key == 0 || key > KEYS_MAX) return PSA_ERROR_INVALID_ARGUMENT;
  pthread_mutex_lock(&lock);
  EVP_PKEY_free(keys[key - 1]);
  keys[key - 1] = NULL;
  pthread_mutex_unlock(&lock);
  return PSA_SUCCESS;
}

/* r and s as DER, the form that OpenSSL takes. */
static int signature_as_der(const uint8_t *signature, uint8_t **out_der) {
  ECDSA_SIG *pair = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(signature, PART_BYTES, NULL), *s = BN_bin2bn(signature + PART_BYTES, PART_BYTES, NULL);
  ECDSA_SIG_set0(pair, r, s);
  int bytes = i2d_ECDSA_SIG(pair, out_der);
  ECDSA_SIG_free(pair);
  return bytes;
}

psa_status_t psa_verify_message(psa_key_id_t key, psa_algorithm_t algorithm, const uint8_t *message, size_t bytes,
                                const uint8_t *signature, size_t signature_bytes) {
  if (key == 0 || key > KEYS_MAX || keys[key - 1] == NULL) return PSA_ERROR_INVALID_ARGUMENT;
  if (algorithm != PSA_ALG_ECDSA(PSA_ALG_SHA_256)) return PSA_ERROR_NOT_SUPPORTED;
  if (signature_bytes != 2 * PART_BYTES) return PSA_ERROR_INVALID_SIGNATURE;
  uint8_t *der = NULL;
  int der_bytes = signature_as_der(signature, &der);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool right = der_bytes > 0 && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, keys[key - 1]) > 0 &&
               EVP_DigestVerify(context, der, (size_t)der_bytes, message, bytes) == 1;
  EVP_MD_CTX_free(context);
  OPENSSL_free(der);
  return right ? PSA_SUCCESS : PSA_ERROR_INVALID_SIGNATURE;
}
