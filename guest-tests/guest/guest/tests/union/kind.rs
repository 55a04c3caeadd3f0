//! The kinds of union file systems: how each is put together, and what each promises.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, Fd, nr, open};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::disk::Disk;
use crate::tests::scratch::{self, folder};
use crate::tests::union::btrfs;

pub(super) const LOWER: &str = "/tmp/lower";
pub(super) const UPPER: &str = "/tmp/upper";
pub(super) const MERGED: &str = "/tmp/merged";
/// Where the whole of a btrfs is mounted.
pub(super) const POOL: &str = "/tmp/pool";

/// What a kind is and what it promises.
#[derive(PartialEq, Eq)]
pub(super) struct Kind {
    /// Of the file system, as `mount` takes it.
    pub(super) name: &'static str,
    layers: Layers,
    /// What `statfs` answers.
    pub(super) magics: &'static [u64],
    /// Whether an open file keeps the union busy.
    pub(super) files_pin: bool,
    /// How the writable layer remembers a removal.
    pub(super) removal: Removal,
    /// Whether two names of one lower file stay one file over copy-up.
    pub(super) links_hold: Fact,
    /// Whether the link count is that of the names; aufs keeps a name of its own for what it holds together.
    pub(super) counts_links: bool,
    /// Whether one that opened a file to read before it was copied up sees what is written after.
    pub(super) readers_follow: Fact,
    /// Whether a folder of the lower layer may refuse to be renamed (`EXDEV`), as it would have to be copied whole.
    pub(super) lower_folders_stay: bool,
    /// How many unions may lie on each other.
    pub(super) depth: u32,
}

/// How the layers are told to the kernel.
#[derive(PartialEq, Eq)]
enum Layers {
    Overlay { work: bool },
    Branches,
    Snapshot,
}

/// How a removal is remembered.
#[derive(PartialEq, Eq)]
pub(super) enum Removal {
    /// A character device 0/0 by the name that is gone.
    Device,
    /// A symbolic link with an attribute, by the name that is gone.
    Symlink,
    /// A file by the name with `.wh.` before it.
    Prefix,
    /// Not at all: the name is gone from the copy.
    Nothing,
}

/// A yes or no that for some kinds hangs on the version: then the catalog's oddity of that name decides.
#[derive(PartialEq, Eq)]
pub(super) enum Fact {
    Always,
    Never,
    Unless(&'static str),
}

impl Fact {
    pub(super) fn holds(&self, ctx: &Ctx) -> bool {
        match self {
            Fact::Always => true,
            Fact::Never => false,
            Fact::Unless(oddity) => !ctx.expects(oddity),
        }
    }
}

/// Mainline's.
pub(super) const OVERLAY: Kind = Kind {
    name: "overlay",
    layers: Layers::Overlay { work: true },
    magics: &[0x794c_7630],
    files_pin: true,
    removal: Removal::Device,
    links_hold: Fact::Never,
    counts_links: true,
    readers_follow: Fact::Unless("old readers keep old data"),
    lower_folders_stay: true,
    depth: 2,
};

/// Ubuntu's of 11.10 to 15.04, which has no work folder.
pub(super) const OVERLAYFS: Kind = Kind {
    name: "overlayfs",
    layers: Layers::Overlay { work: false },
    // Or its upper layer's: at first it passed that on.
    magics: &[0x794c_764f, 0x0102_1994],
    // What one opens is the layer's own file.
    files_pin: false,
    removal: Removal::Symlink,
    links_hold: Fact::Never,
    counts_links: true,
    readers_follow: Fact::Never,
    lower_folders_stay: true,
    depth: 2,
};

pub(super) const AUFS: Kind = Kind {
    name: "aufs",
    layers: Layers::Branches,
    magics: &[0x6175_6673],
    files_pin: true,
    removal: Removal::Prefix,
    links_hold: Fact::Always,
    counts_links: false,
    readers_follow: Fact::Always,
    lower_folders_stay: true,
    depth: 1,
};

/// A writable snapshot of a subvolume.
pub(super) const BTRFS: Kind = Kind {
    name: "btrfs",
    layers: Layers::Snapshot,
    magics: &[0x9123_683e],
    files_pin: true,
    removal: Removal::Nothing,
    links_hold: Fact::Always,
    counts_links: true,
    readers_follow: Fact::Always,
    lower_folders_stay: false,
    depth: 0,
};

impl Kind {
    /// Whether there is a folder that what is written lands in.
    pub(super) fn has_upper(&self) -> bool {
        self.layers != Layers::Snapshot
    }

    /// Mount options for a writable layer over some lower ones, the topmost first.
    pub(super) fn options(&self, lowers: &[&str], upper: &str, work: &str) -> alloc::string::String {
        match self.layers {
            Layers::Overlay { work: true } => {
                format!("lowerdir={},upperdir={upper},workdir={work}", lowers.join(":"))
            }
            Layers::Overlay { work: false } => format!("lowerdir={},upperdir={upper}", lowers.join(":")),
            Layers::Branches => format!("br={upper}=rw:{}=ro", lowers.join("=ro:")),
            Layers::Snapshot => "subvol=merged".into(),
        }
    }
}

/// Layers on a tmpfs of the test's own, and the union of them mounted.
pub(super) struct Union {
    pub(super) kind: &'static Kind,
    options: alloc::string::String,
    disk: Option<Disk>,
}

impl Union {
    /// Makes the layers, lets `populate` fill [`LOWER`], and mounts the union on [`MERGED`].
    pub(super) fn stage(kind: &'static Kind, populate: impl FnOnce() -> Check) -> Result<Union, Stop> {
        Union::stage_with(kind, "", populate)
    }

    /// As [`Union::stage`], with more mount options.
    pub(super) fn stage_with(kind: &'static Kind, more: &str, populate: impl FnOnce() -> Check) -> Result<Union, Stop> {
        scratch::own_mounts()?;
        for path in [LOWER, UPPER, "/tmp/work", MERGED] {
            folder(path)?;
        }
        let mut options = kind.options(&[LOWER], UPPER, "/tmp/work");
        if !more.is_empty() {
            options = format!("{options},{more}");
        }
        let mut union = Union { kind, options, disk: None };
        if kind.layers == Layers::Snapshot {
            union.disk = Some(btrfs::pool()?);
            btrfs::make_subvolume("lower")?;
            sys::mount(&format!("{POOL}/lower"), LOWER, "", sys::ms::BIND, "").or_fail("bind the subvolume")?;
            // 2.6.32 makes it for root alone.
            sys::chmod(LOWER, 0o755).or_fail("open the subvolume to all")?;
            populate()?;
            sys::sync();
            btrfs::snapshot(LOWER, "merged")?;
        } else {
            populate()?;
        }
        union.mount()?;
        Ok(union)
    }

    /// Mounts it, again.
    pub(super) fn mount(&self) -> Check {
        let source = self.disk.as_ref().map_or("none", |disk| &disk.path);
        // No such type is ENODEV: the module was not there or did not load.
        sys::mount(source, MERGED, self.kind.name, 0, &self.options).or_absent(&format!("mount {}", self.kind.name))
    }

    /// Looks, and looks again after a remount.
    pub(super) fn also_remounted(&self, when: &str, look: impl Fn(&str) -> Check) -> Check {
        look(when)?;
        self.remount()?;
        look("after a remount")
    }

    /// Unmounts all of it and mounts it again: what is not on the layers is forgotten.
    pub(super) fn remount(&self) -> Check {
        if self.kind.layers == Layers::Branches {
            // What `umount.aufs` does first: pseudo-links that were not flushed are told on as a WARNING.
            flush_pseudo_links()?;
        }
        sys::umount(MERGED, 0).or_fail(&format!("unmount {}", self.kind.name))?;
        if let Some(disk) = &self.disk {
            sys::umount(LOWER, 0).or_fail("unmount the lower subvolume")?;
            sys::umount(POOL, 0).or_fail("unmount btrfs")?;
            sys::mount(&disk.path, POOL, "btrfs", 0, "").or_fail("mount btrfs again")?;
            sys::mount(&format!("{POOL}/lower"), LOWER, "", sys::ms::BIND, "").or_fail("bind the subvolume")?;
        }
        self.mount()
    }
}

/// Once every name is copied up, aufs can forget what holds those together that are not: `auplink flush`.
fn flush_pseudo_links() -> Check {
    const CONTROL: &str = "/proc/fs/aufs/plink_maint";
    let mounts = files::read_text("/proc/self/mounts").or_fail("read the mounts")?;
    let line = mounts.lines().find(|line| line.contains(" /tmp/merged aufs ")).unwrap_or_default();
    let id = line.split([' ', ',']).find(|word| word.starts_with("si="));
    let id = id.ok_or_else(|| Stop::Fail(format!("aufs names no si= in `{line}`")))?;
    let control = match sys::open(CONTROL, open::RDWR | open::CLOEXEC, 0) {
        // That of 2.6.32 has none yet, and does not complain.
        Err(Errno::ENOENT) => return Ok(()),
        other => other.or_fail(&format!("open {CONTROL}"))?,
    };
    for word in [id, "clean"] {
        sys::write_all(control.raw(), word.as_bytes()).or_fail(&format!("write {word} to {CONTROL}"))?;
    }
    Ok(())
}

/// The current folder's path, as the kernel knows it.
pub(super) fn current_folder() -> Result<alloc::string::String, sys::Errno> {
    let mut path = [0u8; 512];
    // SAFETY: a buffer of its length.
    let length = unsafe { sys::call(nr::GETCWD, [path.as_mut_ptr() as usize, path.len()]) }?;
    let text = &path[..length.saturating_sub(1)];
    Ok(alloc::string::String::from_utf8_lossy(text).into_owned())
}

/// Opens to read.
pub(super) fn reader(path: &str) -> Result<Fd, Stop> {
    sys::open(path, open::RDONLY | open::CLOEXEC, 0).or_fail(&format!("open {path} to read"))
}

/// Opens to read and write.
pub(super) fn writer(path: &str) -> Result<Fd, Stop> {
    sys::open(path, open::RDWR | open::CLOEXEC, 0).or_fail(&format!("open {path} to write"))
}
