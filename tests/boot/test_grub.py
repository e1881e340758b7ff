# SPDX-License-Identifier: BSD-2-Clause
"""GRUB boots the same image by multiboot 2, with the same words."""

import shutil
import subprocess
from pathlib import Path

import pytest

import texts
from harness import GUESTS, SILL

GRUB_BIOS = Path("/usr/lib/grub/i386-pc")


@pytest.fixture
def iso(tmp_path):
    if not GRUB_BIOS.is_dir() or not shutil.which("grub-mkrescue"):
        pytest.skip("grub-mkrescue and grub-pc-bin are not installed")

    def make(command_line, module):
        tree = tmp_path / "iso"
        (tree / "boot/grub").mkdir(parents=True)
        shutil.copy(SILL, tree / "boot/sill.elf")
        shutil.copy(GUESTS / "exitcode.elf", tree / "boot/guest.elf")
        (tree / "boot/grub/grub.cfg").write_text(
            "set timeout=0\n"
            "menuentry sill {\n"
            f"multiboot2 /boot/sill.elf {command_line}\n"
            f"module2 /boot/guest.elf {module}\n"
            "}\n")
        # Only the modules that are needed: under 1 MB.
        subprocess.run(
            ["grub-mkrescue", "-d", GRUB_BIOS, "--install-modules=multiboot2 normal iso9660 "
             "biosdisk", "--fonts=", "--locales=", "--themes=", "-o", tmp_path / "sill.iso", tree],
            check=True, capture_output=True, timeout=120)
        return tmp_path / "sill.iso"
    return make


def test_boots_and_runs_a_guest(machine, iso):
    image = iso("on-idle=poweroff", "vm=guest type=kernel mem=16M -- code=0 some words")
    m = machine(kernel=None, extra=["-cdrom", str(image)])
    m.expect(texts.BANNER)
    m.expect(texts.EXITCODE)
    assert m.wait_exit() == 0
    assert not m.lines(texts.ERROR)


def test_bad_words_are_named(machine, iso):
    """GRUB gives no file name: the module is named by its number."""
    image = iso("on-idle=poweroff frobnicate=1", "vm=guest type=kernel mem=lots")
    m = machine(kernel=None, extra=["-cdrom", str(image)])
    assert m.wait_exit() == 0
    errors = m.lines(texts.ERROR)
    assert len(errors) == 2
    assert '"frobnicate=1"' in errors[0]
    assert "module 1" in errors[1] and '"mem=lots"' in errors[1]
