"""The kernel of a page as a fork of its process, so that it need not import what that has."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import psutil
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner


class Kernel(psutil.Process):
    """A fork that becomes a kernel when it is told how to; Jupyter takes it for a `Popen`."""

    stdin = stdout = stderr = None

    def __init__(self) -> None:
        # It is made first: later a process has threads and sockets that no fork should share.
        reader, self.writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(self.writer)
            _become(reader)
        os.close(reader)
        super().__init__(pid)

    def poll(self) -> int | None:
        """Return the exit status, or None while the kernel runs."""
        try:
            return self.wait(0)
        except psutil.TimeoutExpired:
            return None

    def send_signal(self, sig: int) -> None:
        """Send a signal to a kernel that may have ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            super().send_signal(sig)


class Provisioner(LocalProvisioner):
    """Starts the first kernel by a fork, and any other as Jupyter does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Have the prepared fork become the kernel that a command line would start."""
        if not _prepared:
            return await super().launch_kernel(cmd, **kwargs)
        kernel = _prepared.pop()
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        with os.fdopen(kernel.writer, "w") as pipe:
            json.dump([arguments, dict(kwargs["env"])], pipe)
        self.process = kernel  # type: ignore[assignment]  # has what is asked of a Popen
        self.pid = self.pgid = kernel.pid
        return self.connection_info


_prepared: list[Kernel] = []


def prepare() -> None:
    """Fork the kernel that the next notebook of this process gets."""
    _prepared.append(Kernel())
    factory = KernelProvisionerFactory.instance()
    factory.provisioners["fork"] = EntryPoint("fork", f"{__name__}:Provisioner", "")
    factory.default_provisioner_name = "fork"


def _become(reader: int) -> None:
    """Wait for the arguments of a kernel, be one, and exit."""
    os.setsid()
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    if not text:
        os._exit(0)  # no notebook was executed
    arguments, environment = json.loads(text)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # As ipykernel_launcher does.
    sys.path[:] = [place for place in sys.path if place not in ("", str(Path.cwd()))]
    IPKernelApp.launch_instance([*arguments], parent_handle=os.getppid())
    sys.exit()
