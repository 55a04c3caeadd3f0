//! The guest binary: PID 1 of every kernrig VM, from 2.6.32 to today.
//!
//! It mounts what there is to mount, takes commands from the second serial port, runs each test in a process of its
//! own and answers in KTAP. No libc and no std, so that nothing but the test stands between it and the kernel.

#![no_std]
#![no_main]

extern crate alloc;

#[macro_use]
mod test_api;

mod antique;
mod channel;
mod command;
mod dirt;
mod files;
mod heap;
mod memory;
mod modules;
mod payload;
mod power;
mod ready;
mod run;
mod selftest;
mod serve;
mod settle;
mod start;
#[expect(dead_code, reason = "tests of all ages draw on it: each name is here as the kernel has it")]
mod sys;
mod tests;

fn main() {
    ready::mount_all();
    ready::standard_streams();
    ready::all_powers();
    ready::tune();
    serve::serve();
}
