#include "CPlatform.h"

#if defined(__GLIBC__) || defined(__linux__)
#include <features.h>
#endif

#ifdef __GLIBC__
#include <malloc.h>
#include <stdlib.h>

void CPlatform_keep_memory(int block, int kept) {
  mallopt(M_MMAP_THRESHOLD, block);
  mallopt(M_TRIM_THRESHOLD, kept);
  // A thread's memory is a list of heaps of 64 MiB. One that becomes free is unmapped regardless of the
  // other threshold, unless the one before it has fewer free bytes than this.
  mallopt(M_TOP_PAD, kept);
}

void CPlatform_release_thread_memory(int kept) {
  // glibc trims the end of a heap when a block of 64 KiB or more becomes free.
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  mallopt(M_TOP_PAD, 0);
  void *volatile block = malloc(128 << 10);
  free(block);
  mallopt(M_TRIM_THRESHOLD, kept);
  mallopt(M_TOP_PAD, kept);
}

void CPlatform_release_memory(void) {
  malloc_trim(0);
}
#else
void CPlatform_release_thread_memory(int kept) {
  (void)kept;
}

void CPlatform_release_memory(void) {
}

void CPlatform_keep_memory(int block, int kept) {
  (void)block;
  (void)kept;
}
#endif
