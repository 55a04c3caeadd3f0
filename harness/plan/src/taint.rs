//! The kernel's taint word: which of its bits are a complaint.

/// The bits a kernel sets about its own health, with the letter it prints (Documentation/admin-guide/tainted-kernels).
/// The rest tell of modules that were loaded (P, F, C, O, E, K, X, T) or of the machine, and are no complaint.
const COMPLAINTS: &[(u32, char)] = &[(4, 'M'), (5, 'B'), (7, 'D'), (9, 'W'), (14, 'L')];

/// A taint word as `/proc/sys/kernel/tainted` prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taint(pub u64);

impl Taint {
    /// Letters of the complaints that are here and were not in `before`; empty if there are none.
    #[must_use]
    pub fn complaints_since(self, before: Self) -> String {
        let new = self.0 & !before.0;
        COMPLAINTS.iter().filter(|(bit, _)| new & (1 << bit) != 0).map(|(_, letter)| *letter).collect()
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
    }
}
