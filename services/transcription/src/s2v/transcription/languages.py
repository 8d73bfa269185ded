"""The languages that Whisper knows."""

from __future__ import annotations

from collections.abc import Set

from s2v.runtime.errors import InvalidInputError

WHISPER_LANGUAGES = frozenset(
    (
        *("af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de"),
        *("el", "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht"),
        *("hu", "hy", "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt"),
        *("lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl"),
        *("ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta"),
        *("te", "tg", "th", "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "zh", "yue"),
    )
)
"""Whisper's codes: ISO 639-1 where there is one."""
ENGLISH = frozenset(("en",))
"""What a model of English only hears."""
_WHISPER_CODES = {"nb": "no", "iw": "he", "fil": "tl", "cmn": "zh", "jv": "jw"}
_TAGS = {"jw": "jv"}
"""BCP 47 tags of codes that are Whisper's own."""


def whisper_language(tag: str) -> str:
    """Returns Whisper's code for a BCP 47 tag, e.g. "en" for "en-GB"; "" for "".

    Errors: InvalidInputError for a language that Whisper does not know.
    """
    code = tag.split("-", maxsplit=1)[0].lower()
    code = _WHISPER_CODES.get(code, code)
    if code and code not in WHISPER_LANGUAGES:
        raise InvalidInputError(f'language "{tag}" is not one that Whisper knows; leave it empty to detect it', field="language")
    return code


def language_tag(code: str) -> str:
    """Returns the BCP 47 tag for one of Whisper's codes; "" for ""."""
    return _TAGS.get(code, code)


def check_known(code: str, known: Set[str]) -> None:
    """Says nothing if a model that hears the languages `known` hears this one; both are Whisper's codes.

    Errors: InvalidInputError.
    """
    if code not in known:
        only = ", which hears English only" if known == ENGLISH else ""
        raise InvalidInputError(
            f'language "{language_tag(code)}" is not known to the model of this service{only}; '
            "leave it empty to detect it, or let S2V_WHISPER_MODEL name a model that knows it",
            field="language",
        )
