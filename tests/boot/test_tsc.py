# SPDX-License-Identifier: BSD-2-Clause
"""Guests whose TSC counts at another rate than the host's (tsc-khz=)."""

import pytest

import systems
import texts
from harness import guest
from test_guests import ends

# In Bochs the host's counts 20 MHz: half as fast, and much faster.
RATES = [10000, 2400000]
GUESTS = [("drift", "", "seconds=2"), ("pvclock", "smp=4", ""), ("x2apic", "", ""),
          ("lapic", "", ""), ("startup", "smp=4", "cpus=4")]


@systems.on("bochs-vmx")
@pytest.mark.parametrize("khz", RATES)
@pytest.mark.parametrize("name, words, options", GUESTS)
def test_scaled(system, khz, name, words, options):
    """The guests compare it with other clocks, between CPUs, and set deadlines by it."""
    m = system(append="on-idle=debug-exit",
               modules=[guest(name, f"mem=16M {words} tsc-khz={khz}", options or None)])
    ends(m, "pass")
    if name == "drift":
        assert m.lines(f"ok .* the TSC runs at {khz} kHz, as CPUID says")


@pytest.mark.parametrize("system", [systems.SYSTEMS[name].parameter(name)
                                    for name in ("qemu-svm", "bochs-vmx-ept")], indirect=True)
def test_cannot_scale(system):
    """One line says so, and another VM runs."""
    m = system(append="on-idle=debug-exit",
               modules=[guest("exitcode", "mem=16M tsc-khz=1000000", "code=1", vm="scaled"),
                        guest("exitcode", "mem=16M", "code=0", vm="other")])
    assert m.wait_code() == 0
    errors = m.lines(texts.ERROR)
    assert len(errors) == 1 and "vm scaled: tsc-khz=: this CPU cannot scale" in errors[0]
