"""The contract of Speech to Visuals: generated from ``proto/s2v/v1/*.proto`` by ``make proto``."""
