# SPDX-License-Identifier: BSD-2-Clause
"""Who gets how much of the CPUs. On one CPU time is counted in instructions, so the figures repeat."""

import re

import pytest

import systems
import texts
from harness import Module, guest

ON_QEMU = systems.on("qemu-svm")
ICOUNT = ["-icount", "shift=0,sleep=off"]
# What Sill itself may cost beside the other guests.
COST = 0.1
LIMIT = 240  # seconds that a window may take, beside another test


def start(system, *vms, cpus=1):
    """vms: of the guest share, as "name how words..."."""
    modules = []
    for vm in vms:
        name, how, *words = vm.split()
        modules.append(guest("share", " ".join(["mem=16M", *words]), f"how={how} name={name}", vm=name))
    # With several CPUs -icount lets one of them run while the others stand still.
    return system(append="on-idle=debug-exit", smp=cpus, modules=modules,
                  extra=ICOUNT if cpus == 1 else [])


def did(m, names):
    """What each of those that count has done, when all have ended."""
    ended = set()
    while not ended.issuperset(names):
        ended.add(m.expect(r"vm (\w+): ended with", limit=LIMIT)[1])
    # A line that another VM's broke up is there again behind that one.
    done = dict(re.findall(r"# (\w+) did (\d+)", m.text()))
    return [int(done[name]) for name in names]


@pytest.fixture(scope="module")
def alone():
    """Of each system: what one does that has a CPU to itself."""
    return {}


def full(system, alone):
    if system not in alone:
        m = start(system, "a work")
        alone[system] = did(m, ["a"])[0]
    return alone[system]


@ON_QEMU
@pytest.mark.parametrize("how", ["spin", "pause", "exits", "timers", "naps", "spin smp=4",
                                 "pause smp=4", "timers smp=4", "naps smp=4", "ipis smp=4",
                                 "broadcasts smp=16", "x2broadcasts smp=4"])
def test_hostile_neighbour(system, alone, how):
    """Whatever a guest does, and with however many vCPUs: the other one has its half."""
    m = start(system, "a work", f"b {how}")
    part = did(m, ["a"])[0] / full(system, alone)
    print(f"{how}: {part:.3f}")
    assert part >= 0.5 - COST


@ON_QEMU
def test_neighbour_that_resets(system, alone, tmp_path):
    """Its VM pays for what it takes to load it again."""
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"x" * (16 << 20))
    m = system(append="on-idle=debug-exit", smp=1, extra=ICOUNT, modules=[
        guest("share", "mem=16M", "how=work name=a", vm="a"), guest("hostile_reset", "mem=48M", vm="b"),
        Module(initrd, "vm=b type=initrd")])
    part = did(m, ["a"])[0] / full(system, alone)
    print(f"{part:.3f}")
    assert part >= 0.5 - COST


@ON_QEMU
def test_timer_of_one_that_waits(system):
    m = system(append="on-idle=debug-exit", smp=1, extra=ICOUNT, modules=[guest("late", "mem=16M smp=2")])
    assert m.wait_code() == 0


@ON_QEMU
@pytest.mark.parametrize("weight, part", [(300, 0.75), (50, 1 / 3), (1000, 10 / 11)])
def test_weight(system, alone, weight, part):
    m = start(system, f"a work weight={weight}", "b spin")
    assert abs(did(m, ["a"])[0] / full(system, alone) - part) < COST


# By the clock of a machine that may be busy: near enough. The policy is tested in test_runq.c.
@ON_QEMU
@pytest.mark.parametrize("vms", [["a work", "b work", "c work"],
                                 ["a work smp=2", "b work", "c work smp=4"]])
def test_more_vms_than_cpus(system, vms):
    """They change places: each VM has two thirds of a CPU."""
    done = did(start(system, *vms, cpus=2), "abc")
    assert min(done) > sum(done) / 6


@ON_QEMU
def test_many_vcpus_on_two_cpus(system):
    """The VM with one vCPU can have one CPU; the other's four have the other one."""
    a, b = did(start(system, "a work", "b work smp=4", cpus=2), "ab")
    assert min(a, b) > (a + b) / 4


@ON_QEMU
def test_pin(system):
    """All on CPU 1, though CPU 2 has nothing to do: there they stay, those too that never sleep."""
    m = start(system, "a work pin=1", "b spin pin=1", "c spin pin=1", cpus=2)
    did(m, "a")
    for vm in "abc":
        assert m.lines(f"vm {vm}: 16 MiB, 1 vCPU, first on CPU 1")
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    m.send("vcpu\r")
    lines = m.expect(r"vcpu\r\n(.*?)" + texts.PROMPT)[1]
    places = dict(re.findall(r"vcpu vm=(\S+) index=0 (cpu=\d+ moves=\d+) ", lines))
    assert [places[vm] for vm in "bc"] == ["cpu=1 moves=0"] * 2


@ON_QEMU
def test_pin_to_no_cpu(system):
    m = start(system, "a work", "b spin pin=0,9", cpus=2)
    m.expect(rf"error: vm b: pin=: there is no CPU 9, the last one is {m.cpus - 1}: not started")
    did(m, ["a"])
    assert m.wait_code() == 0


@ON_QEMU
def test_cpu0_is_spared(system):
    """QEMU's CPU 0 is not safe beside others; who says pin= has it."""
    m = system(append="on-idle=debug-exit", modules=[
        guest("exitcode", "mem=16M pin=0", "code=0", vm="a"), guest("smp_touch", "mem=64M smp=4", "mib=16", vm="b")])
    m.expect("warning: svm: QEMU mixes up CPU 0's state")
    assert m.wait_code() == 0
    assert m.lines("vm a: .* first on CPU 0,") and m.lines("vm b: .* 4 vCPUs, first on CPU [12],")


@systems.on("bochs-vmx", "bochs-svm")
@pytest.mark.parametrize("cpus", [1, 4])
def test_pauses(system, cpus):
    """A loop of PAUSEs exits where another vCPU waits, once in a window; with a CPU each, never."""
    m = system(append="on-idle=debug-exit", smp=cpus,
               modules=[guest("share", "mem=16M smp=4", "how=pause name=a")])
    m.expect("# taking: pause")
    # Of SVM's pause filter the log says nothing: without it each PAUSE would exit.
    assert m.lines("pause-loop exits yes") or m.lines("virtualization: SVM")
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    counts = [pauses(m) for _ in range(10)]
    if cpus == 1:
        assert counts[0] < counts[-1]
    else:  # Some may wait until each has found its CPU.
        assert counts[-2] == counts[-1]


def pauses(m):
    """How many exits of the VM were for PAUSE."""
    m.send("vcpu\r")
    lines = m.expect(r"vcpu\r\n(.*?)" + texts.PROMPT)[1]
    return sum(int(count) for count in re.findall(r"\bpause=(\d+)", lines))
