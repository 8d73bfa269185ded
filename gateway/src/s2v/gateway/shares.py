"""What each tenant may have of something that a gateway has only so much of, so that others get through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from s2v.runtime.errors import S2VError


class Shares:
    """Counts what each tenant has at the moment."""

    def __init__(self, most: int) -> None:
        """`most` is how many a tenant may have at once."""
        self.most = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, tenant: str, refusal: S2VError) -> Iterator[None]:
        """Takes one for as long as the block lasts.

        Errors: `refusal` when the tenant has as many as it may.
        """
        if self._taken[tenant] >= self.most:
            raise refusal
        self._taken[tenant] += 1
        try:
            yield
        finally:
            self._taken[tenant] -= 1
            if not self._taken[tenant]:
                del self._taken[tenant]
