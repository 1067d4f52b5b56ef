"""What tables, rows, recipes and the command line may contain: dataclasses, read once from YAML (see docs/tables.md).

Reading order: ``recipe`` and ``table`` (the two kinds of files), ``rows`` (how a row inherits), ``system`` (one row,
read), ``selection`` (what a command is asked for).
"""
