"""bonag: neural architecture search by Bayesian optimisation with acquisition-guided graph diffusion."""

__version__ = "0.1.0"
