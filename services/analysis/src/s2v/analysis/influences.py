"""Influences, and closed lists of English words by which one thing is said to act upon another."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Token


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BRINGING_VERBS = _words(
    """
    cause trigger produce create generate induce provoke spark yield prompt elicit evoke incite precipitate entail
    initiate activate unleash ignite spur bring drive fuel stimulate necessitate mean spawn breed instigate engender
    """
)
"""Verbs whose object comes about by their subject."""
CHANGING_VERBS = _words(
    """
    increase raise boost improve enhance strengthen accelerate promote foster intensify amplify expand maximize heighten
    encourage support facilitate speed ease extend deepen
    reduce decrease lower diminish weaken slow limit restrict suppress inhibit block prevent stop avoid eliminate remove
    minimize lessen cut hinder impede worsen impair damage destroy harm degrade disrupt threaten undermine kill hurt
    affect influence shape change alter regulate control determine modulate push open close release
    compromise erode exacerbate aggravate mitigate relieve solve break counteract protect attract
    discourage deter delay dampen curb curtail hamper strain drain overwhelm ruin spoil undercut enrich double halve
    turn convert transform
    """
)
"""Verbs whose object is changed by their subject; the verb is the sign of the influence."""
CAUSATIVE_VERBS = _words(
    """
    make cause allow enable force help let lead prompt encourage drive push keep leave get require permit stimulate signal
    trigger render stop prevent tempt motivate compel persuade turn
    """
)
"""Verbs whose complement is what comes about: "makes the heart work"."""
SIGNS = _words(
    """
    increase raise boost improve enhance strengthen accelerate promote intensify amplify reduce decrease lower diminish
    weaken slow limit restrict suppress inhibit block prevent stop avoid eliminate minimize lessen worsen impair
    discourage deter curb double halve delay hamper
    """
)
"""Verbs that are drawn on the edge."""
KEEPING_VERBS = _words("keep prevent stop discourage deter protect prohibit hinder save ban")
"""Verbs whose object does not do what stands behind "from"."""
ENABLING_VERBS = _words("allow enable let permit help")
"""Verbs whose denial is an influence too: what is not allowed does not happen."""
GIVING_PHRASES = frozenset(
    [
        ("give", "rise"),
        ("give", "birth"),
        ("pave", "way"),
        ("lay", "foundation"),
        ("lay", "groundwork"),
        ("set", "stage"),
        ("open", "door"),
    ]
)
"""Verbs and objects of "gives rise to", after which stands what comes about."""
FORWARD_PREPOSITIONS = {
    "lead": _words("to into"),
    "result": _words("in"),
    "contribute": _words("to"),
    "give": _words("to"),
    "end": _words("in with"),
    "culminate": _words("in"),
    "translate": _words("into to"),
    "turn": _words("into"),
    "transform": _words("into"),
    "convert": _words("into to"),
    "develop": _words("into"),
    "grow": _words("into"),
    "act": _words("on"),
    "have": _words("on"),
    "depend": frozenset(),
    "add": _words("to"),
    "progress": _words("to"),
}
"""Verbs whose prepositional object comes about by their subject, with the preposition."""
BACKWARD_PREPOSITIONS = {
    "result": _words("from"),
    "stem": _words("from"),
    "arise": _words("from out"),
    "come": _words("from out"),
    "derive": _words("from"),
    "originate": _words("from in"),
    "emerge": _words("from"),
    "follow": _words("from"),
    "die": _words("from of"),
    "suffer": _words("from"),
    "depend": _words("on upon"),
    "relate": frozenset(),
    "attribute": _words("to"),
    "ascribe": _words("to"),
    "credit": _words("to"),
    "trace": _words("to"),
    "blame": _words("on"),
    "root": _words("in"),
    "link": _words("to"),
    "owe": _words("to"),
    "base": frozenset(),
}
"""Verbs whose subject comes about by their prepositional object."""
FOLLOWING_VERBS = _words("increase rise grow vary change decrease fall decline drop improve scale fluctuate")
"""Verbs whose subject goes where what stands behind "with" goes."""
IMPACT_NOUNS = _words("effect impact influence consequence bearing role pressure")
EXERTED_NOUNS = _words("effect impact influence")
"""Nouns of impact that something is "of", on something else."""
CAUSE_NOUNS = _words("cause reason source driver trigger explanation root motivation")
RESULT_NOUNS = _words("result effect consequence outcome upshot product")
CAUSE_MARKS = _words("because since as cos cause")
"""Words that open a clause of reason."""
CONDITION_MARKS = _words("if when whenever once where")
"""Words that open a clause upon which the main clause follows; upon what stands behind "unless" it does not."""
RESULT_MARKS = _words("so therefore thus hence consequently thereby accordingly")
"""Words that open what follows from the clause in front."""
RESULT_PHRASES = (
    ("as", "result"),
    ("as", "consequence"),
    ("in", "consequence"),
    ("for", "reason"),
    ("in", "response"),
    ("because", "that"),
    ("because", "this"),
    ("due", "this"),
)
"""Prepositions and nouns that say that a sentence follows from the one in front."""


@dataclass(frozen=True)
class Influence:
    """One thing brings another about, or changes it."""

    cause: Token | None
    """Head of a noun phrase or verb of a clause; None for what was said in the sentence before."""
    effect: Token
    cue: tuple[Token, ...]
    """The words that say so."""
    sign: Token | None = None
    """The verb, where it says how: "reduces"."""
