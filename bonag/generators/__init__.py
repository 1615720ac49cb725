"""Graph diffusion generators."""
