"""Distillation: teachers, soft labels and hidden states, and attention replaced layer by layer."""
