"""A crash suite: commands are killed, interrupted or run out of disk, and then run again."""
