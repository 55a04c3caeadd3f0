//! The guest binary: PID 1 of every kernrig VM, from 2.6.32 to today.
//!
//! It mounts what there is to mount, takes commands from the second serial port, runs each test in a process of its
//! own and answers in KTAP. No libc and no std, so that nothing but the test stands between it and the kernel.

#![no_std]
#![no_main]

extern crate alloc;

mod files;
mod heap;
mod memory;
mod start;
#[expect(dead_code, unused_imports, reason = "tests of all ages draw on it: each name is here as the kernel has it")]
mod sys;
#[macro_use]
mod test_api;
mod tests;

fn main() {
    let ctx = test_api::Ctx { probe: false, params: alloc::vec::Vec::new() };
    for (name, test) in tests::TESTS {
        ctx.note(name);
        let _ = test(&ctx);
    }
}
