"""What every server here does the same way: writing its files, and ending when it should."""

import os
import signal
import threading
import time


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
