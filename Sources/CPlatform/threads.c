#include "CPlatform.h"

#include <pthread.h>
#include <stdlib.h>

struct start {
  void (*body)(void *);
  void *context;
};

static void *run(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  start.body(start.context);
  return NULL;
}

int CPlatform_run_detached(size_t stack_size, void *context, void (*body)(void *)) {
  struct start *start = malloc(sizeof *start);
  if (start == NULL) return 0;
  start->body = body;
  start->context = context;
  pthread_attr_t attributes;
  pthread_t thread;
  int result = pthread_attr_init(&attributes);
  if (result == 0) {
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, stack_size);
    result = pthread_create(&thread, &attributes, run, start);
    pthread_attr_destroy(&attributes);
  }
  if (result != 0) free(start);
  return result == 0;
}
