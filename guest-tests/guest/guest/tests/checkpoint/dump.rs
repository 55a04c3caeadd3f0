//! To see all that a process has.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, Fd, arg, net, nr, open};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::peer::Peer;
use crate::tests::scratch;

const PAGE: usize = 4096;

fn kcmp(one: i32, other: i32, fd: &Fd, other_fd: &Fd) -> Result<usize, Errno> {
    const FILE: usize = 0;
    sys::plain(nr::KCMP, [arg(one), arg(other), FILE, arg(fd.raw()), arg(other_fd.raw())])
}

/// Two descriptors of one open file are told from two open files of one path, also across processes.
pub(crate) fn kcmp_tells_shared_files(_: &Ctx) -> Check {
    let open = || sys::open("/dev/null", open::RDONLY, 0).or_fail("open /dev/null");
    let (one, other) = (open()?, open()?);
    let copy = Fd::new(sys::plain(nr::DUP, [arg(one.raw())]).or_fail("dup")?);
    let own = sys::getpid();
    let same = kcmp(own, own, &one, &copy).or_absent("kcmp")?;
    ensure!(same == 0, "kcmp of a descriptor and its copy: {same}");
    let apart = kcmp(own, own, &one, &other).or_fail("kcmp")?;
    ensure!(apart != 0, "kcmp takes two open files of one path for one");
    let peer = Peer::start(0, |test| {
        test.say("there");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let shared = kcmp(own, peer.pid(), &one, &one).or_fail("kcmp with a child")?;
    let mixed = kcmp(own, peer.pid(), &one, &other).or_fail("kcmp with a child")?;
    ensure!(shared == 0 && mixed != 0, "kcmp with what a child inherited: {shared}, with another file: {mixed}");
    peer.say("go");
    peer.finish()
}

/// A mapping's link in `map_files` leads to the file that is mapped, also when the file has no name any more.
pub(crate) fn map_files_lead_to_the_file(_: &Ctx) -> Check {
    const READ: usize = 1;
    const PRIVATE: usize = 2;
    scratch::own_mounts()?;
    files::create("/tmp/mapped", "what is mapped").or_fail("make a file")?;
    let file = sys::open("/tmp/mapped", open::RDONLY, 0).or_fail("open it")?;
    let at = sys::plain(nr::MMAP, [0, PAGE, READ, PRIVATE, arg(file.raw()), 0]).or_fail("mmap")?;
    drop(file);
    let link = format!("/proc/self/map_files/{at:x}-{:x}", at + PAGE);
    let target = match sys::readlink(&link) {
        Err(Errno::ENOENT) => return Err(Stop::Absent(format!("there is no {link}"))),
        other => other.or_fail(&link)?,
    };
    ensure!(target == "/tmp/mapped", "{link} leads to {target}");
    sys::unlink("/tmp/mapped").or_fail("unlink")?;
    let text = files::read_text(&link).or_fail("open a mapped file that has no name any more")?;
    ensure!(text == "what is mapped", "{link} reads as `{text}`");
    Ok(())
}

/// Whether the page at that address is marked as written to since the marks were cleared.
fn is_soft_dirty(pagemap: &Fd, at: usize) -> Result<bool, Stop> {
    let mut entry = [0u64];
    let args = [arg(pagemap.raw()), entry.as_mut_ptr() as usize, 8, at / PAGE * 8];
    // SAFETY: room for one entry of eight bytes.
    let n = unsafe { sys::call(nr::PREAD64, args) }.or_fail("read /proc/self/pagemap")?;
    ensure!(n == 8, "/proc/self/pagemap gave {n} bytes");
    Ok(entry[0] & (1 << 55) != 0)
}

/// After the marks were cleared a page that is written to is marked, and its neighbour is not.
pub(crate) fn soft_dirty_marks_what_was_written(_: &Ctx) -> Check {
    let memory = sys::map_anonymous(2 * PAGE);
    ensure!(!memory.is_null(), "no memory");
    let (one, other) = (memory, memory.wrapping_add(PAGE));
    let write = |page: *mut u8, byte| {
        // SAFETY: a page of the mapping above.
        unsafe { page.write_volatile(byte) };
    };
    write(one, 1);
    write(other, 1);
    let pagemap = sys::open("/proc/self/pagemap", open::RDONLY | open::CLOEXEC, 0).or_fail("open the pagemap")?;
    let before = is_soft_dirty(&pagemap, one as usize)?;
    ensure!(before, "a page that was just written to has no mark");
    files::write("/proc/self/clear_refs", "4").or_absent("write 4 to /proc/self/clear_refs")?;
    for page in [one, other] {
        ensure!(!is_soft_dirty(&pagemap, page as usize)?, "a page keeps its mark when marks are cleared");
    }
    write(one, 2);
    ensure!(is_soft_dirty(&pagemap, one as usize)?, "a page that was written to after that has no mark");
    ensure!(!is_soft_dirty(&pagemap, other as usize)?, "its neighbour, which was not, has one");
    Ok(())
}

/// A tracer reads the signals that wait for a process, and they go on waiting.
pub(crate) fn pending_signals_are_read_in_place(_: &Ctx) -> Check {
    const SEIZE: usize = 0x4206;
    const INTERRUPT: usize = 0x4207;
    const PEEKSIGINFO: usize = 0x4209;
    const SHARED_QUEUE: u32 = 1;
    const SIG_BLOCK: usize = 0;
    let peer = Peer::start(0, |test| {
        let mask = [1u64 << (sys::sig::USR1 - 1)];
        // SAFETY: a mask of eight bytes; the old one is not asked for.
        unsafe { sys::call(nr::RT_SIGPROCMASK, [SIG_BLOCK, mask.as_ptr() as usize, 0, 8]) }
            .or_fail("block a signal")?;
        sys::kill(sys::getpid(), sys::sig::USR1).or_fail("send a signal to itself")?;
        test.say("pending");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let pid = peer.pid() as usize;
    sys::plain(nr::PTRACE, [SEIZE, pid, 0, 0]).or_absent("ptrace(PTRACE_SEIZE)")?;
    sys::plain(nr::PTRACE, [INTERRUPT, pid, 0, 0]).or_fail("ptrace(PTRACE_INTERRUPT)")?;
    sys::wait(peer.pid(), 0).or_fail("wait for it to stop")?;
    for round in ["first", "second"] {
        // struct ptrace_peeksiginfo_args: offset, flags and how many
        let what = [0u64, u64::from(SHARED_QUEUE) | 4 << 32];
        let mut found = [0u32; 4 * 32];
        let args = [PEEKSIGINFO, pid, what.as_ptr() as usize, found.as_mut_ptr() as usize];
        // SAFETY: arguments of their layout, and room for four siginfo of 128 bytes.
        let count = unsafe { sys::call(nr::PTRACE, args) }.or_absent("ptrace(PTRACE_PEEKSIGINFO)")?;
        ensure!(count == 1, "one signal waits for the process; the {round} look shows {count}");
        ensure!(found[0] == sys::sig::USR1 as u32, "SIGUSR1 waits; the {round} look shows signal {}", found[0]);
    }
    Ok(())
}

fn fdinfo(fd: &Fd) -> Result<alloc::string::String, Stop> {
    let path = format!("/proc/self/fdinfo/{}", fd.raw());
    files::read_text(&path).or_fail(&path)
}

/// The line has the words, whatever spaces are between them.
fn must_have(info: &str, words: &str, what: &str) -> Check {
    let squeezed = |line: &str| line.split_ascii_whitespace().collect::<alloc::vec::Vec<_>>().join(" ");
    let found = info.lines().any(|line| squeezed(line).starts_with(words));
    ensure!(found, "fdinfo of {what} has no `{words}`: {}", squeezed(info));
    Ok(())
}

/// `fdinfo` shows the count of an eventfd, the mask of a signalfd, the targets of an epoll and the watches of inotify.
pub(crate) fn fdinfo_shows_event_files(_: &Ctx) -> Check {
    const ADD: usize = 1;
    const MODIFIED: usize = 2;
    let event = Fd::new(sys::plain(nr::EVENTFD2, [0x1234, 0]).or_fail("eventfd")?);
    must_have(&fdinfo(&event)?, "eventfd-count: 1234", "an eventfd")?;
    let mask = [1u64 << (sys::sig::USR1 - 1)];
    // SAFETY: a mask of eight bytes.
    let signals = unsafe { sys::call(nr::SIGNALFD4, [usize::MAX, mask.as_ptr() as usize, 8, 0]) };
    must_have(&fdinfo(&Fd::new(signals.or_fail("signalfd")?))?, "sigmask: 0000000000000200", "a signalfd")?;
    let epoll = Fd::new(sys::plain(nr::EPOLL_CREATE1, [0]).or_fail("epoll_create1")?);
    // struct epoll_event, packed: events, data
    let watched = [1u32, 0xbeef, 0];
    let args = [arg(epoll.raw()), ADD, arg(event.raw()), watched.as_ptr() as usize];
    // SAFETY: a struct of its layout.
    unsafe { sys::call(nr::EPOLL_CTL, args) }.or_fail("epoll_ctl")?;
    let info = fdinfo(&epoll)?;
    must_have(&info, &format!("tfd: {}", event.raw()), "an epoll")?;
    ensure!(info.contains("beef"), "fdinfo of an epoll lacks the data of its target");
    let inotify = Fd::new(sys::plain(nr::INOTIFY_INIT1, [0]).or_fail("inotify_init1")?);
    let path = c"/tmp";
    let args = [arg(inotify.raw()), path.as_ptr() as usize, MODIFIED];
    // SAFETY: a NUL-terminated path.
    unsafe { sys::call(nr::INOTIFY_ADD_WATCH, args) }.or_fail("inotify_add_watch")?;
    let inode = sys::stat("/tmp").or_fail("stat /tmp")?.ino;
    must_have(&fdinfo(&inotify)?, &format!("inotify wd:1 ino:{inode:x}"), "an inotify")
}

/// `fdinfo` shows when a timerfd is due and how often.
pub(crate) fn fdinfo_shows_timers(_: &Ctx) -> Check {
    const MONOTONIC: usize = 1;
    let timer = Fd::new(sys::plain(nr::TIMERFD_CREATE, [MONOTONIC, 0]).or_fail("timerfd_create")?);
    let when = [7u64, 0, 3_000, 0];
    let args = [arg(timer.raw()), 0, when.as_ptr() as usize, 0];
    // SAFETY: a struct itimerspec; the old one is not asked for.
    unsafe { sys::call(nr::TIMERFD_SETTIME, args) }.or_fail("timerfd_settime")?;
    let info = fdinfo(&timer)?;
    must_have(&info, "clockid: 1", "a timerfd")?;
    must_have(&info, "it_value: (2999,", "a timerfd that is due in 3000 s")?;
    must_have(&info, "it_interval: (7, 0)", "a timerfd that repeats each 7 s")
}

/// `/proc/PID/timers` lists the timers of a process with what they signal.
pub(crate) fn posix_timers_are_listed(_: &Ctx) -> Check {
    const MONOTONIC: usize = 1;
    // struct sigevent: value, signal and SIGEV_SIGNAL
    let mut event = [0u64; 8];
    (event[0], event[1]) = (0xbeef, sys::sig::USR1 as u64);
    let mut id = 0i32;
    let args = [MONOTONIC, event.as_ptr() as usize, (&raw mut id) as usize];
    // SAFETY: a struct sigevent and an int.
    unsafe { sys::call(nr::TIMER_CREATE, args) }.or_fail("timer_create")?;
    let list = match files::read_text("/proc/self/timers") {
        Err(Errno::ENOENT) => return Err(Stop::Absent("there is no /proc/self/timers".into())),
        other => other.or_fail("read /proc/self/timers")?,
    };
    must_have(&list, &format!("ID: {id}"), "the list of timers,")?;
    ensure!(list.contains("signal: 10/") && list.contains("beef"), "the list of timers lacks signal or value: {list}");
    Ok(())
}

/// A task's `children` lists its children, and no longer one that is gone.
pub(crate) fn children_are_listed(_: &Ctx) -> Check {
    let path = format!("/proc/{0}/task/{0}/children", sys::getpid());
    let has = |pid: i32| match files::read_text(&path) {
        Err(Errno::ENOENT) => Err(Stop::Absent(format!("there is no {path}"))),
        other => Ok(other.or_fail(&path)?.split_ascii_whitespace().any(|word| word == format!("{pid}"))),
    };
    let peer = Peer::start(0, |test| test.hear().map(drop))?;
    let pid = peer.pid();
    ensure!(has(pid)?, "{path} lacks the child {pid}");
    peer.say("go");
    peer.finish()?;
    ensure!(!has(pid)?, "{path} has the child {pid}, which was reaped");
    Ok(())
}

/// With `SO_PEEK_OFF` each peek goes on where the last one ended, and all stays to be read.
pub(crate) fn peek_offset_moves_on(_: &Ctx) -> Check {
    const SOL_SOCKET: i32 = 1;
    const SO_PEEK_OFF: i32 = 42;
    const PEEK: i32 = 2;
    let (one, other) = sys::socketpair(net::STREAM).or_fail("socketpair")?;
    sys::sendto(&one, b"abcdef", &[]).or_fail("send")?;
    sys::setsockopt(&other, SOL_SOCKET, SO_PEEK_OFF, &2i32.to_ne_bytes()).or_fail("set SO_PEEK_OFF")?;
    let mut two = [0; 2];
    for expected in [b"cd", b"ef"] {
        let n = sys::recv(&other, &mut two, PEEK).or_fail("peek")?;
        ensure!(n == 2 && two == *expected, "a peek gave {:?}, not {:?}", &two[..n], expected);
    }
    let mut all = [0; 16];
    let n = sys::recv(&other, &mut all, 0).or_fail("recv")?;
    ensure!(&all[..n] == b"abcdef", "after peeks {n} bytes are left to read, not all six");
    Ok(())
}

/// A descriptor of another process is taken as it is: what is written to it there is read here.
pub(crate) fn descriptor_is_taken_from_a_process(_: &Ctx) -> Check {
    let peer = Peer::start(0, |test| {
        let event = Fd::new(sys::plain(nr::EVENTFD2, [0, 0]).or_fail("eventfd")?);
        test.say(&format!("{}", event.raw()));
        test.hear()?;
        sys::write_all(event.raw(), &77u64.to_ne_bytes()).or_fail("write to the eventfd")?;
        test.say("written");
        test.hear().map(drop)
    })?;
    let number: usize = peer.hear()?.parse().map_err(|_| Stop::Fail("the peer told no number".into()))?;
    let process = sys::pidfd_open(peer.pid()).or_fail("pidfd_open")?;
    let taken = sys::plain(nr::PIDFD_GETFD, [arg(process.raw()), number, 0]).or_absent("pidfd_getfd")?;
    let taken = Fd::new(taken);
    peer.ask("write")?;
    let mut count = [0; 8];
    let n = sys::read(&taken, &mut count).or_fail("read the descriptor that was taken")?;
    ensure!(n == 8 && u64::from_ne_bytes(count) == 77, "77 was written there; here {n} bytes came: {count:?}");
    peer.say("go");
    peer.finish()
}
