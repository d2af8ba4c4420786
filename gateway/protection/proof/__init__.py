"""What a call may have to bring: a proof that it cost its sender something."""
