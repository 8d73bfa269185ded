"""Outlines: trees of things and their parts in the making. The same thing named again is the same node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from spacy.tokens import Token

from s2v.analysis.content import Content, EdgeDraft, NodeDraft
from s2v.analysis.language import Talk
from s2v.analysis.mentions import Mention, draft, is_pronoun, lemma
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

REFERRING = frozenset({"this", "these", "those", "that", "such", "both", "each", "its", "their", "every", "all"})
"""Determiners that point back to something told."""


@dataclass
class Outline:
    """A forest: nodes, and for each the one that it is a part of."""

    talk: Talk
    mentions: list[Mention] = field(default_factory=list)
    drafts: list[NodeDraft] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    cues: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Words that say why a node hangs where it does."""
    aliases: dict[frozenset[str], int] = field(default_factory=dict)
    """Other names of nodes."""

    def find(self, mention: Mention) -> int | None:
        """Returns the node that a mention names again, if any."""
        if mention.key in self.aliases:
            return self.aliases[mention.key]
        for place in range(len(self.mentions) - 1, -1, -1):
            if self.mentions[place].key == mention.key:
                return place
        # "Worker behaviors" after "behaviors include worker processes".
        for child, parent in self.parents.items():
            own, whole = self.mentions[child], self.mentions[parent]
            modifiers = mention.key - {mention.noun}
            if modifiers and whole.noun == mention.noun != own.noun and modifiers == own.key - {own.noun}:
                return child
        refers = any(child.lower_ in REFERRING for child in mention.head.children)
        if len(mention.key) == 1 or refers:
            return self.find_noun(mention.head)
        return None

    def find_noun(self, head: Token) -> int | None:
        """Returns the node told last whose name ends in this noun, unless it is told only after it."""
        for place in range(len(self.mentions) - 1, -1, -1):
            if self.mentions[place].noun == lemma(head) and not is_pronoun(head):
                return place
        return None

    def add(self, mention: Mention) -> int | None:
        """Returns the node of a mention, a new one unless it is known; None when it can't be drawn."""
        if not mention.groups:
            return None  # Of a number that stands beside what it measures nothing is left.
        place = self.find(mention)
        if place is None:
            return self.add_new(mention)
        words = {self.talk.word(token) for group in mention.groups for token in group.tokens}
        span = (min(words), max(words) + 1)
        known = self.drafts[place]
        if span[0] >= known.span[1] and span not in known.repeats:
            self.drafts[place] = replace(known, repeats=(*known.repeats, span))
        return place

    def add_new(self, mention: Mention) -> int | None:
        """Adds a node for a mention even if another has the same name; None when it can't be drawn."""
        node = draft(self.talk, mention, NodeKind.NODE_KIND_ITEM)
        if node is None:
            return None
        self.mentions.append(mention)
        self.drafts.append(node)
        return len(self.drafts) - 1

    def attach(self, parent: int, child: int, cue: tuple[int, int] | None = None) -> bool:
        """Makes a node a part of another unless it is a part of something already or the other lies below it."""
        if child in self.parents or child in self.lineage(parent):
            return False
        self.parents[child] = parent
        if cue is not None:
            self.cues[child] = cue
        return True

    def lineage(self, place: int) -> list[int]:
        """Returns a node and all that it lies below."""
        line = [place]
        while line[-1] in self.parents:
            line.append(self.parents[line[-1]])
        return line

    def children(self, place: int) -> list[int]:
        """Returns the parts of a node."""
        return [child for child, parent in self.parents.items() if parent == place]

    def size(self, place: int) -> int:
        """Returns how many nodes a tree has."""
        return 1 + sum(self.size(child) for child in self.children(place))

    def roots(self) -> list[int]:
        """Returns the nodes that are not a part of another."""
        return [place for place in range(len(self.drafts)) if place not in self.parents]

    def finish(self, kind: DiagramType.ValueType, roots: Iterable[int]) -> Content:
        """Returns the trees below the given roots, their nodes in the order of speech."""
        tops = set(roots)
        kept = [place for place in range(len(self.drafts)) if self.lineage(place)[-1] in tops]
        kept.sort(key=lambda place: (self.drafts[place].label.words[0], place))
        rank = {place: number for number, place in enumerate(kept)}
        nodes = tuple(
            replace(
                self.drafts[place],
                kind=NodeKind.NODE_KIND_TOPIC if place in tops else NodeKind.NODE_KIND_ITEM,
                level=len(self.lineage(place)) - 1,
            )
            for place in kept
        )
        edges = tuple(
            EdgeDraft(EdgeKind.EDGE_KIND_PART, rank[self.parents[place]], rank[place], cue=self.cues.get(place))
            for place in kept
            if place in self.parents
        )
        return Content(kind, nodes, edges)
