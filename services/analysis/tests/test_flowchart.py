"""Steps, decisions and branches, from sentences of our own and the real parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s2v.analysis.content import Content
from s2v.analysis.flowchart import extract_flowchart
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import NodeKind

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]


def _extract(parse: Parse, text: str) -> Content:
    talk = parse(text)
    return extract_flowchart(talk, talk.sentences)


def _labels(content: Content) -> list[str]:
    return [node.label.text for node in content.nodes]


def _edges(content: Content) -> set[tuple[str, str, str]]:
    labels = _labels(content)
    return {(labels[edge.source], edge.label, labels[edge.target]) for edge in content.edges}


def test_imperative_steps_follow_one_another(parse: Parse) -> None:
    content = _extract(parse, "First, open the lid. Then pour in the water. Finally, press the button.")
    assert _labels(content) == ["Open lid", "Pour in water", "Press button"]
    assert _edges(content) == {("Open lid", "", "Pour in water"), ("Pour in water", "", "Press button")}


def test_an_actor_is_named_once(parse: Parse) -> None:
    content = _extract(parse, "The clerk checks the form. The clerk stamps the form. The manager signs the letter.")
    assert _labels(content) == ["Clerk checks form", "Stamp form", "Manager signs letter"]


def test_opposite_conditions_are_one_decision(parse: Parse) -> None:
    content = _extract(parse, "The clerk opens the letter. If the form is valid, print it. If it is invalid, call the boss.")
    assert _edges(content) == {
        ("Clerk opens letter", "", "Form valid?"),
        ("Form valid?", "yes", "Print form"),
        ("Form valid?", "no", "Call boss"),
    }
    assert content.nodes[1].kind == NodeKind.NODE_KIND_DECISION


def test_otherwise_is_the_other_branch_and_branches_join(parse: Parse) -> None:
    content = _extract(parse, "If the door is locked, ring the bell. Otherwise, push the door. Then enter the hall.")
    assert _edges(content) == {
        ("Door locked?", "yes", "Ring bell"),
        ("Door locked?", "no", "Push door"),
        ("Ring bell", "", "Enter hall"),
        ("Push door", "", "Enter hall"),
    }


def test_a_branch_that_ends_the_matter_does_not_join(parse: Parse) -> None:
    content = _extract(
        parse,
        "If the copy is fresh, show the page at once. Otherwise, ask the server. Then it stores the answer.",
    )
    assert ("Ask server", "", "Store answer") in _edges(content)
    assert not any(source == "Show page" for source, _, _ in _edges(content))


def test_a_branch_carries_the_name_it_is_given(parse: Parse) -> None:
    content = _extract(
        parse,
        "The application checks the cache. "
        "If the value is present, that is a cache hit, and the answer returns in about one millisecond. "
        "If the value is missing, that is a cache miss, so the application queries the primary database.",
    )
    assert {edge[1] for edge in _edges(content)} == {"", "cache hit", "cache miss"}
    assert next(node.quantity.text for node in content.nodes if node.quantity) == "1 millisecond"


def test_before_and_after_turn_the_order_round(parse: Parse) -> None:
    content = _extract(parse, "Before you mount the disk, unplug the cable. After the technician tests the disk, close the case.")
    edges = _edges(content)
    assert ("Unplug cable", "", "Mount disk") in edges
    assert ("Technician tests disk", "", "Close case") in edges


def test_negation_stays(parse: Parse) -> None:
    content = _extract(parse, "The guard checks the badge. If the badge is not valid, do not open the gate.")
    assert _labels(content) == ["Guard checks badge", "Badge not valid?", "Do not open gate"]


def test_what_was_only_tried_is_not_told_as_done(parse: Parse) -> None:
    tried = _extract(parse, "The army tried to cross the river. Then it built a bridge. After that it took the town.")
    assert _labels(tried) == ["Army tried to cross river", "Build bridge", "Take town"]
    told = _extract(
        parse, "First, try to loosen the bolt. Then you need to remove the wheel. After that you want to clean the hub."
    )
    assert _labels(told) == ["Loosen bolt", "Remove wheel", "Clean hub"]
    today = _extract(
        parse, "The guest wants to open the window. Then the guest tries to turn the knob. Then the guard helps her."
    )
    assert _labels(today)[:2] == ["Guest wants to open window", "Try to turn knob"]


def test_pronouns_stand_for_what_was_named(parse: Parse) -> None:
    content = _extract(parse, "The robot lifts the box. The driver moves it to the truck.")
    assert _labels(content)[1] == "Driver moves box to truck"
    assert content.nodes[1].label.antecedents


@pytest.mark.parametrize(
    "text",
    [
        "I think this is a great idea. We love it, and I hope you do too.",
        "Let us look at the second part. We will start with the basics.",
        "What happens when you open a page?",
        "A part can fail.",
    ],
)
def test_talk_about_talk_is_no_step(parse: Parse, text: str) -> None:
    assert _labels(_extract(parse, text)) == []


def test_a_step_done_to_two_things_names_both(parse: Parse) -> None:
    content = _extract(parse, "The milk or the cream is heated. Salt and pepper are added. The soup is served.")
    assert _labels(content) == ["Milk or cream heated", "Salt and pepper added", "Soup served"]


def test_or_puts_steps_side_by_side(parse: Parse) -> None:
    content = _extract(parse, "The clerk reads the letter. She signs it or returns it to the sender. Then she locks the door.")
    assert ("Clerk reads letter", "", "Return letter to sender") in _edges(content)
    assert ("Clerk reads letter", "", "Sign letter") in _edges(content)


def test_a_shared_subject_does_not_reveal_the_second_step_early(parse: Parse) -> None:
    talk = parse("The vapor rises, cools, and falls.")
    content = extract_flowchart(talk, talk.sentences)
    assert [talk.speech.texts[node.label.words[0]] for node in content.nodes][1:] == ["cools,", "falls."]


def test_the_subject_that_the_parser_tears_off_is_given_back(parse: Parse) -> None:
    content = _extract(parse, "The guard rejects the visitor or the guard opens the gate. The visitor parks the car.")
    assert ("Open gate", "", "Visitor parks car") in _edges(content)
    assert ("Guard rejects visitor", "", "Visitor parks car") not in _edges(content)


def test_what_happens_meanwhile_stands_beside_the_sentence_before(parse: Parse) -> None:
    text = (
        "The cook takes the order. The cook grills the fish. Meanwhile, the waiter lays the table. Then the guest eats the fish."
    )
    assert {
        ("Cook takes order", "", "Waiter lays table"),
        ("Waiter lays table", "", "Guest eats fish"),
    } <= _edges(_extract(parse, text))


def test_conditions_in_a_row_are_alternatives_that_join(parse: Parse) -> None:
    text = (
        "The clerk weighs the parcel. If the parcel is small, the clerk sticks a stamp. "
        "If the parcel is huge, the clerk calls a truck. The clerk files the receipt."
    )
    content = _extract(parse, text)
    into = {source for source, _, target in _edges(content) if target.endswith("receipt")}
    assert {"Stick stamp", "Call truck"} <= into


def test_a_step_told_as_repeated_is_gone_back_to(parse: Parse) -> None:
    content = _extract(
        parse, "The clerk writes a letter. The chief reads the letter. If the letter is wrong, the letter is repeated."
    )
    assert ("Letter wrong?", "yes", "Clerk writes letter") in _edges(content)


def test_go_back_to_a_numbered_step(parse: Parse) -> None:
    text = "First, the nurse opens the file. Then the nurse reads the name. After that, go back to step one."
    assert ("Read name", "", "Nurse opens file") in _edges(_extract(parse, text))


def test_the_phrase_names_what_a_pronoun_stands_for(parse: Parse) -> None:
    content = _extract(parse, "A clerk registers the claim. Then it is examined by an officer.")
    assert content.nodes[1].phrase == "claim examined"


def test_a_condition_cut_off_by_a_pause_belongs_to_the_next_sentence(parse: Parse) -> None:
    content = _extract(
        parse, "Look at the seal. If the seal is broken. Call the supplier. Otherwise pack the box. Then wait two hours."
    )
    assert _edges(content) == {
        ("Look at seal", "", "Seal broken?"),
        ("Seal broken?", "yes", "Call supplier"),
        ("Seal broken?", "no", "Pack box"),
        ("Call supplier", "", "Wait two hours"),
        ("Pack box", "", "Wait two hours"),
    }


def test_a_branch_goes_on_after_its_name_and_after_and(parse: Parse) -> None:
    content = _extract(
        parse,
        "The clerk opens the file. If the value is present, that is a cache hit. And the answer is sent. "
        "If the value is missing. That is a cache miss. So the clerk asks the archive.",
    )
    assert {
        ("Value present?", "cache hit", "Answer sent"),
        ("Value present?", "cache miss", "Clerk asks archive"),
    } <= _edges(content)
    content = _extract(parse, "If the pump fails, the alarm rings. And another pump takes over. The guard writes a report.")
    assert ("Pump fails?", "no", "Another pump takes over") not in _edges(content)


def test_a_condition_without_content_is_no_decision(parse: Parse) -> None:
    content = _extract(parse, "If that was still a thing, open the gate. Then close the door.")
    assert NodeKind.NODE_KIND_DECISION not in [node.kind for node in content.nodes]


def test_a_step_keeps_its_verb_before_a_clause_that_was_misread(parse: Parse) -> None:
    content = _extract(parse, "These four gears turn and interact as the history of a clock unfolds.")
    assert "Interact as history of clock" in _labels(content)


_BOTH_ANSWERS = {("Cable damaged?", "yes", "Replace cable"), ("Cable damaged?", "no", "Check port")}


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("Is the cable damaged? If so, replace the cable. If not, check the port.", _BOTH_ANSWERS),
        ("Check whether the cable is damaged. If so, replace the cable. If not, check the port.", _BOTH_ANSWERS),
        ("Are there any leaks? If so, tighten the screws.", {("Leaks?", "yes", "Tighten screws")}),
        (
            "The clerk asks if the guest has an account. If not, the clerk opens an account.",
            {("Guest has account?", "no", "Clerk opens account")},
        ),
        (
            "Does the engine start? If not, check whether the battery is flat. If so, charge the battery.",
            {("Engine starts?", "no", "Battery flat?"), ("Battery flat?", "yes", "Charge battery")},
        ),
        (
            "Is the battery flat? If so, charge the battery. Wait an hour. If not, check the fuse. Then start the engine.",
            {
                ("Battery flat?", "yes", "Charge battery"),
                ("Charge battery", "", "Wait hour"),
                ("Battery flat?", "no", "Check fuse"),
                ("Wait hour", "", "Start engine"),
                ("Check fuse", "", "Start engine"),
            },
        ),
        (
            "If the pump fails, stop the pump and check whether the valve is open. If so, close the valve. Then log the fault.",
            {
                ("Pump fails?", "yes", "Stop pump"),
                ("Stop pump", "", "Valve open?"),
                ("Valve open?", "yes", "Close valve"),
                ("Close valve", "", "Log fault"),
                ("Valve open?", "no", "Log fault"),
                ("Pump fails?", "no", "Log fault"),
            },
        ),
    ],
)
def test_a_question_that_is_answered_is_a_decision(parse: Parse, text: str, edges: set[tuple[str, str, str]]) -> None:
    assert _edges(_extract(parse, text)) == edges


@pytest.mark.parametrize("question", ["Who is responsible?", "Isn't the lid clean?", "Really?"])
def test_an_answer_to_what_cannot_be_drawn_follows_nothing(parse: Parse, question: str) -> None:
    content = _extract(parse, f"Open the lid. {question} If so, clean the filter. Close the lid.")
    assert _edges(content) == {("Open lid", "", "Close lid"), ("Clean filter", "", "Close lid")}
