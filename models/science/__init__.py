"""What the records of a grid say: statistics, decisions, tables, plots, as docs/protocol.md fixes them.

hwsim results OUT/records --table decisions
python -m hwsim.models.science collect OUT/records models/results/science/
"""
