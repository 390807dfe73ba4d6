#pragma once

/// Has malloc keep blocks of up to `block` bytes on its heap instead of mapping each anew, and up to
/// `kept` free bytes at the heap's end. Does nothing with a C library other than glibc.
void CPlatform_keep_memory(int block, int kept);
