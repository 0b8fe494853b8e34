#include "esp_eth.h"
