# SPDX-License-Identifier: BSD-2-Clause
"""The doctor, and what real machines do that emulators do not by themselves: NMIs at any time."""

import os
import re
import socket
import time
import struct

import pytest

import texts
from harness import LIMIT, guest, packet, symbols
from systems import SYSTEMS


def storm(m, count):
    """NMIs to all CPUs, as fast as the monitor takes them."""
    for _ in range(count):
        m.qmp("inject-nmi")


def nmis(m):
    """How many each CPU has counted."""
    m.send("cpus\r")
    counts = []
    while True:
        found = m.expect(r"nmis=(\d+)|" + texts.PROMPT)
        if not found[1]:
            return counts
        counts.append(int(found[1]))


def run_to(m, symbol):
    """Let a machine that was started with -S run until its boot CPU gets to a symbol."""
    path = os.path.join(m.dir, "gdb")
    m.monitor(f"gdbserver unix:{path},server=on,wait=off")
    where = f"1,{symbols()[symbol]:x},1"
    with socket.socket(socket.AF_UNIX) as gdb:
        gdb.settimeout(LIMIT)
        gdb.connect(path)
        packet(gdb, f"Z{where}")
        gdb.sendall(b"$c#63")
        answer = b""
        while b"$T05" not in answer:
            answer += gdb.recv(1000)
        packet(gdb, f"z{where}")


def test_nmi_before_there_is_an_idt(machine):
    """Firmware has left LINT1 open: without our mask, this one resets the machine."""
    m = machine(append="on-idle=shell", smp=1, extra=["-S"])
    run_to(m, "nmi_masked")
    storm(m, 1)
    m.qmp("cont")
    m.expect(texts.PROMPT)
    assert nmis(m) == [0]


def test_nmis_while_booting(machine):
    """Through the start of all CPUs to the shell."""
    m = machine(append="on-idle=shell log=debug", smp=4, extra=["-S"])
    run_to(m, "nmi_masked")
    m.qmp("cont")
    end = time.monotonic() + LIMIT
    while not m.lines(texts.PROMPT):
        assert time.monotonic() < end
        storm(m, 10)
        m.drain(0)
    assert m.lines(r"cpu: 4 of 4 up")
    assert all(count > 0 for count in nmis(m))


def test_nmis_while_a_guest_runs(machine):
    m = machine(append="on-idle=debug-exit", smp=2, modules=[guest("hlt", "mem=16M")])
    m.expect(r"ok 1 ")
    storm(m, 500)
    assert m.wait_exit() == 1


def test_nmis_while_idle(machine):
    """They wake a CPU from its HLT, and it goes back to sleep."""
    m = machine(append="on-idle=shell", smp=2)
    m.expect(texts.PROMPT)
    before = nmis(m)
    storm(m, 100)
    after = nmis(m)
    assert len(after) == 2
    # Those that come before the last one is taken are one with it.
    assert all(b > a for a, b in zip(before, after))


# VAL, UC, EN, MISCV, ADDRV, PCC and a code; the same corrected.
UNCORRECTED = 0xBE00000000000175
CORRECTED = 0x8C00000000000151


@pytest.mark.parametrize("cpu", [0, 1])
def test_machine_check_is_reported(machine, cpu):
    """While Sill sleeps: one in a guest is the guest's in QEMU, whatever is intercepted."""
    m = machine(append="on-idle=shell", smp=2)
    m.expect(texts.PROMPT)
    m.monitor(f"mce {cpu} 3 {UNCORRECTED:#x} 0x4 0x1234000 0x8c")
    found = m.expect(texts.PANIC + r": #MC[^\n]*", panic_ok=True)
    assert f"CPU {cpu}" in found[0]
    m.expect(r"machine check bank 3: uncorrected error, code 0175, context corrupt, "
             r"status be00000000000175, address 1234000, misc 8c", panic_ok=True)
    m.expect(r"machine check global status 4: the program at rip cannot be continued",
             panic_ok=True)
    m.expect(texts.PANIC_END, panic_ok=True)


def test_machine_check_from_before(machine):
    """Firmware, or the system before, has left one in a bank: it is said, and does no harm."""
    m = machine(append="on-idle=shell", smp=2, extra=["-S"])
    run_to(m, "nmi_masked")
    m.monitor(f"mce 0 5 {CORRECTED:#x} 0x0 0x5678000 0x0")
    m.qmp("cont")
    m.expect(r"warning: cpu 0: machine check from before the start: bank 5: corrected error, "
             r"code 0151, status 8c00000000000151, address 5678000")
    m.expect(texts.PROMPT)


def test_clock_sources(machine):
    """Each one by itself, and what is taken when there is neither a PM timer nor a PIT."""
    measured = {}
    for name, words in {"pm-timer": "ACPI PM timer", "hpet": "HPET", "pit": "PIT"}.items():
        m = machine(append=f"on-idle=poweroff clock={name}")
        found = m.expect(rf"clock: TSC (\d+)\.\d+ MHz by the {words}")
        measured[name] = int(found[1])
        assert m.wait_exit() == 0
    assert measured["hpet"] == pytest.approx(measured["pm-timer"], rel=0.01)
    # The PIT's end is looked at once: on a busy host QEMU may be late.
    assert measured["pit"] == pytest.approx(measured["pm-timer"], rel=0.5)


@pytest.mark.parametrize("extra, what", [
    (["-machine", "pc,pit=off,hpet=off", "-no-acpi"], "no PM timer and no HPET"),
    (["-machine", "pc", "-no-acpi"], None),
])
def test_without_acpi(machine, extra, what):
    """What is left is the PIT; without it, a line."""
    m = machine(append="on-idle=shell", smp=1, extra=extra)
    if what:
        m.expect(rf"error: clock: nothing that clock=auto allows tells [^\n]*{what}")
        m.expect(r"Sill cannot run here: it has no clock[^\n]*Halted")
    else:
        m.expect(r"clock: TSC \d+\.\d+ MHz by the PIT")
        m.expect(texts.PROMPT)


def test_clock_that_cannot_be_had(machine):
    m = machine(append="on-idle=shell clock=cpuid", smp=1)
    m.expect(r"error: clock: nothing that clock=cpuid allows tells")
    m.expect(r"Sill cannot run here: it has no clock[^\n]*Halted")


def spcr(port, interface=0, speed=7):
    """The body of a table SPCR, without its header."""
    space, width = 1, 8
    body = struct.pack("<B3xBBBBQBBIBBBBBBHH", interface, space, width, 0, 1, port, 3, 4, 4,
                       speed, 0, 1, 0, 0, 0, 0xFFFF, 0xFFFF)
    return body.ljust(44, b"\0")


def spcr_option(path, table):
    (path / "spcr").write_bytes(table)
    return ["-acpitable", f"sig=SPCR,rev=2,data={path}/spcr"]


def test_spcr_names_the_port(machine, tmp_path):
    """The firmware's console is COM2: so is ours. COM1, where nothing is said, is another one."""
    extra = ["-serial", "null"] + spcr_option(tmp_path, spcr(0x2F8))
    m = machine(append="on-idle=shell", extra=extra)
    m.expect(texts.BANNER)
    m.expect(texts.PROMPT)
    m.send("cpus\r")  # its interrupt arrives, too
    m.expect(r"index=0\b")


def test_console_word_beats_spcr(machine, tmp_path):
    m = machine(append="on-idle=shell console=com1", extra=spcr_option(tmp_path, spcr(0x2F8)))
    m.expect(texts.PROMPT)


@pytest.mark.parametrize("table, why", [
    (spcr(0x2F8, interface=3), "its port is not a 16550"),
    (spcr(0x2F8, speed=5), "its speed 5 does not exist"),
    (spcr(0x2F8)[:20], "it is too short"),
])
def test_bad_spcr_is_ignored(machine, tmp_path, table, why):
    m = machine(append="on-idle=shell", extra=spcr_option(tmp_path, table))
    m.expect(rf"warning: acpi: the table SPCR is ignored: {why}")
    m.expect(texts.PROMPT)


# Lines that each machine gets, whatever they say.
MATTERS = ["boot loader", "serial port", "screen", "memory", "ACPI", "CPUs", "power-off", "reset",
           "clocks", "TSC", "CPU", "1 GiB pages", "SMEP", "SMAP", "UMIP", "XSAVE", "invariant TSC",
           "x2APIC", "machine check banks", "verdict"]
CANNOT = r"doctor: lacks verdict: Sill cannot run guests here: "
DOCTOR_DONE = r"doctor: done"


def doctor(machine, **config):
    """Run it; returns the machine that has ended, and its lines by matter."""
    config["append"] = "doctor on-idle=debug-exit " + config.get("append", "")
    m = machine(**config)
    m.expect(DOCTOR_DONE)
    assert m.wait_code() == 0
    found = [re.search(r"doctor: (ok|warn|lacks) +([^:]+): (.*)", line)
             for line in m.lines(r"doctor: (ok|warn|lacks) ")]
    assert all(found)
    said = {}
    for match in found:
        said.setdefault(match[2], []).append((match[1], match[3]))
    for matter in MATTERS:
        assert matter in said, matter
    return m, said


@pytest.mark.parametrize("kind", ["pc", "q35"])
def test_doctor_where_all_is_well(machine, kind):
    m, said = doctor(machine, cpu="max,+svm,+npt", smp="4,maxcpus=7", extra=["-machine", kind])
    assert not m.lines("doctor: lacks")
    assert said["verdict"] == [("ok", "this CPU can run Sill's guests, by SVM with NPT")]
    assert said["CPUs"][0][1].startswith("4 enabled, 3 disabled entries, 0 repeated")
    assert said["serial port"] == [("ok", "3f8, 115200 baud (COM1, the default)")]
    assert said["screen"] == [("ok", "VGA text at b8000")]
    assert said["nested paging (NPT)"] == [("ok", "yes")]
    assert ("MCFG" in said["ACPI"][0][1]) == (kind == "q35")
    assert not m.lines(r"virtualization: SVM")  # it has stopped before


def test_doctor_in_bochs(bochs):
    m, said = doctor(bochs, **SYSTEMS["bochs-vmx"].config)
    assert said["verdict"][0][0] == "ok"
    for matter in ("VMX", "nested paging (EPT)", "unrestricted guest"):
        verdict, text = said[matter][0]
        assert verdict == "ok" and text.startswith("yes"), matter


WITHOUT = {
    "max,-svm": "neither SVM nor VMX",
    "qemu64,-svm": "neither SVM nor VMX",
    "qemu64": "nested paging",
    "max,-npt": "nested paging",
    "max,vendor=GenuineIntel,-svm": "neither SVM nor VMX",
}


@pytest.mark.parametrize("cpu", WITHOUT)
def test_doctor_where_sill_cannot_run(machine, cpu):
    m, said = doctor(machine, cpu=cpu, smp=1)
    assert m.lines(CANNOT + ".*" + WITHOUT[cpu])
    assert any("turn it on in the firmware's setup" in text or "needs it" in text
               for lines in said.values() for verdict, text in lines if verdict == "lacks")


def test_doctor_counts_memory(machine):
    m, said = doctor(machine, mem="5G", smp=1)
    stretches = m.lines(r"doctor: ok +memory: [0-9a-f]{12}-[0-9a-f]{12} usable")
    assert len(stretches) == 2
    total = next(text for _, text in said["memory"] if "stretches" in text)
    assert re.match(r"5119 MiB usable in 3 stretches with 2 gaps, 2048 MiB above 4 GiB", total)


def test_doctor_without_acpi(machine):
    m, said = doctor(machine, smp=1, extra=["-no-acpi"])
    assert said["ACPI"][0][0] == "lacks"
    assert said["power-off"][0][0] == "warn"
    assert said["verdict"][0][0] == "ok"


def test_without_local_apic(machine):
    m = machine(cpu="max,+svm,+npt,-apic", smp=1)
    m.expect(r"Sill cannot run here: this CPU has no local APIC[^\n]*Halted")
    m = machine(cpu="max,+svm,+npt,-apic", smp=1, append="doctor on-idle=debug-exit")
    m.expect(r"doctor: lacks start-up: this CPU has no local APIC")
    m.expect(CANNOT + "of what is missing above")
    assert m.wait_exit() == 1


def test_doctor_halts(machine):
    """As the README says, when on-idle= says nothing else."""
    m = machine(append="doctor", smp=2)
    m.expect(DOCTOR_DONE + ": halted")
    m.wait_halted()


def test_doctor_tells_how_the_port_was_found(machine, tmp_path):
    extra = ["-serial", "null"] + spcr_option(tmp_path, spcr(0x2F8, speed=0))
    m, said = doctor(machine, smp=1, extra=extra)
    assert said["serial port"] == [
        ("ok", "2f8, as fast as firmware left it (as the firmware's table SPCR says)")]
    m, said = doctor(machine, smp=1, append="console=com1,57600")
    assert said["serial port"] == [("ok", "3f8, 57600 baud (as console= says)")]
