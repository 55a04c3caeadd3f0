//! What a log says of where its kernel lay: the shift that KASLR gave it, and where modules were loaded.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::Symbols;
use crate::rewrite::{self, Asked};
use crate::table::LOWEST;

/// The kernel is moved by less than this (`KERNEL_IMAGE_SIZE`), in pages at the least.
const SPAN: u64 = 1 << 30;
const PAGE: u64 = 4096;
/// KASLR moves by whole multiples of this (`CONFIG_PHYSICAL_ALIGN`, at the least).
const ALIGN: u64 = 2 << 20;
/// What stacks end with. Two of them at once fit no other shift, but for chance of one in millions.
const BOTTOMS: &[&str] = &[
    "entry_SYSCALL_64_after_hwframe",
    "do_syscall_64",
    "ret_from_fork",
    "ret_from_fork_asm",
    "kthread",
    "worker_thread",
    "kernel_init",
    "secondary_startup_64_no_verify",
    "cpu_startup_entry",
];
/// Frames that agree on a shift, and then no more are asked.
const ENOUGH: u32 = 8;
/// Boots and modules that are kept of one log.
const MOST: usize = 4096;

/// What was found out of each boot in a log. The lines are read once before any can be rewritten: a kernel states its
/// shift last of all, when it panics.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    boots: Vec<Boot>,
}

/// One boot in a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boot {
    stated: Option<u64>,
    /// Shifts by which a frame's symbol and address fit, and how many frames say so.
    votes: BTreeMap<u64, u32>,
    /// Shifts by which a bare address lies in one of [`BOTTOMS`], and in which (bits by its place there).
    guesses: BTreeMap<u64, u32>,
    /// There are bare addresses.
    bare: bool,
    modules: Vec<Loaded>,
}

/// A line of `/proc/modules`.
#[derive(Clone, Debug)]
struct Loaded {
    name: String,
    start: u64,
    size: u64,
}

impl Survey {
    /// Of a log that has no line yet.
    #[must_use]
    pub fn new() -> Self {
        Self { boots: vec![Boot::default()] }
    }

    /// Takes the next line.
    pub fn line(&mut self, line: &[u8], symbols: &Symbols) {
        if begins_boot(line) && self.boots.len() < MOST {
            self.boots.push(Boot::default());
        }
        let Some(boot) = self.boots.last_mut() else { return };
        if let Some(at) = memmem::find(line, b"Kernel Offset: ") {
            boot.stated = stated(line.get(at + 15..).unwrap_or_default()).or(boot.stated);
        } else if memmem::find(line, b"ffffffff").is_some() {
            boot.vote(line, symbols);
            boot.guess(line, symbols);
            boot.module(line);
        }
    }

    /// How far KASLR moved the kernel of a boot (counted from 0: the log before the first `Linux version` line);
    /// `None` if nothing says it was moved.
    #[must_use]
    pub fn shift(&self, boot: usize) -> Option<u64> {
        self.boot(boot)?.shift()
    }

    /// Whether a boot has bare addresses and nothing that says whether its kernel was moved.
    #[must_use]
    pub fn is_at_a_loss(&self) -> bool {
        self.boots.iter().any(|boot| boot.bare && boot.shift().is_none())
    }

    pub(crate) fn boot(&self, number: usize) -> Option<&Boot> {
        self.boots.get(number).or(self.boots.last())
    }
}

impl Boot {
    /// What the kernel stated, else what most frames say, else what stacks end with.
    pub(crate) fn shift(&self) -> Option<u64> {
        let voted = || self.votes.iter().max_by_key(|(_, count)| **count).map(|(shift, _)| *shift);
        self.stated.or_else(voted).or_else(|| self.guessed())
    }

    fn guessed(&self) -> Option<u64> {
        let (shift, fits) = self.guesses.iter().max_by_key(|(_, fits)| fits.count_ones())?;
        (fits.count_ones() > 1).then_some(*shift)
    }

    /// An oops that is no panic does not state the shift: where a stack's last functions lie says it.
    fn guess(&mut self, line: &[u8], symbols: &Symbols) {
        if self.stated.is_some() || !self.votes.is_empty() || self.guesses.len() >= MOST {
            return;
        }
        for address in rewrite::addresses(line) {
            self.bare = true;
            // A return address may be the first behind its function.
            let at = address.value - u64::from(address.asked == Asked::Return);
            for (bit, name) in BOTTOMS.iter().enumerate().filter(|_| address.asked != Asked::Instruction) {
                for (link, size) in symbols.addresses(name).filter_map(|link| Some((link, symbols.at(link)?.size))) {
                    let Some(moved) = at.checked_sub(link) else { continue };
                    if moved < SPAN && moved % ALIGN < size {
                        *self.guesses.entry(moved - moved % ALIGN).or_default() |= 1 << bit;
                    }
                }
            }
        }
    }

    /// The module that lies at a run-time address.
    pub(crate) fn module_at(&self, address: u64) -> Option<&str> {
        let inside = |m: &&Loaded| address.checked_sub(m.start).is_some_and(|offset| offset < m.size);
        self.modules.iter().rev().find(inside).map(|m| m.name.as_str())
    }

    fn vote(&mut self, line: &[u8], symbols: &Symbols) {
        if self.stated.is_some() || self.votes.values().any(|&count| count >= ENOUGH) {
            return;
        }
        let Some((address, name, offset)) = pair(line) else { return };
        for link in symbols.addresses(name).filter(|&link| link >= LOWEST) {
            let shift = address.wrapping_sub(offset).wrapping_sub(link);
            if shift < SPAN && shift.is_multiple_of(PAGE) {
                *self.votes.entry(shift).or_default() += 1;
            }
        }
    }

    /// `dummy 1234 0 - Live 0xffffffffa0003000`.
    fn module(&mut self, line: &[u8]) {
        if memmem::find(line, b" Live 0x").is_none() || self.modules.len() >= MOST {
            return;
        }
        let text = String::from_utf8_lossy(line);
        let Some((before, after)) = text.split_once(" Live 0x") else { return };
        let words: Vec<_> = before.rsplit(' ').take(4).collect();
        let [_, _, size, name] = words.as_slice() else { return };
        let start = u64::from_str_radix(after.split_ascii_whitespace().next().unwrap_or(""), 16);
        if let (Ok(start), Ok(size)) = (start, size.parse()) {
            self.modules.push(Loaded { name: (*name).to_owned(), start, size });
        }
    }
}

/// The first line that every kernel prints.
pub(crate) fn begins_boot(line: &[u8]) -> bool {
    memmem::find(line, b"Linux version ").is_some()
}

/// `0x1f800000 from 0xffffffff81000000 (relocation range: …)`, or `disabled`.
fn stated(text: &[u8]) -> Option<u64> {
    if text.starts_with(b"disabled") {
        return Some(0);
    }
    let digits = text.strip_prefix(b"0x")?;
    let end = digits.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(digits.len());
    let shift = u64::from_str_radix(std::str::from_utf8(digits.get(..end)?).ok()?, 16).ok()?;
    (shift < SPAN).then_some(shift)
}

/// `[<ffffffff810cfdc5>] proc_flush_task+0x85/0x250`: address, function, offset. Of a module's function nothing can
/// be learnt.
fn pair(line: &[u8]) -> Option<(u64, &str, u64)> {
    let text = std::str::from_utf8(line).ok()?;
    let (before, after) = text.rsplit_once(">] ")?;
    let address = u64::from_str_radix(before.rsplit_once("[<")?.1.trim_start_matches("0x"), 16).ok()?;
    let after = after.trim_start_matches(' ');
    let (name, rest) = after.strip_prefix("? ").unwrap_or(after).split_once("+0x")?;
    let (offset, rest) = rest.split_once("/0x")?;
    let offset = u64::from_str_radix(offset, 16).ok()?;
    (!rest.contains('[')).then_some((address, name, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0xffff_ffff_8100_0000;

    fn survey(log: &str) -> Survey {
        let symbols = Symbols::from_sorted(
            [(BASE, b'T', "_text"), (BASE + 0x100, b't', "f"), (BASE + 0x500, b't', "f")].into_iter(),
        );
        let mut survey = Survey::new();
        log.lines().for_each(|line| survey.line(line.as_bytes(), &symbols));
        survey
    }

    #[test]
    fn a_kernel_that_panics_states_its_shift() {
        let log = "[    1.3] Kernel Offset: 0x1f800000 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-0xffffffffbfffffff)";
        assert_eq!(survey(log).shift(0), Some(0x1f80_0000));
        assert_eq!(survey("Kernel Offset: disabled").shift(0), Some(0));
        for odd in [
            "",
            "Kernel Offset: ",
            "Kernel Offset: 0x",
            "Kernel Offset: 0xffffffffffffffffff",
            "Kernel Offset: 0xffffffffffff",
        ] {
            assert_eq!(survey(odd).shift(0), None, "{odd}");
        }
    }

    #[test]
    fn frames_with_symbol_and_address_say_it_too() {
        let log = " [<ffffffff91000110>] ? f+0x10/0x20\n [<ffffffff91000520>] f+0x20/0x30\n [<ffffffffc0000520>] f+0x20/0x30 [m]\n";
        assert_eq!(survey(log).shift(0), Some(0x1000_0000));
        assert_eq!(survey(" [<ffffffff81000110>] f+0x10/0x20").shift(0), Some(0));
        assert_eq!(survey(" [<00000000deadbeef>] f+0x10/0x20").shift(0), None, "a hashed pointer");
    }

    #[test]
    fn an_oops_that_is_no_panic_says_it_by_what_its_stack_ends_with() {
        let table = [
            (BASE, b'T', "_text"),
            (BASE + 0x100, b't', "f"),
            (BASE + 0x500, b'T', "do_syscall_64"),
            (BASE + 0x600, b'T', "entry_SYSCALL_64_after_hwframe"),
            (BASE + 0x700, b'T', "_etext"),
        ];
        let symbols = Symbols::from_sorted(table.into_iter());
        for (log, shift, lost) in [
            (" 0xffffffffb8600140\n 0xffffffffb8600510\n 0xffffffffb8600674\n", Some(0x3760_0000), false),
            // One alone may be chance.
            (" 0xffffffffb8600140\n 0xffffffffb8600510\n", None, true),
            (" ? 0xffffffffb8600510\n ? 0xffffffffb8600674\n", Some(0x3760_0000), false),
            ("RIP: 0010:0xffffffffb8600510\nRIP: 0010:0xffffffffb8600674\n", None, true),
            ("RSP: ffffffffb8600140\n", None, false),
        ] {
            let mut survey = Survey::new();
            log.lines().for_each(|line| survey.line(line.as_bytes(), &symbols));
            assert_eq!((survey.shift(0), survey.is_at_a_loss()), (shift, lost), "{log}");
        }
    }

    #[test]
    fn each_boot_has_its_own() {
        let log = "[    0.0] Linux version 6.1\nKernel Offset: 0x200000 from 0xffffffff81000000\n\
            [    0.0] Linux version 6.1\nKernel Offset: 0x400000 from 0xffffffff81000000\n";
        let survey = survey(log);
        assert_eq!([survey.shift(0), survey.shift(1), survey.shift(2)], [None, Some(0x20_0000), Some(0x40_0000)]);
    }

    #[test]
    fn modules_are_known_from_proc_modules() {
        let survey = survey("dummy 4096 1 - Live 0xffffffffa0003000 (E)\nnonsense Live 0xffffffff\n");
        let boot = survey.boot(0).unwrap();
        assert_eq!(boot.module_at(0xffff_ffff_a000_3fff), Some("dummy"));
        assert_eq!(boot.module_at(0xffff_ffff_a000_4000), None);
    }
}
