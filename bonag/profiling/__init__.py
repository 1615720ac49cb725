"""The latency of this machine: sampled networks are timed here, and a model of their latency is kept."""
