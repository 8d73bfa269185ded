"""What can go wrong in a layout."""


class ElkError(Exception):
    """ELK refused the graph or failed on it; the message is ELK's own."""


class ElkTimeout(ElkError):  # noqa: N818 - named as the time-outs of the standard library are
    """The layout did not finish in time. It was stopped, and the engine is ready for the next one."""


class ElkMemoryError(ElkError):
    """The layout needed more memory than the engine may take. It was stopped, and the engine is ready for the next one."""
