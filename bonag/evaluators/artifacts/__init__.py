"""What bonag fitted and ships; a card beside each file says on what, how well, and by which command."""
