# SPDX-License-Identifier: BSD-2-Clause
"""A machine that cannot run guests gets one clear line, on serial and on VGA, and a halt."""

import re

import pytest

import screen
import texts
from harness import guest
from test_guests import ends

REFUSALS = {
    "max,-svm": texts.NO_VIRTUALIZATION,
    "qemu64,-svm": texts.NO_VIRTUALIZATION,
    # Nested paging is what this version runs guests with.
    "max,-npt": texts.NO_VIRTUALIZATION,
    "max,+svm,+npt,-apic": texts.NO_APIC,
    "max,-nx": texts.NO_NX,
    "qemu64,-nx": texts.NO_NX,
    "qemu64,-lm": texts.NO_LONG_MODE,
    "qemu32": texts.NO_LONG_MODE,
    "pentium3": texts.NO_LONG_MODE,
    "486": texts.NO_LONG_MODE,
}
# Models of Bochs, and words of the line.
IN_BOCHS = {
    "core2_penryn_t9600": "VMX without what this version needs: .*EPT",
    "turion64_tyler": r"SVM without nested paging \(NPT\)",
    "athlon64_venice": "neither SVM .* nor VMX",
    "p4_prescott_celeron_336": "neither SVM .* nor VMX",
    "p4_willamette": "no long mode",
    "core_duo_t2400_yonah": "no long mode",  # with VMX
}


# XSAVE, and nothing in CPUID leaf 0Dh.1: one wrong write to CR4 there is a silent end.
# Guests do not have it then.
@pytest.mark.parametrize("cpu", ["Opteron_G4", "Opteron_G5,-xsaveopt"])
@pytest.mark.parametrize("name", ["cpuid", "fpu"])
def test_odd_models_run_guests(machine, cpu, name):
    m = machine(cpu=cpu, append="on-idle=debug-exit", modules=[guest(name, "mem=16M")])
    ends(m, "pass")


@pytest.mark.parametrize("cpu", REFUSALS)
def test_refusal(machine, cpu):
    line = REFUSALS[cpu]
    m = machine(cpu=cpu, smp=1, append="on-idle=poweroff")
    said = m.expect(line)[0].strip()
    m.wait_halted()
    m.drain(1)
    assert len(m.lines(line)) == 1
    words = re.sub(r"^\[.*?\] ", "", said)[:70]
    assert words in screen.vga_text(m)


@pytest.mark.parametrize("model", IN_BOCHS)
def test_refusal_in_bochs(bochs, model):
    m = bochs(model=model, smp=1, append="on-idle=poweroff", modules=[guest("hello", "mem=16M")])
    said = m.expect(texts.REFUSAL)[0]
    assert re.search(IN_BOCHS[model], said)
    m.drain(1)
    assert len(m.lines(r"error: |warning: |cannot|Halted")) == 1
    assert not m.lines(texts.HELLO)
