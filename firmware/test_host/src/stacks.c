/* How much of its stack each task has used: what lies below it is painted when the task begins, and looked at later. In
 * a build with sanitizers, locals may lie elsewhere and frames are several times as large: only the plain build's
 * figures mean anything, and they are those of this machine's instruction set. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "stacks.h"
#include "test_host.h"

#define TASKS_MAX 64
#define PAINT 0xa5
/* Of the function that paints, and of what it calls. */
#define MARGIN_BYTES 512

typedef struct stack {
  char name[16];
  size_t asked_bytes;
  uint8_t *low, *top; /* NULL: the task has ended */
  size_t used_bytes;
} task_stack_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static task_stack_t stacks[TASKS_MAX];

__attribute__((no_sanitize("address"), noinline)) static void paint(volatile uint8_t *from, const uint8_t *to) {
  while (from < to) *from++ = PAINT;
}

__attribute__((no_sanitize("address"), noinline)) static size_t used_below(const uint8_t *low, const uint8_t *top) {
  const volatile uint8_t *at = low;
  while (at < top && *at == PAINT) at++;
  return (size_t)(top - at);
}

void test_host_stack_begins(const char *name, size_t asked_bytes) {
  pthread_attr_t attributes;
  void *low = NULL;
  size_t bytes = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  pthread_attr_getstack(&attributes, &low, &bytes);
  pthread_attr_destroy(&attributes);
  uint8_t *top = __builtin_frame_address(0);
  paint(low, top - MARGIN_BYTES);
  pthread_mutex_lock(&lock);
  size_t i = 0;
  /* A task that comes again has the place it had before. */
  while (i < TASKS_MAX - 1 && stacks[i].name[0] != 0 && (stacks[i].low != NULL || strcmp(stacks[i].name, name) != 0))
    i++;
  strncpy(stacks[i].name, name, sizeof stacks[i].name - 1);
  stacks[i].asked_bytes = asked_bytes;
  stacks[i].low = low;
  stacks[i].top = top;
  pthread_mutex_unlock(&lock);
}

static void look(task_stack_t *stack) {
  if (stack->low == NULL) return;
  size_t used = used_below(stack->low, stack->top);
  if (used > stack->used_bytes) stack->used_bytes = used;
}

void test_host_stack_ends(void) {
  const uint8_t *here = __builtin_frame_address(0);
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < TASKS_MAX; i++) {
    if (here <= stacks[i].low || here > stacks[i].top) continue;
    look(&stacks[i]);
    stacks[i].low = stacks[i].top = NULL;
  }
  pthread_mutex_unlock(&lock);
}

void test_host_print_stacks(void) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < TASKS_MAX && stacks[i].name[0] != 0; i++) {
    look(&stacks[i]);
    fprintf(stderr, "stack: %s: %zu of %zu\n", stacks[i].name, stacks[i].used_bytes, stacks[i].asked_bytes);
  }
  pthread_mutex_unlock(&lock);
}
