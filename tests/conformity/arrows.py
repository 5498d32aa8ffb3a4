#!/usr/bin/python3
"""Checks that the folders of lib/ include only what lib/CMakeLists.txt lets them link.

Static libraries do not stop a header from being included, so this does: every `#include "folder/..."` in
lib/X, and in tests/X, must name X itself or one of X's DEPENDS; DEPENDS must name folders declared before; and what
only some layers may touch (HDF5, JSON, the command line, files, the environment, the terminal) stays there.

usage: arrows.py [top of the repository]; prints each breach as file:line and exits 1 if there is one.
"""
import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
top = top if top.is_dir() else top.parents[2]
breaches = []

may = {}
for name, body in re.findall(r"^sde_library\((\w+)([^)]*)\)", (top / "lib/CMakeLists.txt").read_text(), re.M):
    depends = re.search(r"DEPENDS((?:\s+[a-z]\w*)+)", body)
    may[name] = depends.group(1).split() if depends else []
    for other in may[name]:
        if other not in may:
            breaches.append(f"lib/CMakeLists.txt: {name} depends on {other}, which is not declared above it")

OUTER = {"io", "config", "cli"}
# pattern, folders of lib/ where it may stand, what it is
LIMITS = [
    (r'#include [<"](hdf5|H5\w*)\.h', {"io"}, "HDF5 headers"),
    (r'#include [<"]nlohmann/', OUTER, "JSON headers"),
    (r'#include [<"]CLI/', {"cli"}, "command-line headers"),
    (r'#include [<"]valijson/', {"config"}, "schema validation headers"),
    (r"#include <(iostream|fstream|cstdio|stdio\.h|fcntl\.h|unistd\.h|filesystem)>", OUTER, "input and output"),
    (r"\b(std::)?(secure_)?getenv\s*\(", {"config", "cli"}, "the environment"),
    (r"\bstd::(cout|cerr|clog)\b|\b(std::)?f?printf\s*\(|\bfmt::print\s*\(", {"cli", "io"}, "printing"),
]

for path in sorted([*top.glob("lib/*/*"), *top.glob("tests/*/*")]):
    if path.suffix not in (".h", ".cc") or path.parent.name not in may:
        continue
    folder, in_lib = path.parent.name, path.parent.parent.name == "lib"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(top)}:{number}"
        included = re.match(r'\s*#\s*include "(\w+)/', line)
        if included and included.group(1) in may and included.group(1) not in (folder, *may[folder]):
            breaches.append(f"{where}: {folder} may not include {included.group(1)}/ (it has: {' '.join(may[folder])})")
        code = re.sub(r'//.*|"(\\.|[^"\\])*"' if "#include" not in line else r"//.*", "", line)
        for pattern, allowed, what in LIMITS if in_lib else []:
            if folder not in allowed and re.search(pattern, code):
                breaches.append(f"{where}: {what} may not be used in {folder}")

print("\n".join(breaches), end="\n" if breaches else "")
sys.exit(1 if breaches else 0)
