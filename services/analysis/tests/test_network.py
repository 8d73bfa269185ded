"""Components and what goes between them, from sentences of our own and the real parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2v.analysis.content import Content
from s2v.analysis.language import Talk
from s2v.analysis.network import extract_network
from s2v.v1.diagram_pb2 import EdgeKind, NodeKind

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]

_PIECES = st.sampled_from(
    """
    The client sends requests to the server.|It|They receive|is connected to
    the database|via the gateway|from the queue|which stores
    between the kidney and the heart|does not reach|by the worker|and
    x,|.|?|97%|through|one of the nodes|the same thing|(cache)
    """.replace("\n", "|")
    .strip("| ")
    .split("|")
)


def _extract(parse: Parse, text: str) -> Content:
    talk = parse(text)
    return extract_network(talk, talk.sentences)


def _edges(content: Content) -> set[tuple[str, str, str]]:
    labels = [node.label.text for node in content.nodes]
    return {(labels[edge.source], edge.label, labels[edge.target]) for edge in content.edges}


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("The client sends requests to the server.", ("Client", "requests", "Server")),
        ("The server receives requests from the client.", ("Client", "requests", "Server")),
        ("Requests are sent by the client to the server.", ("Client", "Requests", "Server")),
        ("The worker writes to the database.", ("Worker", "writes to", "Database")),
        ("The site is hosted on a cloud server.", ("Site", "hosted on", "Cloud server")),
        ("The database is queried by the worker.", ("Worker", "queries", "Database")),
        ("The client talks to the gateway.", ("Client", "talks to", "Gateway")),
        ("The proxy sits between the client and the server.", ("Proxy", "between", "Server")),
        ("There is a firewall between the office and the internet.", ("Firewall", "between", "Office")),
        ("The module has access to the store.", ("Module", "access", "Store")),
        ("The robot reads from the tape.", ("Robot", "reads from", "Tape")),
        ("The plugin inherits from the core module.", ("Plugin", "inherits from", "Core module")),
        ("The queue is consumed by the printer.", ("Printer", "consumes", "Queue")),
        ("The letter is read by the clerk.", ("Clerk", "reads", "Letter")),
        ("The picture is read from the disk.", ("Picture", "read from", "Disk")),
        ("The bank gets it from the clerk.", ("Bank", "gets from", "Clerk")),
        ("Orders are received by the kitchen from the waiter.", ("Waiter", "Orders", "Kitchen")),
    ],
)
def test_what_goes_where(parse: Parse, text: str, edge: tuple[str, str, str]) -> None:
    assert edge in _edges(_extract(parse, text))


def test_a_way_lies_in_between(parse: Parse) -> None:
    content = _extract(parse, "The client sends requests to the server through the gateway.")
    assert {(source, target) for source, _, target in _edges(content)} == {("Client", "Gateway"), ("Gateway", "Server")}


def test_mentions_are_one_component(parse: Parse) -> None:
    content = _extract(parse, "The web server calls the database. The server reads the cache. It writes the log.")
    assert [node.label.text for node in content.nodes] == ["Web server", "Database", "Cache", "Log"]
    assert {edge.source for edge in content.edges} == {0}
    assert content.nodes[0].kind == NodeKind.NODE_KIND_COMPONENT
    assert content.nodes[0].repeats


def test_what_is_done_is_no_component(parse: Parse) -> None:
    content = _extract(
        parse, "The web server calls the mail server. The mail server queries the main database. The web server does the work."
    )
    assert [node.label.text for node in content.nodes] == ["Web server", "Mail server", "Database"]


@pytest.mark.parametrize(
    "text", ["The web server handles requests.", "The router stands in the middle.", "The cache plays a role."]
)
def test_what_only_colours_the_verb_is_no_component(parse: Parse, text: str) -> None:
    assert _extract(parse, text).nodes == ()


def test_what_a_thing_is_stands_for_it(parse: Parse) -> None:
    assert ("Mobile clients", "call", "Gateway") in _edges(_extract(parse, "The gateway is a server that mobile clients call."))


def test_negation_stays(parse: Parse) -> None:
    assert ("Worker", "does not call", "Database") in _edges(_extract(parse, "The worker does not call the database."))


@pytest.mark.parametrize(
    "text",
    [
        "The phone failed to reach the tower.",
        "The printer wants to read the queue.",
        "The phone stopped sending pictures to the tower.",
        "The camera refuses to write to the card.",
        "The phone sends no pictures to the tower.",
        "The phone does not send pictures to the tower.",
        "The phone is no longer connected to the tower.",
        "The phone used to call the tower.",
        "No phone calls the tower.",
    ],
)
def test_what_does_not_go_is_no_relation(parse: Parse, text: str) -> None:
    assert _extract(parse, text).edges == ()


@pytest.mark.parametrize("text", ["We like it.", "What does the server call?", "This is nice."])
def test_nothing_named_is_no_network(parse: Parse, text: str) -> None:
    assert _extract(parse, text).nodes == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(_PIECES, min_size=1, max_size=12))
def test_any_text_gives_a_sound_graph(parse: Parse, pieces: list[str]) -> None:
    talk = parse(" ".join(pieces))
    content = extract_network(talk, talk.sentences)
    for node in content.nodes:
        assert 0 < len(node.label.text) <= 40
        assert len(node.label.text.split()) <= 6
        assert all(0 <= word < len(talk.speech) for word in node.label.words)
    for edge in content.edges:
        assert edge.kind == EdgeKind.EDGE_KIND_RELATION
        assert edge.source != edge.target
        assert len(edge.label.split()) <= 3
        assert len(edge.label) <= 40
        assert edge.cue is not None
        assert 0 <= edge.cue[0] < edge.cue[1] <= len(talk.speech)


def test_who_connects_to_someone_receives_from_there(parse: Parse) -> None:
    ends = _edges(_extract(parse, "The clients connect to the master server and receive detailed orders."))
    assert ends == {("Clients", "connect to", "Master server"), ("Master server", "detailed orders", "Clients")}


def test_a_message_goes_to_whom_it_is_made(parse: Parse) -> None:
    ends = _edges(_extract(parse, "The gateway makes queries to the stores via chained proxies."))
    assert ends == {("Gateway", "queries", "Chained proxies"), ("Chained proxies", "queries", "Stores")}


def test_what_something_consists_of_and_what_stands_in_brackets_is_no_relation(parse: Parse) -> None:
    assert not _extract(parse, "The setup of a client consists of installing the software and naming the server.").edges
    assert not _extract(parse, "The river is long (the old fishermen called the river a snake).").edges


def test_a_verb_without_an_ending_is_found_behind_two_nouns(parse: Parse) -> None:
    ends = _edges(_extract(parse, "The laptop and the phone connect to the router by radio. Strapi runs on railway.app."))
    assert {("Laptop", "connects to", "Router"), ("Phone", "connects to", "Router")} <= ends
    assert ("Strapi", "runs on", "Railway.app") in ends


def test_a_verb_that_looks_like_a_plural_joins_its_ends(parse: Parse) -> None:
    content = _extract(parse, "A service gives the pods a stable name and an ingress controller routes traffic to the service.")
    assert ("Ingress controller", "traffic", "Service") in _edges(content)


def test_each_of_two_sources_takes_its_own_verb(parse: Parse) -> None:
    content = _extract(parse, "The laptop and the phone connect to the router.")
    assert _edges(content) == {("Laptop", "connects to", "Router"), ("Phone", "connects to", "Router")}


def test_a_name_that_ends_in_s_is_one_thing(parse: Parse) -> None:
    assert _edges(_extract(parse, "The containers are managed by Kubernetes.")) == {("Kubernetes", "manages", "Containers")}


@pytest.mark.parametrize(
    "text",
    [
        "The firewall stops traffic from the internet to the server.",
        "A firewall blocks traffic from the internet to the laptops.",
        "There is no direct route from the phone to the server.",
        "There isn't a connection between the phone and the server.",
        "The dam holds back water from the lake to the valley.",
        "The route from the phone to the server is blocked.",
        "The link between the island and the mainland was not restored.",
    ],
)
def test_what_is_stopped_or_missing_joins_nothing(parse: Parse, text: str) -> None:
    assert _extract(parse, text).edges == ()


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("The firewall stops the attacker from the internet.", ("Firewall", "stops", "Attacker")),
        ("The storm cut the link between the island and the mainland.", ("Storm", "cuts", "Link")),
        ("The phone is not connected to the router.", ("Phone", "not connected to", "Router")),
        ("The phone isn't connected to the router.", ("Phone", "not connected to", "Router")),
        ("The phone does not connect to the router.", ("Phone", "does not connect to", "Router")),
        ("The worker must not call the database.", ("Worker", "must not call", "Database")),
        ("The worker does not just read the database.", ("Worker", "reads", "Database")),
        ("The president can veto a bill.", ("President", "can veto", "Bill")),
        ("The court may reject the law.", ("Court", "may reject", "Law")),
        ("The court can't reject the law.", ("Court", "cannot reject", "Law")),
        ("The client can talk to the server.", ("Client", "can talk to", "Server")),
        ("The phone can be connected to the router.", ("Phone", "can be connected to", "Router")),
        ("The cache may be filled by the worker.", ("Worker", "may fill", "Cache")),
    ],
)
def test_a_label_says_what_is_denied_and_what_only_may_be(parse: Parse, text: str, edge: tuple[str, str, str]) -> None:
    assert _edges(_extract(parse, text)) == {edge}
