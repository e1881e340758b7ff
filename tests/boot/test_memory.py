# SPDX-License-Identifier: BSD-2-Clause
"""Memory of running VMs: dirty logs against the truth, slots that come and go, page sizes."""

import re

import pytest

import systems
import texts
from bochs import Bochs
from harness import guest
from test_shell import ask, assert_frames_add_up, record

CONTROL = "0x1800000"  # of tests/guest/dirty.c, which prints it
MEMORY = [(words, means) for words in ("pages=4k", "pages=2m")
          for means in ("protect", "bits", "protect lazy", "bits lazy")]
# In Bochs, where each takes a quarter of a minute.
FEW = [("pages=4k", "protect"), ("pages=2m", "bits"), ("pages=2m", "pml lazy")]


def shell_beside(system, name, words, ready, vm="d"):
    """A guest runs on the second CPU, the shell on the first."""
    m = system(append="on-idle=shell", smp=2, modules=[guest(name, words, vm=vm)])
    m.expect(ready)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    return m


def check(m, means):
    """Compare twenty harvests with what the guest has written. False: the CPU does not have the means."""
    how, *lazy = means.split()
    m.send(" ".join(["dirty d check 0", how, CONTROL, *lazy]) + "\r")
    answer = m.expect(r"\n(error: [^\r]*|dirty-check [^\r]*)\r", limit=60)[1]
    if "this CPU cannot" in answer:
        m.expect(texts.PROMPT)
        return False
    fields = record(answer)
    assert (fields["harvests"], fields["lost"], fields["extra"]) == ("20", "0", "0")
    assert int(fields["reported"]) > 100
    # It has found in every page what it wrote there last.
    m.expect("vm d: ended with code 0")
    return True


@pytest.mark.parametrize("system, words, means", [
    system.parameter(name, *memory) for name, system in systems.SYSTEMS.items()
    for memory in (FEW if system.kind is Bochs else MEMORY)
], indirect=["system"])
def test_dirty_log_is_the_truth(system, words, means):
    m = shell_beside(system, "dirty", f"mem=64M {words}", "control block at " + CONTROL)
    has_them = check(m, means)
    assert has_them or ("protect" not in means and check(m, "protect"))


@systems.with_each("words", ["pages=2m", "pages=4k nx-huge=on"], guest=lambda words: "dirty")
def test_tables_are_changed_under_a_guest(system, words):
    m = shell_beside(system, "dirty", f"mem=64M {words}", "control block at " + CONTROL)
    for _ in range(5):
        for what in "zap", "split", "collapse":
            assert ask(m, f"tree d {what}") == []
        # It goes on; when, is up to the emulator.
        while int(record(ask(m, "tree d age")[0])["pages"]) == 0:
            pass
    assert check(m, "protect")


def test_counters(machine):
    m = shell_beside(machine, "dirty", "mem=64M pages=2m", "control block at " + CONTROL)
    while int(record(ask(m, "vm")[0])["pages_2m"]) <= 4:
        pass  # how far the guest has got is up to the emulator
    ask(m, "pause d")
    m.drain(0.3)
    vm, mmu, tlb = (record(line) for line in ask(m, "vm"))
    ask(m, "resume d")
    assert int(vm["pf_taken"]) == int(vm["pf_fixed"]) + int(vm["pf_spurious"])
    # A first mapping takes no round, a split that says the same neither.
    assert tlb["remote_tlb_flush"] == "0"
    ask(m, "tree d split")
    vm, mmu, tlb = (record(line) for line in ask(m, "vm"))
    assert int(mmu["splits"]) > 4 and tlb["remote_tlb_flush"] == "0"
    assert int(vm["pages_4k"]) == 512 * int(mmu["splits"])
    ask(m, "tree d zap")
    vm, mmu, tlb = (record(line) for line in ask(m, "vm"))
    assert tlb["remote_tlb_flush"] == tlb["remote_tlb_flush_requests"] == "1"
    assert int(tlb["ipis_sent"]) + int(tlb["ipis_avoided"]) == m.cpus - 1
    assert int(mmu["pages_freed"]) > 4


def test_huge_pages_come_back(machine):
    """With nx-huge=on a page that was executed from is split; a minute later it is made again."""
    m = shell_beside(lambda **config: machine(extra=["-icount", "shift=3,sleep=off"], **config),
                     "hello", "mem=16M nx-huge=on pages=2m", "Hello")
    assert int(record(ask(m, "vm")[1])["nx_lpage_splits"]) > 0
    while int(record(ask(m, "vm")[1])["collapses"]) == 0:
        assert int(record(ask(m, "version")[0])["uptime-ms"]) < 300_000
    assert "hello" not in ask(m, "vm")[1]


def test_every_cpu_counts(machine):
    m = shell_beside(machine, "dirty", "mem=64M pages=4k", "control block at " + CONTROL)
    cpus = [record(line) for line in ask(m, "mmu")]
    assert [cpu["cpu"] for cpu in cpus] == [str(cpu) for cpu in range(m.cpus)]
    vm = record(ask(m, "vm")[0])
    assert sum(int(cpu["pf_fixed"]) for cpu in cpus) <= int(vm["pf_fixed"])
    assert int(cpus[-1]["pf_fixed"]) > 0
    assert all("tlb-flushes" in line for line in ask(m, "cpus"))


@pytest.mark.parametrize("pages, leaves", [("4k", 1 << 18), ("2m", 1 << 9)])
def test_a_fresh_gigabyte_is_mapped_once(machine, pages, leaves):
    """Four vCPUs touch it all at the same time: each leaf is installed by one fault."""
    m = machine(append="on-idle=debug-exit", smp=2, mem="1536M",
                modules=[guest("smp_touch", f"mem=1100M smp=4 pages={pages}", "mib=1024", vm="d")])
    m.expect("vm d: .* ready")
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    mapped = fixed = 0
    while mapped < leaves or fixed != mapped:
        vm, mmu, tlb = (record(line) for line in ask(m, "vm"))
        mapped = sum(int(vm[f"pages_{size}"]) for size in ("4k", "2m", "1g"))
        fixed = int(vm["pf_fixed"])
        assert tlb["remote_tlb_flush"] == "0"
    m.send(texts.ESCAPE)
    assert m.wait_exit(120) == 1


def slots(m):
    return [(s["gpa"], s["size"], s["readonly"]) for s in map(record, ask(m, "slot d"))]


def test_slots_come_and_go(machine):
    m = shell_beside(machine, "hello", "mem=16M", "Hello")
    before = assert_frames_add_up(m)
    first = ("0", "16M", "no")
    assert slots(m) == [first]
    assert ask(m, "slot d add 0x40000000 4M") == []
    assert slots(m) == [first, ("40000000", "4M", "no")]
    assert ask(m, "slot d ro 0x40000000") == []
    assert ask(m, "slot d move 0x40000000 0x80000000") == []
    assert slots(m) == [first, ("80000000", "4M", "yes")]
    assert ask(m, "dirty d start 0x80000000 protect") == []
    assert ask(m, "dirty d harvest 0x80000000") == ["dirty vm=d pages=0"]
    assert ask(m, "slot d rw 0x80000000") == []
    assert ask(m, "slot d remove 0x80000000") == []
    assert slots(m) == [first]
    assert {k: v for k, v in assert_frames_add_up(m).items() if k == "d"} == {"d": before["d"]}


@pytest.mark.parametrize("command, error", [
    ("slot d add 0x40000000 3M", "2 MiB aligned"), ("slot d add 0x40100000 2M", "2 MiB aligned"),
    ("slot d add 0x200000 2M", "already"), ("slot d add 0x40000000 0", "2 MiB aligned"),
    ("slot d add 0x40000000 64G", "no memory"), ("slot d add 0xffffffffffe00000 4M", "."),
    ("slot d add 0x1000000000000 2M", "beyond"), ("slot d add", "2 MiB aligned"),
    ("slot d remove 0x40000000", "no such slot"), ("slot d remove 0x200000", "no such slot"),
    ("slot d move 0 0x3000", "2 MiB aligned"), ("slot d move 0 0xfffffffff000000", "beyond"),
    ("slot d frob 0", "."), ("slot x", "no VM 'x'"), ("slot", "usage"),
    ("dirty d start 0x40000000", "no such slot"), ("dirty d stop 0", "not logged"),
    ("dirty d start 0 pml", "this CPU cannot"), ("dirty d check 0 bits 0", "."),
    ("dirty d harvest 0", "not logged"), ("tree d frob", "."), ("walk d x", "."),
    ("walk d 0x1000000000000", "beyond"),
])
def test_bad_commands_change_nothing(machine, command, error):
    m = shell_beside(machine, "hello", "mem=16M", "Hello")
    answer = ask(m, command)
    assert re.search("error: .*" + error, answer[0])
    assert slots(m) == [("0", "16M", "no")]


def test_guest_loses_its_memory(machine):
    """It is stopped with a report, and the hypervisor goes on."""
    m = shell_beside(machine, "dirty", "mem=64M", "control block at " + CONTROL)
    m.send("slot d remove 0\r")
    m.expect("vm d: stopped: ")
    m.expect("vm d: ended with code 125, all its memory is back")
