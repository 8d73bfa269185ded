"""Names of languages as MP4 has them: ISO 639-2/T for all that transcripts can be in."""

from __future__ import annotations

_TABLE = (
    "af afr am amh ar ara as asm az aze ba bak be bel bg bul bn ben bo bod br bre bs bos ca cat cs ces cy cym da dan de deu "
    "el ell en eng es spa et est eu eus fa fas fi fin fo fao fr fra gl glg gu guj ha hau haw haw he heb hi hin hr hrv ht hat "
    "hu hun hy hye id ind is isl it ita ja jpn jv jav ka kat kk kaz km khm kn kan ko kor la lat lb ltz ln lin lo lao lt lit "
    "lv lav mg mlg mi mri mk mkd ml mal mn mon mr mar ms msa mt mlt my mya ne nep nl nld nn nno no nor oc oci pa pan pl pol "
    "ps pus pt por ro ron ru rus sa san sd snd si sin sk slk sl slv sn sna so som sq sqi sr srp su sun sv swe sw swa ta tam "
    "te tel tg tgk th tha tk tuk tl tgl tr tur tt tat uk ukr ur urd uz uzb vi vie yi yid yo yor zh zho yue yue"
)
NAMES = dict(zip(_TABLE.split()[::2], _TABLE.split()[1::2], strict=True))
"""By Whisper's codes. Cantonese has a name in ISO 639-3 alone."""


def find_language(tag: str) -> str:
    """Returns the name of a BCP 47 tag's language; "und" where none is known."""
    return NAMES.get(tag.split("-", maxsplit=1)[0].lower(), "und")
