#ifndef ESP_VFS_EVENTFD_H
#define ESP_VFS_EVENTFD_H

#include <stddef.h>
#ifdef __linux__
#include <sys/eventfd.h>
#else
int eventfd(unsigned int initial, int flags);
#endif

#include "esp_err.h"

typedef struct {
  size_t max_fds;
} esp_vfs_eventfd_config_t;

#define ESP_VFS_EVENTD_CONFIG_DEFAULT() (esp_vfs_eventfd_config_t){.max_fds = 5}

esp_err_t esp_vfs_eventfd_register(const esp_vfs_eventfd_config_t *config);

#endif
