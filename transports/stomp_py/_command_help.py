"""What the help of the command line client says, command by command.

The words are those of stomp.py, because people and tests look for them in its output.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HELP", "CommandHelp"]

_ACK_MODE = (
    "ack - how to handle acknowledgements for a message; either automatically (auto) or manually (client)"
)
_UNTIL_ACKNOWLEDGED = (
    "is used to acknowledge {what} of a message from a subscription using client\n"
    "\tacknowledgment. When a client has issued a 'subscribe' with the ack flag set to client, any messages\n"
    "\treceived from that destination will not be considered to have been consumed (by the server) until\n"
    "\tthe message has been acknowledged"
)
_WHERE_TO = "destination - where to send the message"
_CONTENT = "message - the content to send"
_MESSAGE_ID = "message-id - the id of the message being acknowledged"


class CommandHelp(NamedTuple):
    """The help of one command.

    Attributes:
        usage: how it is called.
        description: what it does.
        required: a line for each parameter that it needs.
        optional: a line for each parameter that may be left out.
    """

    usage: str
    description: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


HELP = {
    "abort": CommandHelp("abort", "Roll back a transaction in progress."),
    "ack": CommandHelp(
        "ack <message-id> [subscription-id]",
        f"The command 'ack' {_UNTIL_ACKNOWLEDGED.format(what='consumption')}.",
        (_MESSAGE_ID,),
        ("subscription-id the id of the subscription (only required for STOMP 1.1)",),
    ),
    "begin": CommandHelp(
        "begin",
        "Start a transaction. Transactions in this case apply to sending and acknowledging -\n"
        "\tany messages sent or acknowledged during a transaction will be handled atomically based on the\n"
        "\ttransaction.",
    ),
    "commit": CommandHelp("commit", "Commit a transaction in progress."),
    "EOF": CommandHelp("exit", "Exit the stomp client (using CTRL-D)"),
    "nack": CommandHelp(
        "nack <message-id> [subscription]",
        f"The command 'nack' {_UNTIL_ACKNOWLEDGED.format(what='the failure')} (ack or nack).",
        (_MESSAGE_ID,),
    ),
    "quit": CommandHelp("exit", "Exit the stomp client"),
    "run": CommandHelp("run <filename>", "Execute commands in a specified file"),
    "send": CommandHelp(
        "send <destination> <message>",
        "Sends a message to a destination in the messaging system.",
        (_WHERE_TO, _CONTENT),
    ),
    "sendfile": CommandHelp(
        "sendfile <destination> <filename> [headers.json]",
        "Sends a file to a destination in the messaging system.",
        (_WHERE_TO, "filename - the file to send", "headers.json - json map with headers to send"),
    ),
    "sendrec": CommandHelp(
        "sendrec <destination> <message>",
        "Sends a message to a destination in the messaging system and blocks for receipt of the message.",
        (_WHERE_TO, _CONTENT),
    ),
    "sendreply": CommandHelp(
        "sendreply <destination> <correlation-id> <message>",
        "Sends a reply message to a destination in the messaging system.",
        (_WHERE_TO, "correlation-id - the correlating identifier to send with the response", _CONTENT),
    ),
    "stats": CommandHelp(
        "stats [on|off]",
        "Record statistics on messages sent, received, errors, etc. If no argument (on|off) is specified,\n"
        "\tdump the current statistics.",
    ),
    "subscribe": CommandHelp(
        "subscribe <destination> [ack]",
        "Register to listen to a given destination. Like send, the subscribe command requires a destination\n"
        "\theader indicating which destination to subscribe to. The ack parameter is optional, and defaults to\n"
        "\tauto.",
        ("destination - the name to subscribe to",),
        (_ACK_MODE,),
    ),
    "unsubscribe": CommandHelp(
        "unsubscribe <destination>",
        "Remove an existing subscription - so that the client no longer receive messages from that destination.",
        ("destination - the name to unsubscribe from",),
        (_ACK_MODE,),
    ),
    "version": CommandHelp("version", "Display the version of the client"),
}
