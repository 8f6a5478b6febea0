"""What people may know: queries by noun, every one narrowed to the actor before anything else."""
