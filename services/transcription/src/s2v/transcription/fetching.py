"""Models that are not on this machine yet: from a hub when a person asks for it, from S3 when the service starts."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from s2v.runtime.errors import InvalidInputError, SetupError, UnavailableError
from s2v.runtime.store import ObjectStore
from s2v.transcription.models import DIGEST, WEIGHTS, Model, building, find_model, is_hub_name, weights_digest
from s2v.transcription.settings import TranscriptionSettings
from s2v.v1.artifact_pb2 import ObjectRef


def fetch_from_hub(name: str, cache: Path, sha256: str = "") -> Model:
    """Fetches a model in CTranslate2's format from the Hugging Face hub into `cache`, and notes its digest beside it.

    `name` is one of faster-whisper's ("small", "large-v3") or "OWNER/NAME". Nothing is fetched if it is there already.
    Errors: InvalidInputError (no such name), UnavailableError (no answer), SetupError (`sha256` is another one).
    """
    import faster_whisper
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    if not is_hub_name(name):
        raise InvalidInputError(f"{name} is no name of a model: give one such as small, large-v3 or OWNER/NAME", field="name")
    path = cache / name
    if not (path / DIGEST).is_file():
        with building(path) as folder:
            try:
                faster_whisper.download_model(name, output_dir=str(folder))
            except (ValueError, RepositoryNotFoundError) as error:
                raise InvalidInputError(f"the hub has no model {name}: {error}", field="name") from error
            except (OSError, HfHubHTTPError, RuntimeError) as error:
                raise UnavailableError(f"the hub does not give {name}: {error}; try again, or copy its directory here") from error
            found = weights_digest(folder)
            if sha256 and found != sha256.lower():
                raise SetupError(f"the hub's {name} has the SHA-256 {found}, not {sha256}: it was not kept")
            (folder / DIGEST).write_text(f"{found}\n")
    return find_model(name, cache, sha256)


async def locate_model(settings: TranscriptionSettings) -> Model:
    """Returns the model that the settings name, verified; one in S3 is copied into the model cache first.

    Errors: SetupError; UnavailableError when S3 does not answer.
    """
    cache, name = settings.model_cache.expanduser(), settings.whisper_model
    if name.startswith("s3://"):
        name = str(await _copy_from_s3(name, cache, settings))
    return await asyncio.to_thread(find_model, name, cache, settings.whisper_sha256)


async def _copy_from_s3(uri: str, cache: Path, settings: TranscriptionSettings) -> Path:
    """Returns the folder of a copy; the copy of a changed model is another one.

    Errors: SetupError, among others when the cache cannot be written to; UnavailableError when S3 does not answer.
    """
    place = urlsplit(uri)
    prefix = place.path.strip("/") + "/"
    store = ObjectStore(settings.model_copy(update={"s3_bucket": place.netloc}))
    try:
        listing = await store.list(prefix)
        names = {PurePosixPath(entry.key).name for entry in listing}
        if WEIGHTS not in names:
            raise SetupError(f"S2V_WHISPER_MODEL: there is no {WEIGHTS} at {uri}; upload the files of a model directory there")
        state = "".join(f"{entry.key} {entry.size_bytes} {entry.modified_at}\n" for entry in listing)
        path = cache / f"s3-{hashlib.sha256((uri + state).encode()).hexdigest()[:12]}"
        if not (path / WEIGHTS).is_file():
            with building(path) as folder:
                for entry in listing:
                    if "/" not in entry.key.removeprefix(prefix):
                        await store.download(ObjectRef(key=entry.key), folder / PurePosixPath(entry.key).name)
        return path
    except OSError as error:  # of the disk: the store has its own errors for S3
        raise SetupError(
            f"S2V_MODEL_CACHE: {cache} does not take the model at {uri}: {error.strerror or error}; "
            "name a folder that can be written to and has room for it"
        ) from error
    finally:
        store.close()
