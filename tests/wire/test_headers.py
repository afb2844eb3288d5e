"""Headers: ordered, repeatable, immutable; the first of a name is its value (STOMP 1.2, "Repeated Header Entries").

Headers are kept as text, as pairs or as an index. Every test of looking up runs on headers in each of these forms,
since they must not differ in anything that can be seen.
"""

from __future__ import annotations

import types
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum, StrEnum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stomp_core import NEED_DATA, Frame, FrameParser, Headers, LocalProtocolError
from stomp_core.wire import HeaderTypeError

Pairs = list[tuple[str, str]]
PAIRS = [("foo", "World"), ("bar", ""), ("foo", "Hello"), ("Foo", "a:b"), ("é", "🐢")]


def made(pairs: Pairs) -> Headers:
    return Headers(pairs)


def _parsed(pairs: Pairs, *, in_one_piece: bool) -> Headers:
    wire = Frame("ERROR", pairs).to_bytes("1.2")
    parser = FrameParser("1.2")
    for chunk in [wire] if in_one_piece else [wire[at : at + 1] for at in range(len(wire))]:
        parser.receive_data(chunk)
        if (frame := parser.next_frame()) is not NEED_DATA:
            assert isinstance(frame, Frame)
            return frame.headers
    raise AssertionError("no frame")


def parsed(pairs: Pairs) -> Headers:
    return _parsed(pairs, in_one_piece=True)


def parsed_in_pieces(pairs: Pairs) -> Headers:
    return _parsed(pairs, in_one_piece=False)


def parsed_and_searched(pairs: Pairs) -> Headers:
    """Headers in which was searched so often that they have an index."""
    headers = parsed(pairs)
    for _ in range(10):
        assert "nothing" not in headers
    return headers


def parsed_and_listed(pairs: Pairs) -> Headers:
    headers = parsed(pairs)
    headers.items()
    return headers


FORMS = (made, parsed, parsed_in_pieces, parsed_and_searched, parsed_and_listed)
every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
Form = Callable[[Pairs], Headers]


# ---------------------------------------------------------------------- looking up


@every_form
class TestHeaders:
    def test_are_looked_up_by_the_first_of_a_name(self, form: Form) -> None:
        headers = form(PAIRS)
        assert headers["foo"] == "World"
        assert headers.get("foo") == "World"

    def test_have_case_sensitive_names(self, form: Form) -> None:
        headers = form(PAIRS)
        assert headers["Foo"] == "a:b"
        assert headers.get("FOO") is None
        assert "fOO" not in headers

    def test_may_be_empty_and_are_there_all_the_same(self, form: Form) -> None:
        headers = form(PAIRS)
        assert headers["bar"] == ""
        assert headers.get("bar", "default") == ""
        assert "bar" in headers

    def test_that_are_missing_are_none_or_the_default_or_a_key_error(self, form: Form) -> None:
        headers = form(PAIRS)
        assert headers.get("baz") is None
        assert headers.get("baz", "default") == "default"
        assert headers.get("baz", 7) == 7
        assert "baz" not in headers
        assert headers.get_all("baz") == []
        with pytest.raises(KeyError, match="baz"):
            headers["baz"]

    @pytest.mark.parametrize(
        "name", ["", "fo", "oo", "foo:", "foo:World", "\nfoo", "foo\n", "World", "\n", ":", "ar:\nfoo"]
    )
    def test_are_not_found_by_a_part_of_a_line(self, form: Form, name: str) -> None:
        headers = form(PAIRS)
        assert headers.get(name) is None
        assert name not in headers
        assert headers.get_all(name) == []

    @pytest.mark.parametrize("name", [None, 7, b"foo", ("foo",)])
    def test_contain_nothing_but_str(self, form: Form, name: object) -> None:
        assert name not in form(PAIRS)

    def test_keep_all_values_of_a_name_in_order(self, form: Form) -> None:
        assert form(PAIRS).get_all("foo") == ["World", "Hello"]
        assert form(PAIRS).get_all("é") == ["🐢"]

    @pytest.mark.parametrize("name", ["a:b", "a\nb", "a\rb", "a\\b", "a\\nb", ":", "\\", "\r"])
    def test_are_found_by_names_that_are_escaped_on_the_wire(self, form: Form, name: str) -> None:
        headers = form([(name, name), ("x", "y"), (name, "second")])
        assert headers[name] == name
        assert name in headers
        assert headers.get_all(name) == [name, "second"]
        assert headers["x"] == "y"

    @pytest.mark.parametrize("name", ["a:b", "a\nb", "a\rb", "a\\b", r"a\cb", r"a\nb"])
    def test_are_not_found_by_how_they_are_escaped(self, form: Form, name: str) -> None:
        headers = form(
            [("a", "b:c"), ("a:b", "1"), ("a\nb", "2"), ("a\rb", "3"), ("a\\b", "4"), ("x", "\nb:")]
        )
        wanted = {"a:b": "1", "a\nb": "2", "a\rb": "3", "a\\b": "4"}
        assert headers.get(name) == wanted.get(name)

    def test_are_the_same_however_often_they_are_looked_up(self, form: Form) -> None:
        headers = form([("a", "1"), ("b", "2:\\"), ("a", "3")])
        for _ in range(12):
            assert headers.get("a") == "1"
            assert headers.get("b") == "2:\\"
            assert headers.get("c") is None

    def test_have_keys_values_and_items_in_order_with_repeats(self, form: Form) -> None:
        headers = form(PAIRS)
        assert headers.items() == PAIRS
        assert headers.keys() == list(headers) == [name for name, _ in PAIRS]
        assert headers.values() == [value for _, value in PAIRS]
        assert len(headers) == len(PAIRS)

    def test_return_new_lists(self, form: Form) -> None:
        headers = form(PAIRS)
        for handed in (headers.items(), headers.keys(), headers.values(), headers.get_all("foo")):
            handed.clear()
        headers.to_dict().clear()
        assert headers.items() == PAIRS
        assert headers["foo"] == "World"

    def test_make_a_dict_of_the_first_of_each_name_in_order(self, form: Form) -> None:
        wanted = {"foo": "World", "bar": "", "Foo": "a:b", "é": "🐢"}
        for made_of_them in (dict(form(PAIRS)), form(PAIRS).to_dict(), {**form(PAIRS)}):
            assert made_of_them == wanted
            assert list(made_of_them) == list(wanted)

    def test_are_copied_without_a_name(self, form: Form) -> None:
        headers = form(PAIRS)
        assert headers.without("foo").items() == [("bar", ""), ("Foo", "a:b"), ("é", "🐢")]
        assert headers.without("Foo", "bar", "missing").get("foo") == "World"
        assert headers.without("Foo", "bar").get("Foo") is None
        assert headers.without().items() == PAIRS
        assert headers.items() == PAIRS

    def test_are_copied_whole(self, form: Form) -> None:
        assert Headers(form(PAIRS)).items() == PAIRS

    def test_are_equal_when_all_pairs_are_in_order(self, form: Form) -> None:
        for other in FORMS:
            assert form(PAIRS) == other(PAIRS)
            assert hash(form(PAIRS)) == hash(other(PAIRS))
            assert form(PAIRS) != other(PAIRS[:-1])
            assert form(PAIRS) != other(PAIRS[::-1])
            assert form([("a", "1")]) != other([("a", "2")])
            assert form([("a", "1")]) != other([("b", "1")])

    def test_equal_a_mapping_if_no_name_is_repeated(self, form: Form) -> None:
        headers = form([("a", "1"), ("b", "2")])
        assert headers == {"b": "2", "a": "1"}
        assert headers == types.MappingProxyType({"a": "1", "b": "2"})
        assert headers != {"a": "1"}
        assert headers != {"a": "1", "b": "3"}
        assert headers != {"a": "1", "b": "2", "c": "3"}
        assert form([("a", "1"), ("a", "1")]) != {"a": "1"}
        assert form([]) == {}

    def test_equal_nothing_else(self, form: Form) -> None:
        assert form([("a", "1")]) != [("a", "1")]
        assert form([]) != ()
        assert form([]).__eq__(7) is NotImplemented

    def test_have_a_repr_without_passcode(self, form: Form) -> None:
        shown = repr(form([("login", "me"), ("passcode", "secret"), ("passcode", "secret2")]))
        assert shown == "Headers([('login', 'me'), ('passcode', '***'), ('passcode', '***')])"

    def test_may_be_none_at_all(self, form: Form) -> None:
        headers = form([])
        assert (len(headers), list(headers), headers.items(), headers.to_dict()) == (0, [], [], {})
        assert headers.get("") is None
        assert headers == form([])


@pytest.mark.parametrize("command", [b"SEND", b"CONNECT"])
@pytest.mark.parametrize("searches_before", [0, 10])
def test_where_nothing_is_escaped_a_backslash_is_a_character(command: bytes, searches_before: int) -> None:
    parser = FrameParser("1.0")
    parser.receive_data(command + b"\na\\cb:C:\\new\n\n\0")
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    for _ in range(searches_before):
        assert frame.headers.get("x") is None
    assert frame.headers.get(r"a\cb") == r"C:\new"
    assert frame.headers.get("a:b") is None
    assert frame.headers.items() == [(r"a\cb", r"C:\new")]


TEXTS = st.text(alphabet=":\\\n\rnc aé", max_size=4)


@given(st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=6), st.lists(TEXTS, max_size=8))
def test_every_representation_gives_the_same_answers(pairs: Pairs, names: list[str]) -> None:
    first = dict(reversed(pairs))
    for form in FORMS:
        headers = form(pairs)
        for name in [*names, *(name for name, _ in pairs)]:
            assert headers.get(name) == first.get(name)
        assert headers.items() == pairs
        assert headers == Headers(pairs)


# ---------------------------------------------------------------------- made by a caller


class Queue(str, Enum):  # noqa: UP042 - the very kind that formats itself as something else
    ORDERS = "/queue/orders"


class Topic(StrEnum):
    NEWS = "/topic/news"


class Loud(str):
    def __str__(self) -> str:
        return "a\nb:c"

    def __format__(self, spec: str) -> str:
        return "a\nb:c"


class TestMadeHeaders:
    @pytest.mark.parametrize(
        "source",
        [
            [("a", "1"), ("b", "2")],
            (("a", "1"), ("b", "2")),
            [["a", "1"], ["b", "2"]],
            {"a": "1", "b": "2"},
            OrderedDict([("a", "1"), ("b", "2")]),
            types.MappingProxyType({"a": "1", "b": "2"}),
            Headers({"a": "1", "b": "2"}),
        ],
        ids=lambda source: type(source).__name__,
    )
    def test_come_from_mappings_pairs_and_headers(self, source: Pairs) -> None:
        assert Headers(source).items() == [("a", "1"), ("b", "2")]

    def test_come_from_an_iterator(self) -> None:
        assert Headers((name, name) for name in "ab").items() == [("a", "a"), ("b", "b")]

    def test_come_from_nothing(self) -> None:
        assert Headers().items() == []

    def test_do_not_change_with_their_source(self) -> None:
        source = {"a": "1"}
        headers = Headers(source)
        source["b"] = "2"
        assert headers.items() == [("a", "1")]

    @pytest.mark.parametrize("value", [None, True, 7, 7.0, b"bytes", ["x"]], ids=repr)
    def test_have_values_of_str_only(self, value: object) -> None:
        for source in ([("a", value)], {"a": value}):
            with pytest.raises(
                HeaderTypeError, match=f"of header 'a' is a {type(value).__name__}, not a str"
            ) as info:
                Headers(source)  # type: ignore[arg-type]
            assert info.value.code == "not-text"
            assert repr(value) in str(info.value)

    @pytest.mark.parametrize("name", [None, True, 7, b"bytes"], ids=repr)
    def test_have_names_of_str_only(self, name: object) -> None:
        for source in ([(name, "x")], {name: "x"}):
            with pytest.raises(HeaderTypeError, match=r"header name .* is not a str") as info:
                Headers(source)  # type: ignore[arg-type]
            assert info.value.code == "not-text"

    def test_of_another_type_raise_a_type_error_and_a_local_protocol_error(self) -> None:
        with pytest.raises(TypeError):
            Headers({"a": 1})  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError):
            Headers({"a": 1})  # type: ignore[arg-type]

    def test_have_a_repr_without_tokens(self) -> None:
        headers = Headers({"Authorization": "Bearer abc", "password": "abc", "x-password-hint": "a"})
        assert repr(headers) == (
            "Headers([('Authorization', '***'), ('password', '***'), ('x-password-hint', 'a')])"
        )

    def test_hide_a_passcode_of_another_type(self) -> None:
        with pytest.raises(HeaderTypeError) as info:
            Headers({"passcode": b"secret"})  # type: ignore[arg-type]
        assert "secret" not in str(info.value)
        assert "'passcode' is a bytes" in str(info.value)

    @pytest.mark.parametrize("source", ["a:1", b"a:1", ""], ids=repr)
    def test_are_not_made_of_one_text(self, source: object) -> None:
        with pytest.raises(HeaderTypeError, match=f"not {type(source).__name__}") as info:
            Headers(source)  # type: ignore[arg-type]
        assert info.value.code == "not-text"

    @pytest.mark.parametrize("pair", ["ab", b"ab", "a:1", 7, None], ids=repr)
    def test_do_not_take_two_characters_for_a_pair(self, pair: object) -> None:
        with pytest.raises(HeaderTypeError, match="is not a pair of str") as info:
            Headers([pair])  # type: ignore[list-item]
        assert info.value.code == "not-text"

    @pytest.mark.parametrize("pair", [("a",), ("a", "b", "c"), ["a"], ()], ids=repr)
    def test_have_pairs_of_two(self, pair: object) -> None:
        with pytest.raises(HeaderTypeError, match="is not a pair of str"):
            Headers([pair])  # type: ignore[list-item]

    @pytest.mark.parametrize(
        "text", [Queue.ORDERS, Topic.NEWS, Loud("/queue/loud")], ids=lambda t: type(t).__name__
    )
    def test_of_a_subclass_of_str_are_its_text_whatever_it_formats_as(self, text: str) -> None:
        plain = str.__str__(text)
        headers = Headers([("destination", text), (text, "x")])
        assert headers.items() == [("destination", plain), (plain, "x")]
        assert {type(part) for pair in headers.items() for part in pair} == {str}
        wire = Frame("SEND", {"destination": text}).to_bytes("1.2")
        assert wire == b"SEND\ndestination:" + plain.encode() + b"\n\n\0"

    @pytest.mark.parametrize("written_before", [False, True])
    def test_get_one_more_line_and_the_bytes_of_a_frame_that_is_made_anew(self, written_before: bool) -> None:
        headers = Headers({"destination": "/queue/a", "b": "c"})
        if written_before:
            Frame("SEND", headers).to_bytes("1.2")
        longer = headers.with_line("receipt", "r-1")
        assert longer is not None
        assert longer.items() == [("destination", "/queue/a"), ("b", "c"), ("receipt", "r-1")]
        for version in ("1.2", "1.1"):
            anew = Frame("SEND", Headers(longer.items()), b"body").to_bytes(version)
            assert Frame("SEND", longer, b"body").to_bytes(version) == anew
        assert headers.items() == [("destination", "/queue/a"), ("b", "c")]

    @given(value=st.text(alphabet='ab1-_.@:\\\n\r\0 \t\x7f\xe9\ud800"', max_size=4))
    @example("auto-17")
    @example(" a")
    def test_get_a_line_with_any_value_as_if_made_anew_or_not_at_all(self, value: str) -> None:
        headers = Headers({"destination": "/queue/a"})
        Frame("SEND", headers).to_bytes("1.0")
        longer = headers.with_line("receipt", value)
        if longer is None:
            assert not value.replace("-", "").isalnum() or not value.isascii()
            return
        anew = Headers([*headers.items(), ("receipt", value)])
        assert longer.items() == anew.items()
        for version in ("1.0", "1.1", "1.2"):
            assert Frame("SEND", longer).to_bytes(version) == Frame("SEND", anew).to_bytes(version)

    def test_with_an_escape_get_no_line_in_the_cheap_way(self) -> None:
        assert Headers({"destination": "a:b\nc"}).with_line("receipt", "r-1") is None
