# SPDX-License-Identifier: BSD-2-Clause
"""Bad words and bad files: one line that names the module and the word; other VMs start."""

import struct

import pytest

import texts
from harness import Module, guest

# The setup header of a bzImage: offsets in the file.
SETUP_SECTS, SYSSIZE, BOOT_FLAG, HEADER, VERSION = 0x1F1, 0x1F4, 0x1FE, 0x202, 0x206
LOADFLAGS, INITRD_ADDR_MAX, KERNEL_ALIGNMENT, RELOCATABLE = 0x211, 0x22C, 0x230, 0x234
XLOADFLAGS, CMDLINE_SIZE, PREF_ADDRESS, INIT_SIZE = 0x236, 0x238, 0x258, 0x260


def bzimage(setup_sects=4, code=65536, **fields):
    """A bzImage whose header is sound; its code is bytes of CLI, HLT."""
    image = bytearray(512 * (setup_sects + 1)) + b"\xfa\xf4" * (code // 2)
    values = dict(setup_sects=("B", SETUP_SECTS, setup_sects), syssize=("I", SYSSIZE, code // 16),
                  boot_flag=("H", BOOT_FLAG, 0xAA55), header=("4s", HEADER, b"HdrS"),
                  version=("H", VERSION, 0x20F), jump=("2s", 0x200, b"\xeb\x66"),
                  loadflags=("B", LOADFLAGS, 1), initrd_max=("I", INITRD_ADDR_MAX, 0x7FFFFFFF),
                  alignment=("I", KERNEL_ALIGNMENT, 0x200000), relocatable=("B", RELOCATABLE, 1),
                  xloadflags=("H", XLOADFLAGS, 1), cmdline_size=("I", CMDLINE_SIZE, 2047),
                  pref_address=("Q", PREF_ADDRESS, 0x1000000),
                  init_size=("I", INIT_SIZE, 0x200000))
    for name, (kind, offset, value) in values.items():
        struct.pack_into("<" + kind, image, offset, fields.get(name, value))
    return bytes(image)


def patched(data, offset, new):
    return data[:offset] + new + data[offset + len(new):]


@pytest.fixture
def boot(machine):
    """Boot with a good VM beside what is to be refused; returns the error lines."""
    def start(*modules, append=""):
        m = machine(append=f"on-idle=debug-exit {append}".strip(),
                    modules=[*modules, guest("exitcode", "mem=16M", "code=0", vm="good")])
        status = m.wait_exit()
        assert m.lines(texts.EXITCODE), "the good VM did not run"
        assert status == 1
        return m.lines(texts.ERROR)
    return start


@pytest.fixture
def file(tmp_path_factory):
    """Write a file; returns its path."""
    def write(name, data):
        path = tmp_path_factory.mktemp("f") / name
        path.write_bytes(data)
        return path
    return write


def assert_names(errors, *words):
    assert len(errors) == 1, errors
    for word in words:
        assert word in errors[0]


@pytest.mark.parametrize("word", [
    "frobnicate=1", "frobnicate", "on-idle=never", "on-idle=", "on-idle", "cpus=0", "cpus=-1",
    "cpus=99999999999999999999", "log=loud", "console=com9", "console=com1,7", "tdp=maybe",
    "=", "vm=x",
])
def test_hypervisor_command_line(boot, word):
    assert_names(boot(append=word), "command line", f'"{word}"')


@pytest.mark.parametrize("word", [
    "frobnicate=1", "frobnicate", "mem=", "mem", "mem=lots", "mem=1K", "mem=0", "mem=-16M",
    "mem=16Q", "mem=100000G", "mem=99999999999999999999M", "mem=64G", "cpus=0", "cpus=1000",
    "smp=0", "smp=65", "smp=two", "paging=no", "vm=again", "type=initrd", "on-idle=shell",
    "weight=", "weight=0", "weight=1001", "weight=-1", "weight=x", "pin=", "pin=x", "pin=256",
    "pin=1-", "pin=1-0",
])
def test_module_word(boot, word):
    errors = boot(guest("hello", word, vm="bad"))
    assert_names(errors, "hello.elf", f'"{word}"', "bad")


@pytest.mark.parametrize("words, named", [
    ("type=kernel", "vm="),
    ("vm= type=kernel", '"vm="'),
    ("vm type=kernel", '"vm"'),
    ("vm=a/b type=kernel", '"vm=a/b"'),
    (f"vm={'n' * 40} type=kernel", "n" * 40),
    ("vm=bad", "type="),
    ("vm=bad type=floppy", '"type=floppy"'),
    ("", "vm="),
])
def test_module_without_name_or_type(boot, words, named):
    assert_names(boot(Module(guest("hello").path, words)), "module 1", "hello.elf", named)


def test_two_kernels_for_one_vm(boot):
    assert_names(boot(guest("hello", vm="bad"), guest("hello", vm="bad")),
                 "module 2", "hello.elf", '"type=kernel"', "bad")


def test_no_kernel(boot):
    assert_names(boot(Module(guest("hello").path, "vm=bad type=initrd")), "hello.elf", "vm=bad")


def test_memory_of_all_vms_together(boot):
    """Each fits alone; the one that comes too late is named."""
    errors = boot(guest("exitcode", "mem=300M", vm="first"),
                  guest("exitcode", "mem=300M", vm="second"))
    assert_names(errors, "module 2", '"mem=300M"', "second")


BZIMAGES = {
    "header cut": bzimage()[:0x240],
    "header only": bzimage()[:0x280],
    "cut in its code": bzimage()[:-1000],
    "too few setup sectors": bzimage(setup_sects=1)[:1024],
    "syssize beyond the file": bzimage(syssize=0xFFFFFFFF),
    "syssize 0": bzimage(syssize=0),
    "old protocol": bzimage(version=0x201),
    "zImage": bzimage(loadflags=0),
    "alignment 0": bzimage(alignment=0),
    "alignment no power of two": bzimage(alignment=0x300000),
    "needs 4 GiB": bzimage(init_size=0xFFFFFFFF),
    "wants the end of the address space": bzimage(pref_address=0xFFFFFFFFFFE00000, relocatable=0),
}


@pytest.mark.parametrize("what", BZIMAGES)
def test_bad_bzimage(boot, file, what):
    kernel = file("kernel.img", BZIMAGES[what])
    assert_names(boot(Module(kernel, "vm=bad type=kernel mem=64M")), "bad", "kernel.img")


def test_truncated_debian_kernel(boot, file, linux_kernel):
    data = linux_kernel.read_bytes()
    kernel = file("vmlinuz", data[:len(data) // 2])
    assert_names(boot(Module(kernel, "vm=bad type=kernel mem=64M")), "bad", "vmlinuz", "truncated")


def phoff(data):
    return struct.unpack_from("<I", data, 28)[0]


# ELF32 header: entry 24, phoff 28, phentsize 42, phnum 44; a program header is 32 bytes with
# offset 4, vaddr 8, paddr 12, filesz 16, memsz 20.
ELVES = {
    "one byte": lambda e: e[:1],
    "header cut": lambda e: e[:40],
    "segments cut": lambda e: e[:4200],
    "no multiboot header": lambda e: e.replace(struct.pack("<I", 0x1BADB002), b"\0\0\0\0"),
    "program headers beyond the file": lambda e: patched(e, 28, b"\xf0\xff\xff\xff"),
    "65535 program headers": lambda e: patched(e, 44, b"\xff\xff"),
    "program headers of size 1": lambda e: patched(e, 42, b"\1\0"),
    "segment beyond the file": lambda e: patched(e, phoff(e) + 4, b"\0\xff\xff\xff"),
    "segment beyond memory": lambda e: patched(e, phoff(e) + 12, b"\0\0\0\x40"),
    "segment at the end of memory": lambda e: patched(e, phoff(e) + 12, b"\0\xf0\xff\xff"),
    "segment of 4 GiB": lambda e: patched(e, phoff(e) + 20, b"\xff\xff\xff\xff"),
    "entry outside": lambda e: patched(e, 24, b"\0\0\0\xc0"),
    "noise": lambda e: bytes((i * 167 + 13) % 251 for i in range(9000)),
}


@pytest.mark.parametrize("what", ELVES)
def test_bad_elf(boot, file, what):
    kernel = file("kernel.elf", ELVES[what](guest("hello").path.read_bytes()))
    assert_names(boot(Module(kernel, "vm=bad type=kernel mem=16M")), "bad", "kernel.elf")


def test_initrd_that_does_not_fit(boot, file):
    big = file("big.img", b"\0" * (20 << 20))
    errors = boot(guest("hello", "mem=16M", vm="bad"),
                  Module(big, "vm=bad type=initrd"))
    assert_names(errors, "bad", "big.img")


def test_initrd_that_does_not_fit_beside_linux(boot, file, linux_kernel):
    big = file("big.img", b"\0" * (100 << 20))
    errors = boot(Module(linux_kernel, "vm=bad type=kernel mem=128M"),
                  Module(big, "vm=bad type=initrd"))
    assert_names(errors, "bad", "big.img")


def test_only_bad_modules(machine):
    """Nothing is left to run: on-idle= decides."""
    m = machine(append="on-idle=poweroff", modules=[guest("hello", "mem=lots", vm="bad")])
    assert m.wait_exit() == 0
    assert_names(m.lines(texts.ERROR), "hello.elf", '"mem=lots"')
