//! Cells in, events out: schedules VMs, drives the guest over its channel and reaches verdicts.
//!
//! The only room that knows time. Suites come in as they are ready; each is driven by one worker, in as many VMs as
//! its crashes take; whatever is found out leaves as an [`Event`](kernrig_events::Event), in order, at once.

mod again;
mod answer;
mod channel;
mod clock;
mod console;
mod keep;
mod ports;
mod schedule;
mod session;
mod suite;
mod symbols;
mod timing;
mod transcript;
mod trial;

pub use keep::{Keeper, Kept};
pub use schedule::{Run, Settings, jobs};
pub use symbols::symbols_of;
pub use trial::Trial;
