# SPDX-License-Identifier: BSD-2-Clause
"""VMs by the hundred: their number is limited by memory only."""

import re

import texts
from harness import guest

COUNT = 100


def test_hundred_vms(machine):
    """Each starts, runs to its end and gives its memory back; none is left out."""
    m = machine(append="on-idle=debug-exit", mem="1G",
                modules=[guest("exitcode", "mem=4M", "code=0", vm=f"v{i}")
                         for i in range(COUNT)])
    assert m.wait_exit() == 1
    assert not m.lines(texts.ERROR)
    ended = m.lines(r"vm v\d+: ended with code 0, all its memory is back")
    names = {re.search(r"vm (v\d+):", line).group(1) for line in ended}
    assert names == {f"v{i}" for i in range(COUNT)} and len(ended) == COUNT
