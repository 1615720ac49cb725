"""Training of networks on images: data, recipes, and the trained weights."""
