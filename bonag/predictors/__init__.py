"""Surrogate predictors, fitted on a history."""
