#!/usr/bin/env python3
"""What runs between clone and exec, as machine code: every function of a library that it can reach stands in a list.
Which children there are is found in the sources: one that is not in the table below is an error.

Another thread may have held any lock at the instant of the clone, the allocator's among them, so the child may call
async-signal-safe functions only (clone(2), signal-safety(7)). This disassembles a program, walks from the interpreter of the
steps (all of ChildRunner, because std::visit goes through tables) and from the other children's functions along calls, jumps and addresses of functions, and compares
with the list what it finds there that is not ours. What is on the list is not looked into.

    child_functions.py LIST PROGRAM SOURCES
    child_functions.py --self-test LIST
"""
import pathlib
import re
import subprocess
import sys

# Where processes are made -> the functions that the child runs, as they are called in machine code.
CHILDREN = {
    "runtime/launcher.cpp": ["5stack16run_init_program"],
    "runtime/child_namespaces.cpp": ["11ChildRunner"],
    "runtime/child_hooks.cpp": ["11ChildRunner"],
    "runtime/child_listener.cpp": ["11ChildRunner"],
    "runtime/id_maps.cpp": ["24run_placeholder_in_child"],
    "runtime/cgroup_systemd.cpp": ["24run_placeholder_in_child"],
    "runtime/base/child_process.cpp": ["13exec_in_child"],
    "runtime/keeper/start_keeper.cpp": ["19fork_again_in_child", "20exec_keeper_in_child"],
}
# The same where the child is bound by nothing.
UNBOUND = {
    "runtime/keeper/keeper.cpp": "has one thread, no library and no allocator",
    "runtime/init/init.cpp": "has one thread, no library and no allocator",
    "runtime/image/confinement.cpp": "goes on as a program of its own: fork(3) hands it a working allocator",
}
MAKES_PROCESS = re.compile(r"::(v?fork|_Fork)\(\)|::clone\(|call\(__NR_clone|syscall\(SYS_clone3?\b")
ROOTS = sorted({root for roots in CHILDREN.values() for root in roots})
OURS = re.compile(r"_ZN?[A-Z]*5stack|_ZZN?[A-Z]*5stack|_ZN?[A-Z]*S[abstd]|_ZN?[A-Z]*9__gnu_cxx")
FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")
TARGET = re.compile(r"([0-9a-f]+) <([^<>]+)>$")


def plain(name):
    """`memcpy` also for what linkers, symbol versions, _FORTIFY_SOURCE and large files make of it."""
    name = re.split(r"@|\$plt", name)[0]
    if name != "__stack_chk_fail":
        name = re.sub(r"^__(\w+)_chk$", r"\1", name)
    return re.sub(r"^(open|openat|fcntl|fstat|fstatat|fstatfs)64$", r"\1", name)


class Code:
    """The functions of a program by name, with what each refers to. Static functions of one name count as one.

    `ends` bounds functions by name: what lies between two of them may be a copy that the linker has no name for.
    """

    def __init__(self, lines, ends=None):
        self.names = {}  # address -> name
        self.refers = {}  # name -> addresses and names
        name, end = None, None
        for line in lines:
            if line.startswith(" ") and line.endswith(">"):
                if end and int(line[:line.index(":")], 16) >= end:
                    continue
                if name and (match := TARGET.search(line)):
                    self.refers[name].add((match[1], match[2]))
            elif match := FUNCTION.match(line):
                name, end = match[2], (ends or {}).get(match[2])
                self.names[match[1].lstrip("0")] = name
                self.refers.setdefault(name, set())

    def target(self, address, symbol):
        """The function that is meant; None for data, and for a jump inside of a function."""
        if name := self.names.get(address.lstrip("0")):
            return name
        return symbol if "@" in symbol and "+0x" not in symbol else None

    def reached(self, listed):
        """What the child reaches and is not ours, or ours and on the list, each with somebody who refers to it."""
        work = [name for name in self.refers if any(root in name for root in ROOTS)]
        seen, found = set(work), {}
        while work:
            caller = work.pop()
            for name in filter(None, (self.target(*reference) for reference in self.refers[caller])):
                if plain(name) in listed or name not in self.refers or not OURS.match(name):
                    found.setdefault(plain(name), caller)
                elif name not in seen:
                    seen.add(name)
                    work.append(name)
        return found


def read_list(path):
    with open(path, encoding="utf-8") as lines:
        return {line.split("#")[0].strip() for line in lines} - {""}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def code_of(program):
    symbols = (line.split() for line in output_of("nm", "--print-size", "--defined-only", program))
    ends = {words[3]: int(words[0], 16) + int(words[1], 16) for words in symbols if len(words) == 4}
    return Code(output_of("objdump", "--disassemble", "--no-show-raw-insn", program), ends)


def complaints(code, listed):
    found = code.reached(listed)
    missing = [f"{root} is not in this program" for root in ROOTS if not any(root in name for name in code.refers)]
    return missing + [f"{name}, called by {caller}" for name, caller in sorted(found.items()) if name not in listed]


def strangers(sources):
    """Files that make processes and are in neither table, and those in a table that make none any more."""
    making = set()
    for top in ("runtime", "network", "manager"):
        for path in (sources / top).rglob("*"):
            if path.suffix in (".c", ".cpp", ".hpp") and MAKES_PROCESS.search(path.read_text(encoding="utf-8")):
                making.add(path.relative_to(sources).as_posix())
    known = set(CHILDREN) | set(UNBOUND)
    return ([f"{name} makes a process whose side is in no table" for name in sorted(making - known)] +
            [f"{name} makes no process" for name in sorted(known - making)])


def self_test(listed):
    lines = """0000000000000100 <_ZN5stack11ChildRunner7run_allEv>:
     104:\tcall   200 <_ZN5stack6helperEv>
     109:\tjmp    104 <_ZN5stack11ChildRunner7run_allEv+0x4>
     10e:\tcall   400 <close$plt>
0000000000000200 <_ZN5stack6helperEv>:
     204:\tcall   500 <malloc@plt>
     209:\tlea    0x0(%rip),%rax        # 600 <_ZN5stack5fieldEv>
0000000000000300 <_ZN5stack9elsewhereEv>:
     304:\tcall   700 <pthread_mutex_lock@plt>
0000000000000400 <close$plt>:
0000000000000500 <malloc@plt>:
0000000000000600 <_ZN5stack5fieldEv>:
     604:\tjmp    *0x0(%rip)        # 900 <printf@GLIBC_2.2.5>
0000000000000700 <pthread_mutex_lock@plt>:""".splitlines()
    said = [text.split(",")[0] for text in complaints(Code(lines), listed)]
    return said[-2:] == ["malloc", "printf"] and len(said) == len(ROOTS) + 1  # all but one of the roots are missing


def main():
    if sys.argv[1] == "--self-test":
        sys.exit(0 if self_test(read_list(sys.argv[2])) else "does not notice an allocation")
    wrong = strangers(pathlib.Path(sys.argv[3])) + complaints(code_of(sys.argv[2]), read_list(sys.argv[1]))
    if wrong:
        sys.exit("the child side reaches what is not listed in " + sys.argv[1] + ":\n  " + "\n  ".join(wrong))


if __name__ == "__main__":
    main()
