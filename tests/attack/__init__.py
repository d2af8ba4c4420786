"""Attacks on a running gateway, one small function each: who means harm, and what stops him.

``python -m tests.attack`` plays them all, ``python -m tests.attack pin`` those whose names have the
word, each against a gateway of its own on loopback with an empty store. ``tests/project/`` plays
those that take less than a second.
"""
