/* Tasks are threads, queues are rings under a lock. Priorities and cores mean nothing here. A semaphore is a queue of
 * items without bytes, as in FreeRTOS. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "stacks.h"
#include "test_host.h"

/* A sanitised build's frames are several times as large, and libc's own functions want more than a chip's. */
#define STACK_FACTOR 8
#define STACK_BYTES_MIN (256u << 10)
#define NS_PER_S 1000000000ll

struct test_host_task {
  TaskFunction_t run;
  void *argument;
  char name[16];
  size_t stack_bytes; /* as it asked for */
  pthread_mutex_t lock;
  pthread_cond_t notified;
  uint32_t notifications;
};

struct test_host_queue {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint8_t *items;
  size_t item_bytes;
  UBaseType_t length, count, first;
};

static _Thread_local struct test_host_task *current;

static int64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct timespec test_host_deadline(uint32_t ticks) {
  int64_t at = monotonic_ns() + (int64_t)ticks * (NS_PER_S / configTICK_RATE_HZ);
  return (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
}

static void init_condition(pthread_cond_t *condition) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
}

/* False when the deadline has passed. */
static bool wait_for(pthread_cond_t *condition, pthread_mutex_t *lock, TickType_t ticks, const struct timespec *until) {
  if (ticks == 0) return false;
  if (ticks == portMAX_DELAY) return pthread_cond_wait(condition, lock) == 0;
  return pthread_cond_timedwait(condition, lock, until) != ETIMEDOUT;
}

static struct test_host_task *new_task(TaskFunction_t run, const char *name, void *argument) {
  struct test_host_task *task = calloc(1, sizeof *task);
  if (task == NULL) test_host_die("no memory for task %s", name);
  task->run = run;
  task->argument = argument;
  strncpy(task->name, name, sizeof task->name - 1);
  pthread_mutex_init(&task->lock, NULL);
  init_condition(&task->notified);
  return task;
}

static void end_task(void *argument) {
  struct test_host_task *task = argument;
  pthread_mutex_destroy(&task->lock);
  pthread_cond_destroy(&task->notified);
  free(task);
}

static void *task_thread(void *argument) {
  current = argument;
  pthread_setname_np(pthread_self(), current->name);
  test_host_stack_begins(current->name, current->stack_bytes);
  current->run(current->argument);
  test_host_die("task %s returned: a task ends with vTaskDelete(NULL)", current->name);
}

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t run, const char *name, uint32_t stack_bytes, void *argument,
                                   UBaseType_t priority, TaskHandle_t *out_task, BaseType_t core) {
  if (priority >= configMAX_PRIORITIES) test_host_die("task %s has priority %u", name, priority);
  if (core != tskNO_AFFINITY && (core < 0 || core > 1)) test_host_die("task %s is pinned to core %d", name, core);
  struct test_host_task *task = new_task(run, name, argument);
  task->stack_bytes = stack_bytes;
  /* Written before the task runs, as in FreeRTOS. */
  if (out_task != NULL) *out_task = task;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  size_t stack = (size_t)stack_bytes * STACK_FACTOR;
  pthread_attr_setstacksize(&attributes, stack < STACK_BYTES_MIN ? STACK_BYTES_MIN : stack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  int result = pthread_create(&thread, &attributes, task_thread, task);
  pthread_attr_destroy(&attributes);
  if (result == 0) return pdPASS;
  end_task(task);
  return pdFAIL;
}

BaseType_t xTaskCreate(TaskFunction_t run, const char *name, uint32_t stack_bytes, void *argument, UBaseType_t priority,
                       TaskHandle_t *out_task) {
  return xTaskCreatePinnedToCore(run, name, stack_bytes, argument, priority, out_task, tskNO_AFFINITY);
}

void vTaskDelete(TaskHandle_t task) {
  if (task != NULL && task != current) test_host_die("a task was deleted by another");
  test_host_stack_ends();
  end_task(current);
  current = NULL;
  pthread_exit(NULL);
}

TaskHandle_t xTaskGetCurrentTaskHandle(void) {
  /* The process's first thread is app_main's task. */
  if (current == NULL) current = new_task(NULL, "main", NULL);
  return current;
}

void vTaskDelay(TickType_t ticks) {
  struct timespec until = test_host_deadline(ticks);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
}

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks) {
  struct test_host_task *task = xTaskGetCurrentTaskHandle();
  struct timespec until = test_host_deadline(ticks);
  pthread_mutex_lock(&task->lock);
  while (task->notifications == 0 && wait_for(&task->notified, &task->lock, ticks, &until)) continue;
  uint32_t value = task->notifications;
  if (value != 0) task->notifications = clear ? 0 : value - 1;
  pthread_mutex_unlock(&task->lock);
  return value;
}

BaseType_t xTaskNotifyGive(TaskHandle_t task) {
  pthread_mutex_lock(&task->lock);
  task->notifications++;
  pthread_cond_signal(&task->notified);
  pthread_mutex_unlock(&task->lock);
  return pdPASS;
}

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t item_bytes) {
  struct test_host_queue *queue = calloc(1, sizeof *queue);
  if (queue == NULL) return NULL;
  queue->length = length;
  queue->item_bytes = item_bytes;
  if (item_bytes != 0 && (queue->items = calloc(length, item_bytes)) == NULL) {
    free(queue);
    return NULL;
  }
  pthread_mutex_init(&queue->lock, NULL);
  init_condition(&queue->changed);
  return queue;
}

BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t ticks) {
  struct timespec until = test_host_deadline(ticks);
  pthread_mutex_lock(&queue->lock);
  while (queue->count == queue->length && wait_for(&queue->changed, &queue->lock, ticks, &until)) continue;
  bool room = queue->count < queue->length;
  if (room) {
    UBaseType_t at = (queue->first + queue->count++) % queue->length;
    if (queue->item_bytes != 0) memcpy(queue->items + at * queue->item_bytes, item, queue->item_bytes);
    pthread_cond_broadcast(&queue->changed);
  }
  pthread_mutex_unlock(&queue->lock);
  return room ? pdTRUE : pdFALSE;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *out_item, TickType_t ticks) {
  struct timespec until = test_host_deadline(ticks);
  pthread_mutex_lock(&queue->lock);
  while (queue->count == 0 && wait_for(&queue->changed, &queue->lock, ticks, &until)) continue;
  bool some = queue->count > 0;
  if (some) {
    if (queue->item_bytes != 0)
      memcpy(out_item, queue->items + queue->first * queue->item_bytes, queue->item_bytes);
    queue->first = (queue->first + 1) % queue->length;
    queue->count--;
    pthread_cond_broadcast(&queue->changed);
  }
  pthread_mutex_unlock(&queue->lock);
  return some ? pdTRUE : pdFALSE;
}

void vQueueDelete(QueueHandle_t queue) {
  /* Whoever has just given or taken may still be inside. */
  pthread_mutex_lock(&queue->lock);
  pthread_mutex_unlock(&queue->lock);
  pthread_mutex_destroy(&queue->lock);
  pthread_cond_destroy(&queue->changed);
  free(queue->items);
  free(queue);
}

static SemaphoreHandle_t create_semaphore(UBaseType_t count) {
  SemaphoreHandle_t semaphore = xQueueCreate(1, 0);
  if (semaphore != NULL) semaphore->count = count;
  return semaphore;
}

SemaphoreHandle_t xSemaphoreCreateBinary(void) { return create_semaphore(0); }
SemaphoreHandle_t xSemaphoreCreateMutex(void) { return create_semaphore(1); }
BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks) {
  return xQueueReceive(semaphore, NULL, ticks);
}
BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore) { return xQueueSend(semaphore, NULL, 0); }
void vSemaphoreDelete(SemaphoreHandle_t semaphore) { vQueueDelete(semaphore); }
