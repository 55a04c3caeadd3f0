//! What only mainline's overlay has, and what it once got wrong.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, MNT_DETACH, clone};
use crate::test_api::{Check, Ctx, OrStop as _};
use crate::tests::peer::Peer;
use crate::tests::scratch::{self, folder};
use crate::tests::union::kind::{LOWER, MERGED, OVERLAY, UPPER, Union};
use crate::tests::union::look::{
    LOWER_FILE, MERGED_FILE, UPPER_FILE, append, lower_file, lower_folder, must_be_gone, must_hold, must_list,
};

fn mount(at: &str, options: &str) -> Result<(), Errno> {
    sys::mount("none", at, OVERLAY.name, 0, options)
}

/// A folder that hides what is below it does not, copied up, hide itself too (docker#25244, 0956254a2d5b in 4.8).
pub(super) fn opaqueness_is_not_copied_up(_: &Ctx) -> Check {
    let _union = Union::stage(&OVERLAY, lower_folder)?;
    for name in ["one", "two"] {
        sys::unlink(&format!("/tmp/merged/dir/{name}")).or_fail("remove a file")?;
    }
    sys::rmdir("/tmp/merged/dir").or_fail("remove the folder")?;
    sys::mkdir("/tmp/merged/dir", 0o755).or_fail("make the folder anew")?;
    files::create("/tmp/merged/dir/three", "three").or_fail("make a file in it")?;
    sys::umount(MERGED, 0).or_fail("unmount")?;
    for path in ["/tmp/upper2", "/tmp/work2"] {
        folder(path)?;
    }
    let options = OVERLAY.options(&[UPPER, LOWER], "/tmp/upper2", "/tmp/work2");
    mount(MERGED, &options).or_fail("mount with the old upper as a lower layer")?;
    files::create("/tmp/merged/dir/four", "four").or_fail("make a file in the hiding folder")?;
    sys::umount(MERGED, 0).or_fail("unmount")?;
    mount(MERGED, &options).or_fail("mount again")?;
    must_list("/tmp/merged/dir", &["four", "three"], "its folder copied up")?;
    must_hold("/tmp/merged/dir/three", "three", "its folder copied up")
}

/// Unmounted here and still held by another mount namespace, the layers mount again (moby#34672, 85fdee1eef1a in 4.14).
pub(super) fn layers_of_a_leaked_mount_serve_again(_: &Ctx) -> Check {
    let union = Union::stage(&OVERLAY, lower_file)?;
    append(MERGED_FILE, " and more")?;
    let peer = Peer::start(clone::NEWNS, |test| {
        test.say("holds it");
        test.hear()?;
        must_hold(MERGED_FILE, "lower and more", "in the namespace that kept it")
    })?;
    peer.hear()?;
    sys::umount(MERGED, 0).or_fail("unmount here")?;
    must_be_gone(MERGED_FILE, "unmounted here")?;
    // With `index=on` as the default it would be refused, which is another test's.
    if files::read_text("/sys/module/overlay/parameters/index").is_ok_and(|text| text.starts_with('Y')) {
        peer.say("done");
        return peer.finish();
    }
    union.mount()?;
    must_hold(MERGED_FILE, "lower and more", "mounted again")?;
    peer.say("done");
    peer.finish()
}

/// With an index, layers in use by another mount are refused.
pub(super) fn index_refuses_layers_in_use(_: &Ctx) -> Check {
    let _union = Union::stage_with(&OVERLAY, "index=on", lower_file)?;
    folder("/tmp/second")?;
    let options = format!("{},index=on", OVERLAY.options(&[LOWER], UPPER, "/tmp/work"));
    let mounted = mount("/tmp/second", &options);
    ensure!(mounted == Err(Errno::EBUSY), "layers in use mounted again: {mounted:?}, not EBUSY");
    sys::umount(MERGED, 0).or_fail("unmount")?;
    mount("/tmp/second", &options).or_fail("mount layers that are free again")?;
    must_hold("/tmp/second/file", "lower", "mounted elsewhere")
}

/// With an index, two names of a lower file stay one file over copy-up.
pub(super) fn index_keeps_links_together(_: &Ctx) -> Check {
    let union = Union::stage_with(&OVERLAY, "index=on", || {
        lower_file()?;
        sys::link(LOWER_FILE, "/tmp/lower/name").or_fail("link in the lower layer")
    })?;
    append(MERGED_FILE, " and more")?;
    union.also_remounted("after copy-up", |when| {
        must_hold("/tmp/merged/name", "lower and more", when)?;
        let (one, other) = (sys::stat(MERGED_FILE).or_fail("stat")?, sys::stat("/tmp/merged/name").or_fail("stat")?);
        ensure!((one.ino, one.nlink) == (other.ino, 2), "{when} the names are {:?}, {:?}", one, other);
        must_hold("/tmp/lower/name", "lower", when)?;
        Ok(())
    })?;
    Ok(())
}

/// A lower folder that holds another overlay's upper layer mounts (moby#39475, 0be0bfd2de9d in 5.3).
pub(super) fn lower_above_another_upper_mounts(_: &Ctx) -> Check {
    let _union = Union::stage(&OVERLAY, lower_file)?;
    for path in ["/tmp/lower/inner-upper", "/tmp/lower/inner-work", "/tmp/inner", "/tmp/inner-lower"] {
        folder(path)?;
    }
    let inner = OVERLAY.options(&["/tmp/inner-lower"], "/tmp/lower/inner-upper", "/tmp/lower/inner-work");
    mount("/tmp/inner", &inner).or_fail("mount one with its upper layer below")?;
    for path in ["/tmp/upper2", "/tmp/work2", "/tmp/second"] {
        folder(path)?;
    }
    let outer = OVERLAY.options(&[LOWER], "/tmp/upper2", "/tmp/work2");
    mount("/tmp/second", &outer).or_fail("mount a lower folder that holds another overlay's upper layer")?;
    must_hold("/tmp/second/file", "lower", "mounted above another")?;
    sys::umount("/tmp/inner", 0).or_fail("unmount the inner one")?;
    sys::umount("/tmp/second", 0).or_fail("unmount the outer one")
}

/// With redirects a folder of the lower layer is renamed with all in it.
pub(super) fn redirect_moves_lower_folder(_: &Ctx) -> Check {
    let union = Union::stage_with(&OVERLAY, "redirect_dir=on", lower_folder)?;
    sys::rename("/tmp/merged/dir", "/tmp/merged/moved").or_fail("rename a lower folder with redirect_dir=on")?;
    union.also_remounted("after the rename", |when| {
        must_be_gone("/tmp/merged/dir", when)?;
        must_list("/tmp/merged/moved", &["one", "two"], when)?;
        must_hold("/tmp/merged/moved/one", "one", when)?;
        must_list("/tmp/upper/moved", &[], when)?;
        Ok(())
    })?;
    must_list("/tmp/lower/dir", &["one", "two"], "renamed through the union")
}

/// With metacopy a change of mode copies no data up, and a write then does.
pub(super) fn metacopy_copies_no_data(_: &Ctx) -> Check {
    const MARK: &str = "trusted.overlay.metacopy";
    let union = Union::stage_with(&OVERLAY, "metacopy=on", || {
        lower_file()?;
        files::create(LOWER_FILE, &"0123456789abcdef".repeat(1024)).or_fail("make a larger file")
    })?;
    sys::chmod(MERGED_FILE, 0o600).or_fail("chmod through the union")?;
    let upper = sys::stat(UPPER_FILE).or_fail("stat in the upper layer")?;
    ensure!(upper.mode & 0o777 == 0o600, "after chmod the upper layer's file has mode {:o}", upper.mode);
    ensure!(upper.blocks == 0, "chmod with metacopy=on copied {} blocks of data up", upper.blocks);
    let mark = sys::get_xattr(UPPER_FILE, MARK);
    ensure!(mark.is_ok(), "the file without data has no {MARK}: {mark:?}");
    union.remount()?;
    let bytes = files::read(MERGED_FILE).or_fail("read through the union")?;
    ensure!(bytes.len() == 16 * 1024, "the file of the upper layer's mode and the lower's data has {}", bytes.len());
    append(MERGED_FILE, "+")?;
    let bytes = files::read(UPPER_FILE).or_fail("read in the upper layer")?;
    ensure!(bytes.len() == 16 * 1024 + 1 && bytes.ends_with(b"f+"), "written to, the upper has {}", bytes.len());
    let mark = sys::get_xattr(UPPER_FILE, MARK);
    ensure!(mark.is_err(), "with its data the file still has {MARK}: {mark:?}");
    Ok(())
}

/// An upper layer that was mounted volatile is marked, and is not taken again.
pub(super) fn volatile_upper_is_not_reused(_: &Ctx) -> Check {
    let union = Union::stage_with(&OVERLAY, "volatile", lower_file)?;
    append(MERGED_FILE, " and more")?;
    sys::stat("/tmp/work/work/incompat/volatile").or_fail("find the mark in the work folder")?;
    sys::umount(MERGED, 0).or_fail("unmount")?;
    let mounted = mount(MERGED, &OVERLAY.options(&[LOWER], UPPER, "/tmp/work"));
    ensure!(mounted == Err(Errno::EINVAL), "an upper layer that was volatile mounts: {mounted:?}, not EINVAL");
    sys::rmdir("/tmp/work/work/incompat/volatile/dirty")
        .or_else(|_| sys::unlink("/tmp/work/work/incompat/volatile/dirty"))
        .or_fail("remove what is in the mark")?;
    sys::rmdir("/tmp/work/work/incompat/volatile").or_fail("remove the mark")?;
    sys::rmdir("/tmp/work/work/incompat").or_fail("remove the folder of marks")?;
    union.mount()?;
    must_hold(MERGED_FILE, "lower and more", "its mark removed")
}

/// Layers that make no sense together are refused: no work folder, or one inside the upper layer.
pub(super) fn senseless_layers_are_refused(_: &Ctx) -> Check {
    let _union = Union::stage(&OVERLAY, lower_file)?;
    for path in ["/tmp/u", "/tmp/u/work", "/tmp/m"] {
        folder(path)?;
    }
    for (what, options) in [
        ("upper without work", format!("lowerdir={LOWER},upperdir=/tmp/u")),
        ("work inside upper", format!("lowerdir={LOWER},upperdir=/tmp/u,workdir=/tmp/u/work")),
        ("an option of no meaning", format!("lowerdir={LOWER},upperdir=/tmp/u,workdir=/tmp/work,kernrig=1")),
    ] {
        let mounted = mount("/tmp/m", &options);
        // 5.10 answers for the missing work folder what an allocation before it would have.
        let refused = matches!(mounted, Err(Errno::EINVAL | Errno::ENOMEM));
        ensure!(refused, "{what}: {mounted:?}, not EINVAL");
    }
    let mounted = mount("/tmp/m", "lowerdir=/tmp/none,upperdir=/tmp/u,workdir=/tmp/work");
    ensure!(mounted == Err(Errno::ENOENT), "a lower layer that is not there: {mounted:?}, not ENOENT");
    Ok(())
}

/// Root of a user namespace mounts an overlay of its own, which copies up and removes; outside it is nobody's root.
pub(super) fn user_namespace_mounts_its_own(_: &Ctx) -> Check {
    const FIRST: u32 = 5000;
    scratch::own_mounts()?;
    let peer = Peer::start(clone::NEWUSER | clone::NEWNS, |test| {
        test.say("born");
        test.hear()?;
        sys::setgid(0).or_fail("setgid(0) inside")?;
        sys::setuid(0).or_fail("setuid(0) inside")?;
        scratch::tmpfs(scratch::DIR)?;
        for path in [LOWER, UPPER, "/tmp/work", MERGED] {
            folder(path)?;
        }
        lower_folder()?;
        let options = format!("{},userxattr", OVERLAY.options(&[LOWER], UPPER, "/tmp/work"));
        mount(MERGED, &options).or_fail("mount an overlay in a user namespace")?;
        append(MERGED_FILE, " and more")?;
        sys::unlink("/tmp/merged/other").or_fail("remove through it")?;
        must_hold(MERGED_FILE, "lower and more", "in a user namespace")?;
        must_hold(LOWER_FILE, "lower", "in a user namespace")?;
        must_list(MERGED, &["dir", "file"], "in a user namespace")?;
        let mark = sys::lstat("/tmp/upper/other").or_fail("stat the mark of the removal")?;
        ensure!(mark.rdev == 0 && mark.mode & sys::S_IFMT == sys::S_IFCHR, "the mark has mode {:o}", mark.mode);
        test.say("mounted");
        test.hear()?;
        sys::umount(MERGED, MNT_DETACH).or_fail("unmount inside")
    })?;
    peer.hear()?;
    for file in ["gid_map", "uid_map"] {
        let path = format!("/proc/{}/{file}", peer.pid());
        files::write(&path, &format!("0 {FIRST} 10\n")).or_fail(&format!("write {path}"))?;
    }
    peer.ask("mapped")?;
    must_be_gone(MERGED_FILE, "mounted in another mount namespace")?;
    let copy = sys::stat(&format!("/proc/{}/root{UPPER_FILE}", peer.pid())).or_fail("look at the copy from outside")?;
    ensure!((copy.uid, copy.gid) == (FIRST, FIRST), "outside the copy belongs to {:?}", (copy.uid, copy.gid));
    peer.say("done");
    peer.finish()
}
