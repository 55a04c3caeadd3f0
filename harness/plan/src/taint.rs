//! The kernel's taint word: which of its bits are a complaint.

/// The letters of the bits, from bit 0 on (Documentation/admin-guide/tainted-kernels).
const LETTERS: &str = "PFSRMBUDAWCIOELKXTNJ";

/// The bits that a module sets by being loaded, which is what tests do: proprietary, forced, staging, out of tree,
/// unsigned, livepatch, of the distribution's own, an in-kernel test. Every other new bit is a complaint.
const OF_MODULES: &str = "PFCOEKXN";

/// A taint word as `/proc/sys/kernel/tainted` prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taint(pub u64);

/// The bits that tell of the machine or the build and are there from the boot on: out of specification, a firmware
/// workaround, randomised structures.
const OF_THE_MACHINE: &str = "SIT";

impl Taint {
    /// What of this word may be there after a boot without being a complaint.
    #[must_use]
    pub fn of_the_machine(self) -> Self {
        let bits = LETTERS.chars().zip(0..).filter(|(letter, _)| OF_THE_MACHINE.contains(*letter));
        Self(self.0 & bits.fold(0, |mask, (_, bit)| mask | 1_u64 << bit))
    }

    /// Letters of the complaints that are here and were not in `before`; empty if there are none.
    #[must_use]
    pub fn complaints_since(self, before: Self) -> String {
        let new = self.0 & !before.0;
        let bits = (0..64_u32).filter(|bit| new & (1 << bit) != 0);
        let letters = bits.map(|bit| LETTERS.chars().nth(bit as usize).unwrap_or('?'));
        letters.filter(|letter| !OF_MODULES.contains(*letter)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Taint;

    #[test]
    fn only_new_complaints_count() {
        let unsigned_module = 1 << 13;
        let warned = 1 << 9;
        assert_eq!(Taint(unsigned_module).complaints_since(Taint(0)), "");
        assert_eq!(Taint(warned | unsigned_module | 1 << 7).complaints_since(Taint(0)), "DW");
        assert_eq!(Taint(warned).complaints_since(Taint(warned)), "");
        assert_eq!(Taint(1 << 17 | warned).of_the_machine(), Taint(1 << 17));
        assert_eq!(Taint(1 << 2 | 1 << 40).complaints_since(Taint(0)), "S?");
    }
}
