"""Shamir's sharing (section 6)."""

from vaultformat import shamir, soft
from vaultformat.fault import need

from .cases import File

SUBJECT = "sharing"


def run(shared, case):
    shares = [(index, bytes.fromhex(share)) for index, share in case["shares"]]
    need(len(shares) == case["threshold"], "quorum", "as many shares as the threshold")
    return shamir.combine(shares).hex()


def make():
    file = File(
        SUBJECT, "Shares [index, 32 bytes], exactly as many as the threshold, and the secret that they give."
    )
    draw = soft.Draw("sharing")
    for threshold, count, picks in (
        (1, 1, [(1,)]),
        (1, 3, [(2,)]),
        (2, 3, [(1, 2), (3, 1)]),
        (3, 5, [(1, 2, 3), (5, 2, 4)]),
        (2, 255, [(254, 255)]),
    ):
        secret = draw(32)
        parts = shamir.split(secret, threshold, count, draw)
        for picked in picks:
            shares = [[index, parts[index - 1].hex()] for index in picked]
            file.good(f"{threshold} of {count}: {picked}", secret.hex(), threshold=threshold, shares=shares)
    zeros = [[1, "00" * 32], [2, "00" * 32]]
    file.good("zeros are a secret, too", "00" * 32, threshold=2, shares=zeros)
    parts = [part.hex() for part in shamir.split(draw(32), 2, 3, draw)]
    for name, kind, shares in (
        ("one share too few", "quorum", [[1, parts[0]]]),
        ("one share too many", "quorum", [[1, parts[0]], [2, parts[1]], [3, parts[2]]]),
        ("an index twice", "form", [[1, parts[0]], [1, parts[1]]]),
        ("a share twice", "form", [[1, parts[0]], [1, parts[0]]]),
        ("the index zero", "form", [[0, parts[0]], [2, parts[1]]]),
    ):
        file.bad(name, kind, threshold=2, shares=shares)
    return file
