/* An example of the component as a process: its app_main, on a flash that is a file.
 *
 *   engine_only FLASH-FILE */
#include <stdio.h>

#include "test_host.h"

void app_main(void);

int main(int count, char **arguments) {
  if (count != 2) test_host_die("the flash's file is needed");
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_host_options.flash_path = arguments[1];
  test_host_open_flash(arguments[1]);
  app_main();
  return 0;
}
