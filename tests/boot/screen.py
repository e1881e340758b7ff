# SPDX-License-Identifier: BSD-2-Clause
"""What a person would read on the machine's screen, from QEMU's dump of its pixels or text."""

import re
import time

from harness import LIMIT, TOP, Failure

VGA_TEXT, VGA_COLUMNS, VGA_ROWS = 0xB8000, 80, 25
WIDTH, HEIGHT = 8, 16


def vga_text(m):
    """The VGA text screen, without line ends."""
    path = f"{m.dir}/vga"
    m.qmp("pmemsave", val=VGA_TEXT, size=VGA_COLUMNS * VGA_ROWS * 2, filename=path)
    with open(path, "rb") as dump:
        return dump.read()[::2].decode("cp437").replace("\0", " ")


def font():
    """The characters by the 16 bytes of their glyphs."""
    words = re.findall(r"\{ 0x(\w{16}), 0x(\w{16}) \}", (TOP / "arch/font.c").read_text())
    return {bytes.fromhex(a + b): chr(32 + i) for i, (a, b) in enumerate(words)}


def pixels(m):
    """Width and height of the screen, and a byte for each pixel: is it lit?"""
    path = f"{m.dir}/screen"
    m.qmp("screendump", filename=path)
    with open(path, "rb") as dump:
        kind, size, depth, data = dump.read().split(b"\n", 3)
    assert (kind, depth) == (b"P6", b"255")
    width, height = map(int, size.split())
    return width, height, bytes(max(data[i:i + 3]) > 0x40 for i in range(0, len(data), 3))


def lit(m):
    """How many pixels are not dark."""
    return sum(pixels(m)[2])


def text(m):
    """The lines of a framebuffer console; a cell that is no character of the font is a NUL."""
    width, height, data = pixels(m)
    known = font()
    rows = [int("".join("01"[p] for p in data[i:i + WIDTH]), 2) for i in range(0, len(data), WIDTH)]
    columns = width // WIDTH
    return "\n".join("".join(
        known.get(bytes(rows[(y * HEIGHT + line) * columns + x] for line in range(HEIGHT)), "\0")
        for x in range(columns)).rstrip() for y in range(height // HEIGHT))


def expect(m, pattern, read=text):
    """Wait until the regular expression is found on the screen; returns what is there."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        said = read(m)
        if re.search(pattern, said):
            return said
        time.sleep(0.2)
    raise Failure(f"no {pattern!r} on the screen after {LIMIT:g} s, but:\n{said.strip()}")
