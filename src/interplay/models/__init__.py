"""The fusion models: trunk, experts and their roles, tasks, checkpoints and run folders."""
