"""A run as one file that opens anywhere, without a server or a network."""

from bonag.ui.report.writing import Written, choose_run, write_report

__all__ = ["Written", "choose_run", "write_report"]
