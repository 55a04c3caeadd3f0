//! `kernrig decode` with a vmlinux or a System.map: addresses become functions, files and lines.

use std::fs;
use std::process::Command;

use kernrig_symbols::Symbols;

use crate::{finish, folder, kernrig};

/// Builds a vmlinux of a few functions; `None`, and said so, where there is no C compiler.
fn vmlinux(folder: &tempfile::TempDir) -> Option<Symbols> {
    let source = folder.path().join("init/main.c");
    fs::create_dir(folder.path().join("init")).expect("a folder");
    fs::write(&source, include_str!("crashes.c")).expect("a file");
    let flags = "-O2 -g -ffreestanding -nostdlib -static -mcmodel=kernel -fno-pie -no-pie -fno-stack-protector \
        -fno-delete-null-pointer-checks -fcf-protection=none -Wl,-Ttext=0xffffffff81000000 -Wl,-estart_kernel";
    let mut cc = Command::new("cc");
    let built =
        cc.args(flags.split_ascii_whitespace()).arg("-o").arg(folder.path().join("vmlinux")).arg(&source).output();
    match built {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("cc: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            eprintln!("SKIPPED: decode --vmlinux: no cc: {error}");
            return None;
        }
    }
    let bytes = fs::read(folder.path().join("vmlinux")).expect("the vmlinux");
    Some(Symbols::from_elf(&bytes).expect("it has symbols"))
}

/// An oops with addresses only.
fn oops(pointer: u64, returned: u64) -> String {
    format!(
        "[    1.000000] BUG: unable to handle kernel NULL pointer dereference at (null)\n\
         [    1.000000] IP: [<{pointer:x}>] {pointer:#x}\n\
         [    1.000000] Oops: 0002 [#1] SMP \n\
         [    1.000000] RIP: 0010:[<{pointer:x}>]  [<{pointer:x}>] {pointer:#x}\n\
         [    1.000000] Call Trace:\n\
         [    1.000000]  [<{returned:x}>] {returned:#x}\n\
         [    1.000000] ---[ end trace 6dcaf7f2300b743b ]---\n"
    )
}

#[test]
fn debug_information_gives_files_lines_and_inlined_functions() {
    let folder = folder();
    let Some(symbols) = vmlinux(&folder) else { return };
    let address = |name| symbols.address(name).expect("it is there");
    // The return address is the end of the only call: somewhere before the end of the function.
    let (pointer, caller) = (address("crashes"), address("start_kernel"));
    fs::write(folder.path().join("log"), oops(pointer, caller + 6)).expect("the log");
    let (code, out, err) = finish(kernrig(&folder).args(["decode", "log", "--vmlinux", "vmlinux"]));
    assert_eq!(code, 1, "{err}");
    assert!(out.starts_with("BUG: unable to handle kernel NULL pointer dereference in crashes\n"), "{out}");
    assert!(out.contains("crashes+0x0/") && out.contains("init/main.c:"), "{out}");
    assert!(out.contains("start_kernel+0x6/"), "{out}");
    let (code, line, _) = finish(kernrig(&folder).args(["decode", "--format", "line", "log", "--vmlinux", "vmlinux"]));
    assert_eq!((code, line.contains("bad-access:crashes:start_kernel")), (1, true), "{line}");
    // Somewhere in that function stands what was inlined into it.
    let size = symbols.at(pointer).expect("a function").size;
    let inlined = (0..size).any(|offset| {
        fs::write(folder.path().join("log"), oops(pointer + offset, caller + 6)).expect("the log");
        let (_, out, _) = finish(kernrig(&folder).args(["decode", "log", "--vmlinux", "vmlinux"]));
        out.contains("] innermost init/main.c:6 [inline]\n") && out.contains("] middle init/main.c:12 [inline]\n")
    });
    assert!(inlined, "{out}");
}

#[test]
fn what_gives_no_symbols_says_why_and_what_to_give() {
    let folder = folder();
    fs::write(folder.path().join("log"), oops(0xffff_ffff_8100_0000, 0xffff_ffff_8100_0010)).expect("the log");
    let stub = "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
    fs::write(folder.path().join("System.map"), stub).expect("a file");
    for (arguments, expected) in [
        (["--system-map", "System.map"], "it is a stub"),
        (["--system-map", "nowhere"], "cannot read nowhere"),
        (["--vmlinux", "log"], "no 64-bit ELF file"),
        (["--kernel", "nosuch"], "no kernel has such a name"),
        (["--kernel", "debian-*"], "a log is of one kernel"),
    ] {
        let (code, _, err) = finish(kernrig(&folder).args(["decode", "log"]).args(arguments));
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}
