//! Kernels that are broken on purpose, by lying to one test about one system call: every test must see through one.
//!
//! The lie is told in the guest, between the test and the kernel (`guest/sys/mutation.rs`), in the test's process and
//! all its children. So the test itself is the one that runs everywhere, and what is shown is that its verdict hangs
//! on the effect: a mutant whose test still passes has not been caught.

/// A broken kernel for one test.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What is broken, in words of reports: `limit not set`.
    pub name: &'static str,
    /// How.
    pub lie: Lie,
}

/// What the test is told in place of the truth. `nr` is a number out of [`crate::nr`].
#[derive(Clone, Copy, Debug)]
pub enum Lie {
    /// The call is not made and answers this: a mount or a limit that is accepted and ignored.
    Ignore {
        /// The call.
        nr: usize,
        /// Its answer.
        answer: isize,
    },
    /// As [`Lie::Ignore`], where argument `arg` (0 to 5) has all of `bits` set: one operation of a call that has many.
    IgnoreIf {
        /// The call.
        nr: usize,
        /// Which argument.
        arg: usize,
        /// All of these are set in it.
        bits: usize,
        /// Its answer.
        answer: isize,
    },
    /// As [`Lie::Ignore`], where argument `arg` (0 to 5) is exactly `value`: one command of `prctl`, `fcntl`, `keyctl`.
    IgnoreWhen {
        /// The call.
        nr: usize,
        /// Which argument.
        arg: usize,
        /// Its value.
        value: usize,
        /// The answer.
        answer: isize,
    },
    /// Bits of argument `arg` get lost on the way: a namespace that is not made.
    Lose {
        /// The call.
        nr: usize,
        /// Which argument, 0 to 5.
        arg: usize,
        /// What is lost.
        bits: usize,
    },
    /// Bits of the 64-bit word at `offset` bytes behind the address in argument `arg` get lost: flags of `clone3`.
    LoseIn {
        /// The call.
        nr: usize,
        /// Which argument holds the address.
        arg: usize,
        /// Bytes from it to the word.
        offset: usize,
        /// What is lost.
        bits: u64,
    },
    /// Argument `arg` is replaced.
    Replace {
        /// The call.
        nr: usize,
        /// Which argument, 0 to 5.
        arg: usize,
        /// What it becomes.
        value: usize,
    },
    /// Where the kernel refuses, the caller is told that it went well: a check that is missing.
    Forgive {
        /// The call.
        nr: usize,
        /// What the caller is told.
        answer: isize,
    },
    /// Where the kernel agrees (or refuses otherwise), the caller is told this error.
    Refuse {
        /// The call.
        nr: usize,
        /// The error number.
        errno: i32,
    },
    /// Writes to a file whose path ends so are taken for done and are not.
    IgnoreWrite {
        /// End of the path, as `/proc/self/fd` shows it: `/memory.max`.
        path: &'static str,
    },
    /// Reads of a file whose path ends so give this text instead, then the end of the file.
    Read {
        /// End of the path.
        path: &'static str,
        /// What is read.
        text: &'static str,
    },
}

impl Mutant {
    /// The call does nothing and answers 0.
    pub(crate) const fn ignore(name: &'static str, nr: usize) -> Self {
        Self { name, lie: Lie::Ignore { nr, answer: 0 } }
    }

    /// The call does nothing and answers 0 where that argument has those bits.
    pub(crate) const fn ignore_if(name: &'static str, nr: usize, arg: usize, bits: usize) -> Self {
        Self { name, lie: Lie::IgnoreIf { nr, arg, bits, answer: 0 } }
    }

    /// The call does nothing and answers 0 where that argument has that value.
    pub(crate) const fn ignore_when(name: &'static str, nr: usize, arg: usize, value: usize) -> Self {
        Self { name, lie: Lie::IgnoreWhen { nr, arg, value, answer: 0 } }
    }

    /// Those bits of that argument are lost.
    pub(crate) const fn lose(name: &'static str, nr: usize, arg: usize, bits: usize) -> Self {
        Self { name, lie: Lie::Lose { nr, arg, bits } }
    }

    /// An error of the call is hidden from the test.
    pub(crate) const fn forgive(name: &'static str, nr: usize) -> Self {
        Self { name, lie: Lie::Forgive { nr, answer: 0 } }
    }

    /// Writes to files whose path ends so get lost.
    pub(crate) const fn ignore_write(name: &'static str, path: &'static str) -> Self {
        Self { name, lie: Lie::IgnoreWrite { path } }
    }

    /// A mutant of any other kind.
    pub(crate) const fn new(name: &'static str, lie: Lie) -> Self {
        Self { name, lie }
    }
}
