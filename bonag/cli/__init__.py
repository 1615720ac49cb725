"""The command line."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0 well, 1 a run that failures stopped, 2 bad input, 129 hung up, 130 Ctrl-C, 143 told
    to terminate.

    What the user can mend is one line on stderr that begins with ``error: ``. No command stops because its output is
    not taken; one that only prints exits with 1 if its reader went away, and with 2 if it could not be written.
    """
    from bonag.cli.output import steady_output

    with steady_output():
        status = _status(arguments)
    sys.exit(status)


def _status(arguments: list[str] | None) -> int | None:
    from bonag.cli.app import app
    from search_spaces.errors import UserError

    try:
        status: int | None = app(args=arguments, prog_name="bonag", standalone_mode=False)
        return status
    except UserError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has had enough.
        return 1
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        # Usage errors come from typer, or from click under older ones; both know how to say what is wrong.
        if not hasattr(error, "format_message"):
            raise
        return _fail(error.format_message())


def _fail(message: str) -> int:
    from bonag.record.address import without_passwords

    print("error:", without_passwords(" ".join(message.split())), file=sys.stderr)
    return 2


__all__ = ["main"]
