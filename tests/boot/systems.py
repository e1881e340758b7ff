# SPDX-License-Identifier: BSD-2-Clause
"""The machines on which guests are tested: a table, and what pytest makes of it."""

import pytest

from bochs import Bochs
from harness import Machine


class System:
    """A kind of emulator with its settings, and what is different there."""

    def __init__(self, kind, slow=False, broken=(), **config):
        self.kind, self.config = kind, config
        self.slow = slow  # for make check-full only
        self.broken = broken  # guests for which the emulator, not Sill, is wrong
        in_bochs = kind is Bochs
        # The fixture of the kernel, and words that make its start no longer than it must be.
        self.kernel = "cloud_kernel" if in_bochs else "linux_kernel"
        self.linux_words = "cryptomgr.notests" if in_bochs else ""

    def parameter(self, name, *values):
        marks = [pytest.mark.slow] if self.slow else []
        words = "-".join([name, *map(str, values)])
        return pytest.param(self, *values, id=words, marks=marks)


# Resetting a VM takes 46 ms of a CPU of 20 MHz, too long for the serial port's 16 bytes.
BOCHS_BROKEN = {"hostile_reset"}
BOCHS_SVM_BROKEN = BOCHS_BROKEN | {
    # It keeps interrupts from ending a guest that was entered with them off, which hardware does
    # not: such a guest is left by VMX's preemption timer, with SVM by its own exits only.
    "pio", "hlt", "lapic", "pvclock", "hostile_spin", "hostile_starve",
    "inject",  # a window that is asked for while IF is on already never opens
    "except",  # an intercepted #DB comes without its bits in DR6
    "mmio",  # VMRUN does not load CR2
    "cr",  # a write of CR0 that exits has changed EFER.LMA already
    "hostile_insns",  # MONITOR touches its page before it is intercepted
}

SYSTEMS = {
    "qemu-svm": System(Machine),
    "bochs-vmx": System(Bochs, model="corei7_skylake_x", broken=BOCHS_BROKEN),
    # Without 1 GiB pages, accessed and dirty bits in the EPT, x2APIC, XSAVE.
    "bochs-vmx-old": System(Bochs, model="corei5_arrandale_m520", broken=BOCHS_BROKEN, slow=True),
    # With EPT and without unrestricted guest.
    "bochs-vmx-ept": System(Bochs, model="corei5_lynnfield_750", broken=BOCHS_BROKEN),
    "bochs-svm": System(Bochs, model="ryzen", broken=BOCHS_SVM_BROKEN, slow=True),
}


def everywhere():
    """Values of the fixture `system` for a test that starts guests."""
    return [system.parameter(name) for name, system in SYSTEMS.items()]


def on(*names):
    """A decorator: the fixture starts machines of these systems only."""
    return pytest.mark.parametrize("system", [SYSTEMS[name].parameter(name) for name in names],
                                   indirect=True)


def with_each(argument, values, guest=str):
    """A decorator: the test runs with each value on each system where its guest can."""
    pairs = [system.parameter(name, value) for value in values for name, system in SYSTEMS.items()
             if guest(value) not in system.broken]
    return pytest.mark.parametrize(f"system, {argument}", pairs, indirect=["system"])
