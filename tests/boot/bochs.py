# SPDX-License-Identifier: BSD-2-Clause
"""A machine in Bochs: boots an ISO, has no display and no monitor. See harness.py."""

import os
import re
import socket
import tempfile

import grub
import texts
from harness import LIMIT, PANIC_CODE, Emulator, Failure, bochsrc


class Bochs(Emulator):
    """A running Bochs, of an ISO, or of one that is made of command line and modules."""

    name = "Bochs"
    slowness = 4  # one thread for all CPUs, and an interpreter

    def __init__(self, iso=None, append="", modules=(), smp=2, mem="512M", **config):
        self.cpus = smp
        self.dir = tempfile.mkdtemp(prefix="sill-")
        iso = iso or grub.make_iso(os.path.join(self.dir, "sill.iso"), append, modules)
        serial = socket.create_server(("127.0.0.1", 0), backlog=1)
        serial.settimeout(LIMIT)
        command, environment = bochsrc.prepare(self.dir, iso, serial.getsockname()[1], cpus=smp,
                                               mem=int(mem.removesuffix("M")), **config)
        self.start(command, serial, env=environment)

    def wait_exit(self, limit=LIMIT):
        """Wait until the machine has switched itself off: 0, as of QEMU, where it has."""
        status = super().wait_exit(limit)
        return 0 if bochsrc.powered_off(self.dir) else status or 1

    def wait_code(self, limit=LIMIT):
        """Nothing takes the code at the port: it is what the log says before the power-off."""
        if self.wait_exit(limit) != 0:
            raise Failure(f"Bochs ended by itself: {bochsrc.log(self.dir)[-500:]}")
        if self.lines(texts.PANIC):
            return PANIC_CODE
        codes = re.findall(texts.DEBUG_EXIT, self.text())
        if len(codes) != 1:
            raise Failure(f"Bochs has switched itself off, and codes at its end: {codes}")
        return int(codes[0])
