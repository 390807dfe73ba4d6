#!/usr/bin/env python3
"""Compares the targets of Package.swift with the imports of their files and with docs/ARCHITECTURE.md.

    scripts/targets.py --check     fails when a target declares a dependency that none of its files imports,
                                   or when the graph in docs/ARCHITECTURE.md differs
    scripts/targets.py             prints the graph for docs/ARCHITECTURE.md

The compiler itself rejects undeclared imports (--explicit-target-dependency-import-check error), and
SwiftPM rejects cycles.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "ARCHITECTURE.md"
LEVEL = r"(?:(?:public|package|internal|private|fileprivate) +)?"
IMPORT = re.compile(rf"^(?:@\w+ +)*{LEVEL}import +(?:(?:struct|class|enum|protocol|func|var) +)?(\w+)", re.M)


def main():
    dump = subprocess.run(["swift", "package", "dump-package"], cwd=ROOT, check=True, capture_output=True, text=True)
    targets = [target for target in json.loads(dump.stdout)["targets"] if target["type"] != "system"]
    text = graph(targets)
    if "--check" not in sys.argv[1:]:
        print(text, end="")
        return 0
    problems = [
        f'{target["name"]} declares {name}, and none of its files imports it'
        for target in targets
        for name in sorted(dependencies(target) - imports(target))
    ]
    if text not in DOCUMENT.read_text():
        problems.append("the graph in docs/ARCHITECTURE.md is outdated; copy the output of scripts/targets.py")
    for problem in problems:
        print(f"targets: {problem}", file=sys.stderr)
    return 1 if problems else 0


def dependencies(target):
    names = set()
    for dependency in target["dependencies"]:
        kind, value = next(iter(dependency.items()))
        assert kind in ("byName", "product", "target"), kind
        names.add(value[0])
    return names


def imports(target):
    folder = ROOT / (target.get("path") or f'{"Tests" if target["type"] == "test" else "Sources"}/{target["name"]}')
    found = set()
    for file in folder.rglob("*"):
        if file.suffix == ".swift":
            found.update(IMPORT.findall(file.read_text()))
        elif file.suffix in (".c", ".h"):
            # Our C targets include the libraries whose module maps they name.
            found.update({"CProtobuf"} if "protobuf-c.h" in file.read_text() else ())
    return found


def graph(targets):
    """The targets under Sources with their direct dependencies among them, lowest first."""
    own = {target["name"]: dependencies(target) for target in targets if not target.get("path") and target["type"] != "test"}
    lines, done = ["```"], set()
    while len(done) < len(own):
        ready = sorted(name for name, needs in own.items() if name not in done and needs & own.keys() <= done)
        assert ready, "the targets form a cycle"
        for name in ready:
            needs = sorted(own[name] & own.keys())
            lines.append(f"{name:20} ← {', '.join(needs)}" if needs else name)
        done.update(ready)
    return "\n".join(lines + ["```"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
