# SPDX-License-Identifier: BSD-2-Clause
"""GRUB boots the same image by multiboot 2, with the same words."""

import os

import pytest

import grub
import texts
from harness import guest


@pytest.fixture
def iso(tmp_path):
    if not os.path.exists(grub.BIOS):
        pytest.skip(f"{grub.BIOS} is not there")
    return lambda append, module: grub.make_iso(tmp_path / "sill.iso", append, [module])


def test_boots_and_runs_a_guest(machine, iso):
    image = iso("on-idle=poweroff", guest("exitcode", "mem=16M", "code=0 some words"))
    m = machine(kernel=None, extra=["-cdrom", str(image)])
    m.expect(texts.BANNER)
    m.expect(texts.EXITCODE)
    assert m.wait_exit() == 0
    assert not m.lines(texts.ERROR)


def test_bad_words_are_named(machine, iso):
    """GRUB gives no file name: the module is named by its number."""
    image = iso("on-idle=poweroff frobnicate=1", guest("exitcode", "mem=lots"))
    m = machine(kernel=None, extra=["-cdrom", str(image)])
    assert m.wait_exit() == 0
    errors = m.lines(texts.ERROR)
    assert len(errors) == 2
    assert '"frobnicate=1"' in errors[0]
    assert "module 1" in errors[1] and '"mem=lots"' in errors[1]
