# SPDX-License-Identifier: BSD-2-Clause
"""An unmodified Debian kernel as a guest: to its prompt, a command, power-off."""

import time

import pytest

import systems
import texts
from harness import Module

BOOT_LIMIT = 300
ON_QEMU = systems.on("qemu-svm")


@pytest.fixture
def linux(request, system, linux_initrd):
    here = request.node.callspec.params["system"]
    kernel = request.getfixturevalue(here.kernel)

    def start(mem="256M", cmdline=f"console=ttyS0 loglevel=6 {here.linux_words}".strip(),
              vcpus=1, cpus=2, words=""):
        m = system(append="on-idle=poweroff", smp=cpus, modules=[
                   Module(kernel, f"vm=linux type=kernel mem={mem} smp={vcpus} {words}", cmdline),
                            Module(linux_initrd, "vm=linux type=initrd")])
        m.expect(texts.LINUX_READY, limit=BOOT_LIMIT)
        m.expect(texts.LINUX_PROMPT)
        return m
    return start


def command(m, line, answer):
    """Type a line at the guest's prompt; the answer must not match the echo of the line."""
    m.send(line + "\n")
    match = m.expect(r"\r\n(" + answer + r")(?=\r\n)")
    m.expect(texts.LINUX_PROMPT)
    return match[1]


def test_prompt_command_power_off(linux):
    m = linux()
    command(m, "echo answer=$((6*7))", "answer=42")
    kib = int(command(m, "sed -n 's/^MemTotal: *//p' /proc/meminfo", r"\d+ kB").split()[0])
    assert 180 * 1024 < kib < 256 * 1024
    assert command(m, "tty", "/dev/tty.*") == "/dev/ttyS0"
    command(m, "grep -c '^processor' /proc/cpuinfo", "1")
    # A hypervisor is there, SVM or VMX is not for this guest.
    command(m, "grep -qw hypervisor /proc/cpuinfo && echo yes", "yes")
    command(m, "grep -qwE 'svm|vmx' /proc/cpuinfo || echo none", "none")
    command(m, "dmesg | grep -icE 'unchecked MSR|general protection|BUG:|WARNING: CPU'", "0")
    m.send("poweroff -f\n")
    assert m.wait_exit() == 0


# A load of pipes and processes; each line is the sum of the same bytes.
LOAD = ("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do (dd if=/dev/zero bs=64k count=10 2>/dev/null | "
        "md5sum) & done | sort | uniq -c | sed 's/^ */sums=/'; wait")
# A stress of each vCPU. Who loops says where, and what all it has added up makes.
LOOPS = ("for c in $(seq 0 {last}); do taskset -c $c sh -c 's=0 i=0; while [ $i -lt 20000 ]; do "
         "i=$((i+1)) s=$((s+i)); done; read l < /proc/$$/stat; set -- $l; echo ${{39}}:$s' & "
         "done | sort -n | tr '\\n' ' '; wait; echo")
# Each process has a number to say; together they make the sum.
FORKS = ("for c in 1 2 3 4 5 6 7 8; do (i=0; while [ $i -lt 100 ]; do (echo $((c*1000+i))); "
         "i=$((i+1)); done) & done | sort -u | awk '{s+=$1} END {print \"forks=\" NR \" sum=\" s}'; wait")
# A number goes to and fro between two processes, one of which adds 1 to it; a pair for each vCPU.
PAIR = ("p() { mkfifo a$1 b$1; taskset -c $1 sh -c 'while read n; do echo $((n+1)); done' < a$1 > b$1 & "
        "exec 3> a$1 4< b$1; n=0 i=0; while [ $i -lt 250 ]; do echo $n >&3; read n <&4; i=$((i+1)); "
        "done; echo $1:$n; exec 3>&- 4<&-; wait; }")
PAIRS = "for c in $(seq 0 {last}); do (p $c) & done | sort -n | tr '\\n' ' '; wait; echo"


def pipes(m, vcpus):
    command(m, LOAD, r"sums=12 [0-9a-f]{32}  -")


def stress(m, vcpus):
    def each(number):
        return "".join(f"{cpu}:{number} " for cpu in range(vcpus))

    pipes(m, vcpus)
    command(m, LOOPS.format(last=vcpus - 1), each(20000 * 20001 // 2))
    command(m, FORKS, f"forks=800 sum={sum(c * 1000 + i for c in range(1, 9) for i in range(100))}")
    m.send(PAIR + "\n")
    m.expect(texts.LINUX_PROMPT)
    command(m, PAIRS.format(last=vcpus - 1), each(250))


def several_vcpus(linux, vcpus, cpus, load=pipes):
    m = linux(vcpus=vcpus, cpus=cpus)
    command(m, "nproc", str(vcpus))
    command(m, "sort -u /proc/cpuinfo | grep -c '^core id'", str(vcpus))
    command(m, "grep -m1 '^cpu cores' /proc/cpuinfo", f"cpu cores\\s*: {vcpus}")
    load(m, vcpus)
    command(m, "grep LOC /proc/interrupts | grep -cw 0", "0")  # each has had a timer's tick
    command(m, "dmesg | grep -icE 'BUG:|WARNING: CPU|lockup|stall'", "0")
    m.send("poweroff -f\n")
    assert m.wait_exit() == 0


@ON_QEMU
def test_few_shootdown_rounds(linux):
    """A boot with four vCPUs needs hardly any: nothing is removed, only added."""
    m = linux(vcpus=4, cpus=4)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    m.send("vm\r")
    taken, fixed = (int(n) for n in m.expect(r"pf_taken=(\d+) pf_fixed=(\d+) ").groups())
    assert taken > fixed > 10
    assert int(m.expect(r"remote_tlb_flush=(\d+) ")[1]) <= 100


def test_two_vcpus(linux):
    several_vcpus(linux, 2, 2)


@ON_QEMU
@pytest.mark.parametrize("vcpus, cpus, load", [(4, 4, stress), (4, 2, stress), (8, 2, pipes)])
def test_more_vcpus(linux, vcpus, cpus, load):
    several_vcpus(linux, vcpus, cpus, load)


@ON_QEMU
def test_more_vcpus_without_acpi(linux):
    """Of the other CPUs and of the I/O APIC's inputs such a kernel learns from the MP tables."""
    m = linux(vcpus=4, cpus=4, cmdline="console=ttyS0 loglevel=6 acpi=off")
    command(m, "dmesg | grep -c 'MPTABLE: OEM ID: SILL'", "1")
    command(m, "nproc", "4")
    # By input 2, and not by the 8259s, to which Linux turns when no tick has come that way.
    command(m, "dmesg | grep -c 'TIMER:.* pin1=2 apic2=-1 pin2=-1'", "1")
    command(m, "grep ' timer$' /proc/interrupts | grep -c IO-APIC", "1")
    command(m, "grep LOC /proc/interrupts | grep -cw 0", "0")
    command(m, "awk '/IO-APIC.* ttyS0/ {print ($2+$3+$4+$5 > 0)}' /proc/interrupts", "1")
    command(m, "dmesg | grep -icE 'BUG:|WARNING: CPU|lockup|stall'", "0")
    # Without ACPI it cannot switch itself off: all its CPUs halt, which is as good.
    m.send("poweroff -f\n")
    m.expect(texts.VM_POWERED_OFF)
    assert m.wait_exit() == 0


@ON_QEMU
def test_two_kernels(system, linux_kernel, linux_initrd, pae_kernel, pae_initrd):
    """One of 64 bits and one of 32, side by side; a key gives each the console in turn."""
    words = "type=kernel mem=256M smp=2"
    m = system(append="on-idle=debug-exit", mem="1G", modules=[
        Module(linux_kernel, f"vm=linux {words}", "console=ttyS0 loglevel=4"),
        Module(linux_initrd, "vm=linux type=initrd"),
        Module(pae_kernel, f"vm=pae {words}", "console=ttyS0 loglevel=4"),
        Module(pae_initrd, "vm=pae type=initrd")])
    ready = texts.LINUX_READY
    for _ in range(2):  # in any order; the second guest's lines have its name in front
        m.expect(ready, limit=BOOT_LIMIT)
    m.send("\n")
    m.expect(texts.LINUX_PROMPT)
    command(m, "echo $(uname -m)/$(nproc)", "x86_64/2")
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    m.send("\t")
    m.expect("console pae")
    m.send("\n")
    m.expect(texts.LINUX_PROMPT)
    command(m, "echo $(uname -m)/$(nproc)", "i686/2")
    m.send("poweroff -f\n")
    m.expect("vm pae: ended with code 0")
    m.send("\n")
    m.expect(texts.LINUX_PROMPT)
    m.send("poweroff -f\n")
    m.expect("vm linux: powered off")
    assert m.wait_code() == 0


@ON_QEMU
def test_time_passes_as_outside(linux):
    """A sleeping guest is woken by its timer, and its clock does not run ahead of ours."""
    m = linux()
    start = time.monotonic()
    slept = command(m, "a=$(cut -d. -f1 /proc/uptime); sleep 3; b=$(cut -d. -f1 /proc/uptime); "
                       "echo slept=$((b-a))", r"slept=\d+")
    outside = time.monotonic() - start
    assert 3 <= int(slept.removeprefix("slept=")) <= outside + 1


CLOCK_SOURCE = "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"


@ON_QEMU
def test_paravirtual_clock(linux):
    """Where the TSC is not said to be invariant, KVM's clock is the best that Linux finds."""
    m = linux(vcpus=2)
    command(m, CLOCK_SOURCE, "kvm-clock")
    command(m, "dmesg | grep -c 'KVM setup pv remote TLB flush'", "1")
    command(m, "dmesg | grep -icE 'clocksource.*(skew|wrong|unstable)|BUG:|WARNING: CPU'", "0")
    rtc = "/sys/class/rtc/rtc0/since_epoch"
    command(m, f"a=$(date +%s); b=$(cat {rtc}); echo apart=$((a - b))", r"apart=(-1|0|1)")


@ON_QEMU
def test_no_paravirtual_clock(linux):
    m = linux(words="pv=none")
    assert command(m, CLOCK_SOURCE, r"[\w-]+") != "kvm-clock"
    command(m, "dmesg | grep -icE 'kvm-(clock|guest)'", "0")


@ON_QEMU
def test_interrupt_key_reaches_the_guest(linux):
    m = linux()
    # Whoever says "now2" must be the terminal's foreground group already: between the fork
    # and that, the interactive shell would take the key, and go on waiting for its child.
    m.send("sh -c 'echo now$((1+1)); exec sleep 1000'\n")
    m.expect("now2")
    m.send("\x03")
    m.expect("# ")  # the echo, ^C, may come late, or be lost as the signal flushes the terminal
    command(m, "echo alive$((1+1))", "alive2")


@ON_QEMU
def test_long_input_arrives_whole(linux):
    m = linux()
    text = "".join(chr(ord("a") + i % 26) for i in range(700))
    command(m, f"echo {text} | wc -c", str(len(text) + 1))


@ON_QEMU
def test_command_line_is_verbatim(linux):
    words = "console=ttyS0 loglevel=4 one,two  three=a=b vm=other -- four"
    m = linux(cmdline=words)
    m.send("cat /proc/cmdline\n")
    m.expect(r"one,two  three=a=b vm=other -- four(?=\r\n)")
    m.expect(texts.LINUX_PROMPT)


@ON_QEMU
def test_idle_guest_uses_no_cpu_time(linux):
    m = linux()
    m.drain(2)
    with_ticks = []
    for _ in range(2):
        with open(f"/proc/{m.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        with_ticks.append(int(fields[11]) + int(fields[12]))
        m.drain(3)
    # 100 ticks a second: a loop on one CPU would take 300.
    assert with_ticks[1] - with_ticks[0] < 150
