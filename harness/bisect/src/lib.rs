//! Which of a line of kernels to try next, and what to make of what was found: the search, without a VM.

mod changelog;
mod record;
mod search;
mod tags;
mod tries;

pub use changelog::{Entry, between};
pub use record::Record;
pub use search::{Ends, Found, Mark, Next, Search, Wrong, most_steps};
pub use tags::upstream_tags;
pub use tries::{Seen, Tally, Verdict, needed};
