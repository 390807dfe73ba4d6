// Counts the allocations of each thread. A program that links this defines malloc and its relatives
// itself, so that every library in the process calls these; they count and hand on to glibc's own, by
// the names under which it exports them.

#include "CAllocations.h"

#include <errno.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) \
  || __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#if defined(HAS_SANITIZER) || !defined(__GLIBC__)

uint64_t CAllocations_count(void) { return 0; }
uint64_t CAllocations_bytes(void) { return 0; }
bool CAllocations_isCounting(void) { return false; }

#else

// Thread-local memory of this model is there from the thread's start: reading it never allocates.
#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))

THREAD_LOCAL uint64_t count;
THREAD_LOCAL uint64_t bytes;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static void note(size_t size) {
  count += 1;
  bytes += size;
}

void *malloc(size_t size) {
  note(size);
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  note(number * size);
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  note(size);
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  // A power of two that is a multiple of a pointer's size, says POSIX.
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return EINVAL;
  }
  note(size);
  void *memory = __libc_memalign(alignment, size);
  if (memory == NULL) {
    return ENOMEM;
  }
  *result = memory;
  return 0;
}

void free(void *memory) { __libc_free(memory); }

uint64_t CAllocations_count(void) { return count; }
uint64_t CAllocations_bytes(void) { return bytes; }
bool CAllocations_isCounting(void) { return true; }

#endif
