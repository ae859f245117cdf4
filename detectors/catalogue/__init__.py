"""What a name is: education apps, advertising, trackers, games, platforms."""
