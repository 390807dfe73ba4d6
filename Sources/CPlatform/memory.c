#include "CPlatform.h"

#if defined(__GLIBC__) || defined(__linux__)
#include <features.h>
#endif

#ifdef __GLIBC__
#include <malloc.h>

void CPlatform_keep_memory(int block, int kept) {
  mallopt(M_MMAP_THRESHOLD, block);
  mallopt(M_TRIM_THRESHOLD, kept);
}
#else
void CPlatform_keep_memory(int block, int kept) {
  (void)block;
  (void)kept;
}
#endif
