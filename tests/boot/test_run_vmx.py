# SPDX-License-Identifier: BSD-2-Clause
"""tools/run-vmx and tools/bochs: the serial port of a machine in Bochs on a terminal."""

import os
import signal
import subprocess
import termios
from pathlib import Path

from pexpect import fdpexpect
import pytest

import texts
from conftest import skip_without_bochs
from harness import BUILD, LIMIT, TOP

CTRL_A = "\x01"
ENVIRONMENT = {**os.environ, "SILL_BUILD": str(BUILD), "GUEST": "hello", "MEM": "16M"}


class Terminal:
    """A terminal in which tools/run-vmx runs; it outlives it, so that its settings can be seen."""

    def __init__(self, iso):
        skip_without_bochs()
        self.ours, self.theirs = os.openpty()
        self.before = self.settings()
        self.process = subprocess.Popen([TOP / "tools/run-vmx"], cwd=TOP,
                                        env={**ENVIRONMENT, "OUT": str(iso)},
                                        stdin=self.theirs, stdout=self.theirs, stderr=self.theirs,
                                        start_new_session=True)
        self.screen = fdpexpect.fdspawn(self.ours, encoding="utf-8", timeout=LIMIT)
        self.screen.expect(texts.HELLO_READY)
        self.screen.expect("\n> ")

    def settings(self):
        return termios.tcgetattr(self.theirs)

    def ended(self):
        """The exit status; the terminal is as before."""
        status = self.process.wait(LIMIT)
        assert self.settings() == self.before
        return status

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(tmp_path):
    one = Terminal(tmp_path / "sill.iso")
    yield one
    one.close()


def test_keys_and_power_off(terminal):
    screen = terminal.screen
    assert terminal.settings() != terminal.before
    screen.send(f"one{CTRL_A}{CTRL_A}two\r")  # a Ctrl-A and no signal; the guest does not echo it
    screen.expect(r"\r\none[^\r\n]*two\r\n> ")
    screen.send(texts.ESCAPE)
    screen.expect(texts.PROMPT)
    screen.send(texts.ESCAPE + "quit\r")
    assert terminal.ended() == 0


def test_ctrl_a_x_quits(terminal):
    terminal.screen.send(f"{CTRL_A}h")
    terminal.screen.expect("Ctrl-A X quits")
    terminal.screen.send(f"{CTRL_A}x")
    assert terminal.ended() == 0


def test_signal_restores_the_terminal(terminal):
    terminal.process.terminate()
    assert terminal.ended() == 128 + signal.SIGTERM


def test_bochs_dies(terminal):
    """Neither a power-off nor the person at the terminal: that is an error."""
    pid = terminal.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGSEGV)
    terminal.screen.expect("it ended with status -11")
    assert terminal.ended() == 1


def run(tmp_path, **settings):
    """Without a terminal and without input."""
    settings = {**ENVIRONMENT, "OUT": str(tmp_path / "sill.iso"), **settings}
    return subprocess.run([TOP / "tools/run-vmx"], cwd=TOP, env=settings, text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, capture_output=True)


def test_without_a_terminal(tmp_path):
    skip_without_bochs()
    done = run(tmp_path, GUEST="exitcode", CMDLINE="code=0")
    assert done.returncode == 0
    assert "# exit code 0" in done.stdout


@pytest.mark.parametrize("setting, words", [
    ({"MODEL": "nonsense"}, "no CPU model nonsense"), ({"MEM": "3G"}, "MEM=3G is too much"),
    ({"SMP": "none"}, "SMP=none is not a number"), ({"GUEST": "none"}, "GUEST=none: neither"),
    ({"GUEST": "duo"}, "GUEST=duo: two guests at once are for make run only"),
])
def test_mistakes(tmp_path, setting, words):
    skip_without_bochs()
    done = run(tmp_path, **setting)
    assert done.returncode == 1
    assert words in done.stderr
