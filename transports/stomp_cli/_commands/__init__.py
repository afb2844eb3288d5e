"""The commands, a module each, which has the :class:`click.Command` as ``command``."""
