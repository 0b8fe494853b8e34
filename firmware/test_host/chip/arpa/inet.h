/* Addresses as lwIP writes and reads them. */
#ifndef ARPA_INET_H
#define ARPA_INET_H

#include <sys/socket.h>

#define htons(number) __builtin_bswap16(number)

const char *inet_ntop(int family, const void *address, char *text, socklen_t bytes);
int inet_pton(int family, const char *text, void *address);

#endif
