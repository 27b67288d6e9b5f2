"""Tries all mutants with one build; scripts/mutants says how it is used.

usage: python scripts/mutation FOLDER

In the folder are tree, a copy of the crate; switched, one more, which is changed; and listed.json, what
`cargo mutants --list --json` said of it. What is found goes to outcomes.jsonl there.
"""

import collections
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import schemata

JOBS = int(os.environ.get("MUTANTS_JOBS") or os.cpu_count())
# The switch costs little only where it is optimised.
BUILD = {"CARGO_PROFILE_DEV_OPT_LEVEL": "1", "CARGO_TARGET_DIR": "../build"}
# What a test with a mutant may take: processor time, so that a busy machine does no harm, above what it takes
# without; time on the wall, for one that waits for ever; and memory. In seconds and bytes.
CPU, WALL, MEMORY = 20, 120, 8 << 30
# Said of what a mutant puts in its place, these mean that it can never be built; of others, that the
# switch is in the way.
HOPELESS = set(
    "E0061 E0277 E0308 E0368 E0369 E0423 E0425 E0432 E0433 E0599 E0600 E0603 E0604".split()
)


def say(text):
    print(f"mutants: {text}", file=sys.stderr, flush=True)


def messages(tree, *arguments):
    done = subprocess.run(
        ["cargo", *arguments, "--message-format=json", "--offline"],
        cwd=tree, env=os.environ | BUILD, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    return done.returncode == 0, [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]


def errors(said):
    found = (message["message"] for message in said if message["reason"] == "compiler-message")
    return [message for message in found if message["level"] == "error" and message["spans"]]


def write(tree, originals, mutants):
    """Writes all mutants into the tree. Returns those that have no place."""
    unplaced = []
    for name, source in originals.items():
        file = schemata.File(source, {n: m for n, m in mutants.items() if m["file"] == name})
        (tree / name).write_text(file.switched())
        unplaced += file.unplaced
    return unplaced


def blamed(tree, error):
    """The mutants that an error of the compiler is about."""
    for span in sorted(error["spans"], key=lambda span: not span["is_primary"]):
        text = (tree / span["file_name"]).read_text()
        stretch = span["byte_start"], span["byte_end"]
        number = schemata.innermost(text, *stretch)
        if number is not None:
            return {number}
        if code(error) == "E0004" and schemata.arms(text, *stretch):
            return schemata.arms(text, *stretch)
    raise SystemExit("The switch broke the source:\n" + error["rendered"])


def code(error):
    return (error["code"] or {}).get("code")


def build_in(tree, mutants):
    """Leaves in the tree what can be built. Returns the numbers of those never to be built, and of the rest."""
    originals = {name: (tree / name).read_text() for name in {m["file"] for m in mutants.values()}}
    left = dict(mutants)
    unviable, alone = set(), set()
    for _ in range(40):
        for number in write(tree, originals, left):
            alone.add(number)
            del left[number]
        whole, said = messages(tree, "check", "--lib")
        if whole:
            return unviable, alone
        for error in errors(said):
            for number in blamed(tree, error) & left.keys():
                (unviable if code(error) in HOPELESS else alone).add(number)
                del left[number]
    raise SystemExit("There is no end to the compiler's errors.")


class Test:
    def __init__(self, tree, binary, name):
        self.tree, self.binary, self.name = tree, binary, name
        self.seconds, self.reaches = WALL, set()

    def passes(self, **switch):
        environment = os.environ | {"CARGO_MANIFEST_DIR": str(self.tree)} | switch
        limits = [f"--cpu={CPU + int(10 * self.seconds)}", f"--as={MEMORY}"]
        child = subprocess.Popen(
            ["prlimit", *limits, self.binary, "--exact", self.name], cwd=self.tree, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            return child.wait(max(WALL, 10 * self.seconds)) == 0
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            child.wait()
            return False

    def measure(self):
        """Runs it with no mutant at work, and takes down the mutants that it would reach."""
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "reached"
            start = time.monotonic()
            passed = self.passes(MUTANTS_REACHED=str(log))
            self.seconds = time.monotonic() - start
            self.reaches = {number for number, there in enumerate(log.read_bytes()) if there} if log.exists() else set()
        return passed


def tests(tree):
    whole, said = messages(tree, "test", "--no-run", "--lib", "--tests")
    if not whole:
        raise SystemExit("The tests cannot be built:\n" + "".join(error["rendered"] for error in errors(said)))
    found = []
    for binary in (m["executable"] for m in said if m.get("executable")):
        listed = subprocess.run(
            [binary, "--list", "--format", "terse"], cwd=tree, stdout=subprocess.PIPE, text=True, check=True
        )
        found += [Test(tree, binary, line[:-6]) for line in listed.stdout.splitlines() if line.endswith(": test")]
    return found


def passing_tests(tree):
    """All tests, the quickest first. All have to pass while no mutant is at work."""
    found = tests(tree)
    with ThreadPoolExecutor(JOBS) as pool:
        broken = [test.name for test, passed in zip(found, pool.map(Test.measure, found)) if not passed]
    if broken:
        raise SystemExit(f"With no mutant at work these tests fail: {' '.join(broken)}")
    say(f"{len(found)} tests pass with no mutant at work, in {sum(test.seconds for test in found):.0f} s")
    return sorted(found, key=lambda test: test.seconds)


def tried(number, by_time):
    """Runs the tests that reach a mutant, the quickest first, until one fails."""
    start = time.monotonic()
    reaching = [test for test in by_time if number in test.reaches]
    failed = next((test.name for test in reaching if not test.passes(MUTANT=str(number))), None)
    return {
        "outcome": "caught" if failed else "missed",
        "by": failed,
        "reached_by": len(reaching),
        "seconds": round(time.monotonic() - start, 2),
    }


def switched(mutants, by_time, file):
    """In a random order, always the same: if it is cut short, what was done is a fair sample."""
    order = sorted(mutants)
    random.Random(1).shuffle(order)
    with ThreadPoolExecutor(JOBS) as pool:
        for number, result in zip(order, pool.map(lambda number: tried(number, by_time), order)):
            note(file, mutants[number]["name"], **result)


def plain(names, out, file):
    """One build for each, by cargo-mutants."""
    if not names:
        return
    chosen = "|".join(map(re.escape, names))
    say(f"cargo-mutants tries {len(names)}")
    options = ["--dir", out / "tree", "--output", out, "--test-tool", "nextest", "--no-shuffle"]
    subprocess.run(["cargo", "mutants", *options, "--re", f"^({chosen})$"], stdout=sys.stderr)
    words = {"CaughtMutant": "caught", "Timeout": "caught", "MissedMutant": "missed", "Unviable": "unviable"}
    for one in json.loads((out / "mutants.out/outcomes.json").read_text())["outcomes"]:
        name = one["scenario"] != "Baseline" and one["scenario"]["Mutant"]["name"]
        # cargo-mutants 27.1 does not apply --re to fields that are left out of a struct.
        if name in names:
            note(file, name, outcome=words[one["summary"]])


def note(file, name, **result):
    print(json.dumps({"name": name} | result), file=file, flush=True)
    if result["outcome"] == "missed":
        say(f"missed: {name} (tests that reach it: {result.get('reached_by', 'unknown')})")


def summary(path):
    count = collections.Counter(json.loads(line)["outcome"] for line in path.read_text().splitlines())
    caught, missed = count["caught"], count["missed"]
    share = caught / max(caught + missed, 1)
    return f"{caught + missed} viable mutants, {caught} caught ({share:.1%}), {missed} missed"


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    tree = out / "switched"
    mutants = dict(enumerate(json.loads((out / "listed.json").read_text())))
    unviable, alone = build_in(tree, mutants)
    say(f"{len(mutants)} mutants: {len(unviable)} cannot be built, {len(alone)} are for cargo-mutants")
    by_time = passing_tests(tree)
    with open(out / "outcomes.jsonl", "w") as file:
        for number in sorted(unviable):
            note(file, mutants[number]["name"], outcome="unviable")
        switched({n: m for n, m in mutants.items() if n not in unviable | alone}, by_time, file)
        plain([mutants[number]["name"] for number in sorted(alone)], out, file)
    say(summary(out / "outcomes.jsonl"))


if __name__ == "__main__":
    main()
