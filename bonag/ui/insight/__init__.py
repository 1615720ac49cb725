"""What the pages on predictor and generator compute, in the background process; modules here import PyTorch late."""
