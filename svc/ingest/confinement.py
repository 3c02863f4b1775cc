"""Confines the parser server and its children, so that a document that takes over a parser gains nothing.

Both load everything they need first, and then give up their rights:

    parser server   another user (if it runs as root), no_new_privs, Landlock (no files, no network, no signals to
                    other processes), a seccomp filter that refuses the system calls of attackers
    one document    in addition: no descriptors but its connection, no new processes or threads, death with the
                    parser server, and a seccomp filter that allows only computing and that connection

The restrictions are independent, because a kernel may lack some. A refused call fails with EPERM and does not end the
process: a library that looks for fonts or a terminal continues without them, and the document is parsed. Only a system
call in the numbering of another architecture, which no legitimate code makes, kills the process.

Linux only; elsewhere `confine_server` reports that the process is not confined.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence

from svc.ingest.syscall_numbers import NUMBERS

PARSER_ID = 65_530
"""The user and group of parsers if the server runs as root; systemd and Debian do not assign this number."""

_IS_LINUX = sys.platform == "linux"

# From linux/prctl.h.
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38


class _RefusedError(OSError):
    """The kernel lacks a restriction, or does not allow this process to use it."""


def hide_process() -> None:
    """Let only root read this process's memory and environment or trace it. It then leaves no core file either."""
    if _IS_LINUX:
        with contextlib.suppress(_RefusedError):
            _prctl(_PR_SET_DUMPABLE, 0)


def confine_server() -> list[str]:
    """Confine the parser server, which has one thread and all of its modules; returns the missing restrictions."""
    if not _IS_LINUX:
        return ["confinement (it needs Linux)"]
    missing = []
    for name, build in (
        ("another user", _become_parser_user),
        ("no_new_privs", lambda: _prctl(_PR_SET_NO_NEW_PRIVS, 1)),
        ("Landlock", _restrict_by_landlock),
        ("seccomp", lambda: _filter(_refusing(_OF_ATTACKERS))),
    ):
        try:
            build()
        except OSError:
            missing.append(name)
    hide_process()  # Again, because a change of the user resets it.
    return missing


def confine_child(server_id: int, kept_descriptor: int, *, filters: bool) -> None:
    """Confine the child for one document before it reads any of it; `filters` is whether seccomp is available.

    Raises:
        OSError: a restriction failed, or the parser server `server_id` is dead.
    """
    os.closerange(3, kept_descriptor)
    os.closerange(kept_descriptor + 1, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # no process, no thread
    os.setpgid(0, 0)
    if not _IS_LINUX:
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server_id:  # The server died before that line.
        raise ProcessLookupError(errno.ESRCH, "the parser server is dead")
    if filters:
        _filter(_allowing(_OF_PARSERS, _restricted(os.getpid())))


def _become_parser_user() -> None:
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setgid(PARSER_ID)
    os.setuid(PARSER_ID)  # As root, drop the real, the effective and the saved id, and with them every capability.


# --- the kernel's own functions ------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *arguments: object) -> None:
    numbers = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    rest = [ctypes.c_ulong(0)] * (4 - len(numbers))
    if _libc.prctl(ctypes.c_int(option), *numbers, *rest) != 0:
        raise _RefusedError(ctypes.get_errno(), f"prctl {option}")


def _syscall(number: int, *arguments: object) -> int:
    numbers = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *numbers)
    if result < 0:
        raise _RefusedError(ctypes.get_errno(), f"system call {number}")
    return result


# --- Landlock --------------------------------------------------------------------------------------------------

_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # These numbers are the same on every architecture.
_LANDLOCK_VERSION = 1
# The file rights by the version of the interface that introduced them: each version knows all lower bits.
_FILE_RIGHTS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_FROM, _NETWORK_RIGHTS = 4, 0b11  # bind and connect, TCP
_SCOPES_FROM, _SCOPES = 6, 0b11  # abstract sockets, and signals, of processes outside


def _restrict_by_landlock() -> None:
    """Drop every right that this kernel's Landlock knows, with a ruleset that handles all rights and allows none."""
    version = _syscall(_LANDLOCK_CREATE_RULESET, ctypes.c_void_p(), ctypes.c_size_t(0), _LANDLOCK_VERSION)
    attributes = struct.pack("=Q", (1 << _FILE_RIGHTS_BITS[min(version, max(_FILE_RIGHTS_BITS))]) - 1)
    if version >= _NETWORK_FROM:
        attributes += struct.pack("=Q", _NETWORK_RIGHTS)
    if version >= _SCOPES_FROM:
        attributes += struct.pack("=Q", _SCOPES)
    rules = _syscall(_LANDLOCK_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), 0)
    try:
        _syscall(_LANDLOCK_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


# --- seccomp ---------------------------------------------------------------------------------------------------

# Enough for a computing process that has loaded its files. No call here names a file, an address or another process.
_OF_PARSERS = """
    read write readv writev recvfrom sendto shutdown close lseek fstat poll ppoll select pselect6 brk mmap
    munmap mremap mprotect madvise membarrier futex set_robust_list rseq rt_sigaction rt_sigprocmask
    rt_sigreturn sigaltstack restart_syscall exit exit_group getpid getppid gettid getuid geteuid getgid
    getegid getcwd uname sysinfo getcpu getrusage getrlimit times sched_yield sched_getaffinity getrandom
    time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep
"""

# System calls that the parser server, which keeps forking, does not need, and that would help an attacker inside it.
_OF_ATTACKERS = """
    execve execveat socket connect bind listen accept accept4 ptrace process_vm_readv process_vm_writev
    process_madvise pidfd_open pidfd_getfd pidfd_send_signal kcmp io_uring_setup io_uring_enter
    io_uring_register bpf perf_event_open userfaultfd memfd_create personality setuid setgid setreuid
    setregid setresuid setresgid setfsuid setfsgid setgroups capset mount umount2 mount_setattr move_mount
    open_tree fsopen fsmount fspick pivot_root chroot unshare setns add_key keyctl request_key
    open_by_handle_at init_module finit_module delete_module kexec_load kexec_file_load reboot swapon
    swapoff
"""

_F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 1, 2, 3, 1030

# A filter is a BPF program, with 8 bytes for each instruction, that reads `struct seccomp_data`.
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_GREATER_OR_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_KILL, _ALLOW, _REFUSE = 0x8000_0000, 0x7FFF_0000, 0x0005_0000 | errno.EPERM
_X32 = 0x4000_0000  # On x86_64, the numbers from here on belong to a second calling convention.
_ARCHITECTURES = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}  # linux/audit.h; the column of `NUMBERS`

# For each call: halves of its arguments, low (0) or high (1), with the allowed values.
_Restrictions = Mapping[str, Sequence[tuple[int, int, Iterable[int]]]]


def _restricted(own_id: int) -> _Restrictions:
    """Calls that a parser needs only in one form."""
    return {
        # `abort` signals itself.
        "kill": [(0, 0, [own_id])],
        "tgkill": [(0, 0, [own_id])],
        # Not the operations that choose the receiver of a descriptor's signals.
        "fcntl": [(1, 0, [_F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC])],
        # To read its own limits.
        "prlimit64": [(0, 0, [0]), (2, 0, [0]), (2, 1, [0])],
    }


def _allowing(names: str, restricted: _Restrictions) -> bytes:
    """A filter that refuses all but these calls."""
    filtered = _opening()
    for name in names.split():
        filtered += _if_called(name, _instruction(_RETURN, _ALLOW))
    for name, checks in restricted.items():
        body = b""
        for argument, half, values in checks:
            accepted = list(values)
            body += _instruction(
                _LOAD, _ARGUMENTS_AT + 8 * argument + 4 * half
            )  # On both architectures, the low half is first.
            for place, value in enumerate(accepted):
                body += _instruction(_JUMP_IF_EQUAL, value, len(accepted) - place)
            body += _instruction(_RETURN, _REFUSE)
        filtered += _if_called(name, body + _instruction(_RETURN, _ALLOW))
    return filtered + _instruction(_RETURN, _REFUSE)


def _refusing(names: str) -> bytes:
    """A filter that allows all but these calls."""
    filtered = _opening()
    for name in names.split():
        filtered += _if_called(name, _instruction(_RETURN, _REFUSE))
    return filtered + _instruction(_RETURN, _ALLOW)


def _opening() -> bytes:
    architecture, _ = _architecture()
    return (
        _instruction(_LOAD, _ARCHITECTURE_AT)
        + _instruction(_JUMP_IF_EQUAL, architecture, 1)
        + _instruction(_RETURN, _KILL)
        + _instruction(_LOAD, _NUMBER_AT)
        + _instruction(_JUMP_IF_GREATER_OR_EQUAL, _X32, 0, 1)
        + _instruction(_RETURN, _KILL)
    )


def _if_called(name: str, body: bytes) -> bytes:
    number = NUMBERS[name][_architecture()[1]]
    return b"" if number is None else _instruction(_JUMP_IF_EQUAL, number, 0, len(body) // 8) + body


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value & 0xFFFF_FFFF)


def _architecture() -> tuple[int, int]:
    # A 32-bit interpreter on a 64-bit kernel uses another numbering.
    known = _ARCHITECTURES.get(platform.machine()) if sys.maxsize > 2**32 else None
    if known is None:
        raise _RefusedError(errno.ENOSYS, "no table of system calls for this architecture")
    return known


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter(instructions: bytes) -> None:
    program = _Program(len(instructions) // 8, instructions)
    _prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program))
