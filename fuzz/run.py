"""Let atheris look for inputs that break a promise.

    python fuzz/run.py --time 60                      every target, 60 seconds in all, one process for each processor
    python fuzz/run.py --time 600 decoder             one target
    python fuzz/run.py --replay decoder FILE ...      run inputs again, without atheris

A finding ends the run of its target, is written into fuzz/work/, as it was found and made as short as possible, and
makes the exit status 1. What is new but harmless stays in fuzz/work/corpus/ and is where the next run goes on.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
# Started as a script, Python looks beside it; the targets are modules of the folder's package.
sys.path[0] = str(HERE.parent)

#: Seconds for a single input, many since the machine may be busy, and megabytes for the process; more is a finding.
SLOW = 60
LARGE = 1024
LONGEST = 4096
#: Seconds for making a finding shorter.
MINIMIZING = 20


@dataclass(frozen=True)
class Outcome:
    """What a run of one target has come to.

    Attributes:
        name: of the target.
        inputs: how many were run; ``"?"`` if the fuzzer does not say.
        covered: how many places in the code they reached.
        kept: how many inputs are in the corpus, since each reaches something that no other one does.
        files: the findings.
    """

    name: str
    inputs: str
    covered: str
    kept: str
    files: tuple[Path, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz stomp_core with atheris.")
    parser.add_argument(
        "--time", type=float, default=60.0, metavar="SECONDS", help="for all targets together"
    )
    parser.add_argument(
        "--replay", action="store_true", help="TARGET FILE...: run these inputs and nothing else"
    )
    parser.add_argument(
        "--jobs", type=int, default=min(4, os.cpu_count() or 1), metavar="N", help="targets at a time"
    )
    parser.add_argument("--within", choices=["fuzzer", "minimizer"], help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="TARGET", help="default: all")
    arguments, rest = parser.parse_known_args()
    if arguments.within == "fuzzer":
        return within_the_fuzzer(arguments.names[0], rest)
    if arguments.within:
        return within_the_minimizer(*arguments.names)
    if rest:
        parser.error(f"unknown arguments: {' '.join(rest)}")

    from fuzz import TARGETS

    names = arguments.names
    if arguments.replay:
        if len(names) < 2 or names[0] not in TARGETS:
            parser.error(f"--replay takes one of {', '.join(TARGETS)}, and files")
        return replay(names[0], [Path(name) for name in names[1:]])
    for name in names:
        if name not in TARGETS:
            parser.error(f"{name}: there is no such target, only {', '.join(TARGETS)}")
    return fuzz(names or list(TARGETS), arguments.time, max(1, arguments.jobs))


def fuzz(names: list[str], seconds: float, jobs: int) -> int:
    """Every target gets the same share of the time; returns the exit status."""
    try:
        import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        print("atheris is not installed: pip install --group fuzz (Linux)", file=sys.stderr)
        return 2
    jobs = min(jobs, len(names))
    share = max(1, round(seconds * jobs / len(names)))
    print(f"{len(names)} targets, {share} s each, {jobs} at a time", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(lambda name: fuzz_one(name, share), names))
    found = [outcome for outcome in outcomes if outcome.files]
    for outcome in found:
        for file in outcome.files:
            shown = os.path.relpath(file)
            data = file.read_bytes()
            print(f"\n{outcome.name}: FOUND {shown}, {len(data)} bytes")
            # Where only the output is kept, as in CI, it can still be seen again.
            print(f"  in Base64:     {b64encode(data).decode()}")
            print(f"  see it again:  python fuzz/run.py --replay {outcome.name} {shown}")
            print(
                f"  once mended:   move it to fuzz/corpus/{outcome.name}/ under a name that says what was wrong"
            )
    total = sum(int(outcome.inputs) for outcome in outcomes if outcome.inputs.isdigit())
    print(f"\n{len(names)} targets, {total} inputs: " + ("findings, see above" if found else "nothing found"))
    return 1 if found else 0


def fuzz_one(name: str, seconds: int) -> Outcome:
    """Run one target in a process of its own, since libFuzzer ends it; print and return what it has come to."""
    corpus = WORK / "corpus" / name
    findings = WORK / "findings" / name
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    from stomp_testing import dictionary_file

    command = [
        sys.executable, __file__, "--within", "fuzzer", name,
        f"-max_total_time={seconds}", f"-timeout={SLOW}", f"-rss_limit_mb={LARGE}", f"-max_len={LONGEST}",
        f"-dict={dictionary_file()}", f"-artifact_prefix={findings}/", "-print_final_stats=1",
        # What is new goes to the first folder; the other is only read.
        str(corpus), str(HERE / "corpus" / name),
    ]  # fmt: skip
    log = WORK / f"{name}.log"
    with log.open("wb") as output:
        status = subprocess.run(command, check=False, stdout=output, stderr=subprocess.STDOUT).returncode
    text = log.read_text(errors="replace")
    # Each only once: libFuzzer and our own function may both have written it.
    found = [Path(path) for path in dict.fromkeys(re.findall(r"Test unit written to (\S+)", text))]
    if found or status:
        # libFuzzer's own lines are of no interest; the traceback before them is.
        print("\n".join(text.splitlines()[-80:]))
    if status and not found:
        raise SystemExit(f"{name}: the fuzzer ended with status {status} and left no file: see {log}")
    runs = re.search(r"stat::number_of_executed_units: *(\d+)", text)
    progress = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)/", text)
    covered, kept = progress[-1] if progress else ("?", "?")
    outcome = Outcome(
        name, runs[1] if runs else "?", covered, kept, tuple(shortened(name, file) for file in found)
    )
    print(
        f"{name:<13} {outcome.inputs:>9} inputs  {covered:>5} places covered  {kept:>5} inputs kept  "
        f"{len(found)} findings",
        flush=True,
    )
    return outcome


def shortened(name: str, file: Path) -> Path:
    """Make a finding shorter, in a process of its own; return the file with the shorter one."""
    if not file.name.startswith("crash-"):
        return file  # one that hangs or fills the memory takes too long to be tried again and again
    subprocess.run([sys.executable, __file__, "--within", "minimizer", name, str(file)], check=False)
    short = file.with_name(file.name + "-short")
    return short if short.exists() else file


def within_the_minimizer(name: str, file: str) -> int:
    """The child of :func:`shortened`."""
    from fuzz import TARGETS
    from fuzz.minimizing import minimize

    data = minimize(TARGETS[name], Path(file).read_bytes(), MINIMIZING)
    Path(file + "-short").write_bytes(data)
    return 0


def within_the_fuzzer(name: str, arguments: list[str]) -> int:
    """The child of :func:`fuzz_one`."""
    import atheris

    with atheris.instrument_imports(include=["stomp_core", "stomp_websocket"]):  # pyright: ignore[reportAttributeAccessIssue]
        from fuzz import TARGETS
    target, findings = TARGETS[name], WORK / "findings" / name

    def run(data: bytes) -> None:
        try:
            target(data)
        except Exception:
            # The fuzzer writes it too, but not every version of it does so before the process ends.
            file = findings / f"crash-{sha1(data, usedforsecurity=False).hexdigest()}"
            file.write_bytes(data)
            print(f"Test unit written to {file}", flush=True)
            raise

    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()
    return 0


def replay(name: str, files: list[Path]) -> int:
    """Run inputs through a target; the first one that breaks a promise raises here, with its traceback."""
    from fuzz import TARGETS

    for file in files:
        print(f"{name} {file}", flush=True)
        TARGETS[name](file.read_bytes())
    print(f"{len(files)} inputs, no promise broken")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
