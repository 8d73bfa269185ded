"""A cluster as Kubernetes's own client reaches it, and what its errors mean to people."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from s2v.cli.exits import CommandError, ExitCode

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, V1ObjectMeta

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
"""How long the API server may take to be reached, and to answer."""
PROXY_SECONDS = 5.0
"""How long a pod or service behind the API server may take: a network policy that drops packets is silent."""

T = TypeVar("T")


class AnswerError(Exception):
    """The API server said no to one question; others may be answered."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 when what is behind the API server kept silent."""
        self.message = message


@dataclass(frozen=True)
class Cluster:
    """A cluster, and the namespace that is looked at."""

    api: ApiClient
    namespace: str

    @property
    def server(self) -> str:
        """URL of the API server."""
        return str(self.api.configuration.host)

    def ask(self, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Makes one call of Kubernetes's client.

        Errors: AnswerError for what this question alone cannot have; CommandError when no other could be answered either.
        """
        from kubernetes.client.exceptions import ApiException
        from pydantic import ValidationError
        from urllib3.exceptions import HTTPError

        try:
            return call(*arguments, _request_timeout=(CONNECT_SECONDS, ANSWER_SECONDS), **options)
        except ApiException as error:
            if error.status == 401:
                raise CommandError(
                    f"{self.server} does not take your credentials (401): log in again, or choose another context of "
                    "kubectl config get-contexts with --context",
                    ExitCode.SETUP,
                ) from error
            if not error.status:  # TLS, which the client wraps
                raise self._silent(error) from error
            raise AnswerError(error.status, _read_message(error.body) or str(error.reason)) from error
        except HTTPError as error:
            raise self._silent(error) from error
        except ValidationError as error:
            raise AnswerError(0, f"the answer is not what Kubernetes defines: {error.errors()[0]['msg']}") from error

    def _silent(self, error: Exception) -> CommandError:
        return CommandError(
            f"{self.server} does not answer: {_describe(error)}; is the cluster up, and can this machine reach it?",
            ExitCode.UNAVAILABLE,
        )

    def fetch(self, path: str, **query: str) -> str:
        """Gets a text of a pod or service through the API server's proxy: path `/api/v1/namespaces/…/proxy/…`.

        Errors: AnswerError, CommandError.
        """
        from urllib3.exceptions import HTTPError

        request = self.api.param_serialize("GET", path, query_params=list(query.items()), auth_settings=["BearerToken"])
        try:
            answer = self.api.call_api(*request, _request_timeout=(CONNECT_SECONDS, PROXY_SECONDS))
            text = str(answer.read().decode(errors="replace"))
        except HTTPError as error:
            raise AnswerError(0, f"no answer through the Kubernetes API within {PROXY_SECONDS:.0f} s") from error
        if answer.status != 200:
            raise AnswerError(answer.status, _read_message(text) or f"HTTP {answer.status}")
        return text


def connect(context: str, namespace: str) -> Cluster:
    """Reads the kubeconfig; asks nothing yet. Empty arguments take what it says.

    Errors: CommandError.
    """
    try:
        from kubernetes.client import ApiClient, Configuration
        from kubernetes.config import ConfigException, list_kube_config_contexts, load_kube_config
    except ImportError as error:
        raise CommandError(
            "Kubernetes's client is not installed: pip install 's2v-cli[k8s]', or just kubernetes", ExitCode.SETUP
        ) from error

    files = os.environ.get("KUBECONFIG") or "~/.kube/config"
    if not any(Path(file).expanduser().exists() for file in files.split(os.pathsep)):
        where = f"KUBECONFIG names {files}, which is not there" if os.environ.get("KUBECONFIG") else f"there is no {files}"
        raise CommandError(
            f"no cluster is set up: {where}; set KUBECONFIG to the file that your cluster gave you", ExitCode.SETUP
        )
    configuration = Configuration()
    configuration.retries = False
    try:
        load_kube_config(files, context or None, client_configuration=configuration, persist_config=False)
        contexts, active = list_kube_config_contexts(files)
    except ConfigException as error:
        said = str(error).removeprefix("Invalid kube-config file. ")
        raise CommandError(f"{files} cannot be used: {said}", ExitCode.SETUP) from error
    chosen = next((one for one in contexts if one["name"] == context), active)
    return Cluster(ApiClient(configuration), namespace or chosen["context"].get("namespace") or "default")


class Named(Protocol):
    """Any object of Kubernetes."""

    metadata: V1ObjectMeta | None


def present(value: T | None) -> T:
    """Returns a field that Kubernetes always sets, though its client's types leave it open.

    Errors: AnswerError.
    """
    if value is None:
        raise AnswerError(0, "an object lacks a field that Kubernetes always sets")
    return value


def name_of(one: Named) -> str:
    """Returns an object's name."""
    return str(present(present(one.metadata).name))


def labels_of(one: Named) -> Mapping[str, str]:
    """Returns an object's labels."""
    return present(one.metadata).labels or {}


def annotations_of(one: Named) -> Mapping[str, str]:
    """Returns an object's annotations."""
    return present(one.metadata).annotations or {}


def _read_message(body: str | None) -> str:
    """Returns what the Status in an error's body says, else its first line."""
    text = (body or "").strip()
    try:
        return str(json.loads(text)["message"])
    except (ValueError, TypeError, KeyError):
        return text.partition("\n")[0][:200]


def _describe(error: Exception) -> str:
    """Says in a few words why a connection failed."""
    reason = getattr(error, "reason", None) or error
    text = str(reason)
    if "timed out" in text:
        return f"nothing within {CONNECT_SECONDS:.0f} to {ANSWER_SECONDS:.0f} s"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not signed by the authority of the kubeconfig"
    return text.rpartition(": ")[2] or type(reason).__name__
