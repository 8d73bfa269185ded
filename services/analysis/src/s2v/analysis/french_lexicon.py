"""Closed lists of French words that carry structure."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SEQUENCE_CUES = _words(
    """
    d'abord abord ensuite puis enfin finalement après alors premièrement deuxièmement troisièmement premier première deuxième
    troisième dernier dernière lorsque quand avant maintenant
    """
)
"""Words that place a step in an order."""
CONDITIONS = _words("si s'")
OTHERWISE = _words("sinon autrement")
PARALLEL = frozenset({"pendant ce temps", "en même temps", "en parallèle", "simultanément", "pendant que", "tandis que"})
SUBJECT_PRONOUNS = _words("on nous vous je tu il elle ils elles ce c' ça cela qui j'")
NEGATIONS = _words("pas plus jamais rien guère point aucun aucune personne nulle")
"""Words that deny, with "ne" or without."""
MODALS = _words("faut falloir devoir pouvoir aller commencer finir vouloir")
"""Verbs that hand their meaning to an infinitive: "il faut couper"."""
STATIVE_VERBS = _words("être avoir sembler penser croire savoir aimer vouloir exister rester falloir pouvoir signifier")
PART_VERBS = _words(
    "comprendre comporter diviser composer regrouper contenir compter inclure réunir distinguer exister séparer former"
)
"""Verbs by which a whole has its parts or kinds."""
KIND_NOUNS = _words("type sorte genre catégorie classe famille groupe partie niveau branche espèce forme couche élément pouvoir")
ASPECT_NOUNS = _words(
    """
    avantage inconvénient raison conseil bienfait qualité aspect point idée usage intérêt atout règle défi principe exemple
    caractéristique propriété fonction rôle astuce
    """
)
"""Nouns whose list is one topic with several branches."""
MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
DATE_PREPOSITIONS = _words("en le dès vers depuis au aux dans les du jusqu'en à l' l'an l'année durant pendant entre de")
"""Words that lead to a date and go with it."""
YEAR_LEADS = _words(
    """
    en dès vers depuis avant après à durant pendant entre de du ici an année années courant fin début printemps été automne
    hiver
    """
)
"""Words, without their elided article, behind which a number of four digits is a year."""
EARLY_YEAR_LEADS = _words("en vers an")
"""Words behind which one of three digits is."""
UNITS = _words("% € $ g kg mg l ml cl m km cm mm h w kw")
"""Abbreviated units; other things that are counted are plural."""
