# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor's own page tables, read through QEMU's monitor while it idles."""

import re
from bisect import bisect_right

import pytest

import texts
from harness import KERNEL_OFFSET, symbols

CPUS = 2
LAYOUT_DIRECT_MAP = 0xFFFF800000000000
LAYOUT_STACKS = 0xFFFFD00000000000
LAYOUT_STACKS_END = 0xFFFFE00000000000
CR0_WP = 1 << 16
CR4_UMIP, CR4_SMEP, CR4_SMAP = 1 << 11, 1 << 20, 1 << 21
EFER_NXE, EFER_SVME = 1 << 11, 1 << 12


class Page:
    def __init__(self, line):
        match = re.fullmatch(r"([0-9a-f]{16}): ([0-9a-f]{16}) ([-XGPDACTUW]{9})", line)
        assert match, f"a line of 'info tlb' that is not a page: {line!r}"
        self.va, self.pa = int(match[1], 16), int(match[2], 16)
        self.flags = match[3]
        # QEMU shows the NX bit as X.
        self.executable = "X" not in self.flags
        self.writable = "W" in self.flags
        self.user = "U" in self.flags
        self.large = "P" in self.flags

    def __repr__(self):
        return f"{self.va:016x} -> {self.pa:x} {self.flags}"


@pytest.fixture
def idle(machine):
    m = machine(append="on-idle=shell", smp=CPUS)
    m.expect(texts.PROMPT)
    return m


def pages(m, cpu):
    found = [Page(line) for line in m.monitor("info tlb", cpu).splitlines()]
    assert len(found) > 20
    return found


def page_at(table, va):
    """The page of a sorted table that holds va (large ones: by where they start)."""
    return table[bisect_right([page.va for page in table], va) - 1]


@pytest.mark.parametrize("cpu", range(CPUS))
def test_no_page_is_writable_and_executable(idle, cpu):
    table = pages(idle, cpu)
    assert [page for page in table if page.executable and page.writable] == []
    assert [page for page in table if page.user] == []
    # Both kinds are there, so that the flags were read right.
    assert any(page.executable for page in table)
    assert any(page.writable for page in table)


@pytest.mark.parametrize("cpu", range(CPUS))
def test_protections_are_on(idle, cpu):
    regs = idle.registers(cpu)
    assert regs["CR0"] & CR0_WP
    assert regs["EFER"] & EFER_NXE
    assert regs["EFER"] & EFER_SVME
    assert regs["CR4"] & CR4_SMEP and regs["CR4"] & CR4_SMAP and regs["CR4"] & CR4_UMIP


def test_only_the_text_is_executable(idle):
    text = symbols()
    for page in pages(idle, 0):
        assert not page.executable or text["text_start"] <= page.va < text["text_end"], page


def test_read_only_data_is_read_only(idle):
    """At its linked address and in the direct map as well."""
    table, at = pages(idle, 0), symbols()
    for start, end in (("text_start", "text_end"), ("rodata_start", "rodata_end"),
                       ("ro_after_init_start", "ro_after_init_end")):
        for va in range(at[start], at[end], 4096):
            assert not page_at(table, va).writable, f"{start} + {va - at[start]:#x}"
            alias = LAYOUT_DIRECT_MAP + va - KERNEL_OFFSET
            assert not page_at(table, alias).writable, f"alias of {start} at {alias:#x}"


def test_every_stack_has_a_guard_page(idle):
    """Stacks of both CPUs, each a run of pages with nothing mapped below it."""
    stack_pages = [page.va for page in pages(idle, 0)
                   if LAYOUT_STACKS <= page.va < LAYOUT_STACKS_END]
    assert stack_pages, "no stacks where they should be"
    starts = [va for va in stack_pages if va - 4096 not in stack_pages]
    # One stack and two for #DF and #MC per CPU; the boot CPU may still be on its first.
    assert len(starts) >= 3 * CPUS - 1
    for cpu in range(CPUS):
        rsp = idle.registers(cpu)["RSP"]
        below = max(va for va in starts if va <= rsp)
        assert rsp - below < 65536


def test_low_memory_is_not_mapped(idle):
    """The start-up mappings at address 0 are gone: a NULL pointer faults."""
    assert pages(idle, 0)[0].va >= 1 << 47


def test_direct_map_uses_large_pages(idle):
    direct = [page for page in pages(idle, 0)
              if LAYOUT_DIRECT_MAP <= page.va < LAYOUT_DIRECT_MAP + (1 << 40)]
    # 512 MiB: a few hundred small pages at its edges, the rest in 2 MiB pages.
    assert sum(page.large for page in direct) >= 200
