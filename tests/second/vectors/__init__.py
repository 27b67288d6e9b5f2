"""The vectors of docs/format.md, section 11: made here, and verified here."""

import json

from vaultformat.fault import CLASSES, Fault

from . import chains, commits, entries, headers, history, keyfiles, records, sharing, shares, signed, texts

SUBJECTS = [texts, entries, keyfiles, signed, chains, shares, sharing, headers, records, commits, history]


def verdict(module, shared, case):
    """ "ok" and what it gives, or the class of the fault and None."""
    try:
        return "ok", module.run(shared, case)
    except Fault as fault:
        return fault.kind, None


def check(file):
    """All cases of one file; returns how many there are."""
    module = {module.SUBJECT: module for module in SUBJECTS}[file["subject"]]
    for case in file["cases"]:
        expect, gives = verdict(module, file["shared"], case)
        wanted = (case["expect"], case.get("gives"))
        if (expect, gives) != wanted:
            raise AssertionError(f"{file['subject']}: {case['name']}: {(expect, gives)}, not {wanted}")
        assert case["expect"] == "ok" or case["expect"] in CLASSES
    return len(file["cases"])


def write_all(folder):
    """Writes all files anew, each verified first."""
    folder.mkdir(parents=True, exist_ok=True)
    for module in SUBJECTS:
        file = module.make().plain()
        check(file)
        (folder / f"{module.SUBJECT}.json").write_text(json.dumps(file, indent=1) + "\n")


def check_all(folder):
    files = sorted(folder.glob("*.json"))
    assert {file.stem for file in files} == {module.SUBJECT for module in SUBJECTS}
    count = sum(check(json.loads(file.read_text())) for file in files)
    print(f"{count} vectors, each as it is meant")
