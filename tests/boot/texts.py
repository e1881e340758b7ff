# SPDX-License-Identifier: BSD-2-Clause
"""What the hypervisor, the shell and the guests say, as regular expressions: in one place."""

# Start-up.
BANNER = r"Sill \d+\.\d+ \([^)\r\n]+\), a micro-hypervisor"
# One line each of the boot log that a person wants to find.
BOOT_LOG = {
    "the loader": r"boot: loader .* command line",
    "the processor": r"cpu: AuthenticAMD .*physical addresses",
    "memory": r"memory: \d+ MiB usable, \d+ MiB free",
    "ACPI": r"acpi: 2 CPUs in the MADT",
    "the clock": r"clock: TSC \d+\.\d+ MHz by",
    "what was chosen and why": r"virtualization: SVM with nested paging \(NPT\): \S",
    "the CPUs that run": r"cpu: 2 of 2 up",
}
NO_MODULES = r"no modules: there is nothing to run"
NO_VM = r"no VM is running: "
DEBUG_EXIT = r"no VM is running: exit with code (\d+) \(on-idle=debug-exit\)"

# Refusals, before and after long mode.
NO_LONG_MODE = r"Sill: this CPU has no long mode \(64 bit\): [^\r\n]* Halted\."
NO_NX = r"Sill: this CPU has no NX bit[^\r\n]* Halted\."
NO_APIC = r"Sill cannot run here: [^\r\n]*local APIC[^\r\n]*\. Halted\."
NO_VIRTUALIZATION = r"Sill cannot run here: [^\r\n]*(SVM|virtualization)[^\r\n]*\. Halted\."
REFUSAL = r"Sill(?: cannot run here)?: [^\r\n]*\. Halted\."

# Log lines.
ERROR = r"^\[ *\d+\.\d{6}\] error: "

# Panic.
PANIC = r"\*\*\* Sill panic on CPU \d+"
PANIC_END = r"\*\*\* end of report; the machine is halted"
PANIC_STOPPED = r"stopped: (\d+) of (\d+) other CPUs"
PANIC_VCPU = r"running vCPU: (.*)"

# The shell.
PROMPT = r"sill> "
ESCAPE = "\x1d"
UNKNOWN_COMMAND = r"error: no command"

# How a VM ends.
VM_STOPPED = r"error: vm \S+: stopped: [^\r\n]*"
VM_REGISTERS = r"error: vm \S+: rip [0-9a-f]{16}"
VM_BYTES = r"error: vm \S+: bytes at rip: ?\S"
VM_POWERED_OFF = r"vm \S+: powered off"
KILLED_CODE = 125

# Guests.
HELLO = r"Hello from a guest of Sill"
HELLO_READY = r"Type a line and it comes back"
EXITCODE = r"# exit code \d"
GUEST_STARTS = r"# reset guest started"
GUEST_ASKS = r"# r or q\?"
LINUX_READY = r"Sill guest: Linux [^\r\n]*"
LINUX_PROMPT = r"\n# "
