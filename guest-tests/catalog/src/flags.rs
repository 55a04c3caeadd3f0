//! Bits of system calls' arguments that tests and mutants name, from the kernel's uapi headers.

/// Flags of `clone`, `clone3`, `unshare` and `setns`: `linux/sched.h`.
pub mod clone {
    macro_rules! bits {
        ($($name:ident = $bits:literal,)*) => { $(
            #[doc = concat!("`CLONE_", stringify!($name), "`")]
            pub const $name: usize = $bits;
        )* };
    }

    bits! {
        NEWTIME = 0x80, VM = 0x100, FS = 0x200, FILES = 0x400, SIGHAND = 0x800, PIDFD = 0x1000, PTRACE = 0x2000,
        VFORK = 0x4000, PARENT = 0x8000, THREAD = 0x1_0000, NEWNS = 0x2_0000, SYSVSEM = 0x4_0000, SETTLS = 0x8_0000,
        PARENT_SETTID = 0x10_0000, CHILD_CLEARTID = 0x20_0000, UNTRACED = 0x80_0000, CHILD_SETTID = 0x100_0000,
        NEWCGROUP = 0x200_0000, NEWUTS = 0x400_0000, NEWIPC = 0x800_0000, NEWUSER = 0x1000_0000, NEWPID = 0x2000_0000,
        NEWNET = 0x4000_0000, IO = 0x8000_0000, CLEAR_SIGHAND = 0x1_0000_0000, INTO_CGROUP = 0x2_0000_0000,
    }
}

/// Flags of `mount`: `linux/mount.h`.
pub mod ms {
    macro_rules! bits {
        ($($name:ident = $bits:literal,)*) => { $(
            #[doc = concat!("`MS_", stringify!($name), "`")]
            pub const $name: usize = $bits;
        )* };
    }

    bits! {
        RDONLY = 0x1, NOSUID = 0x2, NODEV = 0x4, NOEXEC = 0x8, REMOUNT = 0x20, NOSYMFOLLOW = 0x100, NOATIME = 0x400, BIND = 0x1000,
        MOVE = 0x2000, REC = 0x4000, UNBINDABLE = 0x2_0000, PRIVATE = 0x4_0000, SLAVE = 0x8_0000, SHARED = 0x10_0000,
    }
}
