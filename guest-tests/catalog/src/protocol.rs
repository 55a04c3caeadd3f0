//! The words of the channel (ttyS1) and of the console markers (ttyS0).
//!
//! The host drives, the guest keeps no plan. All lines end in `\n`; bytes outside of printable ASCII are noise
//! (2.6.32–3.5 send 0xFF when they probe the port) and are dropped by the host before lines are cut.
//!
//! ```text
//! guest: kernrig-hello 1 release=6.1.0-56-cloud-amd64 cpus=1          (again each second until answered)
//! host:  hello 1 nonce=5f3a9c01d2e4b687
//! guest: ack 0
//! guest: KTAP version 1
//! host:  run 1 ns::uts::hostname_is_private deadline=10 probe=0
//! guest: ack 1                          (begin marker is on the console; the child is forked and waits)
//! host:  token 1 9b1c77aa01f2c3d4       (the child does not know it: it was forked before)
//! guest: # any diagnostic line [9b1c77aa01f2c3d4]
//! guest: ok 1 ns::uts::hostname_is_private [9b1c77aa01f2c3d4]
//! guest: done 1 taint=0 [9b1c77aa01f2c3d4]     (after end marker, RCU and netns settle)
//! host:  settle 2
//! guest: ack 2
//! guest: done 2 taint=0
//! host:  markers 3 count=1000
//! guest: ack 3
//! guest: done 3 taint=0                 (1000 pairs `begin 3 markers.I`, `end 3 I` were written to /dev/kmsg)
//! host:  poweroff 4
//! guest: ack 4                          (then it restarts the machine, which ends QEMU)
//! ```
//!
//! `done` carries `settle=WHY` when the kernel did not come to rest after the test: `timeout` (dying network namespaces
//! are still there), `unkillable` (a process is), and `dirt=KIND,KIND…` when the test left something behind that
//! outlives it: `processes`, `mounts`, `interfaces`, `cgroups`, `sysv-ipc`, `files`, `swap`, `names`.
//! Of the words of `run`, `mutant=I` lies to the test about one system call (`Test::mutants`), `antique=1` shows it a
//! kernel that knows nothing younger than 2.6.32; further `key=value` words are the test's own parameters.
//! The guest may send empty lines: after a test has written to the port, its own lines start afresh.
//!
//! Result lines are KTAP version 1 with the token in brackets at the end: `ok N name`,
//! `not ok N name`, `ok N name # SKIP reason`, `not ok N name # TIMEOUT reason`, `not ok N name # ERROR reason` (the
//! guest itself could not run it: a harness error). The one line that explains a failure is the last
//! `# reason: …` diagnostic before the result. A command the guest has answered already (same number) is
//! acknowledged again and not repeated; the host sends a command again when no `ack` comes.
//!
//! `run N payload::NAME deadline=S` runs what [`PAYLOAD_DIR`] holds under that name. Between token and result its output
//! comes as `|1 line` (standard output) and `|2 line` (standard error), `|! ` once lines of results were left out.
//!
//! Console markers, written to `/dev/kmsg` opened anew each time with priority `<1>`:
//! `kernrig: NONCE boot`, `kernrig: NONCE begin N name`, `kernrig: NONCE end N TOKEN` and, after the kernel has come to
//! rest and before `done`, `kernrig: NONCE settled N TOKEN`: what stands before that one is the test's.

/// Version of the channel protocol; both hello lines carry it.
pub const PROTOCOL: u32 = 1;

/// First word of the guest's hello line.
pub const GUEST_HELLO: &str = "kernrig-hello";

/// First word of the guest's acknowledgement.
pub const ACK: &str = "ack";

/// First word of the line that ends a command's answer.
pub const DONE: &str = "done";

/// First word of a command line that the guest could not understand; the rest says why. It ends that command.
pub const REFUSED: &str = "refused";

/// First word of every console marker.
pub const MARKER: &str = "kernrig:";

/// Longest line either side sends, in bytes with the newline.
pub const MAX_LINE: usize = 512;

/// Most bytes of diagnostics the guest passes on for one test; the rest is cut with a notice.
pub const MAX_DIAGNOSTICS: usize = 16 * 1024;

/// Folder of the initramfs that holds modules, `NAME.ko` with `_` in names.
pub const MODULES_DIR: &str = "/modules";

/// File of the initramfs that lists modules in load order: `NAME dep dep …`, one a line.
pub const MODULES_LIST: &str = "/modules/list";

/// Folder of the initramfs that holds the modules that were broken on purpose for `selftest::*`,
/// `KIND.ko` for each kind that could be made from this kernel's own modules:
/// `oops` (init writes to NULL), `hang` (init turns interrupts off and loops),
/// `warn` and `warn-first` (a stock module and its renamed copy: load `warn-first`, then `warn`),
/// `oops-stock` and `oops-stock-first` (the same trick where it makes a true oops).
pub const FAULTS_DIR: &str = "/faults";

/// What the name of a payload's cell starts with.
pub const PAYLOAD_GROUP: &str = "payload::";

/// Folder of the initramfs with a folder `NAME` for each payload, and beside it `NAME.run`: fields that each end in NUL,
/// the modules to load (names with blanks between), the program, then its arguments.
pub const PAYLOAD_DIR: &str = "/payload";

/// Most bytes of a payload's lines of results (KTAP) that the guest passes on, besides [`MAX_DIAGNOSTICS`] of all others.
pub const MAX_RESULTS: usize = 256 * 1024;

/// The exit code that stands for a skip, as kselftest has it.
pub const EXIT_SKIP: i32 = 4;
