"""A process that has imported what pages need, and forks the process and the kernel of each.

Half of a page's processor time goes into imports that are the same for all. A build starts the
server (`start`) and its commands ask it for a fork (`hand_over`); without one, or where it does not
answer, they run as they always do.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ADDRESS = "COVIDCXR_FORK_SERVER"
"""Environment variable with the path of the server's socket."""

LIBRARIES = (
    *("papermill", "typer", "ipykernel.kernelapp", "jupyter_client.provisioning", "psutil"),
    *("seaborn", "scipy.stats", "statsmodels.stats.multitest", "statsmodels.stats.proportion"),
    *("pandera.pandas", "pydantic", "PIL.Image", "yaml"),
)
"""Imported once for all: no TensorFlow, which no fork survives, and nothing of this package,
whose files may change while a build runs."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_LENGTH = struct.Struct("!q")
_STATUS = struct.Struct("!i")

_servers: list[subprocess.Popen[bytes]] = []
"""Kept, because a server runs until its standard input is closed."""


def start() -> None:
    """Start a server that ends with this process, and name it in the environment."""
    if not hasattr(os, "pidfd_open"):
        return  # forks are safe on Linux only
    address = Path(tempfile.mkdtemp(), "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(address))
        except OSError:  # too long a path
            shutil.rmtree(address.parent)
            return
        # Whoever asks before the server has imported everything waits.
        listener.listen()
        command = (sys.executable, "-m", "covidcxr", "fork-server")
        # A step of the build has one thread, and libraries count theirs when they are imported.
        environment = os.environ | dict.fromkeys(_THREADS, "1")
        _servers.append(
            subprocess.Popen(
                [*command, str(listener.fileno()), str(address)],
                env=environment,
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
            )
        )
    os.environ[ADDRESS] = str(address)


def enter(arguments: list[str]) -> list[str]:
    """Return the command that this process is to run, after it has found or become its server."""
    if arguments[0] == "fork-server":
        return serve(int(arguments[1]), arguments[2])
    hand_over(arguments)
    return arguments


def hand_over(arguments: Sequence[str]) -> None:
    """Have the server, where there is one, run a command of ours; then exit as that did."""
    request = json.dumps([[*arguments], str(Path.cwd()), dict(os.environ)]).encode()
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(os.environ.get(ADDRESS, ""))
            socket.send_fds(server, [_LENGTH.pack(len(request))], [0, 1, 2])
            server.sendall(request)
        except OSError:  # none, or one that is gone
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the fork, which ends well
        try:
            (status,) = _STATUS.unpack(server.recv(_STATUS.size, socket.MSG_WAITALL))
        except (OSError, struct.error):
            sys.exit("covidcxr: the process that was to do it was killed; run again.")
    sys.exit(status if status >= 0 else 128 - status)


def serve(listening: int, address: str) -> list[str]:
    """Return, in a fork for each command that was handed over, the arguments of that command.

    The server itself never returns: it exits when its standard input ends.
    """
    # A figure finds its way into a notebook by the backend that is set when pyplot is imported.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the guards
    with socket.socket(fileno=listening) as listener:
        while True:
            ready, _, _ = select.select([listening, 0], [], [])
            if 0 in ready:
                shutil.rmtree(Path(address).parent, ignore_errors=True)
                sys.exit()
            client, _ = listener.accept()
            if not os.fork():
                break
            client.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        header, files, _, _ = socket.recv_fds(client, _LENGTH.size, 3)
        (length,) = _LENGTH.unpack(header)
        request = client.recv(length, socket.MSG_WAITALL)
        arguments, folder, environment = json.loads(request)
    except (OSError, ValueError, struct.error):
        sys.exit()  # whoever asked is gone
    _guard(client)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # looked up anew in this environment
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from covidcxr.book import forked_kernel

    forked_kernel.prepare()
    return list(arguments)


def _guard(client: socket.socket) -> None:
    """Return in a fork; tell its exit status to the client, and end it where the client ends."""
    if child := os.fork():
        ended = os.pidfd_open(child)
        ready, _, _ = select.select([client.fileno(), ended], [], [])
        if client.fileno() in ready:
            os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        try:
            client.sendall(_STATUS.pack(os.waitstatus_to_exitcode(status)))
        finally:
            os._exit(0)
    client.close()
