"""Hypothesis strategies: bytes that look like STOMP, and every way of reading them."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import strategies as st

from stomp_core import Leniency, Limits

#: pieces that a stream is made of, valid and almost valid ones
_PIECES = [
    b"SEND", b"MESSAGE", b"CONNECT", b"CONNECTED", b"STOMP", b"ERROR", b"NACK", b"RECEIPT", b"XSEND", b"send",
    b"\n", b"\n\n", b"\r\n", b"\r", b"\0", b"\0\n", b"\0\r\n", b":", b" ", b"\t", b"\\", b"\\n", b"\\c", b"\\r",
    b"\\\\", b"\\t", b"\xff", b"\xc3\xa9", b"abc", b"3", b"0",
    b"a:b\n", b"a:b\r\n", b" a : b \n", b"a\\cb:\\n\\\\\n", b"a:\\r\n", b"nocolon\n", b":empty\n", b"\xff:\xfe\n",
    b"content-length:", b"content-length:3\n", b"content-length:0\n", b"content-length: 3 \n", b"content-length:x\n",
    b"SEND\na:b\n\nxyz\0", b"MESSAGE\ncontent-length:3\n\nx\0z\0\n", b"ERROR\nm:\\t\\n\n\n\0",
    b"CONNECT\r\np:\\\\\r\n\r\n\0", b"RECEIPT\nreceipt-id:7\n\n\0", b"RECEIPT\n\nbody\0", b"SEND\na:\\c\\\\\n\n\0",
]  # fmt: skip

#: bytes that look more or less like STOMP
streams = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=9).map(b"".join),
    st.tuples(
        st.sampled_from([b"SEND\n", b"MESSAGE\r\n", b"ERROR\n", b"CONNECT\n", b"RECEIPT\n"]),
        st.lists(st.sampled_from(_PIECES), max_size=7).map(b"".join),
    ).map(b"".join),
    st.binary(max_size=40),
)

#: any of the switches, or none
leniencies = st.one_of(
    st.just(Leniency()),
    st.just(Leniency.permissive()),
    st.builds(Leniency, **{field.name: st.booleans() for field in fields(Leniency)}),
)

#: mostly the defaults, sometimes so tight that everything trips
limits = st.one_of(
    st.just(Limits()),
    st.builds(
        Limits,
        max_command=st.sampled_from([64, 11, 7, 4, 0]),
        max_header_line=st.sampled_from([1000, 9, 5, 3, 0]),
        max_headers=st.sampled_from([100, 2, 1, 0]),
        max_head=st.sampled_from([1000, 16, 8, 5, 0]),
        max_body=st.sampled_from([1000, 3, 2, 0]),
        max_unterminated=st.sampled_from([None, 1000, 2, 0]),
    ),
)
