# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the whole-system tests, and the console in a failure's report."""

import os
import subprocess

import pytest

import grub
import systems
from bochs import Bochs
from harness import TOP, Failure, Machine


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: for make check-full, not for make check")


def skip_without_bochs():
    for path in ("/usr/bin/bochs-bin", grub.BIOS):
        if not os.path.exists(path):
            pytest.skip(f"{path} is not there")


def starter(request, kind, **settings):
    machines = request.node.machines = getattr(request.node, "machines", [])

    def start(**config):
        machines.append(kind(**{**settings, **config}))
        return machines[-1]

    yield start
    for one in machines:
        one.stop()


@pytest.fixture
def machine(request):
    """Starts machines that end with the test: machine(append=..., modules=[...])."""
    yield from starter(request, Machine)


@pytest.fixture
def bochs(request):
    """The same in Bochs: bochs(iso=...)."""
    skip_without_bochs()
    yield from starter(request, Bochs)


@pytest.fixture(params=systems.everywhere())
def system(request):
    """The same on each system of the table in turn."""
    if request.param.kind is Bochs:
        skip_without_bochs()
    yield from starter(request, request.param.kind, **request.param.config)


def whereabouts(machine):
    """It may end while it is asked; that must not end the tests."""
    try:
        return machine.whereabouts()
    except (Failure, OSError, ValueError) as error:
        return f"not known: {error!r}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if call.when != "call" or not report.failed:
        return
    for one in getattr(item, "machines", ()):
        if one.process.poll() is None:
            one.drain(1)
            report.sections.append(("where the CPUs are", whereabouts(one)))
        report.sections.append((f"{one.name}'s command", " ".join(one.command)))
        report.sections.append(("last lines of the console", one.tail()))
        if one.stderr():
            report.sections.append((f"{one.name} said", one.stderr()))


def tool(name, *words):
    """Run a script that prints a path; a skip when there is no registry to get it from."""
    done = subprocess.run([TOP / "tools" / name, *words], cwd=TOP, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300)
    if done.returncode == 3:
        pytest.skip(f"tools/{name}: {done.stderr.strip().splitlines()[-1]}")
    if done.returncode:
        raise Failure(f"tools/{name}: status {done.returncode}: {done.stderr}")
    return TOP / done.stdout.strip()


@pytest.fixture(scope="session")
def linux_kernel():
    return tool("get-kernel")


@pytest.fixture(scope="session")
def linux_initrd():
    return tool("make-initrd")


@pytest.fixture(scope="session")
def pae_kernel():
    """Of 32 bits."""
    return tool("get-kernel", "linux-image-686-pae:i386")


@pytest.fixture(scope="session")
def pae_initrd():
    return tool("make-initrd", "i386")


@pytest.fixture(scope="session")
def cloud_kernel():
    """Decompressed and started much sooner than the other one."""
    return tool("get-kernel", "linux-image-cloud-amd64")
