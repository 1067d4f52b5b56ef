"""Print the table and how many rows each command has."""

import shlex
from collections import Counter

from tests.hostile.table import ROWS, pending

counts: Counter[str] = Counter()
for kind in ROWS:
    for row in ROWS[kind]:
        counts[shlex.split(row.call)[0]] += 1
        print(f"{row.id}{' (pending)' if row.id in pending() else ''}\n    {row.call}\n    {row.wanted}")
print(
    f"{counts.total()} rows, {len(pending())} of them pending:", ", ".join(f"{k} {n}" for k, n in counts.most_common())
)
