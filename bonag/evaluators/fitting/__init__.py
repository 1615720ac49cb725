"""The scripts that fit what ``bonag.evaluators`` ships: each reads benchmark data, writes an artifact and its card."""
