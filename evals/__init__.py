"""Honest numbers: each module measures one thing from the outside and prints one JSON object on standard output."""

import os

# As in a worker (`s2v.runtime.engine.preload`): NumPy's further threads would wait on the processor, and be measured.
os.environ.setdefault("OMP_NUM_THREADS", "1")
