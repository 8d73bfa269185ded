"""The languages that Whisper knows."""

from __future__ import annotations

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
_WHISPER_CODES = {"nb": "no", "iw": "he", "fil": "tl", "cmn": "zh"}


def whisper_language(tag: str) -> str:
    """Returns Whisper's code for a BCP 47 tag, e.g. "en" for "en-GB"; "" for "".

    Errors: InvalidInputError for a language that Whisper does not know.
    """
    code = tag.split("-", maxsplit=1)[0].lower()
    code = _WHISPER_CODES.get(code, code)
    if code and code not in WHISPER_LANGUAGES:
        raise InvalidInputError(f'language "{tag}" is not one that Whisper knows; leave it empty to detect it', field="language")
    return code
