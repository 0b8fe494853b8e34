/* High-water marks of the stacks of tasks. */
#ifndef TEST_HOST_STACKS_H
#define TEST_HOST_STACKS_H

#include <stddef.h>
#include <stdint.h>

/* On the task's own thread, first and last. */
void test_host_stack_begins(const char *name, size_t asked_bytes);
void test_host_stack_ends(void);
/* A line each on the standard error: "stack: NAME: USED of ASKED", in bytes. */
void test_host_print_stacks(void);

#endif
