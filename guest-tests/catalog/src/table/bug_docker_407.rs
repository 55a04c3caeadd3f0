//! docker#407: exec by a thread of a PID namespace's init frees the namespace's own proc mount, from 2.6.24 to 3.7.

use crate::flags::clone;
use crate::mutant::Mutant;
use crate::nr;
use crate::options::{PID_NS, UTS_NS};
use crate::test::{Param, Test, test};

/// With one worker the freed mount often stays as it was and nothing shows: others have to make use of the memory.
const PARAMS: &[Param] = &[
    Param { name: "iterations", default: 24, min: 1, max: 10_000_000 },
    Param { name: "workers", default: 8, min: 1, max: 16 },
    Param { name: "seconds", default: 0, min: 0, max: 86_400 },
    Param { name: "seed", default: 1, min: 0, max: u64::MAX },
];

const NO_PID: Mutant = Mutant::lose("no new PID namespace", nr::CLONE, 0, clone::NEWPID);

const fn inits(name: &'static str, purpose: &'static str) -> Test {
    // pid_namespaces(7): 2.6.24. No version of the repair here: the kernels that lack it are to be caught.
    test(name, purpose).since(2, 6, 24).kconfig(&[PID_NS, UTS_NS]).params(PARAMS).deadline(30).mutants(&[NO_PID])
}

pub(super) const TESTS: &[Test] = &[inits(
    "bug::docker_407::reaping_after_exec",
    "a program that a thread of init became reaps its children, by several inits at once",
)];
