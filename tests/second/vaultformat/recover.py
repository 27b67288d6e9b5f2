"""Opening a vault with the tokens where the breakglass program itself is gone: docs/recovery.md.

usage: recover check VAULT --fingerprint HEX
       recover open VAULT CREDENTIAL --fingerprint HEX --reason TEXT --module LIBRARY… -- COMMAND…
       recover open VAULT CREDENTIAL … --print
       recover statement VAULT FILE --fingerprint HEX
       recover ask VAULT CREDENTIAL --fingerprint HEX FOLDER
       recover pack FILE
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import zipfile

from . import envelope, pkcs11, report, text
from .fault import Fault, need
from .opening import Opening
from .statement import OPENED, Statement
from .vault import Vault

ROLES = {"ic": "Incident Commander", "bgo": "Break-Glass Operator"}


class Stop(Exception):
    """Ends it, with a sentence for people."""


def say(*words):
    print("recover:", *words, file=sys.stderr, flush=True)


def parsed():
    parser = argparse.ArgumentParser(
        prog="recover", description="Opens a vault without the breakglass program."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="verify a whole vault")
    opening = commands.add_parser("open", help="open a credential with the tokens")
    stated = commands.add_parser(
        "statement", help="verify the statement of an opening that this program made"
    )
    ask = commands.add_parser("ask", help="write out what each token must compute, for other tools")
    for command in (check, opening, stated, ask):
        command.add_argument("vault")
        if command in (opening, ask):
            command.add_argument("credential")
        command.add_argument("--fingerprint", metavar="HEX", help="from the card in the safe")
    ask.add_argument("folder")
    stated.add_argument("file")
    opening.add_argument("--reason", required=True, help="why, for the statement of the opening")
    opening.add_argument("--module", action="append", default=[], metavar="LIBRARY", help="a PKCS#11 module")
    opening.add_argument(
        "--given",
        action="append",
        default=[],
        metavar="TOKEN=FILE",
        help="a file with a token's answer (see ask)",
    )
    opening.add_argument("--statement", metavar="FILE", help="where to; the default has the time in its name")
    opening.add_argument("--print", action="store_true", help="write the access key to standard output")
    pack = commands.add_parser("pack", help="write this program as one file, to be kept with the vault")
    pack.add_argument("file")
    before, behind = sys.argv[1:], []
    if "--" in before:
        split = before.index("--")
        before, behind = before[:split], before[split + 1 :]
    options = parser.parse_args(before)
    options.program = behind
    if options.command == "open" and bool(behind) == options.print:
        parser.error("either --print, or -- and a command")
    return options


def trusted(options):
    """The vault, all of it verified, if it is the one on the card."""
    found = Vault(options.vault)
    shown = report.grouped(found.chain.fingerprint)
    if options.fingerprint is None:
        raise Stop(
            f"this vault's fingerprint is\n  {shown}\nCompare it with the card, and give it: --fingerprint"
        )
    if "".join(options.fingerprint.split()).lower() != found.chain.fingerprint.hex():
        raise Stop(f"this is another vault: its fingerprint is\n  {shown}")
    return found


def check(options):
    print(json.dumps(report.summary(trusted(options)), indent=2))
    say("all manifests, the whole ledger, and every header and record that it names hold")
    say("whether something newer was cut off, only a copy or a station that remembers can tell")


def open_credential(options):
    found = trusted(options)
    opening = Opening(found, options.credential)
    given = dict(one.split("=", 1) for one in options.given)
    for role in ROLES:
        while opening.missing(role):
            _contribute(opening, role, options.module, given)
    secrets = opening.secrets()
    _state(opening, secrets, options)
    secret = opening.release(secrets).decode()
    key = opening.record.about["access_key"]
    say("this opening is NOT in the vault's ledger: keep the statement, and rotate as soon as you can")
    if options.print:
        print(f"AWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}")
        return 0
    say(f"{options.credential} ({key}) is in the environment of {options.program[0]} until it ends")
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    for other in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        environment.pop(other, None)
    return subprocess.run(options.program, env=environment).returncode


def _contribute(opening, role, modules, given):
    """One more custodian of a role."""
    places = opening.places(role)
    for share, sealed, _ in places:
        answer = given.get(sealed["token"].hex())
        if answer:
            opening.contribute(role, share, sealed, lambda _: pathlib.Path(answer).read_bytes())
            return
    share, sealed, token, slot, key_id = _pick(role, places, modules)
    suite, serial = token["keys"]["seal"]["suite"], token["identity"]["serial"]
    say(
        f"pkcs11-tool asks for the PIN of {share['custodian']} ({ROLES[role]}): token {slot.label}, serial {serial}"
    )
    opening.contribute(role, share, sealed, lambda point: pkcs11.agree(slot, key_id, suite, point))
    say(f"{share['custodian']} ({role}) contributed")


def _pick(role, places, modules):
    """A token that is there and can help: asks whose, where there are several, and waits where there is none."""
    while True:
        there = []
        slots = pkcs11.slots(modules)
        for share, sealed, token in places:
            for slot in slots:
                if slot.serial != token["identity"]["serial"]:
                    continue
                seal = token["keys"]["seal"]
                key_id = slot.key_of(seal["suite"], seal["public"])
                if key_id:
                    there.append((share, sealed, token, slot, key_id))
        if len(there) == 1:
            return there[0]
        if there:
            for number, (share, _, _, slot, _) in enumerate(there, 1):
                say(f"{number}: {share['custodian']} with {slot.label} (serial {slot.serial})")
            answer = _ask(f"{ROLES[role]}: whose is it to be? Type its number: ")
            if answer.isdigit() and 1 <= int(answer) <= len(there):
                return there[int(answer) - 1]
            continue
        wanted = [
            f"{share['custodian']} with {token['identity']['label']} (serial {token['identity']['serial']})"
            for share, _, token in places
        ]
        say(f"{ROLES[role]}: none of these tokens is there: {'; '.join(wanted)}")
        _ask("Insert one and press Enter, or press Ctrl-C: ")


def _ask(prompt):
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise Stop("there is nobody to answer")
    return line.strip()


def _state(opening, secrets, options):
    """Writes the signed statement before anything is decrypted."""
    now = datetime.datetime.now(datetime.timezone.utc)
    seconds = int(now.timestamp())
    incident = now.strftime("recovery-%Y%m%d-%H%M%S")
    signed = opening.statement(
        secrets, incident, text.reason(options.reason), text.time_of(seconds), text.time_of(seconds + 3600)
    )
    place = pathlib.Path(options.statement or f"{incident}.json")
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(signed.bytes())
        file.flush()
        os.fsync(file.fileno())
    say(f"the statement of this opening is in {place}")


def check_statement(options):
    """That whoever wrote the statement held the secrets of both roles, and what it says."""
    found = trusted(options)
    signed = envelope.parse(pathlib.Path(options.file).read_bytes(), envelope.OPENED)
    said = Statement(signed, OPENED)
    body = said.body
    need(body["vault"] == found.chain.fingerprint, "place", "a statement of another vault")
    keys = found.state.credential(body["credential"]).keys
    need(body["access_key"] in keys, "place", "on a key that was never sealed")
    said.check_signed(keys[body["access_key"]].witness)
    print(json.dumps(json.loads(said.envelope.payload), indent=2))
    say("signed by the key's witness: by somebody who had the tokens of both roles")


def ask(options):
    """For each token a file with what it must decrypt, or agree with (the peer's public key, DER)."""
    opening = Opening(trusted(options), options.credential)
    folder = pathlib.Path(options.folder)
    folder.mkdir(mode=0o700, parents=True)
    for role in ROLES:
        for share, sealed, token in opening.places(role):
            suite, identity = token["keys"]["seal"]["suite"], token["identity"]
            name = f"{role}-{share['custodian']}-{sealed['token'].hex()[:8]}"
            (folder / name).write_bytes(pkcs11.handed_in(suite, sealed["encapsulated"]))
            print(
                f"{sealed['token'].hex()} {suite} {folder / name} ({identity['label']}, serial {identity['serial']})"
            )


def pack(options):
    """This program as one file that Python runs."""
    home = pathlib.Path(__file__).parent
    with open(options.file, "xb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for module in sorted(home.glob("*.py")):
                archive.write(module, f"{home.name}/{module.name}")
            archive.writestr(
                "__main__.py", f"import sys\nfrom {home.name} import recover\nsys.exit(recover.main())\n"
            )
    os.chmod(options.file, 0o755)
    say(
        f"{options.file} is the whole program; it needs Python (tried with 3.11) and its package cryptography"
    )


def main():
    options = parsed()
    try:
        do = {
            "check": check,
            "open": open_credential,
            "statement": check_statement,
            "ask": ask,
            "pack": pack,
        }[options.command]
        return do(options) or 0
    except Fault as fault:
        say(f"REFUSED ({fault.kind}): {fault}")
        return 7
    except (Stop, OSError, pkcs11.Unreachable) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("stopped; nothing was opened")
        return 3
