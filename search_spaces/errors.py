"""The one kind of error that a user can mend."""


class UserError(Exception):
    """One line: what is wrong, where, and what would be right. Ends a command with status 2, without a traceback."""
