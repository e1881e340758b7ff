# SPDX-License-Identifier: BSD-2-Clause
"""A machine in Bochs: boots an ISO, has no display and no monitor. See harness.py."""

import os
import socket
import tempfile

from harness import LIMIT, Emulator

# Models with SVM and nested paging; others lack one or both.
SVM_MODEL = "ryzen"
# With VMX, EPT and unrestricted guest.
VMX_MODEL = "corei7_skylake_x"
SHARE = "/usr/share/bochs"
# Guest seconds are counted in instructions: firmware's and GRUB's waiting ends soon.
INSTRUCTIONS_PER_SECOND = 20_000_000

CONFIG = """\
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0
megs: {mem}
romimage: file={share}/BIOS-bochs-latest
vgaromimage: file={share}/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}
display_library: sdl2
clock: sync=none, time0=0
log: {dir}/log
info: action=ignore
error: action=ignore
panic: action=fatal
"""
# The status when the machine powers itself off.
POWERED_OFF = 1


class Bochs(Emulator):
    """A running Bochs; mem in MiB, at most 2048."""

    name = "Bochs"

    def __init__(self, iso, model=SVM_MODEL, cpus=2, mem=512, ips=INSTRUCTIONS_PER_SECOND):
        self.dir = tempfile.mkdtemp(prefix="sill-")
        serial = socket.create_server(("127.0.0.1", 0), backlog=1)
        serial.settimeout(LIMIT)
        config, script = (os.path.join(self.dir, name) for name in ("bochsrc", "script"))
        with open(config, "w") as file:
            file.write(CONFIG.format(model=model, cpus=cpus, ips=ips, mem=mem, share=SHARE, iso=iso,
                                     port=serial.getsockname()[1], dir=self.dir))
        with open(script, "w") as file:  # its debugger asks what to do first
            file.write("c\nq\n")
        self.start(["bochs-bin", "-q", "-f", config, "-rc", script], serial,
                   env={**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"})
