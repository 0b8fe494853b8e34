/* Sockets as lwIP has them under ESP-IDF: the chip's C library alone has none. Only what the firmware uses. */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

typedef uint32_t socklen_t;
typedef uint8_t sa_family_t;
typedef uint16_t in_port_t;

struct in_addr {
  uint32_t s_addr;
};
struct in6_addr {
  uint32_t words[4];
};
struct sockaddr {
  uint8_t sa_len;
  sa_family_t sa_family;
  char sa_data[14];
};
struct sockaddr_in {
  uint8_t sin_len;
  sa_family_t sin_family;
  in_port_t sin_port;
  struct in_addr sin_addr;
  char sin_zero[8];
};
struct sockaddr_in6 {
  uint8_t sin6_len;
  sa_family_t sin6_family;
  in_port_t sin6_port;
  uint32_t sin6_flowinfo;
  struct in6_addr sin6_addr;
  uint32_t sin6_scope_id;
};
struct sockaddr_storage {
  uint8_t s2_len;
  sa_family_t ss_family;
  char s2_data1[2];
  uint32_t s2_data2[6];
};

#define AF_INET 2
#define AF_INET6 10
#define INET_ADDRSTRLEN 16
#define INET6_ADDRSTRLEN 46
#define IPPROTO_UDP 17
#define SOCK_DGRAM 2
#define SOL_SOCKET 0xfff
#define SO_RCVTIMEO 0x1006
#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2
#define MSG_PEEK 0x01
#define MSG_DONTWAIT 0x08
#define MSG_NOSIGNAL 0x20

int socket(int domain, int type, int protocol);
int bind(int fd, const struct sockaddr *address, socklen_t bytes);
int shutdown(int fd, int how);
int getpeername(int fd, struct sockaddr *address, socklen_t *bytes);
int getsockname(int fd, struct sockaddr *address, socklen_t *bytes);
int setsockopt(int fd, int level, int name, const void *value, socklen_t bytes);
ssize_t recv(int fd, void *bytes, size_t count, int flags);
ssize_t send(int fd, const void *bytes, size_t count, int flags);
ssize_t recvfrom(int fd, void *bytes, size_t count, int flags, struct sockaddr *from, socklen_t *from_bytes);
ssize_t sendto(int fd, const void *bytes, size_t count, int flags, const struct sockaddr *to, socklen_t to_bytes);

#endif
