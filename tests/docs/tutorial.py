"""Runs a page of the documentation as a reader would: its blocks one after the other, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"
# A Python block that begins with such a line is a file of this name.
FILE = re.compile(r"# (\w+\.py)\b")
# What readers call bonag is this checkout; a server is asked for its first page, and told to end.
COMMAND = """#!{python}
import re, signal, subprocess, sys, urllib.request
command = [sys.executable, "-m", "bonag", *sys.argv[1:]]
if sys.argv[1:2] != ["ui"]:
    sys.exit(subprocess.run(command).returncode)
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
address = re.search(r"http://\\S+", server.stdout.readline())[0]
page = urllib.request.urlopen(address).read().decode()
assert "</html>" in page, page
server.send_signal(signal.SIGINT)
sys.exit(server.wait() not in (0, 130))
"""
RUNNER = """
import json, subprocess, sys
if __name__ == "__main__":
    for where, kind, code in json.load(open(sys.argv[1])):
        print("#", where, flush=True)
        if kind == "python":
            exec(compile(code, where, "exec"), globals())
        elif kind == "bash":
            subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=True)
        else:
            open(kind, "w").write(code)
"""


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Where it is, its kind (python, bash, or the file that it is to be) and the text of each block that can be run."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(python|bash)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        file = FILE.match(found[2])
        line = text[: found.start()].count("\n") + 1
        yield f"{page.name}:{line}", file[1] if file else found[1], found[2]


def run_page(page: Path, folder: Path, instead: Mapping[str, str]) -> str:
    """What the blocks of a page print. instead: texts that stand for others, each of which must be there."""
    found = list(blocks(page))
    for old, new in instead.items():
        assert any(old in code for _, _, code in found), f"{page.name} has no '{old}' any more"
        found = [(where, kind, code.replace(old, new)) for where, kind, code in found]
    (folder / "blocks.json").write_text(json.dumps(found))
    (folder / "runner.py").write_text(RUNNER)
    programs = folder / "programs"
    programs.mkdir()
    (programs / "bonag").write_text(COMMAND.format(python=sys.executable))
    (programs / "bonag").chmod(0o755)
    given = {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "BONAG_HOME": str(folder / "home"),
    }
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        given.pop(name, None)
    done = subprocess.run(
        [sys.executable, "runner.py", "blocks.json"], cwd=folder, env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
