#pragma once

#include <stddef.h>

/// Has malloc keep blocks of up to `block` bytes on its heap instead of mapping each anew, and up to
/// `kept` free bytes at the heap's end. Does nothing with a C library other than glibc.
void CPlatform_keep_memory(int block, int kept);

/// Gives back what's free at the end of the calling thread's heap; afterwards `kept` free bytes are kept
/// there again. Does nothing with a C library other than glibc.
void CPlatform_release_thread_memory(int kept);

/// Gives back free pages of all heaps. Does nothing with a C library other than glibc.
void CPlatform_release_memory(void);

/// What takes the SRV records that `CPlatform_services` finds. `target` is there during the call only.
typedef void (*CPlatform_service_handler)(
    void *context, unsigned priority, unsigned weight, unsigned port, const char *target);

/// Asks DNS for the SRV records of a name (RFC 2782), as resolv.conf says, and hands each to `handler`.
/// Blocks. Safe on several threads at a time.
///
/// Returns 0, or a value of h_errno (netdb.h).
int CPlatform_services(const char *name, void *context, CPlatform_service_handler handler);

/// Calls `body(context)` on a new thread, which ends with it.
///
/// Returns 0 where the system has no thread to give; `body` isn't called then.
int CPlatform_run_detached(size_t stack_size, void *context, void (*body)(void *context));
