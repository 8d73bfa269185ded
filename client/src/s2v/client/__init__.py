"""The Python client of Speech to Visuals."""

from s2v.client.access import Access
from s2v.client.client import Client
from s2v.client.errors import JobServiceError
from s2v.client.sync_client import SyncClient

__all__ = ["Access", "Client", "JobServiceError", "SyncClient"]
