"""Load tests of the whole system over gRPC, and a model of its capacity."""
