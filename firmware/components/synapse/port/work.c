/* The worker, on which the core computes, and its helper on the other core. Floating point and vector instructions are
 * used by these tasks alone: what no other task touches, no switch of tasks has to save. */
#include <stdlib.h>

#include "port.h"

struct port_helper {
  TaskHandle_t task;
  SemaphoreHandle_t done;
  atomic_uint next;
  uint32_t count;
  syn_task run;
  void *context;
  bool ending;
};

struct port_work {
  TaskHandle_t worker;
  port_helper_t *helper;
  SemaphoreHandle_t ended;
  atomic_bool ending;
};

static void share(port_helper_t *helper, uint32_t thread) {
  for (;;) {
    uint32_t index = atomic_fetch_add_explicit(&helper->next, 1, memory_order_relaxed);
    if (index >= helper->count) return;
    helper->run(helper->context, index, thread);
  }
}

static void helper_task(void *argument) {
  port_helper_t *helper = argument;
  for (;;) {
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    if (helper->ending) break;
    share(helper, 1);
    xSemaphoreGive(helper->done);
  }
  xSemaphoreGive(helper->done);
  vTaskDelete(NULL);
}

esp_err_t port_helper_start(int priority, size_t stack_bytes, port_helper_t **out_helper) {
  port_helper_t *helper = calloc(1, sizeof *helper);
  if (helper == NULL) return ESP_ERR_NO_MEM;
  helper->done = xSemaphoreCreateBinary();
  if (helper->done == NULL || port_task(helper_task, "synapse_help", stack_bytes, helper, priority, PORT_HELPER_CORE,
                                        &helper->task) != ESP_OK) {
    if (helper->done != NULL) vSemaphoreDelete(helper->done);
    free(helper);
    return ESP_ERR_NO_MEM;
  }
  *out_helper = helper;
  return ESP_OK;
}

void port_helper_stop(port_helper_t *helper) {
  if (helper == NULL) return;
  helper->ending = true;
  xTaskNotifyGive(helper->task);
  xSemaphoreTake(helper->done, portMAX_DELAY);
  vSemaphoreDelete(helper->done);
  free(helper);
}

void port_helper_run(port_helper_t *helper, uint32_t count, syn_task task, void *context) {
  if (helper == NULL || count < 2) {
    for (uint32_t i = 0; i < count; i++) task(context, i, 0);
    return;
  }
  helper->run = task;
  helper->context = context;
  helper->count = count;
  atomic_store(&helper->next, 0);
  xTaskNotifyGive(helper->task);
  share(helper, 0);
  xSemaphoreTake(helper->done, portMAX_DELAY);
}

void port_parallel_for(void *user, uint32_t count, void (*task)(void *context, uint32_t index, uint32_t thread),
                       void *context) {
  synapse_esp_handle_t self = user;
  port_helper_run(self->work->helper, count, task, context);
}

static void run_work_done(synapse_esp_handle_t self, const port_event_t *event) {
  (void)event;
  synapse_device_work_done(self->device);
}

static void worker_task(void *argument) {
  synapse_esp_handle_t self = argument;
  for (;;) {
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    if (atomic_load(&self->work->ending)) break;
    synapse_device_work(self->device);
    port_post(self, (port_event_t){.run = run_work_done});
  }
  xSemaphoreGive(self->work->ended);
  vTaskDelete(NULL);
}

void port_start_work(void *user) {
  synapse_esp_handle_t self = user;
  xTaskNotifyGive(self->work->worker);
}

esp_err_t port_work_start(synapse_esp_handle_t self) {
  port_work_t *work = calloc(1, sizeof *work);
  if (work == NULL) return ESP_ERR_NO_MEM;
  self->work = work;
  work->ended = xSemaphoreCreateBinary();
  if (work->ended == NULL) return ESP_ERR_NO_MEM;
  int priority = self->config.tasks.worker_priority;
  size_t stack = self->config.tasks.worker_stack_bytes;
  esp_err_t result = port_helper_start(priority, stack, &work->helper);
  if (result != ESP_OK) return result;
  return port_task(worker_task, "synapse_work", stack, self, priority, PORT_WORKER_CORE, &work->worker);
}

void port_work_stop(synapse_esp_handle_t self) {
  port_work_t *work = self->work;
  if (work == NULL) return;
  if (work->worker != NULL) {
    atomic_store(&work->ending, true);
    xTaskNotifyGive(work->worker);
    xSemaphoreTake(work->ended, portMAX_DELAY);
  }
  port_helper_stop(work->helper);
  if (work->ended != NULL) vSemaphoreDelete(work->ended);
  free(work);
  self->work = NULL;
}
