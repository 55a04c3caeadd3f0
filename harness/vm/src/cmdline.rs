//! The words every guest kernel gets on its command line, as data, each with its reason.

use crate::Accelerator;

/// How a kernel is booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// With the words that save time and change nothing a test can see.
    Fast,
    /// Only what the harness cannot do without: for statistics and qualification.
    Stock,
}

/// A word of the kernel's command line.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word.
    pub text: &'static str,
    /// Why it is there.
    pub why: &'static str,
    /// It only saves time: left out of a [`Boot::Stock`].
    pub only_speed: bool,
    /// It is of use under this accelerator alone.
    pub only_with: Option<Accelerator>,
}

const fn word(text: &'static str, why: &'static str) -> Word {
    Word { text, why, only_speed: false, only_with: None }
}

/// The words, in order. A kernel that does not know a word hands it to init or, with a dot in it, drops it, so that
/// none asks for a version: all are safe on 2.6.32.
///
/// Left out on purpose: `quiet` (level 4 also hides warnings, and an oops that follows may be cut short),
/// `tsc_early_khz` (saves 5 %, but the guest's clock runs wrong if the host's TSC frequency is only guessed),
/// `panic=-1` (kernels before 3.4 then never reboot).
pub const WORDS: &[Word] = &[
    word("console=ttyS0,115200", "the kernel's own port; nothing else is ever written to it"),
    word(
        "printk.devkmsg=on",
        "since 4.6 writes to /dev/kmsg are rate limited and console markers get lost while every write succeeds",
    ),
    word("panic=1", "reboot after a panic: with -no-reboot that ends the VM at once instead of at the deadline"),
    word("unknown_nmi_panic", "a CPU that hangs with interrupts off prints its stack when the harness injects an NMI"),
    word("loglevel=5", "warnings and worse, without the chatter of the boot: the port is slow (10 % of a boot)"),
    Word {
        only_with: Some(Accelerator::Tcg),
        ..word("no_timer_check", "on a loaded host the emulated timer comes late and the check panics the kernel")
    },
    Word { only_speed: true, ..word("cryptomgr.notests", "the self-tests of ciphers take 0.3 s of an emulated boot") },
    Word {
        only_speed: true,
        ..word("noreplace-smp", "patching lock prefixes out of a kernel for one CPU takes 0.15 s of an emulated boot")
    },
];

/// The words for a boot under an accelerator, as one string.
#[must_use]
pub fn base_cmdline(accelerator: Accelerator, boot: Boot) -> String {
    let fits = |w: &&Word| w.only_with.is_none_or(|only| only == accelerator) && (boot == Boot::Fast || !w.only_speed);
    WORDS.iter().filter(fits).map(|w| w.text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_boot_keeps_what_the_harness_needs() {
        let stock = base_cmdline(Accelerator::Kvm, Boot::Stock);
        assert_eq!(stock, "console=ttyS0,115200 printk.devkmsg=on panic=1 unknown_nmi_panic loglevel=5");
        let fast = base_cmdline(Accelerator::Tcg, Boot::Fast);
        assert!(fast.starts_with(&stock) && fast.ends_with("no_timer_check cryptomgr.notests noreplace-smp"));
    }

    #[test]
    fn every_word_has_a_reason_and_is_one_word() {
        for word in WORDS {
            assert!(!word.why.is_empty() && !word.text.contains(' '), "{}", word.text);
        }
    }
}
