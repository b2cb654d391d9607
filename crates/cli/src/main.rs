//! The `symbolon` binary: everything it does is in the library beside it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request makes and drops many small strings: the allocator of glibc takes a seventh of a processor's time for them.
/// It is built to ask for no huge pages, of which an idle process would keep 16 MiB.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    symbolon::run()
}
