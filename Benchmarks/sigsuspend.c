// Valgrind 3.19 writes into the mask that sigsuspend gets, and libdispatch's is in read-only memory. Its
// main thread, which only waits there, waits here instead.
#include <signal.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
  (void)mask;
  for (;;) pause();
}
