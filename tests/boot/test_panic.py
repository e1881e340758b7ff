# SPDX-License-Identifier: BSD-2-Clause
"""What a broken hypervisor says. The shell's panic command stands for a failed check; for a
trap, a command's code is overwritten through the debugger port and the command is called.
"""

import re

import pytest

import texts
from harness import guest, symbols

REGISTERS = "rax rbx rcx rdx rsi rdi rbp rsp r8 r15 rip cr0 cr2 cr3 cr4".split()
FEW_CALLS = 3


@pytest.fixture
def broken(machine):
    """Start a machine that will panic at a command; returns it after its report."""
    def start(command, cpus=1, code=None):
        m = machine(append="on-idle=shell", smp=cpus)
        m.expect(texts.PROMPT)
        if code:
            m.poke(symbols()[f"cmd_{command}"], code)
        m.send(command + "\r")
        m.expect(texts.PANIC, panic_ok=True)
        m.expect(texts.PANIC_END, panic_ok=True)
        return m
    return start


def backtrace(m):
    """The names in the report's backtrace, innermost first."""
    return re.findall(r"[0-9a-f]{16}  (\S+)\+0x[0-9a-f]+", m.text().split("backtrace:")[1])


def test_report_of_a_panic(broken):
    m = broken("panic")
    names = backtrace(m)
    assert "cmd_panic" in names[:FEW_CALLS]
    assert "shell_input" in names
    assert "?" not in names
    assert re.search(texts.PANIC_VCPU, m.text())[1] == "none"
    for register in ("cr0", "cr3", "cr4"):
        assert re.search(rf"\b{register}\s+[0-9a-f]+", m.text()), register


FRAME = "55 4889e5"  # push rbp; mov rbp, rsp
TRAPS = {
    "#UD": FRAME + "0f0b",  # ud2
    "#PF": FRAME + "31c0 8b00",  # xor eax, eax; mov eax, [rax]
    "#GP": FRAME + "48b8 0000000000008080 8b00",  # the same with a non-canonical address
    "#DE": FRAME + "31c9 f7f1",  # xor ecx, ecx; div ecx
    "#BP": FRAME + "cc",
    # A call of itself, until the stack's guard page: pushing the frame of the page fault
    # faults as well, and only a stack of its own lets the double fault report.
    "#DF": "e8fbffffff",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_report_of_a_trap(broken, trap):
    m = broken("version", cpus=2, code=bytes.fromhex(TRAPS[trap]))
    report = m.text().split("*** Sill panic")[1]
    assert trap in report.split("\n")[0]
    for register in REGISTERS:
        assert re.search(rf"\b{register}\s+[0-9a-f]{{16}}\b", report), register
    assert backtrace(m)[0] == "cmd_version"
    if trap != "#DF":  # there the stack holds nothing but return addresses to cmd_version
        assert "shell_input" in backtrace(m)
    assert re.search(texts.PANIC_STOPPED, report).groups() == ("1", "1")


def test_other_cpus_are_stopped(broken):
    m = broken("panic", cpus=3)
    assert re.search(texts.PANIC_STOPPED, m.text()).groups() == ("2", "2")
    for cpu in range(3):
        m.wait_halted(cpu)


def test_running_vcpu_is_named(machine):
    """The boot CPU runs the guest here, and traps when it serves the console."""
    m = machine(append="on-idle=shell", smp=1, modules=[guest("reset", "mem=16M", "ask=1")])
    m.expect(texts.GUEST_ASKS)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    m.send("panic\r")
    m.expect(texts.PANIC_END, panic_ok=True)
    assert re.search(texts.PANIC_VCPU, m.text())[1].startswith("reset")
