"""Stages: what a cycle goes through, in the order in which it happens, named in a list or told clause by clause."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Span, Token

from s2v.analysis.cause_effect import CausalWeb
from s2v.analysis.content import NodeDraft
from s2v.analysis.coordination import VERBAL, members
from s2v.analysis.enumerations import find_enumerations
from s2v.analysis.events import find_events, happens, own_tokens
from s2v.analysis.labels import content_lemmas, main_verb
from s2v.analysis.mentions import draft, make_members
from s2v.analysis.propositions import is_clause, subject_of
from s2v.analysis.webs import likeness
from s2v.v1.diagram_pb2 import NodeKind

MIN_STAGES = 3
"""Fewer stages make no ring."""
MAX_STAGES = 8
SAME_STAGE = 0.75
"""Share of words from which a stage is an earlier one told again."""
HALF_SAME = 0.5
"""The same where the talk says that it all starts again."""
STAGE_NOUNS = frozenset({"stage", "phase", "step", "season", "period", "cycle", "process", "state", "part", "chain", "loop"})
_RING_NOUNS = frozenset({"cycle", "loop", "feedback", "circle", "again", "repeat"})
_RETURNING_VERBS = frozenset({"repeat", "restart", "recur", "return"})
_RETURNING_ADVERBS = frozenset({"again", "over", "anew", "back"})


def announces(topics: frozenset[str]) -> bool:
    """Returns whether a stage says that there is a ring ("the cycle starts again") instead of being a part of it."""
    return bool(topics & _RING_NOUNS)


def name_stages(causal: CausalWeb) -> list[NodeDraft]:
    """Returns the stages that a list names ("four phases: …", "A, followed by B"); none where fewer than three are named."""
    longest: list[NodeDraft] = []
    for sentence in causal.sentences:
        for heads in _lists(causal, sentence):
            nodes = [
                node
                for head in heads
                for member in make_members(head)[:1]
                if (node := draft(causal.talk, member, NodeKind.NODE_KIND_STEP)) is not None and not announces(node.topics)
            ]
            nodes = list({node.label.text: node for node in nodes}.values())
            longest = nodes if len(nodes) > len(longest) else longest
    return longest[:MAX_STAGES] if len(longest) >= MIN_STAGES else []


def _lists(causal: CausalWeb, sentence: Span) -> Iterator[list[Token]]:
    for enumeration in find_enumerations(causal.talk, sentence):
        if enumeration.whole is not None and enumeration.whole.lemma_.lower() in STAGE_NOUNS:
            heads = [member.head for member in enumeration.members if member.noun not in STAGE_NOUNS]
            yield [*heads, *(later for head in heads[-1:] for later in _followers(head))]
    for token in sentence:
        if token.pos_ in ("NOUN", "PROPN") and (later := _followers(token)):
            yield [token, *later]


def _followers(noun: Token) -> list[Token]:
    """Of "growth, followed by rest and sleep", "growth is followed by rest and sleep" the rest and the sleep."""
    # Parsers hang ", followed by" on the noun in front or on the verb of the sentence.
    behind = noun.doc[noun.i + 1 : noun.sent.end]
    verbs = [token for token in behind[:2] if token.lower_ == "followed" and (token.i == noun.i + 1 or behind[0].is_punct)]
    if noun.dep_ == "nsubjpass" and noun.head.lower_ == "followed":
        verbs.append(noun.head)
    found: list[Token] = []
    for verb in verbs:
        for child in verb.children:
            if child.dep_ in ("agent", "prep") and child.lower_ == "by":
                for part in child.children:
                    if part.dep_ == "pobj" and part.pos_ in ("NOUN", "PROPN"):
                        found += [follower for one in members(part) for follower in (one, *_followers(one))]
    return found


def tell_stages(causal: CausalWeb) -> list[NodeDraft]:
    """Returns the stages told clause by clause, each once, up to where the first one comes again."""
    order: list[int] = []
    for sentence in causal.sentences:
        if sentence.text.rstrip("\"'”) ").endswith("?"):
            continue
        for place in _places(causal, sentence):
            node = causal.web.nodes[place]
            if announces(node.topics):
                continue
            if place in order and len(order) - order.index(place) >= MIN_STAGES:
                return [causal.web.nodes[stage] for stage in order[order.index(place) :]][:MAX_STAGES]
            if place not in order:
                order.append(place)
        if len(order) >= MIN_STAGES and _returns(sentence):
            break
    stages = _trim([causal.web.nodes[place] for place in order])
    same = HALF_SAME if any(_returns(sentence) for sentence in causal.sentences) else SAME_STAGE
    while len(stages) > MIN_STAGES and likeness(stages[-1].topics, stages[0].topics) >= same:
        stages.pop()
    return stages[:MAX_STAGES]


def _trim(stages: list[NodeDraft]) -> list[NodeDraft]:
    """Drops what leads up to a ring and what comments on it: the ends that name nothing of the rest, where most of it does."""
    linked = [any(_share(stage, other) for other in stages if other is not stage) for stage in stages]
    if sum(linked) * 2 <= len(stages):
        return stages
    first = next(place for place, joined in enumerate(linked) if joined)
    last = max(place for place, joined in enumerate(linked) if joined)
    return stages[first : last + 1] if last + 1 - first >= MIN_STAGES else stages


def _share(first: NodeDraft, second: NodeDraft) -> bool:
    return likeness(first.topics, second.topics) > 0


def _places(causal: CausalWeb, sentence: Span) -> list[int]:
    """Nodes of a sentence, of its influences and of its other clauses, in the order in which things happen."""
    web = causal.web
    rank: dict[int, int] = {}
    halves: set[int] = set()
    apart = {token.i for verb in sentence if verb.pos_ in VERBAL and _stands_apart(verb) for token in own_tokens(verb)}
    for verb in find_events(sentence):
        if verb.i in apart:
            continue
        own = sorted(own_tokens(verb), key=lambda token: token.i)
        drawn = [web.places[token.i] for token in own if token.i in web.places and not _stands_beside(causal, token)]
        if not drawn and _moves(verb):
            place = causal.make_event(verb)
            drawn = [place] if place is not None else []
        ends = _actor_and_act(causal, verb)
        if ends <= set(drawn) and ends and (whole := causal.make_whole(verb)) is not None:
            halves |= ends
            drawn = [whole, *(place for place in drawn if place not in ends)]
        for place in drawn:
            rank.setdefault(place, len(rank))
    for token in sentence:
        if (
            token.i in web.places
            and token.i not in apart
            and web.places[token.i] not in halves
            and not _stands_beside(causal, token)
            and (not is_clause(token) or _moves(token))
        ):
            rank.setdefault(web.places[token.i], len(rank))
    return _sort_by_influence(causal, list(rank))


def _actor_and_act(causal: CausalWeb, verb: Token) -> set[int]:
    """Nodes of a clause that a web of causes draws as two: who acts and what is done. In a ring it is one stage."""
    subject = subject_of(verb)
    if subject is None or not {verb.i, subject.i} <= causal.web.places.keys():
        return set()
    ends = {causal.web.places[verb.i], causal.web.places[subject.i]}
    return ends if len(ends) > 1 else set()


def _moves(verb: Token) -> bool:
    """Whether a clause takes the matter on: something happens, or becomes more or less than it was."""
    if not happens(verb):
        return False
    core = main_verb(verb)
    return core.lemma_ != "be" or any(token.tag_ in ("JJR", "RBR") for token in own_tokens(core))


def _stands_apart(verb: Token) -> bool:
    """Whether a clause is no stage: what is not done, what is said of the whole ring, and what the speaker proposes to do."""
    if verb.dep_ in ("ccomp", "xcomp") and verb.head.lemma_.lower() == "let":
        return True
    if any(child.dep_ == "neg" for place in (verb, main_verb(verb)) for child in place.children):
        return True
    # "The level is regulated by a feedback loop", "the carbon cycle has the same result".
    ends = [child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass", "agent")]
    return any(token.lemma_.lower() in _RING_NOUNS and token.pos_ in ("NOUN", "PROPN") for end in ends for token in end.subtree)


def _stands_beside(causal: CausalWeb, noun: Token) -> bool:
    """Whether a noun is the second of two effects told in one breath."""
    return noun.dep_ == "conj" and noun.pos_ in ("NOUN", "PROPN") and noun.head.i in causal.web.places


def _sort_by_influence(causal: CausalWeb, places: list[int]) -> list[int]:
    """Puts a cause that is told behind its effect in front of it."""
    for edge in causal.web.edges:
        if edge.source in places and edge.target in places and places.index(edge.target) < places.index(edge.source):
            places.remove(edge.source)
            places.insert(places.index(edge.target), edge.source)
    return places


def _returns(sentence: Span) -> bool:
    """Whether a sentence says that it all starts again."""
    for token in sentence:
        if token.lemma_.lower() in _RETURNING_VERBS and token.pos_ == "VERB":
            return True
        if token.lower_ == "again" and token.dep_ == "advmod" and happens(token.head):
            return True
        if token.lower_ in _RETURNING_ADVERBS and content_lemmas([*token.head.subtree]) & _RING_NOUNS:
            return True
    return False
