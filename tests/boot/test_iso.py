# SPDX-License-Identifier: BSD-2-Clause
"""The ISO of tools/make-iso: on BIOS (SeaBIOS, Bochs's) and on UEFI (OVMF)."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import screen
import texts
from harness import TOP
from systems import SYSTEMS

OVMF = Path("/usr/share/OVMF")
BOOT_LIMIT = 240
DOWN = "\x0e"  # Ctrl-N: as the arrow, in one byte
NEEDED = {"seabios": ["/usr/lib/grub/i386-pc"], "bochs": ["/usr/bin/bochs-bin"],
          "ovmf": ["/usr/lib/grub/x86_64-efi", OVMF / "OVMF_CODE_4M.fd"]}
ON_QEMU = pytest.mark.parametrize("firmware", ["seabios", "ovmf"])


def make(out, **settings):
    """Run tools/make-iso; returns what it said beside the file's name."""
    done = subprocess.run([TOP / "tools/make-iso"], cwd=TOP, capture_output=True, text=True,
                          env={**os.environ, **settings, "OUT": str(out)}, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out)]
    return done.stderr


@pytest.fixture(scope="session")
def iso(tmp_path_factory):
    """An ISO with these settings, each made once."""
    made = {}

    def get(**settings):
        key = tuple(sorted(settings.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("iso") / "sill.iso"
            make(made[key], **{"TIMEOUT": "0", "GUEST": "hello", **settings})
        return made[key]
    return get


@pytest.fixture
def boot(machine, bochs, tmp_path):
    """boot(firmware, image): a machine with that firmware that boots it, as a CD or a USB stick."""
    def start(firmware, image, stick=False, more=(), **config):
        for path in NEEDED[firmware]:
            if not os.path.exists(path):
                pytest.skip(f"{path} is not there")
        if firmware == "bochs":
            return bochs(iso=image, **config)
        extra = ["-cdrom", str(image)]
        if stick:
            extra = ["-drive", f"if=none,id=stick,format=raw,snapshot=on,file={image}",
                     "-device", "qemu-xhci", "-device", "usb-storage,drive=stick"]
        if firmware == "ovmf":
            shutil.copy(OVMF / "OVMF_VARS_4M.fd", tmp_path / "vars.fd")
            extra += ["-machine", "q35",
                      "-drive", "if=pflash,format=raw,readonly=on,"
                                f"file={OVMF}/OVMF_CODE_4M.fd",
                      "-drive", f"if=pflash,format=raw,file={tmp_path}/vars.fd"]
        return machine(kernel=None, extra=extra + list(more), **config)
    return start


@pytest.mark.parametrize("firmware, config, chosen", [
    pytest.param("seabios", {}, "SVM", id="seabios"),
    pytest.param("ovmf", {}, "SVM", id="ovmf"),
    pytest.param("bochs", SYSTEMS["bochs-svm"].config, "SVM", id="bochs-svm"),
    pytest.param("bochs", SYSTEMS["bochs-vmx"].config, "VMX", id="bochs-vmx")])
def test_small_guest_answers(boot, iso, firmware, config, chosen):
    m = boot(firmware, iso(WORDS="on-idle=poweroff"), **config)
    m.expect(texts.BANNER)
    m.expect(f"virtualization: {chosen} with nested paging")
    m.expect(texts.HELLO_READY)
    m.expect("> ")
    m.send("are you there\r")
    m.expect(r"are you there\r\n(?=are you there\r\n> )")
    m.send("quit\r")
    assert m.wait_exit() == 0
    assert not m.lines(texts.ERROR)
    # UEFI's tables are found by way of the loader, and no module lies where CPUs start.
    assert m.lines(r"acpi: 2 CPUs in the MADT")
    assert m.lines(r"cpu: 2 of 2 up")


@ON_QEMU
def test_from_a_usb_stick(boot, iso, firmware):
    m = boot(firmware, iso(WORDS="on-idle=poweroff"), stick=True)
    m.expect(texts.HELLO_READY)


@ON_QEMU
def test_linux_comes_to_its_prompt(boot, iso, linux_kernel, linux_initrd, firmware):
    m = boot(firmware, iso(GUEST="linux", WORDS="on-idle=poweroff"), mem="1G")
    m.expect(texts.LINUX_READY, limit=BOOT_LIMIT)
    m.expect(texts.LINUX_PROMPT)
    m.send("echo answer=$((6*7))\n")
    m.expect(r"\r\nanswer=42\r\n")
    m.send("poweroff -f\n")
    assert m.wait_exit() == 0


@ON_QEMU
def test_menu_on_screen_and_serial_port(boot, iso, linux_kernel, linux_initrd, firmware):
    m = boot(firmware, iso(GUEST="linux", TIMEOUT="1000"))
    for title in ("Sill with Linux", "Sill, safe settings", "Sill with the small guest only"):
        m.expect(title)
    if firmware == "seabios":
        screen.expect(m, "Sill, safe settings", read=screen.vga_text)
    else:
        assert screen.lit(m) > 1000  # in the firmware's font
    m.send(DOWN + DOWN + "\r")
    m.expect(texts.HELLO_READY)


def test_safe_settings(boot, iso):
    m = boot("seabios", iso(DEFAULT="safe"))
    m.expect(texts.HELLO_READY)
    assert m.lines(r"cpu: 1 of 2 up")
    assert m.lines(r"debug: ")


def test_doctor_from_the_menu(boot, iso):
    """On the screen alone too: it is for machines where nothing else is seen."""
    m = boot("ovmf", iso(DEFAULT="doctor", WORDS="console=none"))
    said = screen.expect(m, "doctor: done: halted")
    assert "SVM: yes" in said


def test_bios_keeps_its_text_screen(boot, iso):
    m = boot("seabios", iso())
    m.expect(texts.HELLO_READY)
    assert "a micro-hypervisor" in screen.vga_text(m)
    assert not m.lines("framebuffer")


def test_framebuffer_console(boot, iso):
    """With UEFI and no serial port all is on the screen, guests too."""
    m = boot("ovmf", iso(WORDS="console=none"))
    said = screen.expect(m, texts.HELLO_READY)
    for pattern in (texts.BANNER, *texts.BOOT_LOG.values(), texts.HELLO):
        assert re.search(pattern, said), pattern
    assert "\0" not in said
    m.drain(1)
    assert not m.lines(texts.HELLO)


def test_uefi_without_a_screen(boot, iso):
    m = boot("ovmf", iso(), more=["-vga", "none"])
    m.expect("console: no screen")
    m.expect(texts.HELLO_READY)


def test_refusal_on_the_framebuffer(boot, iso):
    m = boot("ovmf", iso(WORDS="console=none"), cpu="max,-svm")
    # The line may be longer than the screen is wide.
    screen.expect(m, r"Sill cannot run here: [^.]*SVM[^.]*\. Halted\.")


def test_panic_on_the_framebuffer(boot, iso):
    """And what the guest writes to a serial port that works is not there."""
    m = boot("ovmf", iso())
    m.expect(texts.HELLO_READY)
    m.send(texts.ESCAPE)
    m.expect(texts.PROMPT)
    m.send("panic\r")
    m.expect(texts.PANIC_END, panic_ok=True)
    said = screen.expect(m, texts.PANIC_END)
    for pattern in (texts.PANIC, r"cmd_panic\+0x", texts.PANIC_STOPPED):
        assert re.search(pattern, said), pattern
    assert not re.search(texts.HELLO, said)


def test_without_a_registry(boot, tmp_path):
    """No kernel to be had: the ISO has the small guest only, and make-iso says so."""
    (tmp_path / "apt.conf").write_text('Dir::Etc::SourceList "/dev/null";\n'
                                       'Dir::Etc::SourceParts "/dev/null";\n')
    said = make(tmp_path / "sill.iso", TIMEOUT="0", KERNEL_PACKAGE="no-such-kernel",
                APT_CONFIG=str(tmp_path / "apt.conf"))
    assert "small guest of this tree" in said
    m = boot("seabios", tmp_path / "sill.iso")
    m.expect(texts.HELLO_READY)


def test_two_guests_are_refused(tmp_path):
    done = subprocess.run([TOP / "tools/make-iso"], cwd=TOP, capture_output=True, text=True,
                          env={**os.environ, "GUEST": "duo", "OUT": str(tmp_path / "sill.iso")},
                          timeout=60)
    assert done.returncode == 1
    assert "GUEST=duo: two guests at once are for make run only" in done.stderr
    assert not list(tmp_path.iterdir())


def test_font_is_what_make_font_draws():
    drawn = subprocess.run([TOP / "tools/make-font"], capture_output=True, text=True, check=True)
    assert drawn.stdout == (TOP / "arch/font.c").read_text()
