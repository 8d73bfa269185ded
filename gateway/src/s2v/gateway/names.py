"""Names that come from outside: of files, requests, uploads and jobs. None of them is ever used as a path."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from s2v.runtime.errors import InvalidInputError, NotFoundError

NAME_BYTES = 255
"""Longest file name, in bytes of UTF-8, as on most file systems."""
REQUEST_ID_CHARACTERS = 64
USER_CHARACTERS = 100

_SEPARATORS = re.compile(r"[/\\]")
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of writing: with them "gpj.exe" is shown as "exe.jpg"."""
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_YEAR_10000 = "76EZ91ZQ00"
"""Start of the first ULID whose day has no date."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def file_name(name: str) -> str:
    """Returns the last part of a path as people call the file.

    Errors: InvalidInputError when nothing is left, when it is too long, or when it holds control characters.
    """
    kept = _SEPARATORS.split(name)[-1].strip()
    if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} or letter in _DIRECTIONS for letter in name):
        raise InvalidInputError(
            f"the file name {name[:80]!a} holds control characters; rename the file and send it again",
            reason="INVALID_NAME",
            field="name",
        )
    if kept in {"", ".", ".."}:
        raise InvalidInputError(
            f"{name[:80]!r} is not the name of a file; give one such as talk.wav", reason="INVALID_NAME", field="name"
        )
    if len(kept.encode()) > NAME_BYTES:
        raise InvalidInputError(
            f"the file name is {len(kept.encode())} bytes long, and {NAME_BYTES} is the most; shorten it",
            reason="INVALID_NAME",
            field="name",
        )
    return kept


def request_key(request_id: str) -> str:
    """Returns the key under which a request id is remembered.

    Errors: InvalidInputError.
    """
    if not 1 <= len(request_id) <= REQUEST_ID_CHARACTERS or not request_id.isprintable():
        raise InvalidInputError(
            f"request_id must be 1 to {REQUEST_ID_CHARACTERS} printable characters, such as a UUID; "
            "make a new one for each job, and send the same one when you repeat a request",
            reason="INVALID_REQUEST_ID",
            field="request_id",
        )
    return hashlib.sha256(request_id.encode()).hexdigest()


def checksum(sha256: str) -> str:
    """Returns an announced SHA-256, which may be empty.

    Errors: InvalidInputError.
    """
    if sha256 and not _SHA256.fullmatch(sha256):
        raise InvalidInputError(
            "sha256 must be 64 lower-case hexadecimal digits; leave it empty if the file is not to be checked",
            reason="INVALID_CHECKSUM",
            field="sha256",
        )
    return sha256


def upload_id(given: str) -> str:
    """Returns an id that an upload can have.

    Errors: NotFoundError.
    """
    if not _UPLOAD_ID.fullmatch(given):
        raise missing_upload(given)
    return given


def missing_upload(given: str) -> NotFoundError:
    """Returns the error for an upload that is not there."""
    return NotFoundError(
        f"there is no upload {given[:64]!r}: it has expired, became a job, or was refused; start a new one",
        reason="UPLOAD_NOT_FOUND",
        field="upload_id",
    )


def user(given: str) -> str:
    """Returns the name by which a user wants to be known.

    Errors: InvalidInputError.
    """
    if len(given) > USER_CHARACTERS or not given.isprintable():
        raise InvalidInputError(f"user must be at most {USER_CHARACTERS} printable characters", field="user")
    return given


def job_id(given: str) -> str:
    """Returns an id that a job can have.

    Errors: NotFoundError.
    """
    if not is_ulid(given):
        raise NotFoundError(
            f"there is no job {given[:64]!r}; list the jobs to see their ids", reason="JOB_NOT_FOUND", field="job_id"
        )
    return given


def is_ulid(given: str) -> bool:
    """Says whether a text has the form of a ULID. Source: github.com/ulid/spec, Crockford's base 32."""
    return _ULID.fullmatch(given) is not None and given < _YEAR_10000
