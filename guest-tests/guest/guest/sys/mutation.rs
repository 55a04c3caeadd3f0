//! The seam between a test and the kernel where a mutant of the catalog lies; out of the way unless one was asked for.

use core::sync::atomic::{AtomicPtr, Ordering};

use kernrig_catalog::{Lie, Mutant, nr};

use super::syscall6;

/// The lie that this process and its children are told; null: none.
static LIE: AtomicPtr<Lie> = AtomicPtr::new(core::ptr::null_mut());

/// From now on the calls of this process are those of the broken kernel.
pub(crate) fn mutate(mutant: &'static Mutant) {
    LIE.store((&raw const mutant.lie).cast_mut(), Ordering::Relaxed);
}

/// The call as the test sees it.
///
/// # Safety
/// As [`syscall6`].
pub(super) unsafe fn syscall(nr: usize, args: [usize; 6]) -> isize {
    let lie = LIE.load(Ordering::Relaxed);
    if lie.is_null() {
        // SAFETY: the caller answers for it.
        return unsafe { truth(nr, args) };
    }
    // SAFETY: it comes from a 'static reference, and is only read.
    let lie = unsafe { *lie };
    // SAFETY: the caller answers for the arguments. What is changed are flags and sizes by the catalog's hand: a
    // kernel that acts on them wrongly is what the test is there to see.
    unsafe { told(lie, nr, args) }
}

/// # Safety
/// As [`syscall6`].
unsafe fn truth(nr: usize, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the caller answers for it.
    unsafe { syscall6(nr, a, b, c, d, e, f) }
}

/// # Safety
/// As [`syscall6`].
unsafe fn told(lie: Lie, number: usize, mut args: [usize; 6]) -> isize {
    match lie {
        Lie::Ignore { nr, answer } if nr == number => return answer,
        Lie::IgnoreIf { nr, arg, bits, answer } if nr == number && args[arg] & bits == bits => return answer,
        Lie::IgnoreWhen { nr, arg, value, answer } if nr == number && args[arg] == value => return answer,
        Lie::Lose { nr, arg, bits } if nr == number => args[arg] &= !bits,
        Lie::Replace { nr, arg, value } if nr == number => args[arg] = value,
        Lie::LoseIn { nr, arg, offset, bits } if nr == number => {
            let word = (args[arg] + offset) as *mut u64;
            // SAFETY: the argument is the address of a structure that has a word there, says the catalog.
            unsafe { word.write_unaligned(word.read_unaligned() & !bits) };
        }
        Lie::IgnoreWrite { path } if number == nr::WRITE && names(args[0], path) => return args[2].cast_signed(),
        Lie::Read { path, text } if number == nr::READ && names(args[0], path) => {
            // SAFETY: the caller's buffer is good for so many bytes.
            return unsafe { serve(args, text.as_bytes()) };
        }
        _ => {}
    }
    // SAFETY: the caller answers for it.
    let answer = unsafe { truth(number, args) };
    let refused = (-4095..0).contains(&answer);
    match lie {
        Lie::Forgive { nr, answer } if nr == number && refused => answer,
        Lie::Refuse { nr, errno } if nr == number => -(errno as isize),
        _ => answer,
    }
}

/// Whether a descriptor's path ends so.
fn names(fd: usize, end: &str) -> bool {
    let mut link = *b"/proc/self/fd/\0\0\0\0\0\0\0\0";
    let mut digits = [0; 7];
    let (mut count, mut rest) = (0, fd);
    while count == 0 || rest > 0 && count < digits.len() {
        digits[count] = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    for (i, digit) in digits[..count].iter().rev().enumerate() {
        link[14 + i] = *digit;
    }
    let mut path = [0u8; 512];
    let args = [link.as_ptr() as usize, path.as_mut_ptr() as usize, path.len(), 0, 0, 0];
    // SAFETY: a NUL-terminated path, and a buffer of that length.
    let length = unsafe { truth(nr::READLINK, args) };
    usize::try_from(length).is_ok_and(|length| path[..length].ends_with(end.as_bytes()))
}

/// Answers a read out of the text, from the descriptor's own offset, so that the end of the file comes too.
///
/// # Safety
/// `args[1]` is good for `args[2]` bytes.
unsafe fn serve(args: [usize; 6], text: &[u8]) -> isize {
    const SEEK_CUR: usize = 1;
    // SAFETY: no address among the arguments.
    let at = unsafe { truth(nr::LSEEK, [args[0], 0, SEEK_CUR, 0, 0, 0]) };
    let rest = usize::try_from(at).ok().and_then(|at| text.get(at..)).unwrap_or_default();
    let count = rest.len().min(args[2]);
    // SAFETY: the caller answers for the buffer.
    unsafe { core::ptr::copy_nonoverlapping(rest.as_ptr(), args[1] as *mut u8, count) };
    // SAFETY: no address among the arguments.
    unsafe { truth(nr::LSEEK, [args[0], count, SEEK_CUR, 0, 0, 0]) };
    count.cast_signed()
}
