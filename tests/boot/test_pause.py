# SPDX-License-Identifier: BSD-2-Clause
"""A VM that the shell pauses stands still, whatever it does, and goes on when it is to."""

import pytest

import systems
import texts
from harness import guest
from test_linux import command, linux  # noqa: F401 (a fixture)
from test_shell import ask, record

ROUNDS = 3


def exits(m):
    """Of each vCPU, by kind; lines of the log may come in between."""
    found = [line.split(" exits:")[1] for line in ask(m, "vcpu") if line.startswith("vcpu vm=busy ")]
    assert found
    return found


@systems.with_each("busy", [
    "share smp=4 -- name=a how=ipis", "share -- name=a how=exits", "share smp=2 -- name=a how=naps", "hostile_spin", "hostile_reset",
], guest=lambda busy: busy.split()[0])
def test_stands_still(system, busy):
    name, *words = busy.split()
    m = system(append="on-idle=shell", modules=[
        guest(name, " ".join(["mem=16M", *words]), vm="busy")])
    m.expect("thousand TSC ticks")
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    for _ in range(ROUNDS):
        ask(m, "pause busy")
        m.drain(0.3)
        assert record(ask(m, "vm")[0])["paused"] == "yes"
        before = exits(m)
        m.drain(0.5)
        assert exits(m) == before
        ask(m, "resume busy")
        while exits(m) == before:
            pass


def test_what_is_typed_waits(system):
    m = system(append="on-idle=debug-exit", modules=[guest("hello", "mem=16M")])
    m.expect(texts.HELLO_READY)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    ask(m, "pause hello")
    m.send("console hello\rquit\r")
    m.drain(1)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    assert len(ask(m, "vcpu")) == 1
    m.send("resume hello\r")
    assert m.wait_code() == 0


@systems.on("qemu-svm")
def test_clocks_go_on(linux):  # noqa: F811
    m = linux(vcpus=2)
    before = float(command(m, "cut -d' ' -f1 /proc/uptime", r"[\d.]+"))
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    ask(m, "pause linux")
    m.drain(3)
    ask(m, "resume linux")
    m.send(texts.ESCAPE)
    assert float(command(m, "cut -d' ' -f1 /proc/uptime", r"[\d.]+")) >= before + 3
    command(m, "dmesg | grep -icE 'stall|lockup|BUG:'", "0")
    m.send("poweroff -f\n")
    assert m.wait_exit() == 0


@pytest.mark.parametrize("line, error", [
    ("pause", "usage: pause VM"), ("resume a b", "usage: resume VM"), ("pause nobody", "no VM 'nobody'")])
def test_refused(machine, line, error):
    m = machine(append="on-idle=shell")
    m.expect(texts.PROMPT)
    assert ask(m, line) == [f"error: {error}"]
