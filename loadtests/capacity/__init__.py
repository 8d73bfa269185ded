"""A model of the system's capacity: a simulation from measured costs, and where the design breaks first."""
