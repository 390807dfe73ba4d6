#pragma once

#include <stddef.h>

/// Makes malloc keep blocks of up to `block` bytes on its heap instead of mapping each one, and up
/// to `kept` free bytes at the end of the heap. No effect with a C library other than glibc.
void CPlatform_keep_memory(int block, int kept);

/// Returns free memory at the end of the calling thread's heap to the system; from then on, up to
/// `kept` free bytes are kept there again. No effect with a C library other than glibc.
void CPlatform_release_thread_memory(int kept);

/// Returns free pages of all heaps to the system. No effect with a C library other than glibc.
void CPlatform_release_memory(void);

/// Receives the SRV records that `CPlatform_services` finds. `target` is valid during the call only.
typedef void (*CPlatform_service_handler)(
    void *context, unsigned priority, unsigned weight, unsigned port, const char *target);

/// Queries DNS for the SRV records of a name (RFC 2782), as configured in resolv.conf, and passes
/// each to `handler`. Blocks. Thread-safe.
///
/// Returns 0, or a value of h_errno (netdb.h).
int CPlatform_services(const char *name, void *context, CPlatform_service_handler handler);

/// Calls `body(context)` on a new thread, which ends when `body` returns.
///
/// Returns 0 if the system can't create a thread; `body` isn't called then.
int CPlatform_run_detached(size_t stack_size, void *context, void (*body)(void *context));
