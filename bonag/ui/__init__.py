"""The web page on which runs are watched: `bonag ui`. It reads, and changes nothing."""
