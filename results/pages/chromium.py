"""A Chromium to measure pages with, driven through a pipe: nothing needs to be installed for it.

Not by a browser automation's library: those switch on what developers' tools need, and V8 then reads large scripts
several times over, which takes a reader's browser nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe")


def find_chromium(path: Path | None) -> str:
    """The program of that path, or the first of the usual names; raises UserError."""
    if path is not None:
        if shutil.which(path) is None:
            raise UserError(f"{path} is not a program")
        return str(path)
    for name in NAMES:
        if (program := shutil.which(name)) is not None:
            return program
    raise UserError(f"there is no Chromium (looked for {', '.join(NAMES)}): name one with --chromium PATH")


class Chromium:
    """A headless browser without a profile; a context manager, at whose end the process is gone."""

    def __init__(self, program: str) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        reads, self._to = os.pipe()
        self._from, writes = os.pipe()

        def wire() -> None:
            # The browser listens at 3 and answers at 4, whatever numbers the pipes have here.
            ours, theirs = os.dup(reads), os.dup(writes)
            os.dup2(ours, 3)
            os.dup2(theirs, 4)

        self._process = subprocess.Popen(
            [program, *SWITCHES, f"--user-data-dir={self._profile.name}", "about:blank"],
            preexec_fn=wire,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._number, self._rest = 0, b""

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def ask(self, method: str, session: str | None = None, **values: Any) -> dict[str, Any]:
        """The answer to a command of the DevTools protocol; raises UserError if there is none."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": values}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            head, end, tail = self._rest.partition(b"\0")
            if not end:
                more = os.read(self._from, 1 << 16)
                if not more:
                    raise UserError("Chromium ended before it answered")
                self._rest += more
                continue
            self._rest = tail
            answer: dict[str, Any] = json.loads(head)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise UserError(f"Chromium: {answer['error'].get('message')}")
                return dict(answer["result"])

    def open(self, address: str, script: str = "", width: int = 1280, height: int = 900) -> Page:
        """A page with an empty cache, in which ``script`` runs before its own ones."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask(
            "Target.createTarget", url="about:blank", browserContextId=context, width=width, height=height
        )
        session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        if script:
            self.ask("Page.enable", session)
            self.ask("Page.addScriptToEvaluateOnNewDocument", session, source=script)
        self.ask("Page.navigate", session, url=address)
        return Page(self, context, session)


class Page:
    """An open page."""

    def __init__(self, browser: Chromium, context: str, session: str) -> None:
        self._browser, self._context, self._session = browser, context, session

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives now."""
        answer = self._browser.ask("Runtime.evaluate", self._session, expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60.0) -> Any:
        """What the expression gives, once that is true; raises UserError."""
        end = time.monotonic() + seconds
        while not (value := self.value(expression)):
            if time.monotonic() > end:
                raise UserError(f"the page was not drawn within {seconds:.0f} s")
            time.sleep(0.05)
        return value

    def close(self) -> None:
        """Close it, and forget what it kept."""
        self._browser.ask("Target.disposeBrowserContext", browserContextId=self._context)
