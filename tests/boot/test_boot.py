# SPDX-License-Identifier: BSD-2-Clause
"""From the first instruction to having nothing to do."""

import re
import shutil
import subprocess

import pytest

import texts
from harness import BUILD, TOP, guest


def test_banner_names_version_and_commit(machine):
    header = (BUILD / "version.h").read_text()
    version, commit = re.findall(r'"(.*)"', header)
    m = machine(append="on-idle=poweroff")
    m.expect(re.escape(f"Sill {version}") + r"[^\r\n]*" + re.escape(commit))


def test_boot_log_tells_what_was_found(machine):
    m = machine(append="on-idle=poweroff")
    m.wait_exit()
    for what, pattern in texts.BOOT_LOG.items():
        assert m.lines(pattern), f"no line about {what}"
    assert not m.lines(texts.ERROR)


@pytest.mark.parametrize("cpus", [1, 2, 5])
def test_all_cpus_come_up(machine, cpus):
    m = machine(append="on-idle=shell", smp=cpus)
    m.expect(texts.PROMPT)
    m.send("cpus\r")
    for cpu in range(cpus):
        m.expect(rf"index={cpu}\b")
    m.expect(texts.PROMPT)


def test_cpus_option_limits(machine):
    m = machine(append="on-idle=shell cpus=2", smp=4)
    m.expect(texts.PROMPT)
    m.send("cpus\r")
    m.expect(r"index=1\b[^\r\n]*\r\n" + texts.PROMPT)


def test_more_than_four_gib(machine):
    m = machine(append="on-idle=poweroff", mem="5G")
    assert m.wait_exit() == 0
    assert m.lines(texts.BOOT_LOG["memory"])


def test_nothing_to_run_shell(machine):
    m = machine(append="on-idle=shell")
    m.expect(texts.NO_MODULES)
    m.expect(texts.PROMPT)


def test_shell_is_the_default(machine):
    m = machine()
    m.expect(texts.NO_VM)
    m.expect(texts.PROMPT)


def test_nothing_to_run_poweroff(machine):
    m = machine(append="on-idle=poweroff")
    assert m.wait_exit() == 0
    assert m.lines(texts.NO_MODULES)


def test_nothing_to_run_debug_exit(machine):
    m = machine(append="on-idle=debug-exit")
    assert m.wait_exit() == 1
    assert m.lines(texts.NO_MODULES)


def test_nothing_to_run_reboot(machine):
    """With -no-reboot QEMU ends, and says why."""
    m = machine(append="on-idle=reboot", extra=["-action", "reboot=shutdown"])
    assert m.wait_exit() == 0


def test_console_none_is_silent(machine):
    m = machine(append="on-idle=poweroff console=none")
    assert m.wait_exit() == 0
    assert "memory" not in m.text()


def test_machine_without_serial_port(machine):
    m = machine(append="on-idle=poweroff console=com2", modules=[guest("exitcode", "mem=16M", "code=0")])
    assert m.wait_exit() == 0


def test_idle_machine_uses_no_cpu_time(machine):
    """Nothing runs in a loop while the shell waits: the process sleeps."""
    m = machine(append="on-idle=shell")
    m.expect(texts.PROMPT)
    m.drain(1)
    before = cpu_ticks(m.process.pid)
    m.drain(3)
    # 100 ticks a second and two CPUs: a loop on one of them would take 300.
    assert cpu_ticks(m.process.pid) - before < 100


@pytest.mark.parametrize("cpus", [1, 4])
def test_selftest_runs_a_guest_on_every_cpu(system, cpus):
    m = system(append="on-idle=debug-exit selftest=1", smp=cpus,
               modules=[guest("exitcode", "mem=16M", "code=3")])
    assert m.wait_code() == 3
    for cpu in range(m.cpus):
        assert m.lines(f"vm selftest.{cpu}: 4 MiB, 1 vCPU, first on CPU {cpu}, ")
        assert m.lines(f"vm selftest.{cpu}: ended with code 0, all its memory is back")
        assert m.lines(rf"selftest: CPU {cpu}: ran a guest to its end$")
    assert m.lines(f"selftest: {m.cpus} CPUs, each ran a guest to its end")


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_run_prints_a_command_that_can_be_pasted(tmp_path):
    """tools/run with a stand-in for QEMU that prints its arguments."""
    (tmp_path / "qemu-system-x86_64").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "qemu-system-x86_64").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    run = subprocess.run(["tools/run"], cwd=TOP, capture_output=True, text=True, timeout=60,
                         env={"PATH": path, "GUEST": "hello", "SMP": "3", "MEM": "64M",
                              "CMDLINE": "it's a,b $x", "SILL_BUILD": str(BUILD)})
    command, arguments = run.stdout.split("\n", 1)
    assert command.startswith("Starting qemu-system-x86_64 ")
    assert "Ctrl-A" in arguments
    pasted = subprocess.run(["sh", "-c", command.removeprefix("Starting ")], cwd=TOP,
                            capture_output=True, text=True, timeout=60, env={"PATH": path})
    assert pasted.stdout and arguments.endswith(pasted.stdout)
    assert "vm=hello type=kernel mem=64M smp=3 -- it's a,,b $x" in pasted.stdout
    assert "-smp\n4\n" in pasted.stdout


def run_duo(top, kernels):
    """The modules of tools/run GUEST=duo in a tree with stand-ins; kernels: packages to be had."""
    (top / "tools").mkdir()
    for name in ("run", "guest.sh"):
        shutil.copy(TOP / "tools" / name, top / "tools")
    stand_ins = {
        "tools/get-kernel": f"case $1 in {'|'.join(kernels) or '-'}) echo \"$1/vmlinuz\";; "
                            "*) exit 3;; esac",
        "tools/make-initrd": 'echo "initrd$1.gz"',
        "bin/qemu-system-x86_64": "while [ $1 != -initrd ]; do shift; done; echo \"initrd $2\"",
        "build/sill.elf": "", "build/guest/hello.elf": "",
    }
    for name, text in stand_ins.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(f"#!/bin/sh\n{text}\n")
        (top / name).chmod(0o755)
    run = subprocess.run(["tools/run"], cwd=top, capture_output=True, text=True, timeout=60,
                         env={"PATH": f"{top}/bin:/usr/bin:/bin", "GUEST": "duo", "CMDLINE": "x"})
    assert run.returncode == 0, run.stderr
    return re.search("^initrd (.*)$", run.stdout, re.M).group(1).split(",")


LINUX, PAE = "linux-image-amd64", "linux-image-686-pae:i386"
HELLO = "build/guest/hello.elf"


@pytest.mark.parametrize("kernels, names", [
    ([LINUX, PAE], {"linux": f"{LINUX}/vmlinuz", "pae": f"{PAE}/vmlinuz"}),
    ([LINUX], {"linux": f"{LINUX}/vmlinuz", "hello": HELLO}),
    ([PAE], {"hello": HELLO, "pae": f"{PAE}/vmlinuz"}),
    ([], {"hello": HELLO, "hello2": HELLO}),
])
def test_run_duo(tmp_path, kernels, names):
    """Two VMs of two names, whichever kernels can be had."""
    modules = run_duo(tmp_path, kernels)
    found = [re.match(r"(\S+) vm=(\S+) type=kernel mem=512M smp=2 -- x$", m) for m in modules]
    assert {m.group(2): m.group(1) for m in found if m} == names
    assert len([m for m in found if m]) == 2
    initrds = {m.group(1) for m in (re.search(r" vm=(\S+) type=initrd$", m) for m in modules) if m}
    assert initrds == {name for name in names if not name.startswith("hello")}
