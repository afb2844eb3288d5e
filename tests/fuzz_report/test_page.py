"""findings.json has every implementation, and reviewed.json is about findings of it."""

from __future__ import annotations

from stomp_testing.fuzzing import Finding, Severity
from stomp_testing.strategies import MUTATIONS

from .implementations import ACCEPTED, BROKERS, CLIENTS, FINDINGS, REVIEWED, load_json


def test_every_implementation_was_played() -> None:
    assert set(load_json(FINDINGS)) == {*BROKERS, *CLIENTS}


def test_reviews_are_about_findings_of_the_data() -> None:
    data = load_json(FINDINGS)
    for name, reviews in load_json(REVIEWED).items():
        names = {finding["name"] for finding in data[name]["findings"]}
        assert set(reviews) - names == set(), name


def test_reviews_are_sentences_or_refer_to_one() -> None:
    """As the docstring of implementations.py has it."""
    for name, reviews in load_json(REVIEWED).items():
        for finding, review in reviews.items():
            if not isinstance(review, dict):
                assert review is None or review.endswith("."), (name, finding)
            elif "same-as" in review:
                assert isinstance(reviews[review["same-as"]], str), (name, finding)
            else:
                assert review["other-cause"].endswith("."), (name, finding)


def test_what_is_worse_than_lenient_was_reviewed() -> None:
    reviewed = load_json(REVIEWED)
    for name, one in load_json(FINDINGS).items():
        serious = {
            finding["name"]
            for finding in one["findings"]
            if finding["severity"] != Severity.LENIENT and finding["symptom"] not in ACCEPTED
        }
        assert serious - set(reviewed.get(name, {})) == set(), name


def test_findings_can_be_played_again() -> None:
    """They are what ``stomp_testing fuzz --replay`` reads, and break rules that exist."""
    rules = {"legal", *(rule.name for rule in MUTATIONS)}
    for one in load_json(FINDINGS).values():
        for content in one["findings"]:
            finding = Finding.from_json(content)
            assert finding.as_json() == content
            assert finding.rule in rules


def test_nothing_serious_is_found_in_our_own_client() -> None:
    severities = {finding["severity"] for finding in load_json(FINDINGS)["stomp_socket"]["findings"]}
    assert severities <= {Severity.LENIENT}
