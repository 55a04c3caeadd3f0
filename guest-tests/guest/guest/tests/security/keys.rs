//! Keyrings: whose they are, and how much a user may keep in them.

use alloc::format;

use super::privileges::become_user;
use crate::files;
use crate::sys::{self, Errno, clone, nr};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::peer::Peer;

const SESSION: usize = -3isize as usize;
const USER_KEYRING: usize = -4isize as usize;

const JOIN_SESSION_KEYRING: usize = 1;
const UNLINK: usize = 9;
const SEARCH: usize = 10;

/// `add_key` of the type `user`.
fn add(name: &str, keyring: usize) -> Result<usize, Errno> {
    let (kind, name) = (c"user", sys::c_string(name)?);
    let content = b"secret";
    let args = [kind.as_ptr() as usize, name.as_ptr() as usize, content.as_ptr() as usize, content.len(), keyring];
    // SAFETY: NUL-terminated strings, and bytes with their length.
    unsafe { sys::call(nr::ADD_KEY, args) }
}

fn search(name: &str, keyring: usize) -> Result<usize, Errno> {
    let (kind, name) = (c"user", sys::c_string(name)?);
    // SAFETY: NUL-terminated strings.
    unsafe { sys::call(nr::KEYCTL, [SEARCH, keyring, kind.as_ptr() as usize, name.as_ptr() as usize, 0]) }
}

fn join_new_session() -> Check {
    sys::plain(nr::KEYCTL, [JOIN_SESSION_KEYRING, 0]).map(drop).or_fail("keyctl(JOIN_SESSION_KEYRING)")
}

/// A key of a session is found by what belongs to the session, and not by who joined a new one.
pub(crate) fn session_keyring_is_left_behind(_: &Ctx) -> Check {
    join_new_session()?;
    let key = add("kr-session", SESSION).or_fail("add a key to the session")?;
    in_child(0, || {
        let found = search("kr-session", SESSION);
        ensure!(found == Ok(key), "a child of the session looks for its key: {found:?}");
        join_new_session()?;
        let found = search("kr-session", SESSION);
        ensure!(found == Err(Errno::ENOKEY), "in a new session the old one's key: {found:?}, not ENOKEY");
        add("kr-new", SESSION).map(drop).or_fail("add a key to the new session")
    })?;
    let found = search("kr-new", SESSION);
    ensure!(found == Err(Errno::ENOKEY), "a child's new session: its key is found in the old one: {found:?}");
    Ok(())
}

/// The same user has another user keyring in a user namespace, where its keys of outside are not found.
pub(crate) fn user_keyring_is_per_user_namespace(_: &Ctx) -> Check {
    join_new_session()?;
    let key = add("kr-user", USER_KEYRING).or_fail("add a key to the user's keyring")?;
    ensure!(search("kr-user", USER_KEYRING) == Ok(key), "the key that was added is not found");
    let peer = Peer::start(clone::NEWUSER, |test| {
        test.say("born");
        test.hear()?;
        sys::plain(nr::SETRESUID, [0; 3]).or_fail("setresuid inside")?;
        join_new_session()?;
        add("kr-inside", USER_KEYRING).or_fail("add a key inside")?;
        let found = search("kr-user", USER_KEYRING);
        ensure!(found == Err(Errno::ENOKEY), "the user's key of outside, inside: {found:?}, not ENOKEY");
        Ok(())
    })?;
    peer.hear()?;
    let path = format!("/proc/{}/uid_map", peer.pid());
    files::write(&path, "0 0 1\n").or_fail(&path)?;
    peer.say("mapped");
    let inside = peer.finish();
    let leaked = search("kr-inside", USER_KEYRING);
    let _ = sys::plain(nr::KEYCTL, [UNLINK, key, USER_KEYRING]);
    inside?;
    ensure!(leaked == Err(Errno::ENOKEY), "a key made inside, outside: {leaked:?}, not ENOKEY");
    Ok(())
}

/// A user keeps as many keys as `maxkeys` says, and root is not held by it.
pub(crate) fn quota_holds_a_user(_: &Ctx) -> Check {
    const LIMIT: &str = "/proc/sys/kernel/keys/maxkeys";
    const KEYS: usize = 12;
    let before = files::read_text(LIMIT).or_fail(&format!("read {LIMIT}"))?;
    files::write(LIMIT, "12").or_fail(&format!("write {LIMIT}"))?;
    let held = in_child(0, || {
        become_user(23_456)?;
        join_new_session()?;
        for i in 0..=KEYS {
            match add(&format!("kr-{i}"), SESSION) {
                Ok(_) => ensure!(i < KEYS, "a user with a quota of {KEYS} keys has {} and a keyring", i + 1),
                // Keyrings count too: one of the session, two of the user.
                Err(Errno::EDQUOT) if i >= KEYS - 4 => return Ok(()),
                Err(errno) => fail!("key number {} of a user with a quota of {KEYS}: {errno}", i + 1),
            }
        }
        Ok(())
    });
    let _ = files::write(LIMIT, before.trim());
    held
}
