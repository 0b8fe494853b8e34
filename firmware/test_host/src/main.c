/* A board as a process: starts the component as an application on a chip would, and runs until it is told to end.
 *
 *   synapse-test-board --flash FILE --http PORT [--mac 02:00:00:00:00:01] [--reset power-on|software|panic|watchdog|
 *                      brownout] [--update-key HEX]... [--model-gmac-max 64]
 *
 * It prints its log on the standard error. A line on the standard input is a command: "open-claim" (somebody holds the
 * board's button), "link down", "link up", "skip 60" (the clock is put forward so many seconds), "operations" (how many
 * erases and writes the flash has seen), "cut 3 torn" (power goes in the middle of the fourth from now; partitions.c
 * has what may be left of it), "again" (synapse_esp_stop and synapse_esp_start), "stacks" (high-water marks), "engine
 * model_a 2 0" (the engine alone on a partition, on two cores, with as much internal RAM as there is), "stop"
 * (synapse_esp_stop, and the process ends with 0). The end of the standard input means stop. "done: " and the command
 * follow on the standard error. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"
#include "esp_event.h"
#include "stacks.h"
#include "synapse_esp.h"
#include "test_host.h"

#define UPDATE_KEYS_MAX 4
#define UPDATE_KEY_BYTES 65

static uint8_t update_keys[UPDATE_KEYS_MAX][UPDATE_KEY_BYTES];
static uint32_t update_key_count;
static uint32_t model_gmac_max = CONFIG_SYNAPSE_MODEL_GMAC_MAX;
static bool link_is_up = true;

static esp_reset_reason_t reset_of(const char *name) {
  static const struct {
    const char *name;
    esp_reset_reason_t reason;
  } reasons[] = {{"power-on", ESP_RST_POWERON},
                 {"software", ESP_RST_SW},
                 {"panic", ESP_RST_PANIC},
                 {"watchdog", ESP_RST_TASK_WDT},
                 {"brownout", ESP_RST_BROWNOUT}};
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    if (strcmp(reasons[i].name, name) == 0) return reasons[i].reason;
  test_host_die("\"%s\" is no reason of a reset", name);
}

static void read_key(const char *hex) {
  if (update_key_count == UPDATE_KEYS_MAX) test_host_die("there are too many update keys");
  if (strlen(hex) != 2 * UPDATE_KEY_BYTES) test_host_die("an update key has %zu digits", strlen(hex));
  uint8_t *key = update_keys[update_key_count++];
  for (size_t i = 0; i < UPDATE_KEY_BYTES; i++) {
    unsigned byte = 0;
    if (sscanf(hex + 2 * i, "%2x", &byte) != 1) test_host_die("an update key is no hexadecimal number");
    key[i] = (uint8_t)byte;
  }
}

static void read_mac(const char *text) {
  uint8_t *mac = test_host_options.mac;
  if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
    test_host_die("\"%s\" is no MAC address", text);
}

static void read_options(int count, char **arguments) {
  static const struct option known[] = {
      {"flash", required_argument, NULL, 'f'}, {"http", required_argument, NULL, 'p'},
      {"mac", required_argument, NULL, 'm'},   {"reset", required_argument, NULL, 'r'},
      {"update-key", required_argument, NULL, 'k'}, {"model-gmac-max", required_argument, NULL, 'g'},
      {NULL, 0, NULL, 0}};
  read_mac("02:00:00:00:00:01");
  test_host_options.reset = ESP_RST_POWERON;
  int option;
  while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
    if (option == 'f') test_host_options.flash_path = optarg;
    else if (option == 'p') test_host_options.http_port = (uint16_t)strtoul(optarg, NULL, 10);
    else if (option == 'm') read_mac(optarg);
    else if (option == 'r') test_host_options.reset = reset_of(optarg);
    else if (option == 'k') read_key(optarg);
    else if (option == 'g') model_gmac_max = (uint32_t)strtoul(optarg, NULL, 10);
    else exit(2);
  }
  if (test_host_options.flash_path == NULL || test_host_options.http_port == 0)
    test_host_die("--flash and --http are needed");
}

static void get_link(void *user, synapse_esp_link_t *out_link) {
  (void)user;
  if (!link_is_up) return;
  out_link->kind = "ethernet";
  strcpy(out_link->address, "127.0.0.1");
}

static void set_link(synapse_esp_handle_t board, bool up) {
  link_is_up = up;
  test_host_set_link(up);
  synapse_esp_set_link(board, up);
}

/* What happens around the board. */
static bool hear_world(const char *line) {
  unsigned long long after;
  long long seconds;
  char kind[16];
  if (sscanf(line, "cut %llu %15s", &after, kind) == 2) test_host_cut_power(after, kind);
  else if (sscanf(line, "skip %lld", &seconds) == 1) test_host_skip_time(seconds);
  else return strcmp(line, "operations") == 0;
  return true;
}

/* A question as the console asks it; `text` is method and target. */
static void ask(synapse_esp_handle_t board, const char *text) {
  char method[8], target[64];
  synapse_esp_answer_t answer;
  if (sscanf(text, "%7s %63s", method, target) != 2) test_host_die("\"%s\" is no question", text);
  ESP_ERROR_CHECK(synapse_esp_ask(board, method, target, &answer));
  fprintf(stderr, "done: %u %.*s\n", (unsigned)answer.status, (int)answer.body_bytes, (const char *)answer.body);
  synapse_esp_answer_free(&answer);
}

/* What is asked of the process beside the board. */
static bool hear_tests(const char *line) {
  char label[17];
  unsigned cores;
  size_t fast_bytes_max;
  if (strcmp(line, "stacks") == 0) test_host_print_stacks();
  else if (sscanf(line, "engine %16s %u %zu", label, &cores, &fast_bytes_max) == 3)
    test_host_run_engine(label, cores, fast_bytes_max);
  else return false;
  return true;
}

static synapse_esp_handle_t start_board(void) {
  synapse_esp_config_t config = SYNAPSE_ESP_CONFIG_DEFAULT();
  config.http.port = test_host_options.http_port;
  config.callbacks.get_link = get_link;
  config.memory.model_gmac_max = model_gmac_max;
  config.update.keys = update_keys;
  config.update.key_count = update_key_count;
  config.discovery.sntp_host = NULL;
  synapse_esp_handle_t board = NULL;
  ESP_ERROR_CHECK(synapse_esp_start(&config, &board));
  return board;
}

/* Until the end; answers the board that runs then. */
static synapse_esp_handle_t hear_commands(synapse_esp_handle_t board) {
  char line[80];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "ask ", 4) == 0) {
      ask(board, line + 4);
      continue;
    }
    if (strcmp(line, "open-claim") == 0) ESP_ERROR_CHECK(synapse_esp_open_claim(board));
    else if (strcmp(line, "link down") == 0) set_link(board, false);
    else if (strcmp(line, "link up") == 0) set_link(board, true);
    else if (strcmp(line, "again") == 0) {
      ESP_ERROR_CHECK(synapse_esp_stop(board));
      board = start_board();
    } else if (strcmp(line, "stop") == 0) return board;
    else if (!hear_world(line) && !hear_tests(line)) test_host_die("\"%s\" is no command", line);
    if (strcmp(line, "operations") == 0) fprintf(stderr, "done: operations %llu\n", test_host_flash_operations());
    else fprintf(stderr, "done: %s\n", line);
  }
  return board;
}

int main(int count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stderr, NULL, _IOLBF, 0);
  read_options(count, arguments);
  test_host_open_flash(test_host_options.flash_path);
  test_host_boot();
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  synapse_esp_handle_t board = start_board();
  fputs("serving\n", stderr);
  ESP_ERROR_CHECK(synapse_esp_stop(hear_commands(board)));
  return 0;
}
