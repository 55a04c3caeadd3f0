//! Events in, reports out: JUnit, JSON lines, terminal text. Consumes events only and never touches the OS.
