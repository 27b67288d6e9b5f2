//! One binary for all targets, because building is what costs: the environment's `FUZZ_TARGET` chooses. With
//! `FUZZ_WRITE_SEEDS` it writes the first seeds into that folder instead.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use breakglass_fuzz::{Target, guard, seeds, target};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: guard::Guard = guard::Guard;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names the target");
    let target = target(&name).expect("FUZZ_TARGET is one of breakglass_fuzz::TARGETS");
    // What it needs for ever is made before anything is counted.
    target(b"");
    target
});

fn prepare() {
    if let Some(folder) = std::env::var_os("FUZZ_WRITE_SEEDS") {
        seeds::write(Path::new(&folder));
        std::process::exit(0);
    }
}

fuzz_target!(init: prepare(), |data: &[u8]| {
    let target = *TARGET;
    guard::begin();
    target(data);
});
