//! The binary: everything is in the library.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// What is freed is wiped, whoever had it: buffers of HTTP and TLS, the environment block of a child, copies
/// that a growing text leaves behind. Secrets of ours are wiped by their types all the same.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    breakglass::cli::run()
}
