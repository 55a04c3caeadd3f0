//! QEMU as a child process: accelerator probe, command line, serial ports, QMP. Knows nothing of tests.
