"""``stomp pub``: where messages come from, what they are, and what is reported of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from stomp_testing import Broker, FaultProxy

from .command import Stomp, finish, start

QUEUE = "/queue/a"


def test_a_message_is_confirmed_and_that_is_reported(stomp: Stomp, broker: Broker) -> None:
    result = stomp("pub", QUEUE, "hello")
    assert (result.status, result.out) == (0, b"")
    assert result.err == "stomp: 1 confirmed, 0 rejected, 0 unknown\n"
    assert broker.messages(QUEUE) == [b"hello"]


def test_quiet_prints_nothing(stomp: Stomp) -> None:
    assert stomp("pub", QUEUE, "hello", "--quiet").err == ""


def test_standard_input_is_one_message(stomp: Stomp, broker: Broker) -> None:
    stomp("pub", QUEUE, stdin=b"two\nlines\n\0and a NUL")
    assert broker.messages(QUEUE) == [b"two\nlines\n\0and a NUL"]


def test_each_line_is_a_message(stomp: Stomp, broker: Broker) -> None:
    stomp("pub", QUEUE, "-l", stdin="one\r\n\nthree ä".encode() + b"\n\xff")
    assert broker.messages(QUEUE) == [b"one", b"", "three ä".encode(), b"\xff"]


def test_each_piece_before_a_nul_is_a_message(stomp: Stomp, broker: Broker) -> None:
    stomp("pub", QUEUE, "-0", stdin=b"a\nb\0c\0\0d")
    assert broker.messages(QUEUE) == [b"a\nb", b"c", b"", b"d"]


def test_a_file_is_sent_as_it_is(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"{{n}} stays\xff\0")
    stomp("pub", QUEUE, "-f", str(file))
    assert broker.messages(QUEUE) == [b"{{n}} stays\xff\0"]


def test_templates_are_filled_in(stomp: Stomp, broker: Broker) -> None:
    stomp("pub", QUEUE, "{{n}} of {{other}}, {{ now }}", "--count", "2", "-H", "id:{{uuid}}")
    first, second = (body.decode() for body in broker.messages(QUEUE))
    assert first.startswith("1 of {{other}}, 20")
    assert second.startswith("2 of {{other}}, 20")
    one, other = (message["headers"]["id"] for message in stomp("sub", QUEUE, "-n", "2").messages)
    assert len(one) == 36
    assert one != other


def test_templates_can_be_switched(stomp: Stomp, broker: Broker) -> None:
    stomp("pub", QUEUE, "{{n}}", "--no-template")
    stomp("pub", QUEUE, "-l", "--template", stdin=b"line {{n}}\nline {{n}}\n")
    assert broker.messages(QUEUE) == [b"{{n}}", b"line 1", b"line 2"]


def test_headers_of_a_message(stomp: Stomp) -> None:
    stomp(
        "pub", QUEUE, "{}", "-t", "application/json", "-H", "colour: red:blue", "--persistent", "--priority", "7",
        "--expires", "60",
    )  # fmt: skip
    headers = stomp("sub", QUEUE, "-n", "1").messages[0]["headers"]
    assert headers["content-type"] == "application/json"
    assert headers["colour"] == "red:blue"
    assert (headers["persistent"], headers["priority"], headers["expiration"]) == ("true", "7", "60000")


def test_without_content_length(stomp: Stomp, broker: Broker) -> None:
    with Broker(flavour="activemq") as activemq:
        stomp.variables["STOMP_URL"] = activemq.url
        stomp("pub", QUEUE, "text", "--no-content-length")
        printed = stomp("sub", QUEUE, "-n", "1")
        assert "content-length" not in printed.messages[0]["headers"]
        # It stays a TextMessage when it is sent again.
        stomp("pub", QUEUE, "--jsonl", stdin=printed.out)
        assert "content-length" not in stomp("sub", QUEUE, "-n", "1").messages[0]["headers"]


def test_json_lines_bring_destination_headers_and_body(stomp: Stomp, broker: Broker) -> None:
    lines = [
        {"destination": "/queue/b", "headers": {"x": "1", "message-id": "not sent"}, "body": "text"},
        {"headers": {"content-type": "image/png"}, "body_base64": "/wA="},
        {"body": {"a": [1]}},
        "plain",
    ]
    text = "\n".join(json.dumps(line) for line in lines).encode()
    assert stomp("pub", QUEUE, "--jsonl", stdin=text.splitlines()[1]).status == 0
    assert broker.messages(QUEUE) == [b"\xff\0"]
    result = stomp("pub", "--jsonl", stdin=text.splitlines()[0])
    assert result.status == 0
    assert stomp("sub", "/queue/b", "-n", "1").messages[0]["headers"]["x"] == "1"
    stomp("drain", QUEUE, "-y", "-n", "1")
    stomp("pub", QUEUE, "--jsonl", stdin=text)
    assert broker.messages(QUEUE) == [b"text", b"\xff\0", b'{"a": [1]}', b"plain"]


def test_headers_of_json_need_not_be_text(stomp: Stomp) -> None:
    stomp("pub", QUEUE, "--jsonl", stdin=b'{"headers":{"n":1,"yes":true,"list":[1]},"body":"x"}')
    headers = stomp("sub", QUEUE, "-n", "1").messages[0]["headers"]
    assert (headers["n"], headers["yes"], headers["list"]) == ("1", "true", "[1]")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"body": ', "line 2: not JSON: "),
        ('{"bdoy": "x"}', "line 2: a message has destination, headers, and body or body_base64, got 'bdoy'"),
        ('{"body_base64": "?"}', "line 2: body_base64 is not base64"),
        ('{"headers": []}', "line 2: headers must be an object of strings, got []"),
        ('{"body": "x"}', "no destination"),
    ],
)
def test_a_wrong_line_is_named_and_those_before_it_are_sent(
    stomp: Stomp, broker: Broker, line: str, text: str
) -> None:
    first = '{"destination": "/queue/a", "body": "good"}\n'
    result = stomp("pub", "--jsonl", stdin=(first + line).encode())
    assert result.status == 1
    assert "1 confirmed" in result.err
    assert text in result.err.splitlines()[-1]
    assert broker.messages(QUEUE) == [b"good"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("pub",),
        ("pub", QUEUE, "x", "-l"),
        ("pub", QUEUE, "x", "-f", "y"),
        ("pub", QUEUE, "-l", "--count", "2"),
    ],
)
def test_wrong_usage_has_a_status_of_its_own(stomp: Stomp, arguments: tuple[str, ...]) -> None:
    result = stomp(*arguments)
    assert result.status == 2
    assert "Error: " in result.err


def test_a_rejected_message_is_an_error(stomp: Stomp) -> None:
    result = stomp("pub", "/exchange/none", "x")
    assert result.status == 5
    assert "0 confirmed, 1 rejected, 0 unknown" in result.err
    assert "NOT_FOUND" in result.err.splitlines()[-1]


def test_messages_in_transactions_come_all_or_none(stomp: Stomp, broker: Broker) -> None:
    result = stomp("pub", QUEUE, "-l", "--transaction", "2", stdin=b"1\n2\n3\n")
    assert "3 confirmed" in result.err
    assert broker.messages(QUEUE) == [b"1", b"2", b"3"]
    result = stomp(
        "pub", "--jsonl", "--transaction", "2", stdin=b'{"destination":"/queue/t","body":"1"}\n{"body":"2"}'
    )
    assert result.status == 1
    assert broker.messages("/queue/t") == []


def test_a_transaction_that_was_lost_is_sent_again(stomp: Stomp, broker: Broker) -> None:
    """Before its COMMIT nothing of it has happened."""
    lines = [b"x" * 10_000_000, b"2", b"3"]  # too long to have left with all that follows
    with FaultProxy(broker.url) as proxy:
        stomp.variables["STOMP_URL"] = proxy.url
        proxy.cut_after(100_000, "to-server", reset=True)
        result = stomp("pub", QUEUE, "-l", "--transaction", "2", stdin=b"\n".join(lines))
        assert proxy.cuts == 1
    assert result.status == 0, result.err
    assert "3 confirmed, 0 rejected, 0 unknown" in result.err
    assert broker.messages(QUEUE) == lines


def test_a_transaction_that_nobody_confirms_is_unknown(stomp: Stomp, broker: Broker) -> None:
    broker.hold_receipts = True
    result = stomp("pub", QUEUE, "-l", "--transaction", "2", "--receipt-timeout", "0.5", stdin=b"1\n2\n3\n")
    assert result.status == 6
    assert "0 confirmed, 0 rejected, 3 unknown" in result.err


def test_it_can_go_on_after_a_rejected_message(stomp: Stomp, broker: Broker) -> None:
    lines = b'{"destination":"/exchange/none","body":"1"}\n{"destination":"/queue/a","body":"2"}\n'
    result = stomp("pub", "--jsonl", "--keep-going", "--window", "1", stdin=lines)
    assert result.status == 5
    assert "1 confirmed, 1 rejected, 0 unknown" in result.err
    assert broker.messages(QUEUE) == [b"2"]


def test_without_confirmation(stomp: Stomp, broker: Broker) -> None:
    result = stomp("pub", QUEUE, "-l", "--no-confirm", stdin=b"1\n2\n")
    assert (result.status, result.err) == (0, "")
    assert broker.messages(QUEUE) == [b"1", b"2"]


def test_doubtful_messages_are_written_to_a_file(stomp: Stomp, broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "doubtful.jsonl"
    broker.hold_receipts = True
    result = stomp(
        "pub", QUEUE, "-l", "--doubtful", str(file), "--receipt-timeout", "0.5", "-H", "x:1", stdin=b"1\n2\n"
    )
    assert result.status == 6
    assert "0 confirmed, 0 rejected, 2 unknown" in result.err
    broker.hold_receipts = False
    assert [json.loads(line)["body"] for line in file.read_text().splitlines()] == ["1", "2"]
    assert stomp("pub", "--jsonl", "-f", str(file)).status == 0
    assert broker.messages(QUEUE) == [b"1", b"2", b"1", b"2"]


def test_nothing_is_lost_when_the_connection_is(broker: Broker, tmp_path: Path) -> None:
    """What was in flight is unknown and written to the file; all else is confirmed, also what comes later."""
    total, file = 3000, tmp_path / "doubtful.jsonl"
    with FaultProxy(broker.url) as proxy:
        process = start("pub", QUEUE, "-l", "--doubtful", str(file), url=proxy.url)
        assert process.stdin is not None
        for number in range(total):
            process.stdin.write(b"%d\n" % number)
            if number in (1000, 2000):
                process.stdin.flush()
                broker.wait_until(lambda broker: len(broker.messages(QUEUE)) > number // 2, timeout=30)  # noqa: B023
                proxy.reset_all()
        result = finish(process)
    doubtful = [json.loads(line)["body"] for line in file.read_text().splitlines()]
    received = {body.decode() for body in broker.messages(QUEUE)}
    assert received | set(doubtful) == {str(number) for number in range(total)}
    assert f"{total - len(doubtful)} confirmed, 0 rejected, {len(doubtful)} unknown" in result.err
    assert result.status == (6 if doubtful else 0)
    assert len(doubtful) <= 200


def test_pub_of_a_closed_broker_names_what_to_check(stomp: Stomp, broker: Broker) -> None:
    broker.stop()
    result = stomp("pub", QUEUE, "x")
    assert result.status == 3
    assert "connection refused" in result.err
    assert "Traceback" not in result.err


def test_messages_leave_before_the_end_of_the_input(broker: Broker) -> None:
    process = start("pub", QUEUE, "-l", url=broker.url, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"first\n")
    process.stdin.flush()
    broker.wait_until(lambda broker: broker.messages(QUEUE) == [b"first"], timeout=30)
    assert finish(process, b"second\n").status == 0
    assert broker.messages(QUEUE) == [b"first", b"second"]
