/* Unity's menu on the serial port: a number runs a test, "*" all, "[engine]" those with that tag. */
#include "unity.h"
#include "unity_test_runner.h"

void app_main(void) {
  unity_run_menu();
}
