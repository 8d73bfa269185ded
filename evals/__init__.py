"""Honest numbers: each module measures one thing from the outside and prints one JSON object on standard output."""
