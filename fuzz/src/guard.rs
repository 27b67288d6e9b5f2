//! An allocator that ends the process where a parser asks for too much memory. libFuzzer's own limit works
//! with a sanitizer's allocator only.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes that one input may take, at once or altogether at a time: 64 MiB.
pub const LIMIT: usize = 64 << 20;

/// Counts what is allocated and refuses what is over [`LIMIT`].
pub struct Guard;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static BEFORE: AtomicUsize = AtomicUsize::new(0);

/// An input begins: what is allocated by now is not its doing.
pub fn begin() {
    BEFORE.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
}

fn taken(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if bytes > LIMIT || live.saturating_sub(BEFORE.load(Ordering::Relaxed)) > LIMIT {
        // Nothing may be allocated here, so the words are few; libFuzzer writes down the input.
        std::process::abort();
    }
}

unsafe impl GlobalAlloc for Guard {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        taken(size);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(old, layout) }
    }
}
