//! What a rule is made of. The rules themselves are data: `table.rs`.

use crate::Severity;

/// One step on the way to the function to blame. Steps are taken in order, each from where the last one ended; a step
/// that finds nothing ends the way, and the rule's next way is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The header's group of this number is the innermost frame.
    Named(usize),
    /// The next line with an instruction pointer is the innermost frame.
    Pointer,
    /// The same, but it must stand before any stack: what the line above says is being shown, not one of many.
    PointerFirst,
    /// The next stack with a heading.
    Trace,
    /// The frames that follow, whatever stands between, up to the next heading.
    Follow,
    /// The next stack with its `?` frames too, from the function on that the header names.
    Doubtful,
    /// The next line with this in it; the next step begins behind it.
    After(&'static str),
    /// All following `at: fn+0x1`, as the lock validator prints them.
    Locks,
    /// The next line on which this pattern fits; its group is the frame.
    Line(&'static str),
}

/// Which of the frames found is to blame, those in the skip lists left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choose {
    /// The innermost.
    Innermost,
    /// A stall: where in its loop a stack was caught is chance, so what was called by an entry (system call, timer,
    /// file operation) is blamed.
    Entry,
    /// A task that waits: the innermost that does more than wait.
    Waiter,
}

/// What makes a report one that cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// A stack must be there, and the function to blame in it.
    Stack,
    /// No stack is printed with it.
    Bare,
    /// That this is all there is shows that the rest was lost.
    Never,
}

/// How a header gets on with a report that is open already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// Always a report of its own.
    Never,
    /// A further header of the same splat as long as no stack was printed; of the two the higher rank names it.
    Rank(u8),
    /// One line, complete in itself.
    Alone,
    /// The machine stops: ends the open report, or is one of its own.
    Stop,
}

/// A kind of complaint.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Family, as [`crate::Report::kind`] names it.
    pub(crate) kind: &'static str,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What every line that begins it has in it: lines without are never looked at closer.
    pub(crate) word: &'static str,
    /// Fits the message (prefixes cut off) of the line that begins it. `FN` stands for a function's name, `SRC` for
    /// `file.c:12`, each a group.
    pub(crate) header: &'static str,
    /// `{1}` … are the header's groups, `{at}` the function blamed, `{access}` `Read` or `Write`, `{detail}` the group of
    /// [`Rule::detail`].
    pub(crate) title: &'static str,
    /// Must fit one of the lines after the header, else the rule does not hold and the next that fits is tried.
    pub(crate) detail: &'static str,
    /// How it gets on with an open report.
    pub(crate) join: Join,
    /// The ways to the function blamed.
    pub(crate) look: &'static [&'static [Look]],
    /// Which one that is.
    pub(crate) choose: Choose,
    /// Functions that are not to blame for this kind, besides those that never are. `*` stands for any text.
    pub(crate) skip: &'static [&'static str],
    /// When it is not to be believed.
    pub(crate) trust: Trust,
    /// A wider name under which the same bug is known: `{at}` as above.
    pub(crate) wider: &'static str,
}

/// A rule that begins a report of its own and blames the innermost frame of its stack.
pub(crate) const fn rule(
    kind: &'static str,
    severity: Severity,
    word: &'static str,
    header: &'static str,
    title: &'static str,
) -> Rule {
    Rule {
        kind,
        severity,
        word,
        header,
        title,
        detail: "",
        join: Join::Never,
        look: &[&[Look::Trace]],
        choose: Choose::Innermost,
        skip: &[],
        trust: Trust::Stack,
        wider: "",
    }
}

impl Rule {
    pub(crate) const fn join(mut self, join: Join) -> Self {
        self.join = join;
        self
    }

    pub(crate) const fn look(mut self, look: &'static [&'static [Look]]) -> Self {
        self.look = look;
        self
    }

    pub(crate) const fn choose(mut self, choose: Choose) -> Self {
        self.choose = choose;
        self
    }

    pub(crate) const fn skip(mut self, skip: &'static [&'static str]) -> Self {
        self.skip = skip;
        self
    }

    pub(crate) const fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    pub(crate) const fn detail(mut self, detail: &'static str) -> Self {
        self.detail = detail;
        self
    }

    pub(crate) const fn wider(mut self, wider: &'static str) -> Self {
        self.wider = wider;
        self
    }

    /// The title says all, there is no function to blame.
    pub(crate) const fn bare(self) -> Self {
        self.look(&[]).trust(Trust::Bare)
    }
}
