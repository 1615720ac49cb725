"""The command line."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0 well, 1 a run that failures stopped, 2 bad input, 130 Ctrl-C, 143 told to terminate.

    What the user can mend is one line on stderr that begins with ``error: ``.
    """
    from bonag.cli.app import app
    from search_spaces.errors import UserError

    try:
        status = app(args=arguments, prog_name="bonag", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        status = _fail(str(error))
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        # Whoever read the output has had enough; Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except OSError as error:
        status = _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        # Usage errors come from typer, or from click under older ones; both know how to say what is wrong.
        if not hasattr(error, "format_message"):
            raise
        status = _fail(error.format_message())
    sys.exit(status)


def _fail(message: str) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return 2


__all__ = ["main"]
