# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor's shell: its commands, its editor, the escape key."""

import re

import pytest

import texts
from harness import guest

COMMANDS = "help version cpus mem log vm vcpu start pause resume reboot poweroff panic".split()


@pytest.fixture
def shell(machine):
    m = machine(append="on-idle=shell")
    m.expect(texts.PROMPT)
    return m


def ask(m, command):
    """Type a command; returns the lines of its answer."""
    m.send(command + "\r")
    return m.expect(r"\r\n((?:[^\r\n]*\r\n)*)" + texts.PROMPT)[1].split("\r\n")[:-1]


def record(line):
    """A line of words key=value as a dict."""
    return dict(re.findall(r"([\w-]+)=(\"[^\"]*\"|\S+)", line))


def test_help_lists_every_command(shell):
    listed = [line.split()[0] for line in ask(shell, "help")]
    assert set(COMMANDS) <= set(listed)
    for command in set(listed) - {"reboot", "poweroff", "panic"}:
        assert ask(shell, command), f"{command} answers nothing"


def test_version(shell):
    fields = record(ask(shell, "version")[0])
    assert fields["version"] == "0.1"
    assert fields["commit"]
    assert (fields["backend"], fields["paging"]) == ("SVM", "NPT")


def test_cpus(shell):
    cpus = [record(line) for line in ask(shell, "cpus")]
    assert [cpu["index"] for cpu in cpus] == ["0", "1"]
    assert [cpu["apic"] for cpu in cpus] == ["0", "1"]


def assert_frames_add_up(m):
    """Every frame is free or has an owner; returns the owners' frames by name."""
    frames, *owners = (record(line) for line in ask(m, "mem"))
    owned = {owner["name"].strip('"'): int(owner["frames"]) for owner in owners}
    assert int(frames["free"]) + sum(owned.values()) == int(frames["total"])
    return owned


def test_mem(shell):
    assert_frames_add_up(shell)
    total = int(record(ask(shell, "mem")[0])["total"])
    # In frames of 4 KiB; the machine has 512 MiB.
    assert 480 << 8 < total <= 512 << 8


def test_log_repeats_what_was_said(shell):
    before = [line for line in shell.text().split("\n") if re.match(r"\[ *\d+\.\d{6}\] ", line)]
    assert before
    again = ask(shell, "log")
    assert [line for line in before if line not in again] == []


def test_no_vm(shell):
    assert ask(shell, "vm") == ["no VM"]
    assert ask(shell, "vcpu") == ["no vCPU"]


def test_wrong_commands(shell):
    assert re.search(texts.UNKNOWN_COMMAND, ask(shell, "frobnicate")[0])
    assert ask(shell, "") == []
    assert ask(shell, "   ") == []
    assert ask(shell, "no " + "x " * 50)
    assert ask(shell, "y" * 300)
    assert ask(shell, "version")


def test_line_editor(shell):
    assert ask(shell, "verX\bsiXY\x7f\x7fon")[0].startswith("sill version=")
    assert ask(shell, "\b\b\bfrobnicate\x15version")[0].startswith("sill version=")


def test_reboot(shell):
    shell.send("reboot\r")
    assert shell.wait_exit() == 0  # -no-reboot makes QEMU end


def test_poweroff(shell):
    shell.send("poweroff\r")
    assert shell.wait_exit() == 0


@pytest.mark.parametrize("option, key", [("", texts.ESCAPE), (" escape=^A", "\x01")])
def test_escape_key_leaves_a_running_guest(machine, option, key):
    m = machine(append="on-idle=debug-exit" + option,
                modules=[guest("reset", "mem=16M", "ask=1 how=poweroff")])
    m.expect(texts.GUEST_ASKS)
    m.send(key)
    m.expect(texts.PROMPT)
    fields = record(ask(m, "vm")[0])
    assert (fields["name"], fields["mem"]) == ("reset", "16M")
    assert record(ask(m, "vcpu")[0])["vm"] == "reset"
    assert assert_frames_add_up(m)["reset"] >= 16 << 8
    # What is typed now is the shell's; after the escape key it is the guest's again.
    assert re.search(texts.UNKNOWN_COMMAND, ask(m, "q")[0])
    m.send(key)
    m.send("q")
    assert m.wait_exit() == 1


def test_memory_comes_back(machine):
    """A VM that has ended owns nothing, and the machine is idle once."""
    m = machine(append="on-idle=shell", modules=[guest("exitcode", "mem=64M", "code=0")])
    m.expect(texts.EXITCODE)
    m.expect(texts.PROMPT)
    assert ask(m, "vm") == ["no VM"]
    assert assert_frames_add_up(m).get("exitcode", 0) == 0
    m.drain(1)
    assert len(m.lines(texts.NO_VM)) == 1


MANY = [f"vm{i}" for i in range(20)]
ENDED = r"ended with code 0, all its memory is back"


def frames_left(m):
    """What `mem` says when the last VM has ended; the shell is open then, or about to open."""
    m.expect(texts.NO_VM)
    m.send("version\r")
    m.expect("uptime-ms=")
    m.expect(texts.PROMPT)
    assert ask(m, "vm") == ["no VM"]
    return ask(m, "mem")


def test_twenty_vms_three_times(machine):
    """All at once there, and then told to quit, one by one; after each round the same is left."""
    m = machine(append="on-idle=shell",
                modules=[guest("hello", "mem=16M smp=2", vm=vm) for vm in MANY])
    m.expect(texts.HELLO_READY)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    left = []
    for number in range(3):
        for vm in MANY if number else ():
            assert not [line for line in ask(m, f"start {vm}") if "error" in line]
        alive = [record(line)["name"] for line in ask(m, "vm") if line.startswith("vm ")]
        assert alive == MANY
        m.send(texts.ESCAPE)
        for _ in MANY:  # the console goes from the one that has ended to the next
            m.send("quit\r")
            m.expect(ENDED)
        left.append(frames_left(m))
    assert left[0] == left[1] == left[2]


def test_vms_start_and_end_side_by_side(machine):
    """Each uses two vCPUs and ends by itself while others are being built and taken apart."""
    m = machine(append="on-idle=shell", mem="1G",
                modules=[guest("smp_touch", "mem=36M smp=2", "mib=2", vm=vm) for vm in MANY])
    left = []
    for number in range(3):
        if number:
            m.send("".join(f"start {vm}\r" for vm in MANY))
        for _ in MANY:
            m.expect(ENDED)
        left.append(frames_left(m))
    assert left[0] == left[1] == left[2]


def test_start_is_refused(machine):
    m = machine(append="on-idle=shell", modules=[
        guest("reset", "mem=16M", "ask=1 how=poweroff", vm="one"), guest("exitcode", "mem=32M", vm="two"),
        guest("exitcode", "mem=1K", vm="bad"), guest("exitcode", "paging=shadow", vm="shadow")])
    m.expect(r"two: ended")
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    assert ask(m, "start") == ask(m, "start one two") == ["error: usage: start VM"]
    assert ask(m, "start nobody") == ["error: no module is of a VM 'nobody'"]
    assert ask(m, "start one") == ["error: VM 'one' has not ended"]
    for vm in ("bad", "shadow"):
        assert ask(m, f"start {vm}")[-1] == f"error: VM '{vm}' cannot be started: 'log' says why"
    # The other guest takes what there is, but for less than the next one would need.
    free = int(record(ask(m, "mem")[0])["free"]) // 512 * 2 - 30
    assert ask(m, f"slot one add 0x80000000 {free}M") == []
    assert ask(m, "start two")[-1] == "error: VM 'two' cannot be started: 'log' says why"
    assert m.lines(r"vm two: not enough free memory for its mem=: not started")
    assert ask(m, "slot one remove 0x80000000") == []
    m.send("start two\r")
    m.expect(r"two: ended with code 0")
    m.send(texts.ESCAPE + "q")
    m.expect(r"one: ended with code 0")
