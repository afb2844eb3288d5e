"""``stomp completion``: what a shell runs to complete the command."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion for SHELL.

    \b
    Examples:
      eval "$(stomp completion bash)"                                  in ~/.bashrc
      eval "$(stomp completion zsh)"                                   in ~/.zshrc
      stomp completion fish > ~/.config/fish/completions/stomp.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "stomp", "_STOMP_COMPLETE").source())
