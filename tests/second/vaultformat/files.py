"""Reading a vault's files without believing the folder (section 2): no links, no devices, nothing that
somebody else owns or could write to, and no more than a file may have."""

import os
import stat

from .fault import Fault, need


def _own(handle, path):
    """Owned by root or whoever reads, and writable by nobody else."""
    found = os.fstat(handle)
    need(found.st_uid in (0, os.geteuid()), "form", f"{path} belongs to somebody else")
    need(not found.st_mode & 0o022, "form", f"{path} can be written by others")
    return found


def _folder(name, above, path):
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if above is not None else 0)
    handle = os.open(name, flags, dir_fd=above)
    _own(handle, path)
    return handle


def opened(root, path, last):
    """Goes down to `path` below the folder `root`, and does `last(name, folder's handle)` there."""
    *folders, name = path.split("/")
    handle = None
    try:
        handle = _folder(root, None, root)
        for part in folders:
            inner = _folder(part, handle, path)
            os.close(handle)
            handle = inner
        return last(name, handle)
    except OSError as error:
        raise Fault("place", f"{path}: {error.strerror}") from error
    finally:
        if handle is not None:
            os.close(handle)


def read(root, path, most):
    """The bytes of a plain file."""

    def plain(name, folder):
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            need(stat.S_ISREG(_own(handle, path).st_mode), "form", f"{path} is no plain file")
            data = file.read(most + 1)
        need(len(data) <= most, "form", f"{path} is larger than {most} bytes")
        return data

    return opened(root, path, plain)


def names(root, path):
    """What lies in a folder, but what is no part of a vault."""

    def listed(name, folder):
        handle = _folder(name, folder, path)
        try:
            return {one for one in os.listdir(handle) if not one.startswith((".tmp-", ".lock-"))}
        finally:
            os.close(handle)

    return opened(root, path, listed)
