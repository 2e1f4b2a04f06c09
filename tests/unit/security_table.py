#!/usr/bin/env python3
"""docs/security.md names a test for each way out that it says is closed: every one of them has to exist.

A test is `Suite.Name` in backticks, as ctest lists it; a row of the tables without one is an error.
"""
import pathlib
import re
import sys

TEST_NAME = re.compile(r"`([A-Z]\w+\.[A-Z]\w+)`")
DEFINED = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)")
ADDED = re.compile(r"add_test\(NAME (\w+\.\w+)")


def existing(tests):
    names = set()
    for file in tests.rglob("*.cpp"):
        names |= {".".join(pair) for pair in DEFINED.findall(file.read_text(encoding="utf-8"))}
    for file in tests.rglob("*.cmake"):
        names |= set(ADDED.findall(file.read_text(encoding="utf-8")))
    return names


def complaints(document, names):
    wrong = []
    in_tests = False
    for number, line in enumerate(document.splitlines(), 1):
        if line.startswith("## "):
            in_tests = line == "## Traps and their tests"
        if not in_tests or not line.startswith("| "):
            continue
        named = TEST_NAME.findall(line)
        if not named and not line.startswith(("| way out", "| --")):
            wrong.append(f"line {number} names no test: {line[:80]}")
        wrong += [f"line {number}: there is no test {name}" for name in named if name not in names]
    return wrong


def main():
    if sys.argv[1] == "--self-test":
        table = "## Traps and their tests\n| way out | test |\n| -- | -- |\n| a | `Suite.Real` |\n| b | `Suite.Gone` |\n| c | none |\n"
        sys.exit(0 if len(complaints(table, {"Suite.Real"})) == 2 else "does not notice what is missing")
    source = pathlib.Path(sys.argv[1])
    wrong = complaints((source / "docs/security.md").read_text(encoding="utf-8"), existing(source / "tests"))
    if wrong:
        sys.exit("docs/security.md:\n  " + "\n  ".join(wrong))


if __name__ == "__main__":
    main()
