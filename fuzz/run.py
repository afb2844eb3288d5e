"""Let atheris look for inputs that break a promise.

    python fuzz/run.py --time 60                      every target in turn, 60 seconds in all
    python fuzz/run.py --time 600 decoder             one target
    python fuzz/run.py --replay decoder FILE ...      run inputs again, without atheris

A finding ends the run of its target, is written into fuzz/work/, and makes the exit status 1. What is found between
runs that is new but harmless stays in fuzz/work/corpus/ and is where the next run goes on.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
# Started as a script, Python looks beside it; the targets are modules of the folder's package.
sys.path[0] = str(HERE.parent)

#: Seconds for a single input, and megabytes for the process; more is a finding.
SLOW = 10
LARGE = 1024
LONGEST = 4096


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz stomp_core with atheris.")
    parser.add_argument(
        "--time", type=float, default=60.0, metavar="SECONDS", help="for all targets together"
    )
    parser.add_argument(
        "--replay", action="store_true", help="TARGET FILE...: run these inputs and nothing else"
    )
    parser.add_argument("--within", choices=["fuzzer"], help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="TARGET", help="default: all")
    arguments, rest = parser.parse_known_args()
    if arguments.within:
        return within_the_fuzzer(arguments.names[0], rest)
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
    return fuzz(names or list(TARGETS), arguments.time)


def fuzz(names: list[str], seconds: float) -> int:
    """Every target gets the same share of the time; returns the exit status."""
    try:
        import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        print("atheris is not installed: pip install --group fuzz (Linux)", file=sys.stderr)
        return 2
    share = max(1, round(seconds / len(names)))
    found = {name: files for name in names if (files := fuzz_one(name, share))}
    for name, files in found.items():
        for file in files:
            shown = os.path.relpath(file)
            print(f"\n{name}: FOUND {shown}")
            print(f"  see it again:  python fuzz/run.py --replay {name} {shown}")
            print(f"  once mended:   move it to fuzz/corpus/{name}/ under a name that says what was wrong")
    print(f"\n{len(names)} targets, {share} s each: " + ("findings, see above" if found else "nothing found"))
    return 1 if found else 0


def fuzz_one(name: str, seconds: int) -> list[Path]:
    """Run one target in a process of its own, since libFuzzer ends it; returns the files that it found."""
    corpus = WORK / "corpus" / name
    findings = WORK / "findings" / name
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {seconds} s ...", flush=True)
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
    found = [Path(path) for path in re.findall(r"Test unit written to (\S+)", text)]
    if found or status:
        # libFuzzer's own lines are of no interest; the traceback before them is.
        print("\n".join(text.splitlines()[-80:]))
    if status and not found:
        raise SystemExit(f"{name}: the fuzzer ended with status {status} and left no file: see {log}")
    runs = re.search(r"stat::number_of_executed_units: *(\d+)", text)
    print(f"{name}: {runs[1] if runs else '?'} inputs, {len(found)} findings", flush=True)
    return found


def within_the_fuzzer(name: str, arguments: list[str]) -> int:
    """The child of :func:`fuzz_one`."""
    import atheris

    with atheris.instrument_imports(include=["stomp_core"]):  # pyright: ignore[reportAttributeAccessIssue]
        from fuzz import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
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
