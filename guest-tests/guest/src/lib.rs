//! The static guest binary that is PID 1 in every kernrig VM, built by this crate's build script and embedded.
