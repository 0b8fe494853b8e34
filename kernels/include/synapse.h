/* Synapse runtime: opens a packed model (docs/format.md) and runs its entry points.
 *
 * The library never allocates, never reads a file and never reads a clock. The caller owns every byte: the file (which
 * must stay where it is, unchanged, as long as the model is used), the model's memory, and a session's regions. Sizes
 * are asked for first, then given. Every function may be called from any thread; one session must not be used from two
 * threads at once. Sessions of one model are independent.
 *
 * Functions answer SYN_OK or a negative syn_result. Nothing is written to an out parameter unless SYN_OK is answered,
 * but for syn_error.
 */
#ifndef SYNAPSE_H
#define SYNAPSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SYN_API_VERSION 1u

typedef enum syn_result {
  SYN_MORE = 1,                 /* no error: syn_session_advance has ops left */
  SYN_OK = 0,
  SYN_ERROR_ARGUMENT = -1,      /* a null pointer, an index out of range, a misaligned or too small buffer */
  SYN_ERROR_OUT_OF_MEMORY = -2, /* a given region is smaller than asked for */
  SYN_ERROR_NOT_FOUND = -3,     /* no entry point of that name */
  SYN_ERROR_CANCELLED = -4,     /* there is no run to go on with: it was cancelled, or has ended */
  SYN_ERROR_TRUNCATED = -10,    /* the file is shorter than its prefix says */
  SYN_ERROR_MAGIC = -11,        /* not a .syn file */
  SYN_ERROR_VERSION = -12,      /* a .syn file of a version this runtime does not read */
  SYN_ERROR_PREFIX = -13,       /* sizes in the prefix contradict each other */
  SYN_ERROR_DIGEST = -14,       /* the bytes are not those that were packed */
  SYN_ERROR_CBOR = -15,         /* the header is not the CBOR this format allows */
  SYN_ERROR_HEADER = -16,       /* a header key is missing, unknown, repeated or of the wrong kind */
  SYN_ERROR_LIMIT = -17,        /* a count or size exceeds a stated limit */
  SYN_ERROR_TENSOR = -18,       /* a tensor's type, shape, offset or size is wrong */
  SYN_ERROR_OP = -19,           /* an op is unknown, or its operands do not fit each other */
  SYN_ERROR_GOLDEN = -20,       /* a self-test vector gave another result */
} syn_result;

/* Where and what went wrong. The caller sets `size`; the rest is written on failure. */
typedef struct syn_error {
  uint32_t size;        /* sizeof(syn_error) */
  int32_t code;         /* the syn_result */
  uint32_t offset;      /* byte offset in the file, or 0 */
  char message[180];    /* a sentence, NUL-terminated: what was wrong, where, what would be right */
} syn_error;

typedef struct syn_model syn_model;
typedef struct syn_session syn_session;

typedef enum syn_type { SYN_TYPE_F32 = 0, SYN_TYPE_U8 = 1, SYN_TYPE_I32 = 2 } syn_type;
typedef enum syn_kind {
  SYN_KIND_TENSOR = 0,
  SYN_KIND_IMAGE = 1,
  SYN_KIND_TOKENS = 2,
  SYN_KIND_LATENT = 3,
  SYN_KIND_ACTION = 4
} syn_kind;

enum { SYN_OPEN_SKIP_DIGEST = 1 }; /* for callers who have just checked the digest themselves */

/* Bytes of memory that syn_model_open needs for this file. Reads only prefix and header; checks their structure. */
syn_result syn_model_requirements(const void *file, size_t file_bytes, size_t *out_memory_bytes, syn_error *error);

/* Validates the whole file once; afterwards no run can fail because of it. `file` must be 64-byte aligned, `memory`
 * 16-byte aligned. The signature behind a signed file is stepped over, not checked. */
syn_result syn_model_open(const void *file, size_t file_bytes, uint32_t flags, void *memory, size_t memory_bytes,
                          syn_model **out_model, syn_error *error);

typedef struct syn_model_info {
  uint32_t size; /* sizeof(syn_model_info), set by the caller */
  const char *name;
  uint32_t name_bytes;
  uint32_t exact; /* 1: byte-equal on every build */
  uint32_t entry_count;
  uint32_t golden_count;
  uint32_t file_bytes;
  uint8_t sha256[32];
  const void *meta; /* the CBOR of `meta`, or NULL */
  uint32_t meta_bytes;
} syn_model_info;
syn_result syn_model_get_info(const syn_model *model, syn_model_info *out_info);

typedef struct syn_entry_info {
  uint32_t size;
  const char *name;
  uint32_t name_bytes;
  uint32_t rows_max;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t op_count;
} syn_entry_info;
syn_result syn_model_get_entry(const syn_model *model, uint32_t entry, syn_entry_info *out_info);
syn_result syn_model_find_entry(const syn_model *model, const char *name, size_t name_bytes, uint32_t *out_entry);

typedef struct syn_port_info {
  uint32_t size;
  const char *name;
  uint32_t name_bytes;
  uint32_t kind;    /* syn_kind */
  uint32_t type;    /* syn_type */
  uint32_t rank;    /* 1..4 */
  uint32_t shape[4];
  uint32_t dynamic; /* 1: shape[0] is the maximum, a run uses its own number of rows */
  uint32_t bytes_max;
} syn_port_info;
syn_result syn_model_get_input(const syn_model *model, uint32_t entry, uint32_t index, syn_port_info *out_info);
syn_result syn_model_get_output(const syn_model *model, uint32_t entry, uint32_t index, syn_port_info *out_info);

/* How much a model has to do, in multiply-accumulates; an element that an op goes over without multiplying matrices
 * counts as 8. Computed from the program when the model is opened; sums stop at the largest number instead of
 * beginning again at 0. */
typedef struct syn_model_work {
  uint32_t size;
  uint64_t op_max;       /* the largest op: a run can be interrupted between ops only */
  uint64_t run_max;      /* the longest run of any entry, at its most rows */
  uint64_t golden_total; /* all self-test vectors together */
} syn_model_work;
syn_result syn_model_get_work(const syn_model *model, syn_model_work *out_work);

/* What one session needs. `threads` is the number of threads that may run a session's parts at once, 1..64. */
typedef struct syn_session_requirements {
  uint32_t size;
  size_t session_bytes; /* the session itself and its profile */
  size_t fast_bytes;    /* SRAM */
  size_t slow_bytes;    /* PSRAM */
  size_t state_bytes;
  size_t thread_bytes;  /* scratch, all threads together; best in SRAM */
} syn_session_requirements;
syn_result syn_session_get_requirements(const syn_model *model, uint32_t threads,
                                        syn_session_requirements *out_requirements);

/* Calls task(context, i, thread) for every i in [0, count), on any threads, at most `threads` at once, and returns when
 * all are done. `thread` passed to the task is in [0, threads) and not used by two running tasks at once. */
typedef void (*syn_task)(void *context, uint32_t index, uint32_t thread);
typedef void (*syn_parallel_for)(void *user, uint32_t count, syn_task task, void *context);
typedef uint64_t (*syn_ticks)(void *user);

/* All regions 64-byte aligned. A NULL parallel_for runs everything on the calling thread.
 * A NULL ticks leaves profile ticks zero. */
typedef struct syn_session_config {
  uint32_t size;
  uint32_t threads;
  void *session, *fast, *slow, *state, *thread;
  size_t session_bytes, fast_bytes, slow_bytes, state_bytes, thread_bytes;
  syn_parallel_for parallel_for;
  syn_ticks ticks;
  void *user; /* given to parallel_for and ticks */
} syn_session_config;
syn_result syn_session_open(const syn_model *model, const syn_session_config *config, syn_session **out_session);

/* Where to write an input before a run, and to read an output after it. Valid as long as the session; inputs are
 * consumed by a run. */
syn_result syn_session_input(syn_session *session, uint32_t entry, uint32_t index, void **out_data,
                             size_t *out_bytes_max);
syn_result syn_session_output(syn_session *session, uint32_t entry, uint32_t index, const void **out_data,
                              size_t *out_bytes_max);

/* Runs an entry on `rows` rows (1..rows_max). Fails only on a wrong argument. */
syn_result syn_session_run(syn_session *session, uint32_t entry, uint32_t rows);

/* The same in pieces, for callers that must be able to stop: begin, then advance by at most `ops_max` ops (at least 1)
 * as long as the result is SYN_MORE; SYN_OK says that the run has ended and its outputs are there. What is computed
 * does not depend on the pieces. From begin to the end, regions are the run's: inputs must not be written, outputs hold
 * nothing. Beginning another run, a self-test or a reset takes the run's place.
 *
 * Cancel ends the run under way, if there is one: its outputs hold nothing, and the state region is zero, as in a
 * session just opened; who wants to keep the state copies it before begin. A run that another one took the place of
 * leaves the state as far as its ops have written it. Advance without a run under way is SYN_ERROR_CANCELLED. */
syn_result syn_session_begin(syn_session *session, uint32_t entry, uint32_t rows);
syn_result syn_session_advance(syn_session *session, uint32_t ops_max);
syn_result syn_session_cancel(syn_session *session);

/* The state region: copy it out to save a session, in to restore it, across to fork it. */
syn_result syn_session_state(syn_session *session, void **out_data, size_t *out_bytes);
syn_result syn_session_reset(syn_session *session);

/* Runs one self-test vector of the model; overwrites inputs and state. SYN_ERROR_GOLDEN if its digest differs. */
syn_result syn_session_self_test(syn_session *session, uint32_t golden);
/* The same in pieces: syn_session_advance answers SYN_ERROR_GOLDEN at its end if the digest differs. */
syn_result syn_session_begin_self_test(syn_session *session, uint32_t golden);

/* What each op of an entry has cost since the profile was last reset. */
typedef struct syn_op_profile {
  uint32_t size;
  const char *op; /* NUL-terminated */
  const char *name; /* of the op's weight or output tensor */
  uint32_t name_bytes;
  uint32_t runs;
  uint64_t ticks;
  uint64_t macs;         /* multiply-accumulates, all runs */
  uint64_t weight_bytes; /* read from the file, all runs */
  uint64_t activation_bytes; /* read and written, all runs */
} syn_op_profile;
syn_result syn_session_get_profile(const syn_session *session, uint32_t entry, uint32_t op,
                                   syn_op_profile *out_profile);
syn_result syn_session_reset_profile(syn_session *session);

/* Kernels by themselves, whatever the model: on seeded operands each computes, to the bit, what the generic kernels
 * compute on every machine. Needs `syn_kernel_check_bytes` of memory, 64-byte aligned, whose contents are lost; with
 * NULL it only says its name and work. */
typedef struct syn_kernel_check {
  uint32_t size;
  const char *name; /* NUL-terminated: "linear i8" */
  uint32_t passed;  /* 1: it computes what it should */
  uint64_t ticks;   /* what it has cost; without `ticks` 0 */
  uint64_t macs;    /* multiply-accumulates that it has done */
} syn_kernel_check;
uint32_t syn_kernel_check_count(void);
uint32_t syn_kernel_check_bytes(void);
syn_result syn_kernel_check_run(uint32_t index, void *memory, size_t memory_bytes, syn_ticks ticks, void *user,
                                syn_kernel_check *out_check);

const char *syn_result_name(syn_result result);
uint32_t syn_api_version(void);
/* The instruction set that the inner loops use: "generic", "avx2", "avx512vnni", "simd128", ... */
const char *syn_isa_name(void);

/* SHA-256, which the runtime has for its packs anyway: begin, add bytes in pieces of any size, end. A state may be
 * copied as it is, and needs no end. */
typedef struct syn_sha256 {
  uint64_t state[14]; /* the runtime's own */
} syn_sha256;
void syn_sha256_begin(syn_sha256 *hash);
void syn_sha256_add(syn_sha256 *hash, const void *bytes, size_t byte_count);
void syn_sha256_end(syn_sha256 *hash, uint8_t out_digest[32]);

#ifdef __cplusplus
}
#endif
#endif
