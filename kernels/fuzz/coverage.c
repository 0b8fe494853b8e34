/* Hands Zig's coverage counters to libFuzzer. Zig 0.17 fills the sections that LLVM's instrumentation uses, one address
 * for each counter where
   LLVM has an address and flags, and leaves their registration to the fuzzer. */
#include <stdint.h>
#include <stdlib.h>

extern uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];
extern const uintptr_t __start___sancov_pcs1[], __stop___sancov_pcs1[];
void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);
void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end);

__attribute__((constructor)) static void register_coverage(void) {
  const size_t count = (size_t)(__stop___sancov_pcs1 - __start___sancov_pcs1);
  uintptr_t *table = calloc(count, 2 * sizeof *table);
  if (!table) abort();
  for (size_t i = 0; i < count; i++) table[2 * i] = __start___sancov_pcs1[i];
  __sanitizer_cov_8bit_counters_init(__start___sancov_cntrs, __stop___sancov_cntrs);
  __sanitizer_cov_pcs_init(table, table + 2 * count);
}
