# SPDX-License-Identifier: BSD-2-Clause
"""How a machine in Bochs is started: for tools/bochs and for tests/boot. Standard library only.

Bochs boots an ISO, has no display and no monitor, and connects the machine's serial port to a
socket on which somebody listens already.
"""

import ctypes
import os
import signal
import subprocess

# With VMX, EPT and unrestricted guest.
VMX_MODEL = "corei7_skylake_x"
# Guest seconds are counted in instructions: firmware's and GRUB's waiting ends soon.
INSTRUCTIONS_PER_SECOND = 20_000_000
SHARE = "/usr/share/bochs"
LOG = "log"
POWERED_OFF = "ACPI control: soft power off"

# A triple fault of an SVM guest is a panic of the CPU before it is an exit: it is reported, the
# debugger stops, and its script goes on. One of another device ends Bochs.
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
log: {log}
info: action=ignore
error: action=ignore
panic: action=fatal
panic: {panics}
"""
SCRIPT = "c\n" * 8 + "q\n"


def die_with_parent():
    """In the child: be killed when this process is, so that no machine stays behind."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def models():
    """The CPU models that this Bochs has."""
    said = subprocess.run(["bochs-bin", "--help", "cpu"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    _, _, rest = said.partition("Supported CPU models:\n\n")
    return rest.partition("\n\n")[0].split()


def prepare(directory, iso, port, model=VMX_MODEL, cpus=2, mem=512, ips=INSTRUCTIONS_PER_SECOND):
    """Write the files that Bochs wants; mem in MiB, at most 2048. Returns command, environment."""
    config, script = (os.path.join(directory, name) for name in ("bochsrc", "script"))
    with open(config, "w") as file:
        file.write(CONFIG.format(model=model, cpus=cpus, ips=ips, mem=mem, share=SHARE, iso=iso,
                                 port=port, log=os.path.join(directory, LOG),
                                 panics=", ".join(f"cpu{i}=report" for i in range(cpus))))
    with open(script, "w") as file:
        file.write(SCRIPT)
    return (["bochs-bin", "-q", "-f", config, "-rc", script],
            {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"})


def log(directory):
    """What Bochs has logged."""
    try:
        with open(os.path.join(directory, LOG), errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def powered_off(directory):
    """Whether the machine has switched itself off; Bochs's exit status does not tell."""
    return POWERED_OFF in log(directory)
