//! Which cells a run has and which are skipped, with the reason: decided before anything boots.
