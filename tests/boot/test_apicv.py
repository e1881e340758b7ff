# SPDX-License-Identifier: BSD-2-Clause
"""Local APICs run by the CPU, and by Sill on such a CPU. Of itself Sill does not let Bochs do it."""

import re

import pytest

import systems
import texts
from harness import guest
from test_guests import GUEST_LIMIT, ends

ROUNDS = 1000  # of the guest
GUESTS = [("x2apic", "smp=4"), ("ipi", "smp=4"), ("cr", ""), ("hlt", ""), ("lapic", "")]
# Long ones. Without the CPU's help they run as of expect.txt: Sill takes none of Bochs by itself.
# They use xAPIC mode, where of theirs the CPU can run the TPR, for who uses CR8.
LONG_GUESTS = [("inject", "mem=64M pages=4k", "apic=cr8"),
               ("startup", "mem=16M smp=4", "cpus=4 apic=cr8"),
               ("hostile_smp", "mem=16M smp=4", "how=ipis apic=cr8")]


def exits(m):
    """Wait for the guest's question; returns how many exits it has had, by kind, and answers it."""
    m.expect(texts.GUEST_ASKS)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    m.send("vcpu\r")
    line = m.expect(r"exits: ([^\r\n]*)\r\n" + texts.PROMPT)[1]
    m.send("console apic_exits\r")
    m.send("r")
    return {kind: int(count) for kind, count in re.findall(r"([\w-]+)=(\d+)", line)}


def exits_by(system, words):
    """How many exits the guest's use of CR8 and of x2APIC mode's MSRs makes; and the machine."""
    m = system(append=f"on-idle=debug-exit {words}", smp=1,
               modules=[guest("apic_exits", "mem=16M")])
    start, cr8, x2apic = exits(m), exits(m), exits(m)
    ends(m, "pass")
    by_cr8 = cr8.get("cr", 0) - start.get("cr", 0)
    by_msr = sum(x2apic.get(kind, 0) - cr8.get(kind, 0)
                 for kind in ("wrmsr", "rdmsr", "apic-write", "apic-eoi", "window"))
    return by_cr8, by_msr, m


@systems.on("bochs-vmx")
@pytest.mark.parametrize("words", ["apicv=on", "apicv=off", ""])
def test_exits(system, words):
    """With the CPU's help next to none of what the guest does exits, without it all does."""
    by_cr8, by_msr, m = exits_by(system, words)
    assert bool(m.lines("warning: vmx: Bochs runs")) == (not words)
    if words != "apicv=on":
        # TPR twice, SELF_IPI, EOI; and IRR is read.
        assert (by_cr8, by_msr >= 5 * ROUNDS) == (2 * ROUNDS + 1, True)
    else:
        # The first use of each tells Sill that it is used.
        assert by_cr8 <= 2
        assert by_msr <= 10


@pytest.mark.parametrize("system", [systems.SYSTEMS[name].parameter(name)
                                    for name in ("qemu-svm", "bochs-svm")], indirect=True)
@pytest.mark.parametrize("words", ["apicv=off", ""])
def test_exits_svm(system, words):
    """There the help is with CR8 alone."""
    by_cr8, by_msr, _ = exits_by(system, words)
    assert by_msr >= 5 * ROUNDS
    assert by_cr8 == 2 * ROUNDS + 1 if words else by_cr8 <= 2


@pytest.mark.parametrize("system, apicv", [
    systems.SYSTEMS[name].parameter(name, apicv)
    for name, apicv in (("bochs-vmx", "on"), ("bochs-vmx", "off"), ("qemu-svm", "off"))],
                         indirect=["system"])
@pytest.mark.parametrize("name, words", GUESTS)
def test_guests(system, apicv, name, words):
    m = system(append=f"on-idle=debug-exit apicv={apicv}",
               modules=[guest(name, f"mem=16M {words}")])
    ends(m, "pass")


@systems.on("bochs-vmx")
@pytest.mark.parametrize("name, words, cmdline", LONG_GUESTS)
def test_long_guests(system, name, words, cmdline):
    m = system(append="on-idle=debug-exit apicv=on", modules=[guest(name, words, cmdline)])
    ends(m, "pass")
