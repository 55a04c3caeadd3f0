//! The guest that an accelerator has to run before it is believed: a ROM of its own instead of a BIOS.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::command::SANDBOX;
use crate::process::spawn;
use crate::user::qemu_user;
use crate::{Accelerator, BootFile, Machine};

#[cfg(target_arch = "x86_64")]
mod code {
    // An accelerator can open its device, create a VM, even run a BIOS, and still be of no use: under kvm-pvm without
    // hardware support a guest's kernel mode is interpreted, at about a million instructions a second; elsewhere
    // interrupts never arrive. So the guest does what a kernel does first: long mode, page tables, some 40 million
    // instructions (10 ms on hardware, 0.1 s under TCG), memory, ten ticks of the timer. Only then it exits.
    //
    // It runs from a ROM at 0xf0000, so addresses are distances from the start plus that.
    core::arch::global_asm!(
        r#"
        .pushsection .rodata.kernrig_probe, "a", @progbits
        .globl kernrig_probe_start
        .globl kernrig_probe_end
        .hidden kernrig_probe_start
        .hidden kernrig_probe_end
    kernrig_probe_start:
        .code16
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        // Page tables, zeroed: level 4 at 0x1000, 3 at 0x2000, 2 at 0x3000 (first GiB) and 0x4000 (fourth GiB).
        movw $0x1000, %di
        xorl %eax, %eax
        movw $0x1000, %cx
        cld
        rep stosl
        movl $0x2003, 0x1000
        movl $0x3003, 0x2000
        movl $0x4003, 0x2018
        // Seven pages of 2 MiB, and the local APIC's, uncached.
        movl $0x000083, 0x3000
        movl $0x200083, 0x3008
        movl $0x400083, 0x3010
        movl $0x600083, 0x3018
        movl $0x800083, 0x3020
        movl $0xa00083, 0x3028
        movl $0xc00083, 0x3030
        movl $0xfee00093, 0x4fb8
        lgdtl %cs:(kernrig_probe_gdtr - kernrig_probe_start)
        movl $0x20, %eax                    // CR4.PAE
        movl %eax, %cr4
        movl $0x1000, %eax
        movl %eax, %cr3
        movl $0xc0000080, %ecx              // EFER.LME
        rdmsr
        orl $0x100, %eax
        wrmsr
        movl %cr0, %eax                     // CR0.PG and PE
        orl $0x80000001, %eax
        movl %eax, %cr0
        ljmpl $8, $(kernrig_probe_long - kernrig_probe_start + 0xf0000)

        .code64
    kernrig_probe_long:
        movl $0x10, %eax
        movl %eax, %ds
        movl %eax, %es
        movl %eax, %ss
        movl $0x8000, %esp
        movl $20000000, %ecx                // compute
    1:  decl %ecx
        jnz 1b
        movl $0x100000, %edi                // touch 12 MiB, page by page
    2:  incl (%rdi)
        addl $0x1000, %edi
        cmpl $0xd00000, %edi
        jb 2b
        // Interrupt table at 0x6000, one gate: vector 0x20, the timer.
        movl $0x6200, %edi
        movl $(kernrig_probe_tick - kernrig_probe_start + 0xf0000), %eax
        movw %ax, (%rdi)
        movl $0x8e000008, 2(%rdi)
        shrl $16, %eax
        movw %ax, 6(%rdi)
        movl $(kernrig_probe_idtr - kernrig_probe_start + 0xf0000), %eax
        lidtq (%rax)
        // Local APIC: on, its LINT0 takes the old interrupt controller's line.
        movl $0xfee00000, %edi
        movl $0x1ff, 0xf0(%rdi)
        movl $0x700, 0x350(%rdi)
        // Old interrupt controller: vectors from 0x20, the timer alone.
        movb $0x11, %al
        outb %al, $0x20
        movb $0x20, %al
        outb %al, $0x21
        movb $0x04, %al
        outb %al, $0x21
        movb $0x01, %al
        outb %al, $0x21
        movb $0xfe, %al
        outb %al, $0x21
        // Timer: rate generator, 1193 to the tick, that is 1 kHz.
        movb $0x34, %al
        outb %al, $0x43
        movb $0xa9, %al
        outb %al, $0x40
        movb $0x04, %al
        outb %al, $0x40
        xorl %ebx, %ebx
        sti
    3:  hlt
        cmpl $10, %ebx
        jb 3b
        cli
        movb $0x10, %al                     // QEMU exits with 2 * 0x10 + 1
        outb %al, $0xf4
    4:  hlt
        jmp 4b
    kernrig_probe_tick:
        incl %ebx
        movb $0x20, %al
        outb %al, $0x20
        iretq

        .balign 8
    kernrig_probe_gdt:
        .quad 0
        .quad 0x00af9b000000ffff            // 64-bit code
        .quad 0x00cf93000000ffff            // data
    kernrig_probe_gdtr:
        .word 23
        .long kernrig_probe_gdt - kernrig_probe_start + 0xf0000
    kernrig_probe_idtr:
        .word 0x20f
        .quad 0x6000
    kernrig_probe_end:
        .popsection
        "#,
        options(att_syntax)
    );

    unsafe extern "C" {
        static kernrig_probe_start: u8;
        static kernrig_probe_end: u8;
    }

    /// The guest's code and data.
    pub(super) fn bytes() -> &'static [u8] {
        let (start, end) = (&raw const kernrig_probe_start, &raw const kernrig_probe_end);
        // SAFETY: both symbols stand in the one read-only section above, the end behind the start.
        unsafe { std::slice::from_raw_parts(start, end.offset_from_unsigned(start)) }
    }
}

/// The ROM: 64 KiB that end at the top of the first MiB and of the fourth GiB.
#[cfg(target_arch = "x86_64")]
fn rom() -> Vec<u8> {
    let mut rom = vec![0xf4; 0x10000];
    rom[..code::bytes().len()].copy_from_slice(code::bytes());
    // Where the CPU begins: ljmp $0xf000, $0.
    rom[0xfff0..0xfff5].copy_from_slice(&[0xea, 0x00, 0x00, 0x00, 0xf0]);
    rom
}

#[cfg(not(target_arch = "x86_64"))]
fn rom() -> Vec<u8> {
    Vec::new()
}

/// QEMU's exit code when the guest has written 0x10 to its exit port.
const RAN: i32 = 33;

/// Runs the probe guest under an accelerator, as the user that VMs run as.
///
/// # Errors
/// Why the accelerator is of no use, in a line: it did not start, or the guest did not reach its exit port in time.
pub fn run_probe_guest(qemu: &Path, accelerator: Accelerator, timeout: Duration) -> Result<Duration, String> {
    let rom = rom();
    if rom.is_empty() {
        return Err("there is a probe guest for x86-64 hosts only".to_owned());
    }
    let rom = BootFile::from_bytes(Path::new("probe.rom"), &rom).map_err(|e| e.to_string())?;
    let machine = Machine::pc(accelerator);
    let path = rom.path_in_child();
    let arguments: Vec<String> = [
        ["-accel", accelerator.name(), "-machine", machine.machine, "-cpu", machine.cpu, "-m", "16M"].as_slice(),
        &["-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-sandbox", SANDBOX],
        &["-bios", &path, "-device", "isa-debug-exit,iobase=0xf4,iosize=1"],
    ]
    .concat()
    .iter()
    .map(|&word| word.to_owned())
    .collect();
    let begun = Instant::now();
    let child =
        spawn(qemu, &arguments, vec![rom.raw_fd()], qemu_user(accelerator).as_ref()).map_err(|e| e.to_string())?;
    let (status, stderr) = crate::vm::wait_or_kill(child, timeout);
    match status.map_err(|e| format!("cannot wait for QEMU: {e}"))? {
        None => Err(format!("its guest did not get to its end within {} s", timeout.as_secs_f32())),
        Some(status) if status.code() == Some(RAN) => Ok(begun.elapsed()),
        Some(status) => Err(format!("QEMU ended with {status}: {}", one_line(&stderr))),
    }
}

fn one_line(text: &str) -> String {
    text.trim().lines().map(str::trim).collect::<Vec<_>>().join("; ").chars().take(300).collect()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::find_qemu;

    #[test]
    fn the_rom_begins_where_the_cpu_does() {
        let rom = rom();
        assert_eq!(rom.len(), 0x10000);
        assert_eq!(rom[0xfff0], 0xea);
        // xorw %ax, %ax in 16-bit code: no operand prefix.
        assert_eq!(rom[..2], [0x31, 0xc0]);
    }

    #[test]
    fn the_control_guest_runs_under_tcg() {
        let qemu = find_qemu().unwrap();
        run_probe_guest(&qemu, Accelerator::Tcg, Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_guest_that_does_not_end_is_killed_and_named() {
        let qemu = find_qemu().unwrap();
        let error = run_probe_guest(&qemu, Accelerator::Tcg, Duration::ZERO).unwrap_err();
        assert!(error.contains("did not get to its end"), "{error}");
    }
}
