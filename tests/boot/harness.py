# SPDX-License-Identifier: BSD-2-Clause
"""One machine under test: its emulator as a child process, the serial port, and QEMU's monitor.

The serial port is a socket that carries every byte both ways, so that Ctrl-] and the like
reach the machine. Every wait has a limit; what the console said is kept, for the report of a
failure. The monitor speaks QMP, on a socket of its own.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pexpect
from pexpect import fdpexpect

import texts

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

import bochsrc  # noqa: E402

BUILD = TOP / os.environ.get("SILL_BUILD", "build")
GUESTS = TOP / "build" / "guest"
SILL = BUILD / "sill.elf"
KERNEL_OFFSET = 0xFFFFFFFF80000000  # arch/layout.h
CPU = "max,+svm,+npt"
# Seconds. Two machines with two CPUs each share two real ones, at an emulator's speed.
LIMIT = 60.0
TAIL_LINES = 60
FLAGS_IF = 0x200
PANIC_CODE = 126  # of a panic, with on-idle=debug-exit


class Failure(AssertionError):
    """The machine did not do what the test waited for."""


class Module:
    """A file for -initrd with its words; the guest's own command line comes after --."""

    def __init__(self, path, words="", cmdline=None):
        self.path = Path(path)
        self.words = words
        self.cmdline = cmdline

    def line(self):
        """The words, and the guest's own."""
        return self.words if self.cmdline is None else f"{self.words} -- {self.cmdline}".lstrip()

    def __str__(self):
        return f"{self.path} {self.line()}".rstrip()


def guest(name, words="", cmdline=None, vm=None):
    """A test guest of this tree as the kernel of a VM."""
    words = f"vm={vm or name} type=kernel {words}".rstrip()
    return Module(GUESTS / f"{name}.elf", words, cmdline)


def qemu_command(*, kernel=SILL, append="", modules=(), cpu=CPU, smp, mem="512M", extra=()):
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-smp", str(smp), "-m", mem,
               "-nodefaults", "-vga", "std", "-display", "none", "-no-reboot",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    if kernel is not None:
        command += ["-kernel", str(kernel)]
        if append:
            command += ["-append", append]
        if modules:
            # A comma separates modules; one inside a module's words is written twice.
            command += ["-initrd", ",".join(str(m).replace(",", ",,") for m in modules)]
    return command + list(extra)


class Recorder:
    """What pexpect writes what it has read to."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def packet(gdb, text):
    """One command of the GDB remote protocol, to which the answer is OK."""
    gdb.sendall(f"${text}#{sum(text.encode()) & 0xff:02x}".encode())
    answer = b""
    while b"$OK#" not in answer:  # it may tell of the stop that attaching made, before
        data = gdb.recv(1000)
        if not data or b"$E" in data:
            raise Failure(f"debugger: {text}: {answer + data}")
        answer += data
    gdb.sendall(b"+")


def symbols():
    """The image's symbols with their addresses."""
    out = subprocess.run(["nm", SILL], capture_output=True, text=True, check=True).stdout
    fields = [line.split() for line in out.splitlines()]
    return {f[2]: int(f[0], 16) for f in fields if len(f) == 3}


def listen(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)
    server.settimeout(LIMIT)
    return server


class Emulator:
    """An emulator as a child process, and its machine's serial port; self.dir is its own."""

    name = "the emulator"
    slowness = 1  # by which limits are multiplied

    def start(self, command, serial, env=None):
        """Run the command, which connects the serial port to the listening socket."""
        self.command = command
        self.errors = open(os.path.join(self.dir, "stderr"), "w+")
        self.recorder = Recorder()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors, env=env,
            preexec_fn=bochsrc.die_with_parent)
        try:
            self.serial = self.accept(serial)
        except Failure:
            self.stop()
            raise
        finally:
            serial.close()
        self.console = fdpexpect.fdspawn(self.serial, encoding="utf-8", codec_errors="replace",
                                         timeout=LIMIT)
        self.console.logfile_read = self.recorder

    def accept(self, server):
        server.settimeout(0.2)
        for _ in range(int(LIMIT / 0.2)):
            try:
                return server.accept()[0]
            except socket.timeout:
                if self.process.poll() is not None:
                    break
        raise Failure(f"{self.name} did not start: {self.stderr()}")

    # ---- console ----

    def expect(self, pattern, limit=LIMIT, panic_ok=False):
        """Wait for a regular expression on the console; returns its match."""
        patterns = [pattern, pexpect.EOF, pexpect.TIMEOUT]
        if not panic_ok:
            patterns.append(texts.PANIC)
        limit *= self.slowness
        try:
            index = self.console.expect(patterns, timeout=limit)
        except OSError:  # it went away with input of ours unread
            index = 1
        if index == 0:
            return self.console.match
        what = f"waiting for {pattern!r}"
        if index == 1:
            raise Failure(f"{self.name} ended (status {self.process.wait(LIMIT)}) while {what}")
        if index == 2:
            raise Failure(f"nothing for {limit:g} s while {what}")
        self.drain(2)
        raise Failure(f"the hypervisor panicked while {what}")

    def send(self, text):
        self.console.send(text)

    def wait_exit(self, limit=LIMIT):
        """Wait until the emulator has ended by itself; returns its exit status."""
        limit *= self.slowness
        try:
            if self.console.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=limit) == 1:
                raise Failure(f"{self.name} still runs after {limit:g} s")
        except OSError:
            pass
        return self.process.wait(LIMIT)

    def wait_code(self, limit=LIMIT):
        """Wait until a machine with on-idle=debug-exit has ended; returns the code."""
        raise NotImplementedError

    def drain(self, limit):
        """Read on until the console has been silent for limit seconds; ten times as long at most."""
        end = time.monotonic() + 10 * limit
        try:
            while (self.console.expect([r".+", pexpect.EOF, pexpect.TIMEOUT], timeout=limit) == 0
                   and time.monotonic() < end):
                pass
        except OSError:
            pass

    def text(self):
        """All that the console has said and a wait has read, with plain line ends."""
        return self.recorder.text.replace("\r", "")

    def lines(self, pattern):
        """The console's lines in which the regular expression is found."""
        return [line for line in self.text().split("\n") if re.search(pattern, line)]

    def tail(self):
        return "\n".join(self.text().split("\n")[-TAIL_LINES:])

    def stderr(self):
        if self.errors.closed:
            return ""
        self.errors.flush()
        return Path(self.errors.name).read_text()

    def whereabouts(self):
        """Where the CPUs are, when that can be known."""
        return ""

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.errors.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Machine(Emulator):
    """
    A running QEMU; arguments as of qemu_command(). Where there are guests smp, if more than one, is
    how many CPUs run them, and CPU 0 is there besides: see svm_spares_cpu0().
    """

    name = "QEMU"

    def __init__(self, smp=2, **config):
        self.cpus = smp + 1 if config.get("modules") and smp != 1 else smp
        self.dir = tempfile.mkdtemp(prefix="sill-")
        serial, self.monitor_server = (listen(os.path.join(self.dir, name))
                                       for name in ("ser", "mon"))
        self.monitor_file = None
        self.start(qemu_command(smp=self.cpus, **config) + [
            "-chardev", f"socket,id=ser,path={self.dir}/ser", "-serial", "chardev:ser",
            "-chardev", f"socket,id=mon,path={self.dir}/mon", "-mon", "chardev=mon,mode=control"],
            serial)

    def stop(self):
        super().stop()
        self.monitor_server.close()

    def wait_code(self, limit=LIMIT):
        """The device makes of code c the status c << 1 | 1."""
        status = self.wait_exit(limit)
        if status % 2 != 1:
            raise Failure(f"QEMU ended with status {status}: without a code")
        return status >> 1

    # ---- monitor ----

    def qmp(self, command, **arguments):
        if not self.monitor_file:
            self.monitor_socket = self.accept(self.monitor_server)
            self.monitor_socket.settimeout(LIMIT)
            self.monitor_file = self.monitor_socket.makefile("rw")
            json.loads(self.monitor_file.readline())  # greeting
            self.qmp("qmp_capabilities")
        self.monitor_file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor_file.flush()
        while True:
            line = self.monitor_file.readline()
            if not line:
                raise Failure(f"the monitor closed at {command}")
            answer = json.loads(line)
            if "error" in answer:
                raise Failure(f"monitor: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def monitor(self, line, cpu=0):
        """The answer to a line of the human monitor, as one would type it."""
        answer = self.qmp("human-monitor-command", **{"command-line": line, "cpu-index": cpu})
        return answer.replace("\r", "")

    def registers(self, cpu=0):
        """CR0, EFER, HLT ... of a CPU as numbers; in 32-bit mode as RIP, RSP, RFL too."""
        text = re.sub(r"\bE(IP|SP|FL)=", r"R\1=", self.monitor("info registers", cpu))
        found = re.findall(r"\b([A-Z][A-Z0-9]+)=\s*([0-9a-f]+)", text)
        return {name: int(value, 16) for name, value in found}

    def whereabouts(self):
        """A line for each CPU: where it is, as the image's symbols have it."""
        known = sorted((address, name) for name, address in symbols().items())
        lines = []
        for cpu in self.qmp("query-cpus-fast"):
            regs = self.registers(cpu["cpu-index"])
            address, name = max((s for s in known if s[0] <= regs["RIP"]), default=(0, "?"))
            lines.append(f"CPU {cpu['cpu-index']}: {name}+{regs['RIP'] - address:#x}, "
                         f"flags {regs['RFL']:#x}, RSP {regs['RSP']:#x}, HLT {regs['HLT']}")
        return "\n".join(lines)

    def wait_halted(self, cpu=0):
        """Wait until a CPU is in HLT with interrupts off: nothing but an NMI wakes it."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            regs = self.registers(cpu)
            if regs["HLT"] == 1 and not regs["RFL"] & FLAGS_IF:
                return
            time.sleep(0.02)
        raise Failure(f"CPU {cpu} has not halted after {LIMIT:g} s")

    def poke(self, address, data):
        """Write to memory at a virtual address, whatever its protection, as a debugger does."""
        path = os.path.join(self.dir, "gdb")
        self.monitor(f"gdbserver unix:{path},server=on,wait=off")
        with socket.socket(socket.AF_UNIX) as gdb:
            gdb.settimeout(LIMIT)
            gdb.connect(path)
            packet(gdb, f"M{address:x},{len(data):x}:{data.hex()}")
            packet(gdb, "D")  # detach: the machine runs on
