//! The allocator: free lists by power of two over chunks from mmap; what is larger is mapped by itself.
//!
//! The guest is single-threaded but for a few tests (`sys/thread.rs`): the lock spins, and is free otherwise.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::sys;

const SMALLEST: usize = 4; // 16 bytes: room for a link, alignment of anything
const LARGEST: usize = 15; // 32 KiB
const CHUNK: usize = 256 * 1024;
const PAGE: usize = 4096;

struct Free {
    next: *mut Free,
}

struct State {
    lists: [*mut Free; LARGEST + 1],
    at: *mut u8,
    left: usize,
}

struct Heap {
    state: UnsafeCell<State>,
    taken: AtomicBool,
}

// SAFETY: `with` lets one thread at a time at the state.
unsafe impl Sync for Heap {}

impl Heap {
    fn with<T>(&self, body: impl FnOnce(&mut State) -> T) -> T {
        while self.taken.swap(true, Ordering::Acquire) {
            sys::sched_yield();
        }
        // SAFETY: this thread holds the lock, and nothing that `body` does allocates.
        let result = body(unsafe { &mut *self.state.get() });
        self.taken.store(false, Ordering::Release);
        result
    }
}

#[global_allocator]
static HEAP: Heap = Heap {
    state: UnsafeCell::new(State { lists: [null_mut(); LARGEST + 1], at: null_mut(), left: 0 }),
    taken: AtomicBool::new(false),
};

/// The power of two that holds the layout, as an exponent; blocks are aligned to their size up to a page.
fn class(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).max(1 << SMALLEST);
    size.next_power_of_two().trailing_zeros() as usize
}

fn pages(layout: Layout) -> usize {
    layout.size().next_multiple_of(PAGE)
}

// SAFETY: blocks come from fresh anonymous mappings or from the free list of their class, and are on one list at most.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        if class > LARGEST {
            return if layout.align() > PAGE { null_mut() } else { sys::map_anonymous(pages(layout)) };
        }
        self.with(|state| allocate(state, class))
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let class = class(layout);
        if class > LARGEST {
            sys::unmap(block, pages(layout));
            return;
        }
        let free: *mut Free = block.cast();
        self.with(|state| {
            // SAFETY: a block has at least 16 bytes, is aligned to them, and is nobody's now.
            unsafe { free.write(Free { next: state.lists[class] }) };
            state.lists[class] = free;
        });
    }
}

fn allocate(state: &mut State, class: usize) -> *mut u8 {
    let head = state.lists[class];
    if !head.is_null() {
        // SAFETY: a block on the list was given back by `dealloc`, which wrote the link.
        state.lists[class] = unsafe { (*head).next };
        return head.cast();
    }
    let size = 1 << class;
    // Blocks of up to a page are aligned to their size; nothing asks for more.
    let align = size.min(PAGE);
    let skip = state.at.align_offset(align);
    if state.left < skip + size {
        state.at = sys::map_anonymous(CHUNK);
        state.left = if state.at.is_null() { 0 } else { CHUNK };
        if state.left == 0 {
            return null_mut();
        }
        return take(state, 0, size);
    }
    take(state, skip, size)
}

fn take(state: &mut State, skip: usize, size: usize) -> *mut u8 {
    let block = state.at.wrapping_add(skip);
    state.at = block.wrapping_add(size);
    state.left -= skip + size;
    block
}
