/* The name server of the board's own network: every name is the board, so that a phone finds the setup page whatever it
 * asks for. Portable. */
#ifndef SYNAPSE_CAPTIVE_DNS_H
#define SYNAPSE_CAPTIVE_DNS_H

#include <stddef.h>
#include <stdint.h>

#define CAPTIVE_DNS_BYTES_MAX 512

/* Writes the answer to a query, at most CAPTIVE_DNS_BYTES_MAX bytes, and says how long it is; 0: none is due. `address`
 * is the board's, in network order. */
size_t captive_dns_answer(const uint8_t *query, size_t bytes, const uint8_t address[4], uint8_t *out);

#endif
