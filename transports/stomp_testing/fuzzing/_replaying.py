"""Play a finding again."""

from __future__ import annotations

from typing import NamedTuple

from ._broker_player import BrokerPlayer
from ._broker_program import BrokerProgram
from ._broker_target import BrokerTarget
from ._client_run import ClientAddress, ClientTargets
from ._findings import Finding
from ._played import Pace, Played, Player

__all__ = ["Replayed", "replay_to_broker", "replay_to_client"]


class Replayed(NamedTuple):
    """What has become of a finding.

    Attributes:
        finding: it.
        shown: whether the same symptom was seen.
        text: what was seen; ``""`` if nothing was wrong.
    """

    finding: Finding
    shown: bool
    text: str


def replay_to_broker(
    finding: Finding, target: BrokerTarget, program: BrokerProgram | None = None
) -> Replayed:
    """Play a finding to a broker.

    Args:
        finding: to play.
        target: where the broker is.
        program: what the broker was started with, and is started with again once it has died.

    Raises:
        OSError: it does not accept connections.
        NotServed: it does not serve a well-behaved client.
        ValueError: the finding is one about a client.
    """
    if finding.role != "server":
        raise ValueError(f"{finding.name} is about a client: give --listen")
    player = BrokerPlayer(target, finding.script.version, program)
    try:
        return _replayed(finding, player)
    finally:
        player.close()


def replay_to_client(finding: Finding, address: ClientAddress) -> Replayed:
    """Play a finding to a client.

    Raises:
        OSError: it does not connect, or cannot be started.
        ValueError: the finding is one about a broker.
    """
    if finding.role != "client":
        raise ValueError(f"{finding.name} is about a broker: give its URL")
    targets = ClientTargets(address)
    try:
        targets.learn(finding.script.version)
        return _replayed(finding, targets.player())
    finally:
        targets.close()


def _replayed(finding: Finding, player: Player) -> Replayed:
    played: Played = player.play(finding.script, pace=Pace.CAREFUL)
    symptom = played.symptom
    if symptom is None:
        return Replayed(finding, False, "")
    return Replayed(finding, symptom.name == finding.symptom, symptom.text)
