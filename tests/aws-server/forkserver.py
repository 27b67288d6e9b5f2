"""Starts server.py and proxy.py from one process that has loaded them: what they import takes most of a second, and
the tests start hundreds. See README.md.

    forkserver.py SOCKET

Who connects there sends a line of JSON, [SCRIPT, ARGUMENT…], and has that server until the connection ends. It goes
away by itself once nobody has asked for anything and no server runs for some seconds."""

import fcntl
import json
import os
import select
import socket
import sys
import threading

from moto.moto_api._internal import mock_random

import proxy
import server

SCRIPTS = {"server.py": server, "proxy.py": proxy}
IDLE = 10


def end_with(connection):
    """When the other side lets go of it, or dies."""
    try:
        while connection.recv(1):
            pass
    except OSError:
        pass
    os._exit(0)


def become(connection):
    """The server that is asked for, in a process of its own."""
    with connection.makefile() as lines:
        script, *sys.argv[1:] = json.loads(lines.readline())
    threading.Thread(target=end_with, args=(connection,), daemon=True).start()
    # What it says is beside the file with its port.
    said = os.path.join(os.path.dirname(sys.argv[sys.argv.index("--port-file") + 1]), "said")
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT, 0o600), 2)
    # Or all of them would draw the same key ids.
    mock_random.seed()
    SCRIPTS[script].main()


def run(listener):
    servers = 0
    while True:
        while servers and os.waitpid(-1, os.WNOHANG)[0]:
            servers -= 1
        ready, _, _ = select.select([listener], [], [], IDLE)
        if not ready:
            if not servers:
                return
            continue
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            try:
                become(connection)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        connection.close()
        servers += 1


def main():
    path = sys.argv[1]
    lock = open(f"{path}.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    run(listener)
    os.unlink(path)


if __name__ == "__main__":
    sys.exit(main())
