//! Cells in, events out: schedules VMs, drives the guest over its channel and reaches verdicts. The only room that knows time.
