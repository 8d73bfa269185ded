"""Relations between things that a sentence names: who sends what to whom, what connects to what, on the dependency parse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spacy.tokens import Span, Token

from s2v.analysis.coordination import members
from s2v.analysis.denials import TRYING_VERBS, has_no, is_denied, negations
from s2v.analysis.labels import is_time, main_verb
from s2v.analysis.propositions import subject_of


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVING_VERBS = _words(
    """
    send pass forward deliver write transmit give provide supply return stream push publish upload export ship distribute
    relay route report emit expose feed serve carry move transport offer submit post broadcast propagate hand pump
    convey direct transfer store load add deploy pay sell trade export lend release issue
    """
)
"""Verbs whose object goes from their subject to where "to" says."""
TAKING_VERBS = _words(
    "receive get fetch read pull obtain collect accept download import retrieve consume take borrow gather draw"
)
"""Verbs whose object comes to their subject from where "from" says."""
JOINING_VERBS = _words("connect link join attach couple bind tie bridge unite separate map")
"""Verbs whose subject stands between their object and where "to" or "with" says."""
_STOPPING_VERBS = _words(
    "block stop prevent ban filter hold cut interrupt refuse reject halt bar prohibit forbid intercept disrupt sever"
)
"""Verbs whose object does not get where "to" says, nor comes from where "from" says."""
_IGNORED_VERBS = _words(
    """
    be think know mean say guess feel seem appear want like love hope wish believe suppose remember see look let need
    consider imagine name happen tend translate oppose vary
    """
)
_STANDING_VERBS = _words("sit stand lie run")
_NAMING = ("NOUN", "PROPN", "PRON")
_ACCESS_NOUNS = _words("access connection link route path interface")
"""Objects that only say that there is a way to what stands behind "to"."""
_TALKING_VERBS = _words("connect talk speak communicate link listen subscribe log report respond reply")
"""Verbs whose subject is an end itself, wherever it does so from; of others ("water flows from A to B") the origin is."""
_MESSAGE_NOUNS = _words("query request call message response reply signal command update packet event instruction copy")
"""Objects that go where their own "to" says: "makes a request to the server"."""
_EMPTY_VERBS = _words("play make perform have take give keep")
"""Verbs whose object is no second thing: "plays a role", "performs a check"."""
_RELATIVES = _words("that which who whom")
_TOWARDS = _words("to into onto in on at with within toward towards for inside over against")
ORIGINS = _words("from out of")
"""Prepositions behind which stands where something comes from."""
_THROUGH = _words("through via across using")
_CONNECTING_NOUNS = _words(
    """
    connection link relation relationship communication interface channel
    bridge path route traffic tunnel interaction border exchange
    """
)


@dataclass(frozen=True)
class Relation:
    """Something goes or holds between two things."""

    source: Token
    target: Token
    verb: Token
    """The word that says it."""
    preposition: Token | None = None
    """The preposition that belongs to the label, if any."""
    flow: Token | None = None
    """What goes from one to the other, if it is named."""


def find_relations(sentence: Span) -> list[Relation]:
    """Returns the relations told in a sentence in the order of their verbs; each pair of ends once."""
    found: dict[tuple[int, int], Relation] = {}
    for token in sentence:
        for relation in _find(token):
            flows = relation.flow is not None or (relation.preposition is not None and relation.preposition.lower_ in ORIGINS)
            if flows and negations(relation.verb):
                # Nothing goes there: the edge would say that it does.
                continue
            for source in members(_bearer(relation.source)):
                for target in members(_bearer(relation.target)):
                    if source.i != target.i:
                        one = Relation(source, target, relation.verb, relation.preposition, relation.flow)
                        found.setdefault((source.i, target.i), one)
    return list(found.values())


def _bearer(noun: Token) -> Token:
    """Of "the gateway is a server that clients call" the gateway, of which the rest is told."""
    if noun.dep_ != "attr" or noun.head.lemma_ != "be":
        return noun
    return next(
        (child for child in noun.head.children if child.dep_ == "nsubj" and child.pos_ in ("NOUN", "PROPN", "PRON")), noun
    )


def _find(token: Token) -> Iterator[Relation]:
    if token.pos_ in ("NOUN", "PROPN") and token.lemma_.lower() in _CONNECTING_NOUNS:
        yield from _between(token)
    if token.pos_ not in ("VERB", "AUX") or token.dep_ in ("aux", "auxpass", "amod", "compound"):
        return
    if token.lemma_ == "be":
        yield from _by_place(token)
        yield from _in_between(token)
        return
    if token.lemma_ in _STANDING_VERBS:
        yield from _in_between(token)
    core = main_verb(token)
    if token.lower_[:1] == "'" or _stands_aside(token) or _is_unreal(token):
        return
    used = token.lemma_ == "use" and token.dep_ == "relcl"
    if (
        (core.i != token.i and not used)
        or token.lemma_.lower() in _IGNORED_VERBS
        or (token.dep_ == "acl" and token.lemma_ == "use")
    ):
        return
    if any(child.dep_ == "auxpass" for child in token.children) or (
        token.tag_ == "VBN" and (token.dep_ == "acl" or (token.dep_ == "conj" and _is_passive(token.head)))
    ):
        yield from _by_passive(token)
    else:
        yield from _by_active(token)


def _is_unreal(verb: Token) -> bool:
    """Whether nothing goes or holds: "wants to read", "failed to reach", "used to call", "sends no data"."""
    if verb.dep_ == "xcomp" and verb.head.lemma_ in TRYING_VERBS:
        return True
    named = any(child.dep_ == "dobj" for child in verb.head.children)
    if verb.dep_ == "xcomp" and verb.head.lemma_ == "use" and verb.head.tag_ == "VBD" and not named:
        return True
    if any(child.dep_ == "dobj" and has_no(child) for child in verb.children):
        return True
    return is_denied(verb) and not negations(verb)


def _stands_aside(verb: Token) -> bool:
    """Whether a verb tells no relation of its own: it stands in brackets, or names a part of what something consists of."""
    if verb.dep_ == "pcomp" and verb.head.lower_ == "of" and verb.head.head.pos_ == "VERB":
        return True
    if verb.dep_ == "conj" and verb.head.dep_ == "pcomp":
        return _stands_aside(verb.head)
    in_front = [token.text for token in verb.doc[verb.sent.start : verb.i] if token.text in ("(", ")")]
    return bool(in_front) and in_front[-1] == "("


def _is_passive(verb: Token) -> bool:
    return any(child.dep_ == "auxpass" for child in verb.children)


def _actor(verb: Token) -> Token | None:
    """Who acts: the subject; for participles and purposes that of the main clause."""
    subject = subject_of(verb)
    if (
        subject is not None
        and verb.dep_ == "xcomp"
        and subject.dep_ == "dobj"
        and verb.head.lemma_ in ("use", "leverage", "need")
    ):
        subject = subject_of(verb.head)
    if subject is None and verb.dep_ in ("advcl", "xcomp") and verb.head.pos_ == "VERB":
        if _is_passive(verb.head):
            return next((child for child in verb.head.children if child.dep_ == "nsubjpass"), None)
        return _actor(verb.head)
    if subject is None and verb.dep_ == "conj" and verb.head.pos_ == "VERB":
        return _actor(verb.head)
    if subject is None and verb.dep_ == "pcomp" and verb.head.head.pos_ == "VERB":
        return _actor(verb.head.head)
    return subject


def _by_active(verb: Token) -> Iterator[Relation]:
    actor = _actor(verb)
    lemma = verb.lemma_.lower()
    things = [child for child in verb.children if child.dep_ == "dobj"]
    if actor is None:
        return
    if verb.dep_ == "relcl" and actor.i != verb.head.i and all(thing.lower_ in _RELATIVES for thing in things):
        # "The gateway that the clients call": what is called is the gateway.
        if any(child.dep_ in ("advmod", "prep") and child.i < actor.i for child in verb.children):
            return
        things = [verb.head]
    towards, origins, ways = _places(verb, things)
    receivers = [child for child in verb.children if child.dep_ == "dative" and child.pos_ != "ADP"]
    thing = things[0] if things else None
    if lemma in _STOPPING_VERBS:
        if thing is not None and all(child.lower_ != "back" for child in thing.children):
            # The "back" of "holds back water" is no part of a name.
            yield Relation(actor, thing, verb)
    elif lemma in GIVING_VERBS and thing is not None and (towards or receivers or ways):
        ends: list[tuple[Token | None, Token]] = [(None, receiver) for receiver in receivers] or [
            (preposition, place) for preposition, place in towards[:2]
        ]
        start = origins[0][1] if origins else actor
        for _, way in ways[:1]:
            yield Relation(start, way, verb, None, thing)
            start = way
        for preposition, end in ends:
            yield Relation(start, end, verb, preposition, thing)
    elif lemma in TAKING_VERBS and thing is not None and origins:
        for preposition, origin in origins[:1]:
            if thing.pos_ == "PRON":
                # Nothing named goes from there: the verb says which way to read.
                yield Relation(actor, origin, verb, preposition, thing)
            else:
                yield Relation(origin, actor, verb, None, thing)
        for preposition, way in ways[:1]:
            yield Relation(actor, way, verb, preposition)
    elif lemma in TAKING_VERBS and thing is not None and (giver := _partner(verb)) is not None:
        yield Relation(giver, actor, verb, None, thing)
    elif lemma in JOINING_VERBS and thing is not None:
        yield Relation(actor, thing, verb)
        for preposition, place in towards[:1]:
            yield Relation(actor, place, verb, preposition)
    elif thing is not None:
        aims = [
            (preposition, place)
            for preposition, place in towards
            if preposition.lower_ in ("to", "into", "with", "onto")
            and (
                preposition.head.i == verb.i
                or (preposition.head == thing and thing.lemma_.lower() in _ACCESS_NOUNS | _MESSAGE_NOUNS)
            )
        ]
        start = actor
        for _, way in ways[:1]:
            yield Relation(start, way, verb, None, thing)
            start = way
        for preposition, place in aims[:1]:
            yield Relation(start, place, verb, preposition, thing)
        if not aims and not ways and not (lemma in _EMPTY_VERBS and thing.pos_ == "NOUN"):
            yield Relation(actor, thing, verb)
    else:
        start = origins[0][1] if origins and towards and lemma not in _TALKING_VERBS else actor
        for preposition, way in ways[:1]:
            yield Relation(start, way, verb, preposition)
            start = way
        partners = [pair for pair in towards if lemma in _TALKING_VERBS and pair[0].lower_ in ("to", "with")]
        for preposition, place in (partners or towards)[:2]:
            yield Relation(start, place, verb, preposition)
        if not towards and not ways:
            for preposition, origin in origins[:1]:
                yield Relation(actor, origin, verb, preposition)


def _partner(verb: Token) -> Token | None:
    """Who gives what is received: of "clients connect to the server and receive orders" the server."""
    before = verb.head if verb.dep_ == "conj" and verb.head.lemma_.lower() in _TALKING_VERBS else None
    towards = [] if before is None else _places(before, [])[0]
    return next((place for preposition, place in towards if preposition.lower_ in ("to", "with")), None)


def _by_passive(verb: Token) -> Iterator[Relation]:
    thing = verb.head if verb.dep_ == "acl" else next((child for child in verb.children if child.dep_ == "nsubjpass"), None)
    if thing is None:
        thing = subject_of(verb)
    if thing is None:
        return
    if thing.lower_ in ("which", "that") and verb.dep_ == "relcl":
        thing = verb.head
    agents = [
        part
        for child in verb.children
        if child.dep_ in ("agent", "prep") and child.lower_ == "by"
        for part in child.children
        if part.dep_ == "pobj"
    ]
    towards, origins, ways = _places(verb, agents)
    lemma = verb.lemma_.lower()
    actor = agents[0] if agents else origins[0][1] if origins else None
    if actor is not None and towards and lemma in GIVING_VERBS:
        start = actor
        for _, way in ways[:1]:
            yield Relation(start, way, verb, None, thing)
            start = way
        yield Relation(start, towards[0][1], verb, towards[0][0], thing)
        return
    if lemma in TAKING_VERBS and agents and origins:
        yield Relation(origins[0][1], agents[0], verb, None, thing)
        return
    if agents:
        yield Relation(agents[0], thing, verb)
    else:
        for preposition, origin in origins[:1]:
            yield Relation(thing, origin, verb, preposition)
    if lemma in JOINING_VERBS or actor is None or lemma not in GIVING_VERBS:
        for preposition, place in [*ways[:1], *towards[:1]]:
            yield Relation(thing, place, verb, preposition)


def _places(
    verb: Token, things: list[Token]
) -> tuple[list[tuple[Token, Token]], list[tuple[Token, Token]], list[tuple[Token, Token]]]:
    """What stands behind prepositions of aim, of origin and of passage, each with its preposition."""
    towards: list[tuple[Token, Token]] = []
    origins: list[tuple[Token, Token]] = []
    ways: list[tuple[Token, Token]] = []
    holders = [verb, *(thing for thing in things)]
    for child in verb.children:
        if child.dep_ == "prep" and child.lower_ in _TOWARDS | ORIGINS:
            holders += [part for part in child.children if part.dep_ == "pobj"]
    for holder in holders:
        for child in holder.children:
            if child.dep_ not in ("prep", "dative") or child.pos_ not in ("ADP", "SCONJ") or child.lower_ == "of":
                continue
            if holder.i != verb.i and child.lower_ not in ("from", "to", "through", "via"):
                continue
            for place in child.children:
                if place.dep_ == "pobj" and child.lower_ != "between" and not is_time(place):
                    group = towards if child.lower_ in _TOWARDS else origins if child.lower_ in ORIGINS else ways
                    if child.lower_ in _TOWARDS | ORIGINS | _THROUGH:
                        group.append((child, place))
    return towards, origins, ways


def _by_place(verb: Token) -> Iterator[Relation]:
    """Reads "A is part of B", "A is the connection between B and C" is read at its noun, "A is behind B"."""
    subject = next((child for child in verb.children if child.dep_ == "nsubj"), None)
    if subject is None:
        return
    for child in verb.children:
        if child.dep_ == "attr" and child.lemma_ in ("part", "member", "component"):
            for preposition in child.children:
                if preposition.lower_ == "of":
                    yield from (
                        Relation(subject, part, child, preposition) for part in preposition.children if part.dep_ == "pobj"
                    )
        elif child.dep_ == "prep" and child.lower_ in ("behind", "above", "below", "beneath", "inside", "between"):
            yield from (Relation(subject, part, child) for part in child.children if part.dep_ == "pobj")


def _in_between(verb: Token) -> Iterator[Relation]:
    """Reads "X sits between A and B", "there is an X between A and B": X is joined to both."""
    middle = next((child for child in verb.children if child.dep_ in ("nsubj", "attr") and child.pos_ in _NAMING), None)
    if middle is None:
        return
    for holder in (verb, middle):
        for preposition in holder.children:
            if preposition.dep_ == "prep" and preposition.lower_ == "between":
                for place in preposition.children:
                    if place.dep_ == "pobj" and len(members(place)) > 1:
                        yield Relation(middle, place, preposition)


def _between(noun: Token) -> Iterator[Relation]:
    """Reads "The link between A and B", "a route from A to B"."""
    starts: list[Token] = []
    if _is_missing(noun):
        return
    for child in noun.children:
        if child.dep_ != "prep":
            continue
        for place in child.children:
            if place.dep_ != "pobj":
                continue
            if child.lower_ == "between" and len(chain := members(place)) > 1:
                yield Relation(chain[0], chain[1], noun)
            elif child.lower_ == "from":
                starts.append(place)
            elif child.lower_ == "to" and starts:
                yield Relation(starts[0], place, noun)


def _is_missing(noun: Token) -> bool:
    """Whether a connection is denied or stopped: "no route from A to B", "the link between A and B is cut"."""
    if has_no(noun) or any(child.dep_ in ("compound", "amod") and _stops(child) for child in noun.children):
        return True
    if noun.dep_ == "conj":
        return _is_missing(noun.head)
    verb = noun.head
    if noun.dep_ not in ("nsubj", "nsubjpass", "dobj", "attr") or verb.pos_ not in ("VERB", "AUX"):
        return False
    return is_denied(verb) or (noun.dep_ in ("nsubjpass", "dobj") and _stops(verb))


def _stops(word: Token) -> bool:
    return word.lemma_.lower() in _STOPPING_VERBS
