"""What drawings of architectures are made of, as SVG."""
