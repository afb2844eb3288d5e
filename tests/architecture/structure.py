"""The intended structure, as data: which layer, package and module may import which.

When a module is added, renamed or moved, this is the only file of tests/architecture that changes.
"""

from __future__ import annotations

#: The layers of stomp_core, lowest first: a layer imports only itself and layers before it.
#: A name is a module or a package in stomp_core.
CORE_LAYERS: tuple[str, ...] = (
    "_text",
    "_records",
    "_mypyc",
    "errors",
    "_logging",
    "_arguments",
    "_callbacks",
    "_hints",
    "wire",
    "protocol",
    "session",
    "adapter",
)

# === EDIT HERE when the modules of stomp_core/session change =========================================================
#: The modules of stomp_core/session, highest first: a module imports only modules that stand after it.
SESSION_ORDER: tuple[str, ...] = (
    "_worker",
    "_pipeline",
    "_session",
    "_operation_arguments",
    "_dropped_messages",
    "_sender",
    "_connector",
    "_config",
    "_layered",
    "_send_queue",
    "_in_flight",
    "_notifier",
    "_connection_log",
    "_listener",
    "_handles",
    "_operations",
    "_delivery",
    "_forwarding",
    "_subscriptions",
    "_transactions",
    "_message_queue",
    "_connect_errors",
    "_reconnect",
    "_questions",
    "_masking",
    "_errors",
    "_pending",
    "_byte_layer",
    "_urls",
    "_url_mistakes",
    "_url_schemes",
    "_other_protocols",
    "_broker_profiles",
)
# =====================================================================================================================

#: The packages in transports, and which packages of this project each may import.
PACKAGES: dict[str, set[str]] = {
    "stomp_websocket": {"stomp_core"},
    "stomp_socket": {"stomp_core"},
    "stomp_asyncio": {"stomp_core"},
    "stomp_trio": {"stomp_core"},
    "stomp_observe": {"stomp_core"},
    "stomp_testing": {"stomp_core", "stomp_websocket"},
    "stomp_py": {"stomp_core", "stomp_socket", "stomp_websocket"},
    "stomp_cli": {
        "stomp_core",
        "stomp_socket",
        "stomp_asyncio",
        "stomp_trio",
        "stomp_testing",
        "stomp_websocket",
    },
}

#: What a package needs from outside the standard library. Everything else may only be imported inside a function.
REQUIRES: dict[str, set[str]] = {
    "stomp_trio": {"trio"},
    "stomp_observe": {"opentelemetry"},
    "stomp_websocket": {"websockets"},
    # Modules that need prompt_toolkit are imported by `stomp shell` only (tests/cli/test_main.py).
    "stomp_cli": {"click", "prompt_toolkit"},
    "stomp_testing": {"pytest", "hypothesis", "trustme", "trio", "cryptography"},
}

#: Modules for I/O, clocks, random numbers and threads. No module of stomp_core imports them.
IMPURE: set[str] = {
    "asyncio", "concurrent", "multiprocessing", "os", "pathlib", "queue", "random", "sched", "secrets", "select",
    "selectors", "signal", "socket", "socketserver", "ssl", "subprocess", "threading", "time", "urllib.request",
}  # fmt: skip

#: Impure modules that are imported all the same, inside a function: (file, name) -> why.
ALLOWED_IMPURE: dict[tuple[str, str], str] = {
    ("stomp_core/adapter/_blocking.py", "concurrent.futures.ThreadPoolExecutor"): "the workers of run()",
    ("stomp_core/adapter/_transport_options.py", "ssl"): "the context of an adapter that dials with TLS",
    (
        "stomp_core/adapter/_proxies.py",
        "urllib.request.getproxies_environment",
    ): "the proxy that an adapter dials",
    ("stomp_core/adapter/_proxies.py", "python_socks.ProxyType"): "the proxy that an adapter dials",
}

#: Modules that `import stomp_core` must not load, not even through the standard library.
NOT_LOADED: set[str] = {
    "_socket", "_ssl", "asyncio", "logging", "random", "select", "selectors", "socket", "ssl", "threading", "time",
}  # fmt: skip

#: Modules that cost more to import than they are worth before they are used: neither `import stomp_core` nor
#: `import stomp_socket` may load them.
IMPORTED_WHEN_USED: set[str] = {
    "asyncio", "concurrent.futures", "dataclasses", "ipaddress", "logging", "random", "ssl", "urllib.parse",
    "stomp_core.adapter._async", "stomp_core.adapter._driver",
}  # fmt: skip

#: Packages in which the name of every module begins with an underscore, except for the modules named here.
PRIVATE_MODULES: dict[str, set[str]] = {
    "stomp_core": {"errors"},
    "stomp_socket": set(),
    "stomp_asyncio": set(),
    "stomp_trio": set(),
    "stomp_observe": set(),
    "stomp_websocket": set(),
    "stomp_cli": set(),
    # pytest loads the plugin by its name; users import the strategies from their module, and stomp_cli the JSON.
    "stomp_testing": {"frame_json", "plugin", "stateful", "strategies"},
}

#: Private names of other modules that are used all the same: (file, name) -> why there is no other way.
ALLOWED_PRIVATE_USES: dict[tuple[str, str], str] = {
    ("fuzz/readers.py", "_BaseTransport__read"): "stomp.py has no public parser",
    ("benchmarks/readers.py", "_BaseTransport__read"): "stomp.py has no public parser",
    ("benchmarks/readers.py", "_BaseTransport__read_frames"): "stomp.py has no public parser",
}
