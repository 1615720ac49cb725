"""A run as one file that opens anywhere, without a server or a network."""

from bonag.ui.report.choosing import chosen
from bonag.ui.report.writing import Written, write_report

__all__ = ["Written", "chosen", "write_report"]
