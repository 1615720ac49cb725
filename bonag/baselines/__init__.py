"""Published search methods that need PyTorch or SciPy, as strong as their authors made them."""
