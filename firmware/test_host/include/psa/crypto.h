/* The part of PSA's Crypto API 1.x that the port uses; constants are those of the standard. */
#ifndef PSA_CRYPTO_H
#define PSA_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

typedef int32_t psa_status_t;
typedef uint32_t psa_algorithm_t;
typedef uint16_t psa_key_type_t;
typedef uint32_t psa_key_usage_t;
typedef uint32_t psa_key_id_t;

#define PSA_SUCCESS ((psa_status_t)0)
#define PSA_ERROR_NOT_SUPPORTED ((psa_status_t)(-134))
#define PSA_ERROR_INVALID_ARGUMENT ((psa_status_t)(-135))
#define PSA_ERROR_INSUFFICIENT_MEMORY ((psa_status_t)(-141))
#define PSA_ERROR_INVALID_SIGNATURE ((psa_status_t)(-149))

#define PSA_ECC_FAMILY_SECP_R1 0x12
#define PSA_KEY_TYPE_ECC_PUBLIC_KEY(curve) ((psa_key_type_t)(0x4100 | (curve)))
#define PSA_ALG_SHA_256 ((psa_algorithm_t)0x02000009)
#define PSA_ALG_ECDSA(hash) ((psa_algorithm_t)(0x06000600 | ((hash) & 0xff)))
#define PSA_KEY_USAGE_VERIFY_MESSAGE ((psa_key_usage_t)0x00000800)
#define PSA_KEY_USAGE_VERIFY_HASH ((psa_key_usage_t)0x00002000)

typedef struct {
  psa_key_type_t type;
  size_t bits;
  psa_key_usage_t usage;
  psa_algorithm_t algorithm;
} psa_key_attributes_t;

#define PSA_KEY_ATTRIBUTES_INIT {0}

static inline void psa_set_key_type(psa_key_attributes_t *attributes, psa_key_type_t type) { attributes->type = type; }
static inline void psa_set_key_bits(psa_key_attributes_t *attributes, size_t bits) { attributes->bits = bits; }
static inline void psa_set_key_usage_flags(psa_key_attributes_t *attributes, psa_key_usage_t usage) {
  attributes->usage = usage;
}
static inline void psa_set_key_algorithm(psa_key_attributes_t *attributes, psa_algorithm_t algorithm) {
  attributes->algorithm = algorithm;
}

psa_status_t psa_crypto_init(void);
psa_status_t psa_import_key(const psa_key_attributes_t *attributes, const uint8_t *data, size_t bytes,
                            psa_key_id_t *out_key);
psa_status_t psa_destroy_key(psa_key_id_t key);
psa_status_t psa_verify_message(psa_key_id_t key, psa_algorithm_t algorithm, const uint8_t *message, size_t bytes,
                                const uint8_t *signature, size_t signature_bytes);

#endif
