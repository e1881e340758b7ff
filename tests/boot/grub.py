# SPDX-License-Identifier: BSD-2-Clause
"""Small ISOs of GRUB for BIOS, Sill and its modules: made in a quarter of a second."""

import functools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import SILL

BIOS = Path("/usr/lib/grub/i386-pc")
# Only the modules that are needed.
MODULES = ["biosdisk", "iso9660", "multiboot2", "normal", "serial"]


@functools.cache
def core():
    """GRUB itself, the same in all these ISOs."""
    with tempfile.NamedTemporaryFile() as image:
        subprocess.run(["grub-mkimage", "-O", "i386-pc-eltorito", "-d", BIOS, "-p", "/boot/grub",
                        "-o", image.name, *MODULES], check=True, capture_output=True, timeout=60)
        return Path(image.name).read_bytes()


def quoted(text):
    """Words as GRUB's script language gives them back; an empty one stands for a second blank."""
    return " ".join(word if re.fullmatch(r"[\w./:=,+-]+", word) else
                    "'" + word.replace("'", r"'\''") + "'" for word in text.split(" "))


def make_iso(out, append="", modules=(), sill=SILL):
    """An ISO that boots Sill with these words and modules at once; returns its path."""
    with tempfile.TemporaryDirectory(prefix="sill-") as directory:
        boot = Path(directory) / "boot"
        (boot / "grub").mkdir(parents=True)
        (boot / "grub/core.img").write_bytes(core())
        shutil.copy(sill, boot / "sill.elf")
        # The second line undoes what the first one sets: a framebuffer is slow to scroll.
        lines = [f"multiboot2 /boot/sill.elf {quoted(append)}", "set gfxpayload=text"]
        for i, module in enumerate(modules):
            shutil.copy(module.path, boot / f"module{i}")
            lines.append(f"module2 /boot/module{i} {quoted(module.line())}")
        (boot / "grub/grub.cfg").write_text("\n".join(lines + ["boot", ""]))
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-b", "boot/grub/core.img",
                        "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
                        "-o", out, directory], check=True, capture_output=True, timeout=60)
    return out
