//! The allocator: free lists by power of two over chunks from mmap; what is larger is mapped by itself.
//!
//! The guest is single-threaded (tests fork, they do not start threads), so there is no lock.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

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

struct Heap(UnsafeCell<State>);

// SAFETY: one thread only, see the module's description.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(State { lists: [null_mut(); LARGEST + 1], at: null_mut(), left: 0 }));

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
        // SAFETY: one thread, and nothing in here allocates.
        let state = unsafe { &mut *self.0.get() };
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

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let class = class(layout);
        if class > LARGEST {
            sys::unmap(block, pages(layout));
            return;
        }
        // SAFETY: one thread.
        let state = unsafe { &mut *self.0.get() };
        let free: *mut Free = block.cast();
        // SAFETY: a block has at least 16 bytes, is aligned to them, and is nobody's now.
        unsafe { free.write(Free { next: state.lists[class] }) };
        state.lists[class] = free;
    }
}

fn take(state: &mut State, skip: usize, size: usize) -> *mut u8 {
    let block = state.at.wrapping_add(skip);
    state.at = block.wrapping_add(size);
    state.left -= skip + size;
    block
}
