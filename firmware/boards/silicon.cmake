# Made from boards/*.json by scripts/make-firmware-boards.mjs: change those files, not this one.
set(silicon_of_esp32-p4-function-ev v1)
set(silicon_of_esp32-p4x-c5-function-ev v3)
set(silicon_of_esp32-p4x-function-ev v3)
set(silicon_of_m5stack-tab5 v1)
set(silicon_of_waveshare-esp32-p4-wifi6 v1)
