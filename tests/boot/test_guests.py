# SPDX-License-Identifier: BSD-2-Clause
"""The test guests of tests/guest, each as a VM, as tests/guest/expect.txt says."""

import re
import time
from pathlib import Path

import pytest

import systems
import texts
from harness import Failure, GUESTS, KERNEL_OFFSET, TOP, Module, guest, symbols

EXPECT = TOP / "tests/guest/expect.txt"
# Started by a person or by other tests, and does not end by itself.
INTERACTIVE = {"hello", "dirty", "hostile_debug", "hostile_spin", "hostile_reset", "hostile_starve",
               "share", "apic_exits", "late"}
GUEST_LIMIT = 120


class Run:
    """A line of expect.txt."""

    def __init__(self, line):
        columns = [column.strip() for column in line.split("|")] + ["", "", ""]
        self.guest, self.result, self.cmdline = columns[:3]
        self.modules = columns[3].split()
        self.words = columns[4]

    def __str__(self):
        return " ".join(f"{self.guest} {self.words} {self.cmdline}".split())


RUNS = [Run(line) for line in EXPECT.read_text().splitlines()
        if line.strip() and not line.startswith("#")]


def check_tap(m):
    """Every test point is ok, and they are all there."""
    text = m.text()
    lines = text.split("\n")
    assert [line for line in lines if re.match(r"not ok|Bail out!", line)] == []
    numbers = [int(n) for n in re.findall(r"^ok (\d+)\b", text, re.M)]
    plan = re.findall(r"^1\.\.(\d+)$", text, re.M)
    assert len(plan) == 1, "no plan line: the guest did not get to its end"
    assert numbers == list(range(1, int(plan[0]) + 1))
    assert numbers, "the guest tests nothing"


def restarts(m):
    for answer in "rq":
        m.expect(texts.GUEST_STARTS)
        m.expect(texts.GUEST_ASKS)
        m.send(answer)
    assert m.wait_code(GUEST_LIMIT) == 0


def ends(m, result):
    """Wait for the end and judge it."""
    code = m.wait_code(GUEST_LIMIT)
    skip_all = re.search(r"^1\.\.0 # SKIP (.*)", m.text(), re.M)
    if skip_all:
        pytest.skip(skip_all[1])
    if result == "pass":
        check_tap(m)
        assert code == 0
    elif result.startswith("exit "):
        assert code == int(result.split()[1])
        assert not m.lines(texts.ERROR)
    elif result == "powered off":
        assert m.lines(texts.VM_POWERED_OFF)
        assert code == 0
    else:
        report = m.lines(texts.VM_STOPPED)
        assert len(report) == 1
        assert any(words in report[0] for words in result.split(" or "))
        # Registers and, where they can be read, the bytes of the instruction.
        assert m.lines(texts.VM_REGISTERS) and m.lines(texts.VM_BYTES)
        assert code == texts.KILLED_CODE


@systems.with_each("run", RUNS, guest=lambda run: run.guest)
def test_guest(system, run):
    modules = [guest(run.guest, run.words, run.cmdline or None)]
    modules += [Module(GUESTS / name, f"vm={run.guest} type=initrd") for name in run.modules]
    m = system(append="on-idle=debug-exit", modules=modules)
    if run.result == "restarts":
        restarts(m)
    else:
        ends(m, run.result)


@systems.on("qemu-svm")
def test_clocks_stay_together_for_long(system):
    """As in expect.txt, over ten seconds, in which nobody waits for the machine's clock."""
    m = system(append="on-idle=debug-exit", smp=1, extra=["-icount", "shift=4,sleep=off"],
               modules=[guest("drift", "mem=16M", "seconds=10")])
    ends(m, "pass")


@pytest.mark.slow
@systems.on("qemu-svm")
def test_clocks_stay_together(system):
    """As in expect.txt, over longer and with both CPUs busy with others of the kind."""
    m = system(append="on-idle=debug-exit", modules=[
        guest("drift", "mem=16M", "seconds=10", vm=f"vm{i}") for i in range(4)])
    assert m.wait_code(GUEST_LIMIT) == 0


def test_every_guest_has_an_expectation():
    built = {path.stem for path in Path(GUESTS).glob("*.elf")}
    assert built - {run.guest for run in RUNS} <= INTERACTIVE
    assert {run.guest for run in RUNS} <= built


def test_hello_answers(system):
    m = system(append="on-idle=poweroff", modules=[guest("hello", "mem=16M", "some words")])
    m.expect(texts.HELLO)
    m.expect("Command line: [^\r\n]*some words")
    m.expect("\n> ")
    m.send("a line\r")
    m.expect("\r\na line\r\n> ")
    m.send("quit\r")
    assert m.wait_exit() == 0


def bring_to_front(m, name):
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    m.send(f"console {name}\r")


def moves(m):
    """How often the vCPU of each VM has changed its CPU. The shell is open."""
    m.send("vcpu\r")
    answer = m.expect(r"vcpu\r\n(.*?)" + texts.PROMPT)[1]
    return {vm: int(n) for vm, n in re.findall(r"vcpu vm=(\S+) .*? moves=(\d+)", answer)}


def test_first_bad_code_is_passed_on(system):
    m = system(append="on-idle=debug-exit",
                modules=[guest("exitcode", "mem=16M", f"code={code}", vm=f"vm{i}")
                         for i, code in enumerate((0, 0, 5))])
    assert m.wait_code() == 5


def test_no_line_is_written_over(machine):
    """What comes between a guest's CR and LF goes to a line of its own."""
    m = machine(append="on-idle=debug-exit", modules=[guest("exitcode", "mem=16M", "end=cr")])
    assert m.wait_code() == 0
    assert m.lines("^# to be continued$")


def test_breakpoints_on_the_hypervisor(machine):
    """A guest's hardware breakpoints never hit in the hypervisor, wherever it puts them."""
    where = symbols()
    m = machine(append="on-idle=debug-exit", modules=[
        guest("hostile_debug", "mem=16M", f"code={where[code] - KERNEL_OFFSET} "
              f"data={where['cpus'] - KERNEL_OFFSET}", vm=code)
        for code in ("svm_enter", "svm_run", "exit_cpuid")])
    assert m.wait_exit() == 1


# Each leaves the other's registers alone, and misses none of its own interrupts.
@systems.with_each("name", ["fpu", "debugregs", "except"])
def test_two_on_one_cpu(system, name):
    m = system(append="on-idle=debug-exit", smp=1,
                modules=[guest(name, "mem=16M", vm=vm) for vm in ("one", "two")])
    assert m.wait_code(GUEST_LIMIT) == 0
    # Where the other one's line comes in between, the beginning of a line is there more than once.
    plans = [int(n) for n in re.findall(r"(?:^|\| )1\.\.(\d+)$", m.text(), re.M)]
    assert plans.count(max(plans, default=0)) == 2


# The same while they go from CPU to CPU, with other values in each. What is said by whom the shell
# is opened over is not shown: that is a guest which has nothing to say.
@systems.on("qemu-svm", "bochs-vmx")
@pytest.mark.parametrize("name", ["fpu", "debugregs"])
def test_five_on_two_cpus(system, name):
    vms = [f"vm{i}" for i in range(5)]
    m = system(append="on-idle=debug-exit", smp=2, modules=[guest("hello", "mem=16M")] + [
        guest(name, "mem=16M", f"hold=1 seed={i}", vm=vm) for i, vm in enumerate(vms)])
    for held in range(2):
        while m.text().count("# holds") < len(vms) * (held + 1):
            m.expect("# holds")  # or it came before a prompt
        if not held:
            m.send(texts.ESCAPE)
        before = moves(m)
        while min(moves(m)[vm] - before[vm] for vm in vms) < 3:
            time.sleep(0.2)  # for the shell has its part of a CPU
        for vm in vms:  # one after the other: some serial ports are slow
            m.send(f"console {vm}\r")
            m.send(f"q{texts.ESCAPE}")
            m.expect(texts.PROMPT)
        m.send(f"console hello\r{texts.ESCAPE}")
    m.send(f"{texts.ESCAPE}quit\r")
    assert m.wait_code(GUEST_LIMIT) == 0


def test_ends_once(system):
    """Of several CPUs that end their VM at the same time, each in its way, one does."""
    m = system(append="on-idle=debug-exit",
                modules=[guest("hostile_smp", "mem=16M smp=8", "how=race")])
    code = m.wait_code(GUEST_LIMIT)
    reports = m.lines(texts.VM_STOPPED)
    assert (code, len(reports)) in ((5, 0), (texts.KILLED_CODE, 1))
    assert len(m.lines(r"ended with code")) == 1


def test_many_vcpus(machine):
    """As many as a VM can have, and two VMs with several on the same CPUs."""
    m = machine(append="on-idle=debug-exit", modules=[
        guest("smp_touch", "mem=64M smp=64", "mib=16", vm="many"),
        guest("smp_touch", "mem=64M smp=3", "mib=16", vm="few")])
    assert m.wait_code(GUEST_LIMIT) == 0
    assert [m.lines(rf"vm {vm}: .*, {n} vCPUs ") for vm, n in (("many", 64), ("few", 3))]


def test_last_vm_is_not_taken_for_the_only_one(machine):
    """One ends while the next, a large one, is still being made."""
    m = machine(append="on-idle=debug-exit", mem="2G",
                modules=[guest("exitcode", "mem=16M", "code=0", vm="small"),
                         guest("exitcode", "mem=1G", "code=5", vm="large")])
    assert m.wait_exit() == 5 << 1 | 1


# One exits as fast as it can, one resets itself all the time, the others let no interrupt in.
BUSY = [Run(f"{words[0]} | never ends | {words[1]}") for words in (
    ("hostile_spin", ""), ("hostile_reset", ""), ("hostile_starve", "how=ac"),
    ("hostile_starve", "how=segment"), ("hostile_starve", "how=movss"))]


def answers(m, line):
    """The guest sends the line back; a line of the log that comes in between hides that, now and then."""
    for _ in range(10):
        m.send(line + "\r")
        try:
            m.expect(f"\r\n{line}\r\n> ", limit=6)
            return
        except Failure as failure:
            hidden = failure
    raise hidden


@systems.with_each("busy", BUSY, guest=lambda busy: busy.guest)
def test_busy_guest_does_not_keep_others_out(system, busy):
    """Of three VMs on one CPU one never ends and never sleeps."""
    m = system(append="on-idle=poweroff", smp=1,
               modules=[guest(busy.guest, "mem=16M", busy.cmdline or None),
                        guest("hello", "mem=16M"), guest("hello", "mem=16M", vm="third")])
    hello, third = r"hello\| Type a line", r"third\| Type a line"
    m.expect(f"{hello}.*{third}|{third}.*{hello}")
    bring_to_front(m, "third")
    answers(m, "still there")


def test_reset_and_start_where_another_vm_runs(system):
    """A VM is loaded by a CPU that has another VM's registers: those are put aside, and stay right."""
    m = system(append="on-idle=poweroff", modules=[
        guest("reset", "mem=16M smp=2", "ask=1 how=cf9"), guest("hostile_spin", "mem=16M pin=0")])
    for answer in "rrrq":
        m.expect(texts.GUEST_STARTS)
        m.expect(texts.GUEST_ASKS)
        m.send(answer)
    m.expect("vm reset: ended")
    for _ in range(2):
        m.send(texts.ESCAPE)
        m.expect(texts.PROMPT)
        m.send("start reset\r")
        m.expect(texts.GUEST_ASKS)  # before the prompt or behind it
        m.send("console reset\rq")
        m.expect("vm reset: ended")
    # The other one goes on.
    m.send(texts.ESCAPE)
    exits = []
    for _ in range(2):
        m.expect(texts.PROMPT)
        m.send("vcpu\r")
        exits.append(int(m.expect(r"vm=hostile_spin [^\r\n]* cpuid=(\d+) ")[1]))
    assert exits[1] > exits[0]
    assert not m.lines(texts.VM_STOPPED)


def test_one_vm_dies_and_another_lives(system):
    m = system(append="on-idle=poweroff",
                modules=[guest("hostile_triple", "mem=16M"), guest("hello", "mem=16M")])
    m.expect(texts.VM_STOPPED)
    m.expect(texts.VM_BYTES)
    bring_to_front(m, "hello")
    m.send("alive\r")
    m.expect("\r\nalive\r\n> ")
    m.send("quit\r")
    assert m.wait_exit() == 0
