# SPDX-License-Identifier: BSD-2-Clause
"""A machine that cannot run guests gets one clear line, on serial and on VGA, and a halt."""

import re

import pytest

import texts

VGA_TEXT = 0xB8000
VGA_SIZE = 80 * 25 * 2


def vga_text(m):
    path = f"{m.dir}/vga"
    m.qmp("pmemsave", val=VGA_TEXT, size=VGA_SIZE, filename=path)
    with open(path, "rb") as dump:
        return dump.read()[::2].decode("cp437")


REFUSALS = {
    "max,-svm": texts.NO_VIRTUALIZATION,
    "qemu64,-svm": texts.NO_VIRTUALIZATION,
    # Nested paging is what this version runs guests with.
    "max,-npt": texts.NO_VIRTUALIZATION,
    "max,-nx": texts.NO_NX,
    "qemu64,-nx": texts.NO_NX,
    "qemu64,-lm": texts.NO_LONG_MODE,
    "qemu32": texts.NO_LONG_MODE,
    "pentium3": texts.NO_LONG_MODE,
    "486": texts.NO_LONG_MODE,
}


@pytest.mark.parametrize("cpu", REFUSALS)
def test_refusal(machine, cpu):
    line = REFUSALS[cpu]
    m = machine(cpu=cpu, smp=1, append="on-idle=poweroff")
    said = m.expect(line)[0].strip()
    m.wait_halted()
    m.drain(1)
    assert len(m.lines(line)) == 1
    words = re.sub(r"^\[.*?\] ", "", said)[:70]
    assert words in vga_text(m).replace("\0", " ")
