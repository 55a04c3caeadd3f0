//! Bugs of the calls that mount, of what lists mounts, and of files mapped from an overlay.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::mount_api::{
    FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, fsconfig, fsconfig_descriptor, fsconfig_key, fsopen,
};
use crate::sys::{self, Errno, Fd, arg, clone, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child};
use crate::tests::scratch::{self, folder, tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("bug::cve_2022_0185::full_page_takes_no_more", full_page_takes_no_more),
    ("bug::cve_2021_4154::source_is_no_descriptor", source_is_no_descriptor),
    ("bug::mountinfo::unmount_between_reads", unmount_between_reads),
    ("bug::overlay_options::escaped_names", escaped_names),
    ("bug::overlay_map_files::mapping_leads_to_the_union", mapping_leads_to_the_union),
];

const PAGE: usize = 4096;

/// Kinds that took their options as one page of text, newest converts last.
const KINDS: &[&str] = &["devpts", "ext2", "vfat", "ext4", "9p", "ecryptfs", "minix", "romfs"];

/// A context that keeps options as text: one that takes an option nobody knows.
fn text_context() -> Result<Option<(&'static str, Fd)>, Stop> {
    for kind in KINDS {
        let context = match fsopen(kind) {
            Err(Errno::ENODEV) => continue,
            other => other.or_absent(&format!("fsopen({kind})"))?,
        };
        match fsconfig_key(&context, FSCONFIG_SET_FLAG, "kernrig") {
            Ok(()) => return Ok(Some((kind, fsopen(kind).or_fail("fsopen once more")?))),
            Err(Errno::EINVAL) => {}
            Err(errno) => fail!("fsconfig of {kind} with an option nobody knows: {errno}, not EINVAL"),
        }
    }
    Ok(None)
}

/// Options that fill their page to the last byte leave room for none, not even an empty one.
///
/// A bad kernel reckons with a negative rest, agrees, and writes one zero byte behind the page. The pages around it
/// are those of the other contexts that this test holds open, so that the byte harms nobody.
fn full_page_takes_no_more(_: &Ctx) -> Check {
    const AROUND: usize = 24;
    let Some((kind, middle)) = text_context()? else {
        return Err(Stop::Skip("no file system of this kernel keeps its options as text any more".into()));
    };
    let before = filled(kind, AROUND)?;
    let long = "k".repeat(255);
    // 255 bytes, then fifteen times a comma and as many: 4095.
    for round in 0..16 {
        fsconfig_key(&middle, FSCONFIG_SET_FLAG, &long).or_fail(&format!("option {round} of {kind}"))?;
    }
    let after = filled(kind, AROUND)?;
    let one_more = fsconfig_key(&middle, FSCONFIG_SET_FLAG, "");
    drop((before, after));
    ensure!(one_more == Err(Errno::EINVAL), "an option on top of 4095 bytes of {kind}: {one_more:?}, not EINVAL");
    Ok(())
}

/// Contexts that each hold a page of options.
fn filled(kind: &str, count: usize) -> Result<Vec<Fd>, Stop> {
    let one = |_| {
        let context = fsopen(kind).or_fail("fsopen")?;
        fsconfig_key(&context, FSCONFIG_SET_FLAG, "kernrig").or_fail("fsconfig")?;
        Ok(context)
    };
    (0..count).map(one).collect()
}

/// The source of a v1 hierarchy is a name; given as a descriptor it would be freed as if it were one.
fn source_is_no_descriptor(_: &Ctx) -> Check {
    let context = fsopen("cgroup").or_absent("fsopen(cgroup)")?;
    let (end, _other) = sys::pipe().or_fail("pipe")?;
    let given = fsconfig_descriptor(&context, "source", &end);
    if given.is_ok() {
        // What closes it frees the open file as text: it stays open for as long as this process lives.
        let _ = context.into_raw();
        fail!("a descriptor was taken for the source of a cgroup hierarchy, not EINVAL");
    }
    ensure!(given == Err(Errno::EINVAL), "a descriptor for the source of a cgroup hierarchy: {given:?}, not EINVAL");
    fsconfig(&context, FSCONFIG_SET_STRING, "source", "kernrig").or_fail("a name for the source")?;
    let twice = fsconfig(&context, FSCONFIG_SET_STRING, "source", "kernrig");
    ensure!(twice == Err(Errno::EINVAL), "a second name for the source: {twice:?}, not EINVAL");
    Ok(())
}

/// A mount that goes between two reads of mountinfo makes none of the others disappear from what is read.
fn unmount_between_reads(_: &Ctx) -> Check {
    const COUNT: usize = 120;
    scratch::own_mounts()?;
    let at = |number: usize| format!("/tmp/{number:0>40}");
    for number in 0..COUNT {
        folder(&at(number))?;
        tmpfs(&at(number))?;
    }
    let file = sys::open("/proc/self/mountinfo", open::RDONLY | open::CLOEXEC, 0).or_fail("open mountinfo")?;
    let mut text = Vec::new();
    let mut chunk = [0; 1024];
    // Until some of these mounts are read, and more are to come.
    while !String::from_utf8_lossy(&text).contains(&at(COUNT / 4)) {
        let n = sys::read(&file, &mut chunk).or_fail("read mountinfo")?;
        ensure!(n > 0, "mountinfo ended before mount {} of {COUNT}", COUNT / 4);
        text.extend_from_slice(&chunk[..n]);
    }
    ensure!(!String::from_utf8_lossy(&text).contains(&at(COUNT - 1)), "one read gave all of mountinfo");
    for number in 0..4 {
        sys::umount(&at(number), 0).or_fail("unmount one that was read")?;
    }
    text.extend(files::read_to_end(&file).or_fail("read on")?);
    let text = String::from_utf8_lossy(&text);
    let missing: Vec<usize> = (0..COUNT).filter(|number| !text.contains(&at(*number))).collect();
    ensure!(missing.is_empty(), "mounts {missing:?} of {COUNT} were left out when 4 before them were unmounted");
    let now = files::read_text("/proc/self/mountinfo").or_fail("read mountinfo anew")?;
    ensure!(!now.contains(&at(0)) && now.contains(&at(4)), "read anew, mountinfo does not show what was unmounted");
    Ok(())
}

/// Folders of layers whose names have commas and colons are given with backslashes before them.
fn escaped_names(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    for path in ["/tmp/lo,wer:1", "/tmp/lower2", "/tmp/up,per", "/tmp/wo,rk", "/tmp/merged"] {
        folder(path)?;
    }
    files::create("/tmp/lo,wer:1/file", "first").or_fail("make a file in a lower layer")?;
    files::create("/tmp/lower2/file", "second").or_fail("make a file in a lower layer")?;
    files::create("/tmp/lower2/other", "second").or_fail("make a file in a lower layer")?;
    let options = r"lowerdir=/tmp/lo\,wer\:1:/tmp/lower2,upperdir=/tmp/up\,per,workdir=/tmp/wo\,rk";
    sys::mount("none", "/tmp/merged", "overlay", 0, options).or_fail(&format!("mount with {options}"))?;
    for (path, expected) in [("/tmp/merged/file", "first"), ("/tmp/merged/other", "second")] {
        let text = files::read_text(path).or_fail(&format!("read {path}"))?;
        ensure!(text == expected, "{path} reads `{text}`, not `{expected}`");
    }
    files::create("/tmp/merged/new", "new").or_fail("make a file in the union")?;
    let text = files::read_text("/tmp/up,per/new").or_fail("read it in the upper layer")?;
    ensure!(text == "new", "in the upper layer the new file reads `{text}`");
    let shown = files::read_text("/proc/self/mounts").or_fail("read /proc/self/mounts")?;
    let line = shown.lines().find(|line| line.contains(" /tmp/merged ")).unwrap_or_default();
    // Written there so that it can be read back: `\\` is `\134` in this file, and a comma may be `\054`.
    ensure!(line.contains("lower2"), "/proc/self/mounts shows the union without its second lower layer: `{line}`");
    Ok(())
}

/// `map_files` of a process that has mapped a file of an overlay lead to the file in the union, and not below it.
fn mapping_leads_to_the_union(_: &Ctx) -> Check {
    const READ: usize = 1;
    const PRIVATE: usize = 2;
    scratch::own_mounts()?;
    for path in ["/tmp/lower", "/tmp/upper", "/tmp/work", "/tmp/merged"] {
        folder(path)?;
    }
    files::create("/tmp/lower/file", "what is mapped").or_fail("make a file in the lower layer")?;
    let options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work";
    sys::mount("none", "/tmp/merged", "overlay", 0, options).or_fail("mount an overlay")?;
    in_child(clone::NEWPID | clone::NEWNS, || {
        sys::mount("proc", "/proc", "proc", 0, "").or_fail("mount proc")?;
        let file = sys::open("/tmp/merged/file", open::RDONLY, 0).or_fail("open a file of the union")?;
        let at = sys::plain(nr::MMAP, [0, PAGE, READ, PRIVATE, arg(file.raw()), 0]).or_fail("mmap")?;
        let mount_of = |fd: &Fd| -> Result<String, Stop> {
            let info = files::read_text(&format!("/proc/self/fdinfo/{}", fd.raw())).or_fail("read fdinfo")?;
            let line = info.lines().find(|line| line.starts_with("mnt_id:"));
            Ok(line.unwrap_or_default().into())
        };
        let here = mount_of(&file)?;
        drop(file);
        let own = format!("{at:x}-{:x}", at + PAGE);
        let all = sys::list("/proc/self/map_files").or_fail("list /proc/self/map_files")?;
        ensure!(all.contains(&own), "/proc/self/map_files has no {own}");
        for name in &all {
            sys::readlink(&format!("/proc/self/map_files/{name}")).or_fail("read a link of map_files")?;
        }
        let link = format!("/proc/self/map_files/{own}");
        let target = sys::readlink(&link).or_fail("read the link")?;
        ensure!(target == "/tmp/merged/file", "the mapping of /tmp/merged/file leads to {target}");
        let opened = sys::open(&link, open::RDONLY, 0).or_fail("open the mapped file by its link")?;
        let (through, there) = (mount_of(&opened)?, files::read_to_end(&opened).or_fail("read it")?);
        ensure!(there == b"what is mapped", "opened by its link the file has {} bytes", there.len());
        ensure!(through == here && !here.is_empty(), "opened by its link it has `{through}`, opened by name `{here}`");
        // SAFETY: the mapping made above, which nothing refers to.
        unsafe { sys::call(nr::MUNMAP, [at, PAGE]) }.or_fail("munmap")?;
        let left = sys::readlink(&link);
        ensure!(left == Err(Errno::ENOENT), "unmapped, its link leads to {left:?}");
        Ok(())
    })
}
