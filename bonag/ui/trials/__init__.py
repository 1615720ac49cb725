"""What the pages say of one trial: its costs, how it stands, how it came about, what is near it, and its files."""
