"""What every server here does the same way: starting others, writing its files, and ending when it should."""

import concurrent.futures
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time

# prctl(2): the signal that a process gets when its parent is gone.
PR_SET_PDEATHSIG = 1


def write(path, text):
    """Whole or not at all, and for its owner alone."""
    temporary = f"{path}.new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.rename(temporary, path)


def end_when_told(with_parent):
    """Ends at SIGTERM, and, where asked to, when the parent is gone: nothing outlives a killed test."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if with_parent:
        threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()


def watch(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


# A child that ends with its parent ends with the thread that started it: so that is one that lasts.
STARTER = concurrent.futures.ThreadPoolExecutor(1)


def start(command, said):
    """A server as a child, which ends when this process does; what it says goes into a file."""
    return STARTER.submit(_start, command, said).result()


def _start(command, said):
    libc = ctypes.CDLL(None)
    with open(said, "ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )


def free_port():
    """A port of the loopback interface that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for_port(port, child, said):
    """Until somebody listens there; the child's last words where it ends first."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if child.poll() is not None:
                with open(said, errors="replace") as file:
                    raise RuntimeError(f"{child.args[0]} has ended: {file.read()[-2000:]}") from None
            time.sleep(0.05)
