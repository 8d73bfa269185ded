"""Makes docs/api.md of the contract's comments and of recorded calls."""
