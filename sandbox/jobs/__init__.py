"""What the clock does: the program that runs, its tick, and its metronome."""
