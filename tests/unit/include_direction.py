#!/usr/bin/env python3
"""Who includes whom: keeps the layers of docs/architecture.md apart.

    runtime/base  <-  runtime  <-  manager
    runtime/base  <-  network  <-  manager

runtime and network don't see each other and neither knows Compose. Inside manager the pure parts see values only,
the engine sees the working headers below it, and manager/engine/local_engine* alone those of runtime and network both.
Run by ctest (unit ring); `--self-test` checks the checker.
"""
import fnmatch
import pathlib
import re
import sys

# Plain values between the layers: open to all of manager.
VALUES = [
    "runtime/container_spec.hpp", "runtime/container_defaults.hpp", "network/network_spec.hpp",
    "runtime/image/manifest.hpp", "runtime/image/image_config.hpp", "runtime/image/reference.hpp",
]

# Records that may be read anywhere in the engine.
STORES = ["runtime/image/image_store.hpp", "runtime/image/image_facts.hpp", "network/network_store.hpp"]
# How a program of ours protects its own file, and speaks with its keeper.
PROCESS = ["runtime/protected_exe.hpp", "runtime/keeper/*"]

# First match decides. A file may include what its line lists.
PURE = ["runtime/base/*", "manager/compose/*", "manager/plan/*"]
RULES = [
    ("runtime/base/*", ["runtime/base/*"]),
    ("runtime/*", ["runtime/*"]),
    ("network/*", ["runtime/base/*", "network/*"]),
    ("manager/compose/*", ["runtime/base/*", "manager/compose/*"]),
    ("manager/plan/*", PURE + VALUES),
    ("manager/supervisor/service_machine.*", PURE + ["manager/supervisor/*"]),
    ("manager/supervisor/restart_policy.*", PURE + ["manager/supervisor/*"]),
    ("manager/supervisor/health.*", PURE + ["manager/supervisor/*"]),
    ("manager/logs/*", ["runtime/base/*", "manager/logs/*"]),
    ("manager/engine/engine.hpp", ["runtime/base/*", "manager/compose/*", "manager/engine/*"] + VALUES),
    ("manager/engine/*", ["runtime/*", "network/*", "manager/*"]),
    ("manager/supervisor/*", ["runtime/base/*", "manager/*"] + PROCESS + VALUES),
    ("manager/cli/main.cpp", ["runtime/base/*", "manager/*"] + PROCESS),
    ("manager/cli/transfer/image_worker.cpp", ["runtime/base/*", "runtime/image/error_event.hpp", "manager/*"]),
    ("manager/cli/commands/store_*", ["runtime/base/*", "runtime/image/*", "manager/*"]),
    ("manager/cli/commands/image_*", ["runtime/base/*", "runtime/image/*", "manager/*"]),
    ("manager/*", ["runtime/base/*", "manager/*"] + VALUES),
]

# Heavy headers stay in .cpp files; some libraries have one home.
NOT_IN_HEADERS = ["boost/asio.hpp", "boost/asio/*", "boost/beast/*", "boost/beast.hpp", "yaml-cpp/*",
                  "nlohmann/json.hpp", "spdlog/*", "CLI/*", "curl/*", "archive.h", "nftables/*"]
LIGHT = ["boost/asio/awaitable.hpp", "nlohmann/json_fwd.hpp"]
HOMES = [
    ("spdlog/*", ["runtime/base/log.cpp"]),
    ("yaml-cpp/*", ["manager/compose/*"]),
    ("nftables/*", ["network/*"]),
    ("curl/*", ["runtime/image/*"]),
    ("archive.h", ["runtime/image/*"]),
    ("archive_entry.h", ["runtime/image/*"]),
    ("seccomp.h", ["runtime/*"]),
    ("CLI/*", ["manager/cli/*"]),
]

# The one place where containers and networks meet.
BOTH = ["manager/engine/local_engine*"]
WORKING = {"runtime": (["runtime/*"], ["runtime/base/*"]), "network": (["network/*"], [])}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def problems_of(path, text, exists):
    """Complaints about one file. `exists` says whether a path of the repository is a file."""
    allowed = next((targets for pattern, targets in RULES if matches(path, [pattern])), None)
    is_header = path.endswith((".hpp", ".h"))
    if is_header and "#pragma once" not in text and "#ifndef" not in text:
        yield "has no #pragma once"
    below = {layer for layer, (inside, outside) in WORKING.items() for _, name in INCLUDE.findall(text)
             if matches(name, inside) and not matches(name, outside + VALUES + STORES + PROCESS)}
    if len(below) > 1 and not matches(path, BOTH):
        yield "includes working headers of runtime and network both: only local_engine may"
    for kind, name in INCLUDE.findall(text):
        if kind == '"':
            if not exists(name):
                yield f'includes "{name}", which is not a path from the top of the repository'
            elif allowed is not None and not matches(name, allowed):
                yield f'includes "{name}": not open to {path.rsplit("/", 1)[0]}'
            continue
        if is_header and matches(name, NOT_IN_HEADERS) and not matches(name, LIGHT):
            yield f"includes <{name}> in a header"
        for pattern, homes in HOMES:
            if matches(name, [pattern]) and not matches(path, homes):
                yield f"includes <{name}>, which belongs to {', '.join(homes)}"


def check(root):
    found = []
    for top in ("runtime", "network", "manager"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix in (".cpp", ".hpp", ".c", ".h"):
                path = file.relative_to(root).as_posix()
                text = file.read_text(encoding="utf-8", errors="replace")
                found += [f"{path}: {problem}" for problem in problems_of(path, text, lambda n: (root / n).is_file())]
    return found


def self_test():
    cases = [
        ("network/links.cpp", '#include "runtime/launcher.hpp"', True),
        ("network/links.cpp", '#include "runtime/base/fd.hpp"', False),
        ("runtime/launcher.cpp", '#include "network/links.hpp"', True),
        ("runtime/launcher.cpp", '#include "manager/plan/plan.hpp"', True),
        ("runtime/base/fd.cpp", '#include "runtime/launcher.hpp"', True),
        ("manager/plan/planner.cpp", '#include "manager/engine/engine.hpp"', True),
        ("manager/plan/spec_builder.cpp", '#include "runtime/container_spec.hpp"', False),
        ("manager/supervisor/supervisor.cpp", '#include "runtime/launcher.hpp"', True),
        ("manager/engine/local_engine.cpp", '#include "runtime/launcher.hpp"\n#include "network/hub.hpp"', False),
        ("manager/engine/project_network.cpp", '#include "network/hub.hpp"', False),
        ("manager/engine/project_network.cpp", '#include "runtime/launcher.hpp"\n#include "network/hub.hpp"', True),
        ("manager/engine/engine.hpp", '#pragma once\n#include "network/hub.hpp"', True),
        ("manager/engine/engine.hpp", "#pragma once\n#include <nlohmann/json.hpp>", True),
        ("manager/engine/engine.hpp", "#pragma once\n#include <nlohmann/json_fwd.hpp>", False),
        ("runtime/base/task.hpp", "#pragma once\n#include <boost/asio/awaitable.hpp>", False),
        ("manager/engine/engine.hpp", "#include <string>", True),
        ("manager/control/server.cpp", "#include <yaml-cpp/yaml.h>", True),
    ]
    wrong = [case for case in cases if bool(list(problems_of(case[0], case[1], lambda n: True))) != case[2]]
    for case in wrong:
        print(f"self-test: {case}")
    return wrong


def main():
    if sys.argv[1] == "--self-test":
        return 1 if self_test() else 0
    found = check(pathlib.Path(sys.argv[1]))
    for line in found:
        print(line)
    return 1 if found else 0


sys.exit(main())
