#!/usr/bin/env python3
"""Compares the shared libraries that a program loads with those that it may load.

    scripts/libraries.py PROGRAM [--objects FILE] [--released]

For a library that isn't in the list it prints which modules link it: those whose objects name it for the
linker, or the shared library that needs it. --objects is SwiftPM's list of the program's objects
(bridge-proxy.product/Objects.LinkFileList). --released: the program must run without a Swift toolchain.
"""

import argparse
import pathlib
import re
import subprocess
import sys

# What every Debian and Ubuntu has: libc6 and libgcc-s1 are essential packages.
BASE = {"libc.so.6", "libm.so.6", "libresolv.so.2", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "linux-vdso.so.1",
        "ld-linux-aarch64.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"}  # fmt: skip
# The system's libraries that Package.swift names, and the C++ library of BoringSSL.
NAMED = {"libnghttp2.so.14", "libprotobuf-c.so.1", "libyaml-0.so.2", "libz.so.1", "libstdc++.so.6"}
# Swift's runtime. Foundation isn't in it: with its ICU it's larger than the rest of the program.
SWIFT = re.compile(r"libswift\w*\.so|libdispatch\.so|libBlocksRuntime\.so|libFoundationEssentials\.so")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", type=pathlib.Path)
    arguments.add_argument("--objects", type=pathlib.Path)
    arguments.add_argument("--released", action="store_true")
    options = arguments.parse_args()
    loaded = libraries(options.program)
    unwanted = sorted(name for name in loaded if not is_expected(name, options.released))
    for name in unwanted:
        sources = linking(name, options.objects) or needing(name, loaded)
        more = f" and {len(sources) - 5} more" if len(sources) > 5 else ""
        where = f"; linked by {', '.join(sources[:5])}{more}" if sources else ""
        print(f"libraries: {options.program} loads {name}{where}", file=sys.stderr)
    return 1 if unwanted else 0


def is_expected(name, is_released):
    return name in BASE or (not is_released and (name in NAMED or SWIFT.fullmatch(name) is not None))


def libraries(program):
    """The paths of the libraries that the dynamic linker loads for a program, by name."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True)
    if done.returncode != 0:
        if "not a dynamic executable" in done.stdout + done.stderr:
            return {}
        sys.exit(f"libraries: ldd {program}: {done.stderr.strip()}")
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if words == ["statically", "linked"]:
            return {}
        found[pathlib.PurePath(words[0]).name] = words[2] if words[1:2] == ["=>"] else words[0]
    return found


def linking(name, objects):
    """The modules of the program's objects whose autolink entries name a library."""
    if objects is None:
        return []
    flag = "-l" + re.sub(r"^lib|\.so.*$", "", name)
    files = [line.strip().strip("'\"") for line in objects.read_text().splitlines()]
    modules = set()
    for start in range(0, len(files), 200):
        # Without a file name before its output, readelf has read a single file.
        command = ["readelf", "-p", ".swift1_autolink_entries", *files[start : start + 200], "/dev/null"]
        file = ""
        for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines():
            if line.startswith("File: "):
                file = line.removeprefix("File: ")
            elif line.split()[-1:] == [flag]:
                modules.add(pathlib.PurePath(file).parent.name.removesuffix(".build"))
    return sorted(modules)


def needing(name, loaded):
    """The loaded libraries that need another one."""
    needed = []
    for other, path in loaded.items():
        text = subprocess.run(["readelf", "-d", path], capture_output=True, text=True).stdout
        if re.search(rf"\(NEEDED\).*\[{re.escape(name)}\]", text):
            needed.append(other)
    return sorted(needed)


if __name__ == "__main__":
    sys.exit(main())
