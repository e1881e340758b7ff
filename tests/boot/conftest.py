# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the whole-system tests, and the console in a failure's report."""

import subprocess

import pytest

from harness import TOP, Failure, Machine


@pytest.fixture
def machine(request):
    """Starts machines that end with the test: machine(append=..., modules=[...])."""
    machines = request.node.machines = []

    def start(**config):
        machines.append(Machine(**config))
        return machines[-1]

    yield start
    for one in machines:
        one.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if call.when != "call" or not report.failed:
        return
    for one in getattr(item, "machines", ()):
        if one.process.poll() is None:
            one.drain(1)
            report.sections.append(("where the CPUs are", one.whereabouts()))
        report.sections.append(("QEMU command", " ".join(one.command)))
        report.sections.append(("last lines of the console", one.tail()))
        if one.stderr():
            report.sections.append(("QEMU said", one.stderr()))


def tool(name):
    """Run a script that prints a path; a skip when there is no registry to get it from."""
    done = subprocess.run([TOP / "tools" / name], cwd=TOP, stdin=subprocess.DEVNULL,
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
