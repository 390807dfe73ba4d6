#pragma once

#include <stdbool.h>
#include <stdint.h>

/// How often this thread has asked the heap for memory: malloc, calloc, realloc, aligned_alloc,
/// posix_memalign and memalign since the thread began.
uint64_t CAllocations_count(void);

/// Bytes that this thread has asked for in those calls.
uint64_t CAllocations_bytes(void);

/// Whether anything is counted: not in a build with a sanitizer, whose own allocator must stay.
bool CAllocations_isCounting(void);
