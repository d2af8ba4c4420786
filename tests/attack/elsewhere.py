"""Attacks that need more than a gateway on loopback: named here, so that the table has them all."""

from __future__ import annotations

from tests.attack.attacks import unplayed

unplayed("the clock of the store steps back or ahead", "needs a host whose clock may be set")
unplayed("a flood uses up all file descriptors", "needs a process with a small limit of its own")
unplayed("2,100 half-written requests from one address", "needs nginx in front of the gateway")
